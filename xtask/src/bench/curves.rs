//! Curves as SVG, both axes logarithmic: figures in READMEs.

use std::fmt::Write;
use std::fs;

use super::sample::Sample;
use super::scenario::Scenario;
use super::{cache, tasks};
use crate::{Result, workspace};

/// What one side took: of what is across, and nanoseconds for each.
struct Curve {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// A picture, and the scenarios that are in it.
struct Figure {
    /// What their names begin with.
    scenarios: &'static str,
    title: &'static str,
    across: &'static str,
    /// Where it lies in the workspace: the README that shows it is beside it.
    folder: &'static str,
    file: &'static str,
    /// How far to the right a scenario is.
    place: fn(&Scenario) -> Option<f64>,
}

const FIGURES: [Figure; 2] = [
    Figure {
        scenarios: tasks::COST,
        title: "Time per task that does nothing, 2 workers",
        across: "tasks",
        folder: "joblib-parallel",
        file: "costs.svg",
        place: |scenario| Some(scenario.size as f64),
    },
    Figure {
        scenarios: cache::HIT_COST,
        title: "Time of a call whose result is found",
        across: "bytes of the result",
        folder: "joblib-memory",
        file: "hits.svg",
        place: |scenario| {
            scenario.name.strip_prefix(cache::HIT_COST)?.split(' ').next()?.parse().ok()
        },
    },
];

/// Draws the figures whose scenarios are among `results`: into the folder of their crate, or below
/// `target` if they are only quick ones.
pub(super) fn draw(results: &[(Scenario, Vec<Vec<Sample>>)], quick: bool) -> Result {
    for figure in &FIGURES {
        let curves = curves(figure, results);
        if curves.is_empty() {
            continue;
        }
        let root = workspace::root();
        let folder = if quick { workspace::target() } else { root.join(figure.folder) };
        let path = folder.join(figure.file);
        fs::write(&path, svg(figure, &curves))?;
        println!("drawn in {}", path.display());
    }
    Ok(())
}

fn curves(figure: &Figure, results: &[(Scenario, Vec<Vec<Sample>>)]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    let wanted = |name: &str| name.starts_with(figure.scenarios);
    for (scenario, samples) in results.iter().filter(|(scenario, _)| wanted(&scenario.name)) {
        let Some(place) = (figure.place)(scenario) else { continue };
        for (side, samples) in scenario.sides.iter().zip(samples) {
            let least = samples.iter().map(|sample| sample.time.as_secs_f64()).reduce(f64::min);
            let Some(least) = least else { continue };
            let point = (place, least * 1e9 / scenario.size as f64);
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
const COLOURS: [&str; 7] =
    ["#2f81f7", "#a371f7", "#3fb950", "#d29922", "#f85149", "#8c959f", "#db61a2"];

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

fn svg(figure: &Figure, curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (across, up) = (Axis::over(points().map(|p| p.0)), Axis::over(points().map(|p| p.1)));
    let x = |place: f64| LEFT + WIDTH * across.place(place);
    let y = |nanoseconds: f64| TOP + HEIGHT * (1.0 - up.place(nanoseconds));
    let (width, height) = (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM);
    let (bottom, right) = (TOP + HEIGHT, LEFT + WIDTH);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>text {{ fill: #24292f }} .grid {{ stroke: #8c959f; stroke-opacity: 0.35 }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}</style>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{title}; less is \
         better</text>\n",
        title = figure.title,
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
    let across = figure.across;
    let _ =
        writeln!(text, "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{across}</text>");
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
    use super::super::tasks::COST;
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
        let [tasks, hits] = &FIGURES;
        assert!(curves(hits, &results).is_empty());
        let curves = curves(tasks, &results);
        assert_eq!(curves.len(), 2);
        assert_eq!(
            (curves[0].name, &curves[0].points[..]),
            ("threads", &[(100.0, 10.0), (1e4, 1.0)][..])
        );
        let text = svg(tasks, &curves);
        // The corners of the area: fewest tasks and the longest time, most tasks and the shortest.
        for corner in
            [format!("{LEFT:.1},{TOP:.1}"), format!("{:.1},{:.1}", LEFT + WIDTH, TOP + HEIGHT)]
        {
            assert!(text.contains(&corner), "{corner}: {text}");
        }
    }

    #[test]
    fn a_hit_lies_where_the_size_of_its_result_is() {
        let results = [
            result(&format!("{}8 bytes", cache::HIT_COST), 100, [1000, 100_000]),
            result(&format!("{}1000000 bytes", cache::HIT_COST), 10, [1000, 10_000]),
        ];
        let curves = curves(&FIGURES[1], &results);
        assert_eq!(curves[1].points, [(8.0, 1000.0), (1e6, 1000.0)]);
    }

    #[test]
    fn times_have_the_unit_that_suits() {
        assert_eq!([0.1, 1.0, 1e3, 1e7, 1e9].map(time), ["0.1 ns", "1 ns", "1 µs", "10 ms", "1 s"]);
    }
}
