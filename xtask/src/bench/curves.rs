//! Curves as SVG, both axes logarithmic: the figure in the README of `joblib-parallel`.

use std::fmt::Write;
use std::fs;

use super::sample::Sample;
use super::scenario::Scenario;
use super::tasks::COST;
use crate::{Result, workspace};

/// What one side took: number of tasks, nanoseconds for each.
struct Curve {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// Draws what a task costs from few to many of them, if that is among `results`: into the folder of
/// `joblib-parallel`, or below `target` if they are only quick ones.
pub(super) fn draw(results: &[(Scenario, Vec<Vec<Sample>>)], quick: bool) -> Result {
    let curves = curves(results);
    if curves.is_empty() {
        return Ok(());
    }
    let root = workspace::root();
    let folder = if quick { workspace::target() } else { root.join("joblib-parallel") };
    let path = folder.join("costs.svg");
    fs::write(&path, svg(&curves))?;
    println!("drawn in {}", path.display());
    Ok(())
}

fn curves(results: &[(Scenario, Vec<Vec<Sample>>)]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (scenario, samples) in
        results.iter().filter(|(scenario, _)| scenario.name.starts_with(COST))
    {
        for (side, samples) in scenario.sides.iter().zip(samples) {
            let least = samples.iter().map(|sample| sample.time.as_secs_f64()).reduce(f64::min);
            let Some(least) = least else { continue };
            let point = (scenario.size as f64, least * 1e9 / scenario.size as f64);
            match curves.iter_mut().find(|curve| curve.name == side.name) {
                Some(curve) => curve.points.push(point),
                None => curves.push(Curve { name: side.name, points: vec![point] }),
            }
        }
    }
    curves
}

/// Pixels: the area of the curves, and what is left, right, above and below it.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;
/// Names of curves that end close to each other are moved apart.
const LINE: f64 = 16.0;

/// Ours, ours, and others: colours that do on white and on black.
const COLOURS: [&str; 5] = ["#2f81f7", "#a371f7", "#3fb950", "#d29922", "#f85149"];

/// One axis: powers of ten from `low` to `high`.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min).log10().floor();
        let high = values.fold(f64::MIN_POSITIVE, f64::max).log10().ceil();
        Self { low, high: high.max(low + 1.0) }
    }

    /// Where `value` lies, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value.log10() - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.low as i32..=self.high as i32).map(|power| 10_f64.powi(power))
    }
}

fn svg(curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (across, up) = (Axis::over(points().map(|p| p.0)), Axis::over(points().map(|p| p.1)));
    let x = |tasks: f64| LEFT + WIDTH * across.place(tasks);
    let y = |nanoseconds: f64| TOP + HEIGHT * (1.0 - up.place(nanoseconds));
    let (width, height) = (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM);
    let (bottom, right) = (TOP + HEIGHT, LEFT + WIDTH);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>text {{ fill: #24292f }} .grid {{ stroke: #8c959f; stroke-opacity: 0.35 }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}</style>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">Time per task that does \
         nothing, 2 workers; less is better</text>\n"
    );
    for tick in across.ticks() {
        let (x, below) = (x(tick), bottom + 18.0);
        let power = tick.log10();
        let _ = writeln!(
            text,
            "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/><text x=\"{x:.1}\" y=\"{below}\" \
             text-anchor=\"middle\">10<tspan dy=\"-5\" font-size=\"9\">{power}</tspan></text>"
        );
    }
    for tick in up.ticks() {
        let (y, beside) = (y(tick), LEFT - 8.0);
        let (base, time) = (y + 4.0, time(tick));
        let _ = writeln!(
            text,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/><text x=\"{beside}\" y=\"{base:.1}\" \
             text-anchor=\"end\">{time}</text>"
        );
    }
    let (middle, below) = (LEFT + WIDTH / 2.0, bottom + 40.0);
    let _ =
        writeln!(text, "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">tasks</text>");
    let mut names: Vec<(f64, f64, &str, &str)> = Vec::new();
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let places: Vec<(f64, f64)> = curve.points.iter().map(|p| (x(p.0), y(p.1))).collect();
        let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            line.join(" ")
        );
        for (x, y) in &places {
            let _ =
                writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        names.extend(places.last().map(|(x, y)| (x + 8.0, y + 4.0, curve.name, *colour)));
    }
    names.sort_by(|left, right| left.1.total_cmp(&right.1));
    let mut last = f64::NEG_INFINITY;
    for (x, y, name, colour) in names {
        last = y.max(last + LINE);
        let _ = writeln!(
            text,
            "<text x=\"{x:.1}\" y=\"{last:.1}\" style=\"fill: {colour}\">{name}</text>"
        );
    }
    text.push_str("</svg>\n");
    text
}

/// A power of ten nanoseconds.
fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns >= 1e9 => format!("{:.0} s", ns / 1e9),
        ns if ns >= 1e6 => format!("{:.0} ms", ns / 1e6),
        ns if ns >= 1e3 => format!("{:.0} µs", ns / 1e3),
        ns if ns >= 1.0 => format!("{ns:.0} ns"),
        ns => format!("{ns:.1} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::{Side, Unit};
    use super::*;
    use std::time::Duration;

    fn result(name: &str, size: u64, times: [u64; 2]) -> (Scenario, Vec<Vec<Sample>>) {
        let sides = vec![Side::ours("threads", "a"), Side::python("joblib", "b")];
        let unit = Unit::NanosecondsPerTask;
        let sample = |ns| Sample { time: Duration::from_nanos(ns), ..Sample::default() };
        let samples = times.map(|time| vec![sample(2 * time), sample(time)]).to_vec();
        (Scenario { name: name.to_owned(), size, unit, rounds: 2, sides }, samples)
    }

    #[test]
    fn a_side_is_one_curve_over_all_numbers_of_tasks() {
        let results = [
            result(&format!("{COST}100"), 100, [1000, 100_000]),
            result("something else", 1, [1, 1]),
            result(&format!("{COST}10000"), 10_000, [10_000, 1_000_000]),
        ];
        let curves = curves(&results);
        assert_eq!(curves.len(), 2);
        assert_eq!(
            (curves[0].name, &curves[0].points[..]),
            ("threads", &[(100.0, 10.0), (1e4, 1.0)][..])
        );
        let text = svg(&curves);
        // The corners of the area: fewest tasks and the longest time, most tasks and the shortest.
        for corner in
            [format!("{LEFT:.1},{TOP:.1}"), format!("{:.1},{:.1}", LEFT + WIDTH, TOP + HEIGHT)]
        {
            assert!(text.contains(&corner), "{corner}: {text}");
        }
    }

    #[test]
    fn times_have_the_unit_that_suits() {
        assert_eq!([0.1, 1.0, 1e3, 1e7, 1e9].map(time), ["0.1 ns", "1 ns", "1 µs", "10 ms", "1 s"]);
    }
}
