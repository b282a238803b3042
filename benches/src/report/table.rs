//! The table: aligned, and markdown as it is.

use std::fmt::Write as _;

use super::row::Row;
use super::statistics::Spread;

const HEADS: [&str; 16] = [
    "workload",
    "library",
    "msg/s",
    "range",
    "of {limit}",
    "range",
    "of one task",
    "range",
    "CPU ns/msg (by role)",
    "of {limit}",
    "range",
    "peak",
    "lost",
    "p50 / p99 / p99.9",
    "p99 of {limit}",
    "range",
];

/// The first columns are words, the others numbers.
const WORDS: usize = 2;

/// What a column without a number has.
const NONE: &str = "–";

/// The rows, below a line of headings. Columns without any number are left out.
pub(crate) fn table(rows: &[Row], limit: &str) -> String {
    let lines: Vec<_> = rows.iter().map(cells).collect();
    let is_shown =
        |column: &usize| *column < WORDS || lines.iter().any(|line| line[*column] != NONE);
    let columns: Vec<_> = (0..HEADS.len()).filter(is_shown).collect();
    let heads = HEADS.map(|head| head.replace("{limit}", limit));
    let widths: Vec<_> = columns
        .iter()
        .map(|&column| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.chain([heads[column].len()]).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: &[String; HEADS.len()]| {
        let mut text = String::new();
        for (&column, &width) in columns.iter().zip(&widths) {
            let cell = &cells[column];
            let _ = match column < WORDS {
                true => write!(text, "| {cell:<width$} "),
                false => write!(text, "| {cell:>width$} "),
            };
        }
        text + "|\n"
    };
    let mut text = line(&heads);
    for (&column, &width) in columns.iter().zip(&widths) {
        let (left, right) = match column < WORDS {
            true => (":", "-"),
            false => ("-", ":"),
        };
        let _ = write!(text, "|{left}{}{right}", "-".repeat(width));
    }
    text.push_str("|\n");
    for cells in &lines {
        text.push_str(&line(cells));
    }
    text
}

fn cells(row: &Row) -> [String; HEADS.len()] {
    let total: f64 = row.roles.iter().map(|role| role.cpu_nanos).sum();
    let by_role: Vec<_> = row.roles.iter().map(|it| nanos(it.cpu_nanos)).collect();
    let peak = row.roles.iter().map(|role| role.peak_bytes).max();
    let [of_limit, of_limit_range] = ratio(row.ratio);
    let [of_one, of_one_range] = ratio(row.of_one_task);
    let [cpu_of_limit, cpu_of_limit_range] = ratio(row.cpu_ratio);
    let [p99_of_limit, p99_of_limit_range] = ratio(row.p99_ratio);
    [
        row.workload.to_owned(),
        row.library.to_owned(),
        rate(row.rate.median),
        format!("{}–{}", rate(row.rate.min), rate(row.rate.max)),
        of_limit,
        of_limit_range,
        of_one,
        of_one_range,
        format!("{} ({})", nanos(total), by_role.join(" + ")),
        cpu_of_limit,
        cpu_of_limit_range,
        crate::process::readable(peak.unwrap_or_default()),
        lost(row),
        match (row.p50_nanos, row.p99_nanos, row.p999_nanos) {
            (Some(p50), Some(p99), Some(p999)) => {
                format!("{} / {} / {} µs", micros(p50), micros(p99), micros(p999))
            }
            _ => NONE.to_owned(),
        },
        p99_of_limit,
        p99_of_limit_range,
    ]
}

/// The median and the range.
fn ratio(ratio: Option<Spread>) -> [String; 2] {
    match ratio {
        Some(it) => [
            format!("{:.2}", it.median),
            format!("{:.2}–{:.2}", it.min, it.max),
        ],
        None => [NONE; 2].map(str::to_owned),
    }
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
            // Nothing has percentiles or several tasks.
            assert_eq!(line.matches('|').count(), HEADS.len() - 3 + 1, "{text}");
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
