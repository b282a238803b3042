//! `aiomsg doctor`: who listens at an endpoint, and what is wrong if it is not
//! as it should be.
//!
//! A peer that is let in gets messages, and a job that is sent to somebody who
//! only looks is a job lost. So nobody is let in: each connection here says as
//! much as it takes for the other end to say who it is, and no more. An end that
//! accepts answers the first bytes of a handshake with its own.

mod first_bytes;
mod join;
mod look;
mod report;
mod stranger;

use std::time::Duration;

use aiomsg::builder::Dialect;
use aiomsg::{Endpoint, Identity, TlsConfig};
use clap::Args;

use crate::common::advice::{advice, with_advice};
use crate::common::failure::{Failure, Outcome};
use crate::common::identity;
use crate::common::said::said;
use crate::common::stop::Stop;
use crate::common::tls::TlsFiles;
use crate::common::value::duration;
use look::{Answer, Look};
use report::Report;

/// Identifies the listener at an endpoint, and diagnoses faults
///
/// Resolves the name, connects, does TLS for tls://, and finds out the dialects and
/// the identity of the listener. It never completes the handshake, so it does not
/// become a peer, and gets no messages. The other end notes some failed
/// connections.
///
/// With --join it becomes a peer, and waits for a heartbeat. A round robin socket
/// may then send it messages. It acknowledges none, so senders with at-least-once
/// send those again; others are lost. It ends with the first heartbeat.
///
/// Exit codes: 0 all well; 1 something is wrong there; 2 the command line or a
/// file is wrong; 3 nothing listens there; 130 and 143 ended by SIGINT and SIGTERM.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The endpoint, such as tcp://127.0.0.1:25000.
    #[arg(value_name = "ENDPOINT")]
    endpoint: Endpoint,
    /// The deadline of each step.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    timeout: Duration,
    /// Becomes a peer and waits for a heartbeat: the other end may send it
    /// messages.
    #[arg(long)]
    join: bool,
    /// The time to wait for a heartbeat with --join.
    #[arg(long, value_name = "TIME", default_value = "16s", value_parser = duration)]
    heartbeat: Duration,
    /// The identity with --join: text, or hex:… [default: a random one]
    #[arg(long, value_name = "IDENTITY", value_parser = identity::parse, requires = "join")]
    identity: Option<Identity>,
    #[command(flatten)]
    tls: TlsFiles,
    /// Writes one object with the findings to standard output.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: DoctorArgs, stop: &mut Stop) -> Outcome {
    let all = look_and_tell(&args);
    stop.unless_asked_before("it was known what is there", all)
        .await
}

async fn look_and_tell(args: &DoctorArgs) -> Outcome {
    if let Endpoint::Mem { .. } = args.endpoint {
        return Err(Failure::usage(format!(
            "{}: mem:// is inside of one process, and cannot be looked at from another",
            args.endpoint
        )));
    }
    args.tls.check(&args.endpoint, false)?;
    let tls = args.tls.read().await?;
    let mut report = Report::new(&args.endpoint);
    let outcome = examine(args, tls, &mut report).await;
    let told = report.tell(&outcome, args.json);
    outcome.and(told)
}

async fn examine(args: &DoctorArgs, tls: Option<TlsConfig>, report: &mut Report) -> Outcome {
    let look = Look::new(args.endpoint.clone(), tls, args.timeout);
    let asked = match look.ask(look::PROBE).await {
        Ok(asked) => asked,
        Err(error) if error.is_tls() => return Err(stranger::without_tls(&look, &error).await),
        Err(error) if error.is_config() => return Err(error.into()),
        Err(error) => return Err(nobody(&error)),
    };
    report.reached(&asked);
    let Answer::Aiomsg { dialect, identity } = asked.answer else {
        return Err(stranger::explain(&look, asked.answer).await);
    };
    report.knows(dialect, &identity);
    // One dialect was chosen by the other end. Is the other one spoken, too?
    let (other, opening) = match dialect {
        Dialect::V1 => (Dialect::V2019, look::V2019),
        _ => (Dialect::V1, look::V1),
    };
    let asked = look.ask(opening).await.map_err(|error| gone(&error))?;
    match asked.answer {
        Answer::Aiomsg { dialect, identity } if dialect == other => {
            report.knows(other, &identity);
        }
        _ => {}
    }
    report.websocket(look.speaks_websocket().await);
    if args.join {
        let joined = join::join(&look, args.identity.as_ref(), dialect, args.heartbeat).await?;
        report.joined(joined);
    }
    Ok(())
}

fn nobody(error: &aiomsg::Error) -> Failure {
    let advice = advice(error).unwrap_or("check the address".into());
    Failure::nobody(format!("nobody can be reached: {}; {advice}", said(error)))
}

/// It answered a moment ago.
fn gone(error: &aiomsg::Error) -> Failure {
    with_advice(error)
}
