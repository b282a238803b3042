//! A histogram in text.

use std::fmt::Write;
use std::io::IsTerminal;

use hdrhistogram::Histogram;

/// How many rows there are.
const ROWS: i32 = 16;

/// How wide the longest bar is.
const WIDTH: u64 = 50;

/// Draws one row for each range of times; the ranges are as wide, next to each
/// other, as their times are long.
pub(super) fn draw(latencies: &Histogram<u64>) -> String {
    // Blocks on a terminal, and what can be searched and mailed elsewhere.
    let bar = match std::io::stdout().is_terminal() {
        true => "█",
        false => "#",
    };
    draw_with(latencies, bar)
}

fn draw_with(latencies: &Histogram<u64>, bar: &str) -> String {
    let (low, high) = (latencies.min().max(1) as f64, latencies.max().max(1) as f64);
    let step = (high / low).powf(1.0 / f64::from(ROWS)).max(1.01);
    let mut rows = Vec::new();
    let mut from = latencies.min();
    for row in 1..=ROWS {
        let to = match row {
            ROWS => latencies.max(),
            _ => (low * step.powi(row)) as u64,
        };
        if to < from {
            continue;
        }
        rows.push((to, latencies.count_between(from, to)));
        from = to + 1;
        if to >= latencies.max() {
            break;
        }
    }
    let most = rows
        .iter()
        .map(|(_, count)| *count)
        .max()
        .unwrap_or(0)
        .max(1);
    let mut chart = String::new();
    for (to, count) in rows {
        // What is there at all is seen.
        let length = (count * WIDTH).div_ceil(most) as usize;
        let time = time(to as f64);
        let _ = writeln!(chart, "{:>10} |{:<50} {count}", time, bar.repeat(length));
    }
    chart
}

/// A time in a unit that suits it.
pub(super) fn time(nanos: f64) -> String {
    match nanos {
        ..1e3 => format!("{nanos:.0} ns"),
        ..1e6 => format!("{:.1} µs", nanos / 1e3),
        ..1e9 => format!("{:.1} ms", nanos / 1e6),
        _ => format!("{:.1} s", nanos / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(times: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        times
            .iter()
            .for_each(|time| histogram.saturating_record(*time));
        histogram
    }

    /// The numbers at the end of the rows.
    fn counts(chart: &str) -> Vec<u64> {
        let last = |row: &str| row.rsplit(' ').next().and_then(|it| it.parse().ok());
        chart.lines().filter_map(last).collect()
    }

    #[test]
    fn each_time_is_in_one_row() {
        for times in [
            &[5][..],
            &[1, 1, 1],
            &[1000, 2000, 3000, 1_000_000],
            &[1, 59_000_000_000],
            &[100, 101, 102, 103],
        ] {
            let chart = draw_with(&histogram(times), "#");
            let all: u64 = counts(&chart).iter().sum();
            assert_eq!(all, times.len() as u64, "{times:?}\n{chart}");
            assert!(
                chart.lines().all(|line| line.chars().count() <= 80),
                "{chart}"
            );
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_row_is_large() {
        let chart = draw_with(&histogram(&[10, 10, 1000]), "#");
        let rows: Vec<_> = chart.lines().collect();
        assert_eq!(rows[0].matches('#').count(), 50);
        assert_eq!(rows[rows.len() - 1].matches('#').count(), 25);
    }

    #[test]
    fn times_have_a_unit_that_suits_them() {
        for (nanos, shown) in [
            (12.0, "12 ns"),
            (1500.0, "1.5 µs"),
            (2.5e6, "2.5 ms"),
            (3e9, "3.0 s"),
        ] {
            assert_eq!(time(nanos), shown);
        }
    }
}
