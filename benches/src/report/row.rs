//! What all rounds of a library in a workload come to.

use serde::Serialize;

use super::statistics::Spread;
use crate::measure::{Measured, RoleSample, Sample};
use crate::workload::Workload;

/// A line of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) workload: &'static str,
    pub(crate) library: &'static str,
    /// Messages a second, or round trips.
    pub(crate) rate: Spread,
    /// The rate by that of the limit in the same round. None where the rate is given.
    pub(crate) ratio: Option<Spread>,
    /// The rate by that of one task in the same round.
    pub(crate) of_one_task: Option<Spread>,
    /// As the ratio, of the processor time of all roles for a message.
    pub(crate) cpu_ratio: Option<Spread>,
    /// The same of the 99th percentile.
    pub(crate) p99_ratio: Option<Spread>,
    /// The medians of the processor time for each message and of the peak of
    /// memory, by role.
    pub(crate) roles: Vec<RoleSample>,
    /// In all rounds.
    pub(crate) arrived: u64,
    pub(crate) lost: u64,
    pub(crate) p50_nanos: Option<f64>,
    pub(crate) p99_nanos: Option<f64>,
    pub(crate) p999_nanos: Option<f64>,
    /// Round by round; one that failed has none.
    pub(crate) rounds: Vec<Option<Sample>>,
}

/// The rows of a workload: of the libraries that have moved anything.
pub(crate) fn rows(workload: &Workload, measured: Vec<Measured>, limit: &str) -> Vec<Row> {
    let limit = measured.iter().find(|(name, _)| *name == limit);
    let limit = limit.map_or_else(Vec::new, |(_, samples)| samples.clone());
    let row = |(library, rounds)| row(workload, library, rounds, &limit);
    measured.into_iter().filter_map(row).collect()
}

fn row(
    workload: &Workload,
    library: &'static str,
    rounds: Vec<Option<Sample>>,
    limit: &[Option<Sample>],
) -> Option<Row> {
    let samples: Vec<_> = rounds.iter().flatten().collect();
    let ratio = |number: fn(&Sample) -> Option<f64>| {
        let turns = rounds.iter().zip(limit);
        Spread::of(turns.filter_map(|(sample, limit)| {
            let limit = number(limit.as_ref()?).filter(|limit| *limit > 0.0)?;
            Some(number(sample.as_ref()?)? / limit)
        }))
    };
    let median = |number: &dyn Fn(&Sample) -> Option<f64>| {
        let numbers = samples.iter().filter_map(|sample| number(sample));
        Some(Spread::of(numbers)?.median)
    };
    let roles = samples.first()?.roles.iter().enumerate();
    let roles = roles.map(|(nth, role)| {
        let of = |number: fn(&RoleSample) -> f64| {
            median(&|sample| sample.roles.get(nth).map(number)).unwrap_or_default()
        };
        RoleSample {
            role: role.role,
            cpu_nanos: of(|role| role.cpu_nanos),
            peak_bytes: of(|role| role.peak_bytes as f64) as u64,
        }
    });
    Some(Row {
        workload: workload.name,
        library,
        rate: Spread::of(samples.iter().map(|sample| sample.rate))?,
        ratio: match workload.gives_the_rate() {
            true => None,
            false => ratio(|sample| Some(sample.rate)),
        },
        of_one_task: Spread::of(samples.iter().filter_map(|sample| sample.of_one_task)),
        cpu_ratio: ratio(|sample| Some(sample.cpu_nanos())),
        p99_ratio: ratio(|sample| Some(sample.p99_nanos? as f64)),
        roles: roles.collect(),
        arrived: samples.iter().map(|sample| sample.arrived).sum(),
        lost: samples.iter().map(|sample| sample.lost).sum(),
        p50_nanos: median(&|sample| Some(sample.p50_nanos? as f64)),
        p99_nanos: median(&|sample| Some(sample.p99_nanos? as f64)),
        p999_nanos: median(&|sample| Some(sample.p999_nanos? as f64)),
        rounds,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn sample(rate: f64) -> Sample {
        let role = |role, cpu_nanos| RoleSample {
            role,
            cpu_nanos,
            peak_bytes: 3 << 20,
        };
        Sample {
            rate,
            arrived: 100,
            lost: 1,
            of_one_task: None,
            p50_nanos: None,
            p99_nanos: Some(12_000),
            p999_nanos: None,
            roles: vec![role("sender", 20.0), role("receiver", 30.0)],
        }
    }

    /// Rows as a run makes them.
    pub(crate) fn some_rows() -> Vec<Row> {
        let raw = vec![Some(sample(100.0)), Some(sample(200.0)), None];
        let ours = [50.0, 150.0, 70.0].map(sample).map(Some).to_vec();
        let failed = vec![None, None, None];
        let measured = vec![("raw", raw), ("aiomsg", ours), ("<broken> & co", failed)];
        rows(&crate::workload::ALL[0], measured, "raw")
    }

    #[test]
    fn a_ratio_is_to_the_limit_of_the_same_round() {
        let rows = some_rows();
        let names: Vec<_> = rows.iter().map(|row| row.library).collect();
        assert_eq!(names, ["raw", "aiomsg"], "what always failed has no row");
        let ratio = rows[1].ratio.unwrap();
        assert_eq!((ratio.min, ratio.max), (0.5, 0.75));
        assert_eq!(rows[1].rate.median, 70.0);
        assert_eq!((rows[1].arrived, rows[1].lost), (300, 3));
        assert_eq!(rows[1].cpu_ratio.unwrap().median, 1.0);
        assert_eq!(rows[1].p99_ratio.unwrap().median, 1.0);
        assert_eq!(rows[1].p99_nanos, Some(12_000.0));
        assert_eq!(rows[1].roles[1].cpu_nanos, 30.0);
    }
}
