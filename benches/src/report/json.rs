//! Everything, for programs to read.

use serde::Serialize;

use super::row::Row;
use crate::measure::Settings;

#[derive(Serialize)]
struct Document<'a> {
    rounds: usize,
    seconds: f64,
    cores: usize,
    limit: &'a str,
    rows: &'a [Row],
}

/// The rows, with each round of theirs.
pub(crate) fn json(
    rows: &[Row],
    limit: &str,
    settings: Settings,
) -> Result<String, serde_json::Error> {
    let document = Document {
        rounds: settings.rounds,
        seconds: settings.seconds,
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        limit,
        rows,
    };
    serde_json::to_string_pretty(&document)
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::some_rows;
    use super::*;

    #[test]
    fn rounds_that_failed_are_null() {
        let settings = Settings {
            rounds: 3,
            seconds: 2.0,
        };
        let text = json(&some_rows(), "raw", settings).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["rows"][0]["rounds"][2], serde_json::Value::Null);
        assert_eq!(value["rows"][1]["ratio"]["max"], 0.75);
        assert_eq!(value["rows"][1]["roles"][0]["role"], "sender");
    }
}
