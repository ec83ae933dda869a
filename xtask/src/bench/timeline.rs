//! Memory over time, while two arrays are dumped and loaded: the other figure of the README of
//! `joblib-persist`.
//!
//! Each side is a process of its own that prints a word when something begins or ends; how much
//! memory it has is looked up from outside, so that nobody measures himself.

use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::scenario::{By, Scenario};
use super::sides::Workshop;
use crate::{Result, workspace};

/// Who is drawn, and what they are asked for. The words that they print are `ready`, with nothing
/// in memory; `dumping`, with the arrays; `loading`, without them; and `done`, with them again.
const CURVES: [(&str, By, &str); 3] = [
    ("ours", By::Us, "timeline-arrays-raw"),
    ("joblib", By::Python, "timeline-arrays-joblib"),
    ("pickle 5", By::Python, "timeline-arrays-pickle"),
];

/// How long after each other memory is looked up.
const STEP: Duration = Duration::from_millis(2);

/// Where a process was when.
struct Curve {
    name: &'static str,
    /// Seconds since the dump began, and bytes beyond those at `ready`.
    points: Vec<(f64, f64)>,
    /// When the load began.
    loading: f64,
}

/// Draws how memory goes up and down, if the scene of arrays is among what was measured.
pub(super) fn draw(workshop: &mut Workshop<'_>, scenarios: &[Scenario], quick: bool) -> Result {
    let Some(scene) = scenarios.iter().find(|scene| scene.name == "dump arrays, raw") else {
        return Ok(());
    };
    workshop.set_up(scene)?;
    let curves = CURVES.map(|(name, by, operation)| {
        let child = workshop.command(by, operation, scene.size)?.stdout(Stdio::piped()).spawn()?;
        curve(name, child)
    });
    let curves = curves.into_iter().collect::<Result<Vec<_>>>()?;
    let folder = if quick { workspace::target() } else { workspace::root().join("joblib-persist") };
    let path = folder.join("memory.svg");
    fs::write(&path, svg(scene.size, &curves))?;
    println!("drawn in {}", path.display());
    Ok(())
}

/// Follows a process to its end.
fn curve(name: &'static str, mut child: Child) -> Result<Curve> {
    let output = child.stdout.take().ok_or("a process without output")?;
    let memory = format!("/proc/{}/statm", child.id());
    let is_over = AtomicBool::new(false);
    let (points, words) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut points = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                points.extend(resident(&memory).map(|bytes| (Instant::now(), bytes)));
                thread::sleep(STEP);
            }
            points
        });
        let lines = BufReader::new(output).lines().map_while(std::io::Result::ok);
        let words: Vec<(String, Instant)> = lines.map(|word| (word, Instant::now())).collect();
        is_over.store(true, Ordering::Relaxed);
        (watch.join().unwrap_or_default(), words)
    });
    if !child.wait()?.success() {
        return Err(format!("{name} could not be followed").into());
    }
    let at = |wanted: &str| {
        let found = words.iter().find(|(word, _)| word == wanted);
        found.map(|(_, at)| *at).ok_or_else(|| format!("{name} did not say `{wanted}`"))
    };
    let (ready, dumping, loading, done) =
        (at("ready")?, at("dumping")?, at("loading")?, at("done")?);
    let before = points.iter().rev().find(|(at, _)| *at <= ready).map_or(0.0, |point| point.1);
    let points = points
        .into_iter()
        .filter(|(at, _)| (dumping..=done).contains(at))
        .map(|(at, bytes)| ((at - dumping).as_secs_f64(), (bytes - before).max(0.0)))
        .collect();
    Ok(Curve { name, points, loading: (loading - dumping).as_secs_f64() })
}

/// The memory of a process, in bytes.
fn resident(statm: &str) -> Option<f64> {
    const PAGE: f64 = 4096.0;
    let text = fs::read_to_string(statm).ok()?;
    text.split_whitespace().nth(1)?.parse::<f64>().ok().map(|pages| pages * PAGE)
}

/// Pixels: the field of a curve, and what is around it.
const WIDTH: f64 = 700.0;
const HEIGHT: f64 = 120.0;
const LEFT: f64 = 76.0;
const TOP: f64 = 40.0;
const GAP: f64 = 34.0;

/// One field below the other, all with the same scales: who is faster ends further left.
fn svg(size: u64, curves: &[Curve]) -> String {
    let ends = curves.iter().flat_map(|curve| curve.points.last()).map(|point| point.0);
    let end = ends.fold(f64::MIN_POSITIVE, f64::max);
    let all = curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
    let most = all.fold(size as f64, f64::max);
    let height = TOP + curves.len() as f64 * (HEIGHT + GAP) + 24.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>text {{ fill: #24292f }} .line {{ fill: none; stroke-width: 2; stroke: #8c959f }} \
         .ours {{ stroke: #2f81f7 }} .data {{ stroke: #8c959f; stroke-dasharray: 4 4 }} \
         .mark {{ stroke: #8c959f }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}</style>\n\
         <text x=\"24\" y=\"24\" font-size=\"16\" font-weight=\"bold\">Memory while {:.0} MB of \
         arrays are dumped and loaded</text>\n",
        size as f64 / 1e6
    );
    for (index, curve) in curves.iter().enumerate() {
        let top = TOP + index as f64 * (HEIGHT + GAP);
        draw_curve(&mut text, curve, top, (end, most), size as f64);
    }
    let _ = writeln!(
        text,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">seconds</text>\n</svg>",
        LEFT + WIDTH,
        height - 8.0
    );
    text
}

fn draw_curve(text: &mut String, curve: &Curve, top: f64, (end, most): (f64, f64), size: f64) {
    let x = |seconds: f64| LEFT + seconds / end * WIDTH;
    let y = |bytes: f64| top + 20.0 + (HEIGHT - 20.0) * (1.0 - bytes / most);
    let class = if curve.name == "ours" { "line ours" } else { "line" };
    let last = curve.points.last().map_or(0.0, |point| point.0);
    let (floor, full, load) = (y(0.0), y(size), x(curve.loading));
    let _ = writeln!(
        text,
        "<text x=\"{LEFT}\" y=\"{:.0}\" font-weight=\"bold\">{}</text>\n\
         <path class=\"data\" d=\"M{LEFT} {full:.1}H{:.1}\"/>\
         <path class=\"mark\" d=\"M{LEFT} {floor:.1}H{:.1}M{load:.1} {floor:.1}v6\"/>\n\
         <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} MB</text>\
         <text x=\"{:.0}\" y=\"{floor:.1}\" text-anchor=\"end\">0</text>\n\
         <text x=\"{:.1}\" y=\"{:.1}\">load: {:.2}</text>\
         <text x=\"{LEFT}\" y=\"{:.1}\">dump: {:.2}</text>",
        top + 12.0,
        curve.name,
        LEFT + WIDTH,
        LEFT + WIDTH,
        LEFT - 8.0,
        full + 4.0,
        size / 1e6,
        LEFT - 8.0,
        load.max(LEFT + 84.0),
        floor + 18.0,
        last - curve.loading,
        floor + 18.0,
        curve.loading,
    );
    let line: Vec<String> = thinned(&curve.points)
        .map(|&(seconds, bytes)| format!("{:.1},{:.1}", x(seconds), y(bytes)))
        .collect();
    let _ = writeln!(text, "<polyline class=\"{class}\" points=\"{}\"/>", line.join(" "));
}

/// At most about a thousand points, the last one among them.
fn thinned(points: &[(f64, f64)]) -> impl Iterator<Item = &(f64, f64)> {
    let step = points.len().div_ceil(1000).max(1);
    points.iter().step_by(step).chain(points.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_curve_fills_the_width_and_the_highest_the_height() {
        let curve = |name, seconds| Curve {
            name,
            points: vec![(0.0, 0.0), (seconds, 8e6)],
            loading: seconds / 2.0,
        };
        let text = svg(4_000_000, &[curve("ours", 1.0), curve("joblib", 2.0)]);
        assert!(text.contains("points=\"76.0,160.0 426.0,60.0 426.0,60.0\""), "{text}");
        assert!(text.contains("776.0,214.0"), "{text}");
        assert!(text.contains("4 MB") && text.contains("load: 0.50"), "{text}");
    }
}
