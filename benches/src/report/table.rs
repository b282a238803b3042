//! The table: aligned, and markdown as it is.

use std::fmt::Write as _;

use super::row::Row;
use super::statistics::Spread;

const HEADS: [&str; 10] = [
    "workload",
    "library",
    "msg/s",
    "range",
    "of {limit}",
    "range",
    "CPU ns/msg (by role)",
    "peak",
    "lost",
    "p50 / p99",
];

/// The first columns are words, the others numbers.
const WORDS: usize = 2;

/// The rows, below a line of headings.
pub(crate) fn table(rows: &[Row], limit: &str) -> String {
    let heads = HEADS.map(|head| head.replace("{limit}", limit));
    let lines: Vec<_> = rows.iter().map(cells).collect();
    let widths: [usize; HEADS.len()] = std::array::from_fn(|column| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or_default()
    });
    let mut text = String::new();
    line(&mut text, &widths, &heads);
    for (column, width) in widths.iter().enumerate() {
        let (left, right) = match column < WORDS {
            true => (":", "-"),
            false => ("-", ":"),
        };
        let _ = write!(text, "|{left}{}{right}", "-".repeat(*width));
    }
    text.push_str("|\n");
    for cells in &lines {
        line(&mut text, &widths, cells);
    }
    text
}

fn line(text: &mut String, widths: &[usize], cells: &[String]) {
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let _ = match column < WORDS {
            true => write!(text, "| {cell:<width$} "),
            false => write!(text, "| {cell:>width$} "),
        };
    }
    text.push_str("|\n");
}

fn cells(row: &Row) -> [String; HEADS.len()] {
    let total: f64 = row.roles.iter().map(|role| role.cpu_nanos).sum();
    let by_role: Vec<_> = row.roles.iter().map(|it| nanos(it.cpu_nanos)).collect();
    let peak = row.roles.iter().map(|role| role.peak_bytes).max();
    let ratio = |text: fn(Spread) -> String| row.ratio.map_or_else(none, text);
    [
        row.workload.to_owned(),
        row.library.to_owned(),
        rate(row.rate.median),
        format!("{}–{}", rate(row.rate.min), rate(row.rate.max)),
        ratio(|it| format!("{:.2}", it.median)),
        ratio(|it| format!("{:.2}–{:.2}", it.min, it.max)),
        format!("{} ({})", nanos(total), by_role.join(" + ")),
        crate::process::readable(peak.unwrap_or_default()),
        lost(row),
        match (row.p50_nanos, row.p99_nanos) {
            (Some(p50), Some(p99)) => format!("{} / {} µs", micros(p50), micros(p99)),
            _ => none(),
        },
    ]
}

fn none() -> String {
    "–".to_owned()
}

/// A rate in three digits.
fn rate(rate: f64) -> String {
    match rate {
        ..9_995.0 => format!("{rate:.0}"),
        ..999_500.0 => format!("{:.0} k", rate / 1e3),
        _ => format!("{:.2} M", rate / 1e6),
    }
}

fn nanos(nanos: f64) -> String {
    format!("{nanos:.0}")
}

fn micros(nanos: f64) -> String {
    format!("{:.1}", nanos / 1e3)
}

/// How many were lost, and what share of all that is.
fn lost(row: &Row) -> String {
    match row.lost {
        0 => "0".to_owned(),
        lost => {
            let share = lost as f64 / (lost + row.arrived) as f64 * 100.0;
            format!("{lost} ({share:.1} %)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::some_rows;
    use super::*;

    #[test]
    fn all_lines_are_as_wide_and_have_as_many_cells() {
        let text = table(&some_rows(), "raw");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        for line in &lines {
            assert_eq!(line.chars().count(), lines[0].chars().count(), "{text}");
            assert_eq!(line.matches('|').count(), HEADS.len() + 1, "{text}");
        }
        assert!(lines[3].contains("50 (20 + 30)"), "{text}");
        assert!(lines[3].contains("3 (1.0 %)"), "{text}");
        assert!(lines[3].contains("0.50–0.75"), "{text}");
    }

    #[test]
    fn rates_have_three_digits() {
        let texts = [0.0, 9_994.4, 9_996.0, 123_456.0, 999_600.0, 7_654_321.0].map(rate);
        assert_eq!(texts, ["0", "9994", "10 k", "123 k", "1.00 M", "7.65 M"]);
    }
}
