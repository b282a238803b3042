//! Sending back what comes.

use bytes::Bytes;

use super::{Incoming, Inlet, Outlet, Tally, cpu_time, looks, next};
use crate::library::{Job, Outcome};
use crate::parent::{Parent, Report};

/// Sends every message back, and those that came together together.
///
/// # Errors
///
/// Those of the library, and when something else arrives than what was sent.
pub async fn echo<P>(job: &Job, parent: &Parent, peer: P) -> Outcome
where
    P: Inlet<Message: Into<Bytes>> + Outlet,
{
    let (job, parent) = (job.clone(), parent.clone());
    tokio::spawn(async move { send_back(&job, &parent, peer).await }).await?
}

async fn send_back<P>(job: &Job, parent: &Parent, mut peer: P) -> Outcome
where
    P: Inlet<Message: Into<Bytes>> + Outlet,
{
    let echoing = async {
        let (mut looks, mut tally) = (looks(), Tally::new(job.size));
        let mut cpu = None;
        loop {
            let received = tally.received();
            let enough = || parent.expected().is_some_and(|count| received >= count);
            let Some(message) = next(&mut peer, &mut looks, enough).await? else {
                break;
            };
            cpu.get_or_insert_with(cpu_time);
            message.count(&mut tally)?;
            peer.send(message.into()).await?;
            if !peer.has_more() {
                peer.flush().await?;
            }
        }
        let report = Report {
            messages: tally.received(),
            ..Report::default()
        };
        parent.done(report, cpu.unwrap_or_else(cpu_time))
    };
    tokio::try_join!(parent.ready(), echoing)?;
    std::future::pending::<()>().await;
    drop(peer);
    Ok(())
}
