//! Rounds: in each one, every library has its turn, so that what the machine does
//! besides happens to all of them.

use std::io::IsTerminal;

use super::certificate;
use super::run::{Problem, Sample, run};
use crate::library::{Certificate, Failure, Library};
use crate::workload::Workload;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
}

/// A library by name, and what it has measured, round by round. A round that
/// failed has no sample.
pub(crate) type Measured = (&'static str, Vec<Option<Sample>>);

/// Measures the libraries in a workload. What is not supported is left out.
pub(crate) fn rounds(
    libraries: &[&'static dyn Library],
    workload: &Workload,
    settings: Settings,
    mut failed: impl FnMut(Problem),
) -> Result<Vec<Measured>, Failure> {
    let certificate = match workload.tls {
        true => Some(certificate::create()?),
        false => None,
    };
    let certificate = certificate.as_ref().map(|(_, files)| files);
    let mut measured: Vec<_> = libraries.iter().map(|it| (*it, Vec::new())).collect();
    for round in 1..=settings.rounds {
        measured.retain_mut(|(library, samples)| {
            let name = library.name();
            status(&format!(
                "{} {round}/{}: {name}",
                workload.name, settings.rounds
            ));
            match sample(*library, workload, settings.seconds, certificate) {
                Ok(sample) => samples.push(Some(sample)),
                Err(Problem::Unsupported) => return false,
                Err(problem) => {
                    samples.push(None);
                    failed(problem);
                }
            }
            true
        });
    }
    status("");
    let named = measured
        .into_iter()
        .map(|(it, samples)| (it.name(), samples));
    Ok(named.collect())
}

/// Measures a library once; after several tasks, one as well.
fn sample(
    library: &dyn Library,
    workload: &Workload,
    seconds: f64,
    certificate: Option<&Certificate>,
) -> Result<Sample, Problem> {
    let run = |workload: &Workload| run(library, workload, seconds, certificate);
    if workload.tasks == 1 {
        return run(workload);
    }
    // What does not support several is known first.
    let several = run(workload)?;
    let one = run(&Workload {
        tasks: 1,
        ..*workload
    })?;
    Ok(Sample {
        of_one_task: Some(several.rate / one.rate).filter(|ratio| ratio.is_finite()),
        ..several
    })
}

/// Shows what is being measured, to whoever watches.
fn status(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}
