//! Handing messages on.

use std::pin::pin;

use bytes::Bytes;
use futures::poll;
use tokio::time::Instant;

use super::{Incoming, Inlet, Outlet, PATIENCE, Tally, cpu_time, looks, recv_or_tick};
use crate::library::{Job, Outcome};
use crate::parent::{Parent, Report};

/// Hands every message of one socket to another.
///
/// # Errors
///
/// Those of the library, and when something else arrives than what was sent.
pub async fn relay<I, O>(job: &Job, parent: &Parent, front: I, back: O) -> Outcome
where
    I: Inlet<Message: Into<Bytes>>,
    O: Outlet,
{
    let (job, parent) = (job.clone(), parent.clone());
    tokio::spawn(async move { hand_on(&job, &parent, front, back).await }).await?
}

async fn hand_on<I, O>(job: &Job, parent: &Parent, mut front: I, mut back: O) -> Outcome
where
    I: Inlet<Message: Into<Bytes>>,
    O: Outlet,
{
    let relaying = async {
        let (mut looks, mut tally) = (looks(), Tally::new(job.sizes()));
        let (mut cpu, mut progress) = (None, (0, Instant::now()));
        loop {
            let received = tally.received();
            let mut enough = || {
                if progress.0 < received {
                    progress = (received, Instant::now());
                }
                parent.expected().is_some_and(|expected| {
                    received >= expected || progress.1.elapsed() >= PATIENCE
                })
            };
            let mut recv = pin!(front.recv());
            // Nothing is held back while there is nothing to send it with.
            let message = match poll!(&mut recv) {
                std::task::Poll::Ready(message) => message?,
                std::task::Poll::Pending => {
                    back.flush().await?;
                    loop {
                        match recv_or_tick(recv.as_mut(), &mut looks).await {
                            Some(message) => break message?,
                            None if enough() => break None,
                            None => {}
                        }
                    }
                }
            };
            match message {
                Some(message) => {
                    cpu.get_or_insert_with(cpu_time);
                    message.count(&mut tally)?;
                    back.send(message.into()).await?;
                }
                None if enough() => break,
                None => back.flush().await?,
            }
        }
        back.flush().await?;
        let report = Report {
            messages: tally.received(),
            ..Report::default()
        };
        parent.done(report, cpu.unwrap_or_else(cpu_time))
    };
    tokio::try_join!(parent.ready(), relaying)?;
    std::future::pending::<()>().await;
    drop((front, back));
    Ok(())
}
