//! The ratios as a picture: a panel for each workload, a bar for each library.

use std::fmt::Write as _;

use super::row::Row;
use super::statistics::Spread;

const COLUMNS: usize = 2;

/// All lengths are in pixels.
const MARGIN: f64 = 24.0;
const HEAD: f64 = 78.0;
const PANEL: f64 = 520.0;
const GAP: f64 = 24.0;
const TITLE: f64 = 24.0;
const BAR: f64 = 13.0;
const STEP: f64 = 17.0;
/// What of a panel is left for bars: the number of the widest is behind it.
const BARS: f64 = PANEL - 60.0;

/// Colours that can be told apart with any eyes.
const COLOURS: [&str; 8] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#777777",
];

/// The bars, as SVG. The limit is a line, and no bar; what has no ratio is not shown.
pub(crate) fn plot(rows: &[Row], limit: &str) -> String {
    let bars = rows.iter().filter(|row| row.library != limit);
    let rows: Vec<_> = bars.filter(|row| row.ratio.is_some()).collect();
    let libraries = names(&rows, |row| row.library);
    let workloads = names(&rows, |row| row.workload);
    let panels: Vec<_> = workloads.iter().map(|it| panel(&rows, it)).collect();
    let most = rows.iter().filter_map(|row| Some(row.ratio?.max));
    let scale = BARS / most.fold(1.0, f64::max);

    let height = |panel: &[Bar<'_>]| TITLE + STEP * panel.len() as f64 + GAP;
    let lines: Vec<_> = panels.chunks(COLUMNS).collect();
    let tallest = |line: &[Vec<Bar<'_>>]| line.iter().map(|it| height(it)).fold(0.0, f64::max);
    let total = HEAD + lines.iter().map(|line| tallest(line)).sum::<f64>() + MARGIN;
    let width = 2.0 * MARGIN + COLUMNS as f64 * PANEL + (COLUMNS - 1) as f64 * GAP;

    let mut svg = Svg::new(width, total);
    svg.text(
        MARGIN,
        30.0,
        "font-size=\"18\" font-weight=\"bold\"",
        &match limit {
            crate::LIMIT => "Messages a second, by those of raw TCP".to_owned(),
            other => format!("Messages a second, by those of {other}"),
        },
    );
    svg.text(
        MARGIN,
        48.0,
        "fill=\"#555\"",
        &format!(
            "median of all rounds, thin lines from the least to the most; the dashed line is the limit, {limit}"
        ),
    );
    legend(&mut svg, &libraries);
    let mut top = HEAD;
    let mut titles = workloads.iter();
    for line in lines {
        for (column, bars) in line.iter().enumerate() {
            let left = MARGIN + column as f64 * (PANEL + GAP);
            let title = titles.next().copied().unwrap_or_default();
            svg.text(left, top + 14.0, "font-weight=\"bold\"", title);
            draw(&mut svg, left, top + TITLE, bars, &libraries, scale);
        }
        top += tallest(line);
    }
    svg.done()
}

/// A library and its ratio.
type Bar<'a> = (&'a str, Spread);

/// Different names of the rows that are shown, in their order.
fn names(rows: &[&Row], name: impl Fn(&Row) -> &'static str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for row in rows {
        if !names.contains(&name(row)) {
            names.push(name(row));
        }
    }
    names
}

fn panel<'a>(rows: &[&'a Row], workload: &str) -> Vec<Bar<'a>> {
    let shown = rows.iter().filter(|row| row.workload == workload);
    shown
        .filter_map(|row| Some((row.library, row.ratio?)))
        .collect()
}

fn legend(svg: &mut Svg, libraries: &[&str]) {
    let mut left = MARGIN;
    for (nth, library) in libraries.iter().enumerate() {
        svg.bar(left, 57.0, 11.0, 11.0, colour(nth));
        svg.text(left + 16.0, 67.0, "", library);
        left += 34.0 + 7.2 * library.chars().count() as f64;
    }
}

fn draw(svg: &mut Svg, left: f64, top: f64, bars: &[Bar<'_>], libraries: &[&str], scale: f64) {
    for (nth, (library, ratio)) in bars.iter().enumerate() {
        let top = top + STEP * nth as f64;
        let colour = colour(libraries.iter().position(|it| it == library).unwrap_or(0));
        svg.bar(left, top, ratio.median * scale, BAR, colour);
        let middle = top + BAR / 2.0;
        let (from, to) = (left + ratio.min * scale, left + ratio.max * scale);
        svg.line(
            (from, middle),
            (to, middle),
            "stroke=\"#222\" stroke-width=\"1.2\"",
        );
    }
    let limit = left + scale;
    let bottom = top + STEP * bars.len() as f64;
    svg.line(
        (limit, top - 3.0),
        (limit, bottom),
        "stroke=\"#222\" stroke-dasharray=\"3 3\"",
    );
    svg.line((left, top - 3.0), (left, bottom), "stroke=\"#222\"");
    // Last, and with an edge, to be legible across the lines.
    for (nth, (_, ratio)) in bars.iter().enumerate() {
        let behind = left + ratio.max * scale + 5.0;
        let edge = "stroke=\"white\" stroke-width=\"3\" paint-order=\"stroke\"";
        let text = format!("{:.2}", ratio.median);
        svg.text(behind, top + STEP * nth as f64 + 11.0, edge, &text);
    }
}

fn colour(nth: usize) -> &'static str {
    COLOURS[nth % COLOURS.len()]
}

/// A picture in the making.
struct Svg(String);

impl Svg {
    fn new(width: f64, height: f64) -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        ))
    }

    fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        self.push(&format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        ));
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), style: &str) {
        self.push(&format!(
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" {style}/>",
            from.0, from.1, to.0, to.1
        ));
    }

    fn text(&mut self, x: f64, y: f64, style: &str, text: &str) {
        let text = escape(text);
        self.push(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{text}</text>"
        ));
    }

    fn push(&mut self, element: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{element}");
    }

    fn done(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::some_rows;
    use super::*;

    /// The elements that are open at the end; panics at one that is closed and
    /// was not open.
    fn open_elements(svg: &str) -> Vec<&str> {
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').expect("each tag ends");
            assert!(!text.contains('>'), "{text}");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => {}
                None => open.push(tag.split(' ').next().unwrap_or(tag)),
            }
        }
        open
    }

    #[test]
    fn it_is_well_formed_and_has_a_bar_for_each_ratio() {
        let mut rows = some_rows();
        rows.push(Row {
            library: "<quick> & dirty",
            ..rows[1].clone()
        });
        let svg = plot(&rows, "raw");
        assert!(open_elements(&svg).is_empty(), "{svg}");
        assert!(svg.contains("&lt;quick&gt; &amp; dirty"), "{svg}");
        // The background, and a bar and its legend for each but the limit.
        assert_eq!(svg.matches("<rect").count(), 1 + 2 * 2, "{svg}");
    }

    #[test]
    fn nothing_to_show_is_a_picture_all_the_same() {
        assert!(open_elements(&plot(&[], "raw")).is_empty());
    }
}
