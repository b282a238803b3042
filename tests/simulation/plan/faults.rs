//! What goes wrong, and when.

use std::time::Duration;

use super::{Closing, Draw, HostPlan};
use crate::network::{Apart, Break};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Breaks after so many more bytes.
    Cut(usize, usize, usize, Break),
    Break(usize, usize, Break),
    /// Nothing arrives in this direction.
    Stall(usize, usize),
    Resume(usize, usize),
    Part(usize, usize, Apart),
    Rejoin(usize, usize),
    Pace(usize, usize, Duration),
    /// The host stops reading, or goes on.
    StopReading(usize),
    GoOnReading(usize),
    /// The host ends without a word, and comes back after a while.
    Kill(usize, Duration),
    /// The host is closed, and comes back after a while.
    Close(usize, Closing, Duration),
    /// The clock jumps.
    Jump(Duration),
}

pub(super) fn draw(
    draw: &mut Draw,
    hosts: &[HostPlan],
    trouble: Duration,
) -> Vec<(Duration, Fault)> {
    let mut faults = Vec::new();
    let last = trouble.as_millis() as u64;
    for _ in 0..draw.0.usize(0..12) {
        let at = draw.time(0, last);
        let until = at + draw.time(10, 25_000);
        let (a, b) = draw.pair(hosts);
        match draw.0.u32(0..12) {
            0..=2 => {
                let after = match draw.0.bool() {
                    true => draw.0.usize(0..60),
                    false => draw.0.usize(0..20_000),
                };
                faults.push((at, Fault::Cut(a, b, after, draw.how_it_breaks())));
            }
            3 => faults.push((at, Fault::Break(a, b, draw.how_it_breaks()))),
            4 => {
                faults.push((at, Fault::Stall(a, b)));
                faults.push((until, Fault::Resume(a, b)));
            }
            5 => {
                // Half-open: it is broken, and one end does not hear of it.
                faults.push((at, Fault::Stall(a, b)));
                let broken = at + draw.time(0, 5_000);
                faults.push((broken, Fault::Break(a, b, draw.how_it_breaks())));
                faults.push((until.max(broken), Fault::Resume(a, b)));
            }
            6 => {
                let how = draw.of(&[Apart::Refused, Apart::Silent]);
                faults.push((at, Fault::Part(a, b, how)));
                faults.push((until, Fault::Rejoin(a, b)));
            }
            7 => {
                let slow = Duration::from_millis(draw.0.u64(10..3_000));
                faults.push((at, Fault::Pace(a, b, slow)));
                faults.push((until, Fault::Pace(a, b, Duration::ZERO)));
            }
            8 => {
                faults.push((at, Fault::StopReading(a)));
                faults.push((until, Fault::GoOnReading(a)));
            }
            9 => faults.push((at, Fault::Kill(a, draw.time(0, 20_000)))),
            10 => {
                let (closing, away) = (draw.closing(6_000), draw.time(0, 5_000));
                faults.push((at, Fault::Close(a, closing, away)));
            }
            _ => faults.push((at, Fault::Jump(draw.time(500, 90_000)))),
        }
    }
    faults.retain(|(at, _)| *at < trouble);
    faults.sort_by_key(|(at, _)| *at);
    faults
}
