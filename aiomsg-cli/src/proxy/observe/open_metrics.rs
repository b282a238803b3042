//! Metrics in the OpenMetrics format, for those who ask for it.
//!
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

/// The types of the two formats.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(super) const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether an `Accept` header prefers OpenMetrics (RFC 9110, section 12.5.1).
pub(super) fn is_preferred(accept: &str) -> bool {
    let (mut open, mut plain) = (0.0_f32, 0.0_f32);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let (mut quality, mut version) = (1.0, "1.0.0");
        for part in parts {
            match part.split_once('=') {
                Some(("q", value)) => quality = value.trim().parse().unwrap_or(0.0),
                Some(("version", value)) => version = value.trim_matches('"'),
                _ => {}
            }
        }
        if kind.eq_ignore_ascii_case("application/openmetrics-text") && version == "1.0.0" {
            open = open.max(quality);
        } else if ["text/plain", "text/*"]
            .iter()
            .any(|it| kind.eq_ignore_ascii_case(it))
        {
            plain = plain.max(quality);
        }
    }
    open > 0.0 && open >= plain
}

/// The same metrics in OpenMetrics. A counter's family has no `_total`, help texts escape
/// quotes, too, no line is empty, and the last one says that it is the last.
pub(super) fn of_prometheus(text: &str) -> String {
    let counters: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut open = String::with_capacity(text.len() + 8);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let comment = line.strip_prefix("# ").and_then(|it| it.split_once(' '));
        let named = comment.and_then(|(what, rest)| Some((what, rest.split_once(' ')?)));
        match named {
            Some((what, (name, rest))) => {
                let is_counter = counters.contains(&name);
                let family = name.strip_suffix("_total").filter(|_| is_counter);
                let rest = match what {
                    "HELP" => rest.replace('"', "\\\""),
                    _ => rest.to_owned(),
                };
                open += &format!("# {what} {} {rest}\n", family.unwrap_or(name));
            }
            None => {
                open += line;
                open.push('\n');
            }
        }
    }
    open + "# EOF\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_for_those_who_prefer_it() {
        for (accept, preferred) in [
            ("", false),
            ("*/*", false),
            ("text/plain", false),
            ("application/openmetrics-text", true),
            (
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                true,
            ),
            (
                "application/openmetrics-text;version=\"1.0.0\";q=0.5,text/plain;q=0.2",
                true,
            ),
            (
                "application/openmetrics-text;version=0.0.1;q=0.9,text/plain;q=0.2",
                false,
            ),
            (
                "application/openmetrics-text;q=0.1, text/plain;version=0.0.4;q=0.5",
                false,
            ),
            ("application/openmetrics-text;q=0", false),
            ("application/openmetrics-text;q=x", false),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                true,
            ),
        ] {
            assert_eq!(is_preferred(accept), preferred, "{accept}");
        }
    }

    #[test]
    fn counters_lose_their_suffix_and_the_end_is_said() {
        let text = "# HELP a_total what \"it\" is\n# TYPE a_total counter\na_total{x=\"y\"} 1\n\n\
                    # HELP b_total no counter\n# TYPE b_total gauge\nb_total 2\n\n";
        assert_eq!(
            of_prometheus(text),
            "# HELP a what \\\"it\\\" is\n# TYPE a counter\na_total{x=\"y\"} 1\n\
             # HELP b_total no counter\n# TYPE b_total gauge\nb_total 2\n# EOF\n"
        );
    }
}
