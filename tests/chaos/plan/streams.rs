//! What is sent.

use std::time::Duration;

use super::draw::Draw;
use super::{HostPlan, StreamPlan};

/// Gives a host what it sends.
pub(super) fn add(draw: &mut Draw, host: &mut HostPlan, trouble: Duration) {
    for _ in 0..draw.of(&[0, 1, 1, 2, 4]) {
        let stream = stream(draw, host, trouble);
        host.streams.push(stream);
    }
}

fn stream(draw: &mut Draw, host: &HostPlan, trouble: Duration) -> StreamPlan {
    let size = draw.of(&[20, 20, 20, 200, 3_000, 40_000]);
    let counts = [0, 1].map(|_| match size {
        40_000 => draw.0.usize(1..60),
        3_000 => draw.0.usize(1..400),
        _ => draw.0.usize(1..2_000),
    });
    let tasks = draw.of(&[1, 1, 2, 4]);
    let acked = host.at_least_once && draw.one_in(4);
    let batch = (!acked && draw.one_in(4)).then(|| draw.0.usize(2..100));
    StreamPlan {
        to: draw.0.bool().then(|| draw.of(&host.neighbours)),
        counts: match acked {
            true => counts.map(|count| count.min(200)),
            false => counts,
        },
        tasks,
        batch,
        acked,
        patience: draw.one_in(3).then(|| draw.millis(1, 60)),
        size,
        // Half of it on average, so that it goes on for as long as the trouble does.
        pause: match draw.0.u32(0..4) {
            0 => Duration::ZERO,
            _ => trouble.mul_f64(2.5 * draw.0.f64() * tasks as f64 / counts[0] as f64),
        },
    }
}
