//! Plots as inline SVG: curves, dots with intervals, a histogram. Pure: the same figures give the same bytes.
//!
//! Colours and fonts come from the style sheet of the page, by class, so that a plot can be read in light and dark.
//! Shares are drawn from 0 to 100 %, always the whole of it: a cut axis makes small differences look large.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::curve::Curve;
use crate::numbers::per_cent;
use crate::page::escape;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 290.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 42.0;
const LEFT: f64 = 44.0;

/// Lines of text closer than this would touch.
const LINE_HEIGHT: f64 = 14.0;

/// One line of a plot.
pub(crate) struct Series<'a> {
    /// Written at its right end; may be empty.
    pub(crate) name: &'a str,
    pub(crate) curve: &'a Curve,
    /// Where on the x axis the value is written.
    pub(crate) marks: &'a [f64],
}

/// Lines over a common x axis that begins at 0.
pub(crate) struct LinePlot<'a> {
    /// What it shows, for those who do not see it.
    pub(crate) title: &'a str,
    pub(crate) x_title: &'a str,
    pub(crate) x_ticks: &'a [f64],
    /// The first is drawn on top, with its band.
    pub(crate) series: &'a [Series<'a>],
}

impl LinePlot<'_> {
    pub(crate) fn svg(&self) -> String {
        let named = self.series.iter().any(|series| !series.name.is_empty());
        let right = WIDTH - if named { 92.0 } else { 18.0 };
        let points = self.series.iter().flat_map(|series| &series.curve.points);
        let x_max = points.map(|(x, _)| *x).fold(1.0, f64::max);
        let x = |value: f64| LEFT + (right - LEFT) * value / x_max;
        let mut svg = opened(self.title, HEIGHT);
        push_share_axis(&mut svg, right);
        for tick in self.x_ticks {
            push_text(&mut svg, "tick mid", x(*tick), HEIGHT - BOTTOM + 17.0, &grouped(*tick));
        }
        push_text(&mut svg, "axis mid", f64::midpoint(LEFT, right), HEIGHT - 6.0, self.x_title);
        if let Some(band) =
            self.series.first().and_then(|series| series.curve.band.as_ref().map(|b| (series, b)))
        {
            let (series, band) = band;
            let over = series.curve.points.iter().zip(band).map(|((at, _), (_, high))| (x(*at), y(*high)));
            let back =
                series.curve.points.iter().zip(band).rev().map(|((at, _), (low, _))| (x(*at), y(*low)));
            let _ = write!(svg, r#"<polygon class="band s0" points="{}"/>"#, path(over.chain(back)));
        }
        for (number, series) in self.series.iter().enumerate().rev() {
            let line = path(series.curve.points.iter().map(|(at, share)| (x(*at), y(*share))));
            let _ = write!(svg, r#"<polyline class="line s{number}" points="{line}"/>"#);
            for (at, share) in series.curve.points.iter().filter(|(at, _)| series.marks.contains(at)) {
                let lowest =
                    self.series.iter().filter_map(|other| other.curve.at(*at)).fold(*share, f64::min);
                push_mark(&mut svg, number, (x(*at), y(*share)), y(lowest), *share);
            }
        }
        let ends =
            self.series.iter().map(|series| series.curve.points.last().map_or(0.0, |(_, share)| y(*share)));
        for ((number, series), at) in self.series.iter().enumerate().zip(apart(&ends.collect::<Vec<_>>())) {
            push_text(&mut svg, &format!("name s{number}"), right + 8.0, at + 4.0, series.name);
        }
        svg.push_str("</svg>");
        svg
    }
}

/// A dot, with its value where no line runs through it: above if it is the lowest line and there is room, else below all.
fn push_mark(svg: &mut String, number: usize, (x, y): (f64, f64), lowest: f64, share: f64) {
    let _ = write!(svg, r#"<circle class="dot s{number}" cx="{x:.1}" cy="{y:.1}" r="3.5"/>"#);
    let above = lowest <= y && y > TOP + 20.0;
    push_text(svg, "value mid", x, if above { y - 9.0 } else { lowest + 18.0 }, &per_cent(share));
}

/// A row of a dot plot.
pub(crate) struct DotRow<'a> {
    pub(crate) name: &'a str,
    /// Written small behind the name.
    pub(crate) count: usize,
    pub(crate) share: f64,
    pub(crate) interval: Option<(f64, f64)>,
    /// 0 for the row that stands out, 1 for the others, 2 for what is apart.
    pub(crate) class: usize,
}

/// One row for each thing: a dot at its share and a bar over its interval.
pub(crate) fn dots(title: &str, x_title: &str, rows: &[DotRow<'_>]) -> String {
    const ROW: f64 = 36.0;
    const NAMES: f64 = 172.0;
    let right = WIDTH - 52.0;
    let bottom = TOP + ROW * rows.len() as f64;
    let x = |share: f64| NAMES + (right - NAMES) * share.clamp(0.0, 1.0);
    let mut svg = opened(title, bottom + BOTTOM);
    for per_cent in [0_u8, 25, 50, 75, 100] {
        let at = x(f64::from(per_cent) / 100.0);
        let _ = write!(svg, r#"<line class="grid" x1="{at:.1}" y1="{TOP}" x2="{at:.1}" y2="{bottom:.1}"/>"#);
        push_text(&mut svg, "tick mid", at, bottom + 17.0, &format!("{per_cent} %"));
    }
    push_text(&mut svg, "axis mid", f64::midpoint(NAMES, right), bottom + BOTTOM - 6.0, x_title);
    for (number, row) in rows.iter().enumerate() {
        let DotRow { name, count, share, interval, class } = row;
        let at = TOP + ROW * (number as f64 + 0.5);
        push_text(&mut svg, "label end", NAMES - 14.0, at - 1.0, &shortened(name));
        push_text(&mut svg, "tick end", NAMES - 14.0, at + 12.0, &format!("n = {count}"));
        if let Some((low, high)) = interval {
            let (from, to) = (x(*low), x(*high));
            let _ = write!(
                svg,
                r#"<line class="whisker s{class}" x1="{from:.1}" y1="{at:.1}" x2="{to:.1}" y2="{at:.1}"/>"#
            );
        }
        let _ = write!(svg, r#"<circle class="dot s{class}" cx="{:.1}" cy="{at:.1}" r="5"/>"#, x(*share));
        push_text(&mut svg, "value", right + 10.0, at + 4.0, &per_cent(*share));
    }
    svg.push_str("</svg>");
    svg
}

/// Names longer than their column are cut.
fn shortened(name: &str) -> String {
    const CHARACTERS_MAX: usize = 22;
    if name.chars().count() <= CHARACTERS_MAX {
        return name.to_owned();
    }
    name.chars().take(CHARACTERS_MAX - 1).chain(['…']).collect()
}

/// A histogram over a logarithmic axis, ten bars to a power of ten, with marked values.
///
/// `marks` are two values with their names, the smaller first: one name stands left of its line and one right.
pub(crate) fn histogram(title: &str, x_title: &str, values: &[f64], marks: [(&str, f64); 2]) -> String {
    const PER_DECADE: f64 = 10.0;
    const BARS_MIN: f64 = 12.0;
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min).clamp(1e-3, 1e9);
    let largest = values.iter().copied().fold(smallest, f64::max);
    let step = |value: f64| (value.log10() * PER_DECADE).floor();
    let first = step(smallest) - 1.0;
    let last = (step(largest) + 2.0).max(first + BARS_MIN);
    let right = WIDTH - 18.0;
    let x = |step: f64| LEFT + (right - LEFT) * (step - first) / (last - first);

    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for value in values {
        #[expect(clippy::cast_possible_truncation, reason = "a step is small")]
        let at = step(value.max(smallest)) as i64;
        *counts.entry(at).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(1) as f64;
    let bottom = HEIGHT - BOTTOM;
    let mut svg = opened(title, HEIGHT);
    for (at, count) in &counts {
        let (from, to) = (x(*at as f64), x(*at as f64 + 1.0));
        let height = (bottom - TOP - 22.0) * *count as f64 / most;
        let _ = write!(
            svg,
            r#"<rect class="bar s0" x="{:.1}" y="{:.1}" width="{:.1}" height="{height:.1}"><title>{count}</title></rect>"#,
            from + 0.75,
            bottom - height,
            to - from - 1.5
        );
    }
    let _ = write!(svg, r#"<line class="base" x1="{LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>"#);
    for (power, factor) in (-3..=9).flat_map(|power| [1.0, 2.0, 5.0].map(|factor| (power, factor))) {
        let value = factor * 10_f64.powi(power);
        let at = value.log10() * PER_DECADE;
        if first <= at && at <= last {
            let _ = write!(
                svg,
                r#"<line class="base" x1="{0:.1}" y1="{bottom}" x2="{0:.1}" y2="{1}"/>"#,
                x(at),
                bottom + 4.0
            );
            push_text(&mut svg, "tick mid", x(at), bottom + 17.0, &grouped(value));
        }
    }
    for ((name, value), (class, aside)) in marks.into_iter().zip([("value end", -5.0), ("value", 5.0)]) {
        let at = x(value.max(smallest).log10() * PER_DECADE);
        let _ =
            write!(svg, r#"<line class="mark" x1="{at:.1}" y1="{}" x2="{at:.1}" y2="{bottom}"/>"#, TOP + 4.0);
        push_text(&mut svg, class, at + aside, TOP + 14.0, name);
    }
    push_text(&mut svg, "axis mid", f64::midpoint(LEFT, right), HEIGHT - 6.0, x_title);
    svg.push_str("</svg>");
    svg
}

fn opened(title: &str, height: f64) -> String {
    let title = escape(title);
    format!(r#"<svg viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{title}">"#)
}

/// The place of a share on an axis from 0 to 100 %.
fn y(share: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share.clamp(0.0, 1.0)
}

fn push_share_axis(svg: &mut String, right: f64) {
    for per_cent in [0_u8, 25, 50, 75, 100] {
        let at = y(f64::from(per_cent) / 100.0);
        let class = if per_cent == 0 { "base" } else { "grid" };
        let _ = write!(svg, r#"<line class="{class}" x1="{LEFT}" y1="{at:.1}" x2="{right}" y2="{at:.1}"/>"#);
        push_text(svg, "tick end", LEFT - 6.0, at + 4.0, &format!("{per_cent} %"));
    }
}

fn push_text(svg: &mut String, class: &str, x: f64, y: f64, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(svg, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{}</text>"#, escape(text));
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

/// Places moved so that each is a line below the one above it; the order is kept.
fn apart(places: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|a, b| places[*a].total_cmp(&places[*b]));
    let mut moved = places.to_vec();
    for pair in order.windows(2) {
        moved[pair[1]] = moved[pair[1]].max(moved[pair[0]] + LINE_HEIGHT);
    }
    moved
}

/// A number as short as it can be, with its thousands apart.
fn grouped(value: f64) -> String {
    if value < 1_000.0 {
        return format!("{value}");
    }
    format!("{},{:03}", (value / 1_000.0).floor(), value % 1_000.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tags are closed and no number is beyond all numbers.
    fn assert_sound(svg: &str) {
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.matches("<text ").count(), svg.matches("</text>").count());
    }

    #[test]
    fn a_curve_has_its_line_its_band_and_its_marked_values() {
        let curve = Curve {
            points: vec![(0.0, 0.0), (500.0, 0.5), (1_000.0, 1.0)],
            band: Some(vec![(0.0, 0.0), (0.4, 0.6), (1.0, 1.0)]),
        };
        let series = [Series { name: "", curve: &curve, marks: &[500.0] }];
        let svg =
            LinePlot { title: "a \"t\"", x_title: "tokens", x_ticks: &[0.0, 1_000.0], series: &series }.svg();
        assert_sound(&svg);
        for part in [
            "<polyline class=\"line s0\"",
            "<polygon class=\"band s0\"",
            ">50.0</text>",
            ">1,000</text>",
            "a &quot;t&quot;",
        ] {
            assert!(svg.contains(part), "{part} is missing in {svg}");
        }
    }

    #[test]
    fn names_at_the_ends_of_lines_never_touch() {
        assert_eq!(apart(&[20.0, 10.0, 22.0]), [24.0, 10.0, 38.0]);
        assert_eq!(apart(&[0.0, 50.0]), [0.0, 50.0]);
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(shortened("single-session-preference"), "single-session-prefer…");
        assert_eq!(shortened("temporal"), "temporal");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.001, 0.5, 20.0, 4_000.0, 2_000_000.0].map(grouped),
            ["0.001", "0.5", "20", "4,000", "2000,000"]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_latencies_make_a_histogram_that_counts_them_all(values in prop::collection::vec(0.0..1e5_f64, 1..60)) {
            let svg = histogram("t", "ms", &values, [("p50", values[0]), ("p95", values[0])]);
            assert_sound(&svg);
            let counts = svg.split("<title>").skip(1).map(|rest| rest.split('<').next().unwrap().parse::<usize>().unwrap());
            prop_assert_eq!(counts.sum::<usize>(), values.len());
        }

        #[test]
        fn any_shares_make_a_dot_plot(shares in prop::collection::vec((0.0..=1.0_f64, 0.0..0.3_f64), 0..8)) {
            let row = |(share, width): &(f64, f64)| DotRow {
                name: "<x>", count: 3, share: *share, interval: Some((share - width, share + width)), class: 1,
            };
            let svg = dots("t", "recall", &shares.iter().map(row).collect::<Vec<_>>());
            assert_sound(&svg);
            prop_assert_eq!(svg.matches("<circle").count(), shares.len());
            prop_assert!(!svg.contains("<x>"));
        }
    }
}
