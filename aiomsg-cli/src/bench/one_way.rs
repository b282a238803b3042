//! Messages that nobody answers.

use std::time::Duration;

use aiomsg::Socket;
use aiomsg::layer::SendService;
use aiomsg::stats::Stats;
use bytes::Bytes;
use tokio::task::consume_budget;
use tokio::time::{Instant, timeout_at};

use super::LoadArgs;
use super::report::{Refusals, Report};
use crate::common::failure::Outcome;
use crate::common::wait::until;

/// The time that messages under way have at the end.
const LINGER: Duration = Duration::from_secs(10);

/// The clock is read once for this number of messages.
const TURN: u32 = 64;

pub(super) async fn measure<S: SendService + Send>(
    socket: &Socket<S>,
    load: &LoadArgs,
) -> Outcome<Report> {
    let payload = Bytes::from(vec![0; load.size]);
    let mut refused = Refusals::default();
    let warm = Instant::now() + load.warm_up;
    send_until(socket, &payload, warm, &mut refused).await?;
    let (begin, before) = (Instant::now(), socket.stats());
    let sent = send_until(socket, &payload, begin + load.duration, &mut refused).await?;
    let (time, after) = (begin.elapsed(), socket.stats());
    let open = |stats: &Stats| stats.unacknowledged_messages as u64;
    let messages = match load.at_least_once {
        // A resend counts again, so the open messages are subtracted from the calls.
        true => (sent + open(&before)).saturating_sub(open(&after)),
        false => after.sent_messages - before.sent_messages,
    };
    let settled = until(|| socket.stats().unacknowledged_messages == 0);
    let end = Instant::now() + LINGER;
    let _ = timeout_at(end, settled).await;
    let report = socket
        .close(end.saturating_duration_since(Instant::now()))
        .await;
    let missing = (report.unsent.len() + report.unacknowledged.len()) as u64;
    Ok(Report {
        what: match load.at_least_once {
            true => "messages acknowledged",
            false => "messages sent",
        },
        messages,
        size: load.size,
        in_flight: None,
        seconds: time.as_secs_f64(),
        missing: missing + socket.stats().dropped_messages,
        strange: 0,
        refused,
        latency: None,
    })
}

/// How many were sent.
async fn send_until<S: SendService + Send>(
    socket: &Socket<S>,
    payload: &Bytes,
    end: Instant,
    refused: &mut Refusals,
) -> Outcome<u64> {
    let mut sent = 0;
    let all = async {
        loop {
            for _ in 0..TURN {
                match socket.send(payload.clone()).await {
                    Ok(()) => sent += 1,
                    Err(error) => {
                        refused.add(error)?;
                        // It need not have waited for anything.
                        consume_budget().await;
                    }
                }
            }
            if Instant::now() >= end {
                return Ok::<_, aiomsg::Error>(());
            }
        }
    };
    if let Ok(failed) = timeout_at(end, all).await {
        failed?;
    }
    Ok(sent)
}
