//! One measurement: the processes of a workload, from their start to their end.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::library::{Certificate, Job, Library, Role};
use crate::parent::Report;
use crate::process::{Child, Gone};
use crate::workload::Workload;

/// How long a role may take to be set up.
const SETUP: Duration = Duration::from_secs(60);

/// How long it may take to be done, beyond the time that is sent for.
const REST: Duration = Duration::from_secs(60);

/// What was measured once.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sample {
    /// Messages that arrived in a second, or round trips.
    pub(crate) rate: f64,
    /// How many arrived, and how many did not.
    pub(crate) arrived: u64,
    pub(crate) lost: u64,
    /// The rate by that of one task in the same round.
    pub(crate) of_one_task: Option<f64>,
    pub(crate) p50_nanos: Option<u64>,
    pub(crate) p99_nanos: Option<u64>,
    pub(crate) p999_nanos: Option<u64>,
    /// In the order of the path of a message.
    pub(crate) roles: Vec<RoleSample>,
}

impl Sample {
    /// The processor time of all roles for each message that arrived.
    pub(crate) fn cpu_nanos(&self) -> f64 {
        self.roles.iter().map(|role| role.cpu_nanos).sum()
    }
}

/// What one role has used.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RoleSample {
    pub(crate) role: &'static str,
    /// Processor time for each message that arrived, in nanoseconds.
    pub(crate) cpu_nanos: f64,
    pub(crate) peak_bytes: u64,
}

/// What went wrong, and where.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The library does not have what the workload needs.
    Unsupported,
    Failed {
        library: &'static str,
        workload: &'static str,
        role: &'static str,
        gone: Gone,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("not supported"),
            Self::Failed {
                library,
                workload,
                role,
                gone,
            } => write!(f, "{library}, {workload}, {role}: {gone}"),
        }
    }
}

impl std::error::Error for Problem {}

/// Measures a library once.
pub(super) fn run(
    library: &dyn Library,
    workload: &Workload,
    seconds: f64,
    certificate: Option<&Certificate>,
) -> Result<Sample, Problem> {
    let cast = workload.cast;
    let mut stage = Stage {
        library: library.name(),
        workload,
        job: Job {
            size: workload.size,
            largest: workload.largest,
            seconds,
            address: None,
            peers: workload.peers,
            at_least_once: workload.at_least_once,
            addressed: workload.addressed,
            tasks: workload.tasks,
            outstanding: workload.outstanding,
            pace: workload.pace,
            tls: certificate.filter(|_| workload.tls).cloned(),
        },
        actors: Vec::new(),
    };
    stage.start(cast.binds, None)?;
    let addresses = stage.told(0, "listening", SETUP)?;
    let addresses: Vec<_> = addresses.split(' ').collect();
    for &(role, address) in cast.connect {
        stage.start(role, addresses.get(address).copied())?;
    }
    let all = 0..stage.actors.len();
    // One that waits for peers which are not supported says nothing, so those
    // that connect come first.
    for nth in all.clone().rev() {
        stage.told(nth, "ready", SETUP)?;
    }
    for nth in all.clone() {
        stage.tell(nth, "go")?;
    }
    let patience = Duration::from_secs_f64(seconds) + REST;
    let drives = |nth: &usize| *nth == stage.position(cast.drives);
    let (driver, others): (Vec<_>, Vec<_>) = all.partition(drives);
    let mut reports = Vec::new();
    let mut sent = 0;
    for nth in driver {
        let report = stage.done(nth, patience)?;
        sent = report.messages;
        reports.push((nth, report));
    }
    let expected = sent * workload.arrivals();
    for &nth in &others {
        stage.tell(nth, &format!("expect {expected}"))?;
    }
    for nth in others {
        let report = stage.done(nth, patience)?;
        reports.push((nth, report));
    }
    Ok(stage.sample(&reports, expected))
}

/// The processes of a measurement. They end when this is dropped.
struct Stage<'a> {
    library: &'static str,
    workload: &'a Workload,
    job: Job,
    actors: Vec<(Role, Child)>,
}

impl Stage<'_> {
    fn start(&mut self, role: Role, address: Option<&str>) -> Result<(), Problem> {
        let job = Job {
            address: address.map(str::to_owned),
            ..self.job.clone()
        };
        let child = serde_json::to_string(&job)
            .map_err(|error| Gone::System(error.into()))
            .and_then(|job| Child::start(["role", self.library, role.name(), &job]));
        let child = child.map_err(|gone| self.problem(role, gone))?;
        self.actors.push((role, child));
        Ok(())
    }

    fn position(&self, role: Role) -> usize {
        let found = self.actors.iter().position(|(it, _)| *it == role);
        found.unwrap_or_default()
    }

    fn told(&mut self, nth: usize, word: &str, patience: Duration) -> Result<String, Problem> {
        let (role, child) = &mut self.actors[nth];
        let (role, told) = (*role, child.told(word, patience));
        told.map_err(|gone| self.problem(role, gone))
    }

    fn tell(&mut self, nth: usize, line: &str) -> Result<(), Problem> {
        let (role, child) = &mut self.actors[nth];
        let (role, told) = (*role, child.tell(line));
        told.map_err(|gone| self.problem(role, gone))
    }

    fn done(&mut self, nth: usize, patience: Duration) -> Result<Report, Problem> {
        let report = self.told(nth, "done", patience)?;
        serde_json::from_str(&report)
            .map_err(|error| self.problem(self.actors[nth].0, Gone::System(error.into())))
    }

    fn problem(&self, role: Role, gone: Gone) -> Problem {
        match gone {
            Gone::Unsupported => Problem::Unsupported,
            gone => Problem::Failed {
                library: self.library,
                workload: self.workload.name,
                role: role.name(),
                gone,
            },
        }
    }

    fn sample(&self, reports: &[(usize, Report)], expected: u64) -> Sample {
        let role = |nth: usize| self.actors[nth].0;
        let counted = reports.iter().find(|(nth, _)| role(*nth).counts());
        let counted = counted.map(|(_, report)| *report).unwrap_or_default();
        let arrived = counted.messages;
        let started = reports.iter().map(|(_, report)| report.started_nanos).max();
        let started = started.unwrap_or_default();
        let mut roles: Vec<_> = reports.iter().collect();
        roles.sort_by_key(|(nth, _)| along_the_path(role(*nth)));
        Sample {
            rate: match (self.job.pace, counted.burst_nanos) {
                // That of a burst, without the pause behind it.
                (Some(pace), Some(nanos)) => per_second(pace.at_once, nanos),
                _ => per_second(arrived, counted.ended_nanos.saturating_sub(started)),
            },
            arrived,
            of_one_task: None,
            lost: expected.saturating_sub(arrived),
            p50_nanos: counted.p50_nanos,
            p99_nanos: counted.p99_nanos,
            p999_nanos: counted.p999_nanos,
            roles: roles
                .into_iter()
                .map(|(nth, report)| RoleSample {
                    role: role(*nth).name(),
                    cpu_nanos: report.cpu_nanos as f64 / arrived.max(1) as f64,
                    peak_bytes: report.peak_bytes,
                })
                .collect(),
        }
    }
}

fn per_second(messages: u64, nanos: u64) -> f64 {
    match nanos {
        0 => 0.0,
        nanos => messages as f64 / (nanos as f64 / 1e9),
    }
}

fn along_the_path(role: Role) -> u8 {
    match role {
        Role::Sender | Role::Publisher | Role::Ping | Role::Client => 0,
        Role::Proxy => 1,
        Role::Receiver | Role::Subscriber | Role::Echo | Role::Server | Role::Crowd => 2,
    }
}
