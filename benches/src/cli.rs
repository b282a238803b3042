//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::library::{Failure, Job, Library, Outcome, Role};
use crate::load::{self, LoadRole};
use crate::measure::{Settings, rounds};
use crate::parent::Parent;
use crate::report::{self, json, plot, table};
use crate::workload;

/// Compares libraries that move messages over loopback TCP with a raw limit, and
/// prints a table.
#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    compare: Compare,
}

#[derive(Args)]
struct Compare {
    /// These workloads only, separated by commas: a name, or what several names
    /// begin with.
    #[arg(long, value_name = "WORKLOAD", value_delimiter = ',')]
    only: Vec<String>,
    /// These libraries only, separated by commas; the limit always is one.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    library: Vec<String>,
    /// The library that ratios refer to.
    #[arg(long, value_name = "NAME", default_value = crate::LIMIT)]
    limit: String,
    /// How often everything is measured, by turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// For how many seconds each is measured.
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Writes all that was measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws the ratios in this file.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Many connections on one socket: the time to connect them, memory for
    /// each, processor time while they are idle, a publish to all of them.
    Connections {
        #[arg(long, default_value_t = 10_000)]
        count: usize,
        /// How long they are idle, in seconds.
        #[arg(long, default_value_t = 30)]
        idle: u64,
        /// The least that they cost: a bare task for each, and no socket.
        #[arg(long)]
        raw: bool,
    },
    /// Good peers that connect by TLS among strangers that say nothing, drip a
    /// byte a second, or send garbage: the time it takes them, what is refused
    /// and why, and memory.
    Hostile {
        /// How many say nothing, and how many drip.
        #[arg(long, default_value_t = 5_000)]
        count: usize,
        /// How many good peers connect, one after the other.
        #[arg(long, default_value_t = 100)]
        peers: usize,
        /// How many addresses the strangers have; 0: that of the good peers.
        #[arg(long, default_value_t = 1)]
        addresses: u32,
    },
    /// Much data through a proxy whose consumer is slow, and the memory of the
    /// proxy meanwhile.
    SlowConsumer {
        /// How much, in MiB.
        #[arg(long, default_value_t = 1024)]
        mebibytes: u64,
        /// How much the consumer takes a second, in MiB.
        #[arg(long, default_value_t = 50)]
        rate: u64,
    },
    /// Many peers that lose their connections at once, since the process of their socket ends:
    /// the time until all are connected again, processor time, and memory.
    ReconnectStorm {
        #[arg(long, default_value_t = 10_000)]
        count: usize,
        /// How often.
        #[arg(long, default_value_t = 5)]
        storms: usize,
        /// The least that it costs: a bare task for each connection, and no sockets.
        #[arg(long)]
        raw: bool,
    },
    /// Half of the possible load through a proxy, at-least-once, for a long
    /// time, and the memory of all three processes meanwhile.
    Soak {
        #[arg(long, default_value_t = 60)]
        minutes: u64,
    },
    /// A role of a comparison, in the process that is started for it.
    #[command(hide = true)]
    Role {
        library: String,
        role: Role,
        job: String,
    },
    /// A role of the measurements of load.
    #[command(hide = true, subcommand)]
    LoadRole(LoadRole),
}

/// Does what the command line says, with these libraries.
pub fn main(libraries: &[&'static dyn Library]) -> ExitCode {
    let command = Command::parse();
    let done = match command.what {
        None => compare(libraries, &command.compare),
        Some(What::Role { library, role, job }) => return play(libraries, &library, role, &job),
        Some(What::Connections { count, idle, raw }) => {
            let idle = Duration::from_secs(idle);
            match raw {
                true => loaded(load::raw_connections::run(count, idle)),
                false => loaded(load::connections::run(count, idle)),
            }
        }
        Some(What::Hostile {
            count,
            peers,
            addresses,
        }) => loaded(load::hostile::run(count, peers, addresses)),
        Some(What::SlowConsumer { mebibytes, rate }) => {
            loaded(load::slow_consumer::run(mebibytes << 20, rate << 20))
        }
        Some(What::ReconnectStorm { count, storms, raw }) => {
            loaded(load::storm::run(count, storms, raw))
        }
        Some(What::Soak { minutes }) => loaded(load::soak::run(Duration::from_secs(minutes * 60))),
        Some(What::LoadRole(role)) => {
            let _ends_with_its_parent = Parent::listen();
            loaded(role.run())
        }
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn loaded(run: impl Future<Output = ()>) -> Result<ExitCode, Failure> {
    crate::drive::block_on(async {
        run.await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Plays a role until the parent ends it.
fn play(libraries: &[&'static dyn Library], library: &str, role: Role, job: &str) -> ExitCode {
    let parent = Parent::listen();
    let outcome = || -> Outcome {
        let job: Job = serde_json::from_str(job)?;
        let found = libraries.iter().find(|it| it.name() == library);
        let found = found.ok_or_else(|| Failure::new(format!("there is no \"{library}\"")))?;
        role.play(*found, &job, &parent)
    };
    match outcome() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Unsupported) => {
            println!("unsupported");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("failed {}", failure.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn compare(libraries: &[&'static dyn Library], options: &Compare) -> Result<ExitCode, Failure> {
    let workloads = workload::chosen(&options.only).map_err(Failure::new)?;
    let (libraries, limit) =
        chosen(libraries, &options.library, &options.limit).map_err(Failure::new)?;
    let settings = Settings {
        rounds: options.rounds.into(),
        seconds: options.seconds,
    };
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for workload in workloads {
        let measured = rounds(&libraries, &workload, settings, |problem| {
            eprintln!("\nerror: {problem}");
            problems.push(problem);
        })?;
        rows.extend(report::rows(&workload, measured, limit));
    }
    print!("{}", table(&rows, limit));
    if let Some(file) = &options.json {
        std::fs::write(file, json(&rows, limit, settings)?)?;
    }
    if let Some(file) = &options.plot {
        std::fs::write(file, plot(&rows, limit))?;
    }
    if problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("\n{} measurements failed:", problems.len());
    for problem in problems {
        eprintln!("- {problem}");
    }
    Ok(ExitCode::FAILURE)
}

/// The libraries with these names, and the limit; all, if there are no names. And the name of
/// the limit.
fn chosen(
    libraries: &[&'static dyn Library],
    names: &[String],
    limit: &str,
) -> Result<(Vec<&'static dyn Library>, &'static str), String> {
    let found = |name: &str| libraries.iter().find(|it| it.name() == name);
    let known = |name: &str| {
        found(name).map(|it| it.name()).ok_or_else(|| {
            let valid: Vec<_> = libraries.iter().map(|it| it.name()).collect();
            let valid = valid.join(", ");
            format!("there is no library \"{name}\"; there are {valid}")
        })
    };
    let limit = known(limit)?;
    for name in names {
        known(name)?;
    }
    let wanted =
        |name: &str| names.is_empty() || name == limit || names.iter().any(|it| it == name);
    let chosen = libraries.iter().filter(|it| wanted(it.name()));
    Ok((chosen.copied().collect(), limit))
}

/// A time to measure for.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number from 0.1 to 3600 is wanted".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_in_order() {
        Command::command().debug_assert();
    }

    #[test]
    fn a_wrong_library_gets_the_list_of_the_right_ones() {
        let libraries = crate::libraries();
        let error = chosen(&libraries, &["zmq2".to_owned()], "raw")
            .err()
            .unwrap();
        assert!(
            error.contains("\"zmq2\"; there are raw, raw-counted"),
            "{error}"
        );
        assert!(chosen(&libraries, &[], "zmq2").is_err());
        for (limit, names) in [("raw", "raw, aiomsg"), ("aiomsg-ws", "aiomsg, aiomsg-ws")] {
            let (found, is) = chosen(&libraries, &["aiomsg".to_owned()], limit).unwrap();
            let found: Vec<_> = found.iter().map(|it| it.name()).collect();
            assert_eq!(found.join(", "), names, "the limit is always there");
            assert_eq!(is, limit);
        }
    }

    #[test]
    fn times_are_checked() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "nan", "inf", "a while", "1e9"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
