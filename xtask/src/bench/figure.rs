//! Bars as SVG: the figure in the README of `joblib-persist`.

use std::fmt::Write;
use std::fs;

use super::sample::Sample;
use super::scenario::Scenario;
use crate::{Result, workspace};

/// One group of bars, with a scale of its own.
struct Panel {
    title: &'static str,
    unit: &'static str,
    /// Who, and how much.
    bars: Vec<(&'static str, f64)>,
}

/// Draws the four panels of the scene of arrays, if it is among `results`: into the folder of
/// `joblib-persist`, or below `target` if they are only quick ones.
pub(super) fn draw(results: &[(Scenario, Vec<Vec<Sample>>)], quick: bool) -> Result {
    let find = |name| results.iter().find(|(scenario, _)| scenario.name == name);
    let (Some(dump), Some(load)) = (find("dump arrays, raw"), find("load arrays, raw")) else {
        return Ok(());
    };
    let seconds = |sample: &Sample| Some(sample.time.as_secs_f64());
    let megabytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / 1e6);
    let memory = |sample: &Sample| megabytes(sample.memory);
    let panels = [
        panel("Time to dump", "s", dump, seconds),
        panel("Time to load", "s", load, seconds),
        panel("Extra memory of the dump", "MB", dump, memory),
        panel("File", "MB", dump, |sample| megabytes(sample.disk)),
    ];
    let title = format!("Two arrays of float64, {:.0} MB", dump.0.size as f64 / 1e6);
    let folder = if quick { workspace::target() } else { workspace::root().join("joblib-persist") };
    let path = folder.join("arrays.svg");
    fs::write(&path, svg(&title, &panels))?;
    println!("drawn in {}", path.display());
    Ok(())
}

/// The least of each side's samples; sides without any are left out.
fn panel(
    title: &'static str,
    unit: &'static str,
    (scenario, samples): &(Scenario, Vec<Vec<Sample>>),
    measure: impl Fn(&Sample) -> Option<f64>,
) -> Panel {
    let least = |samples: &Vec<Sample>| samples.iter().filter_map(&measure).reduce(f64::min);
    let sides = scenario.sides.iter().zip(samples);
    let bars = sides.filter_map(|(side, samples)| Some((side.name, least(samples)?))).collect();
    Panel { title, unit, bars }
}

/// Pixels: a panel, its margin, and the column of names in it.
const WIDTH: usize = 400;
const MARGIN: usize = 24;
const NAMES: usize = 110;
const NUMBERS: usize = 76;
const BAR: usize = 18;
const STEP: usize = 26;
const HEAD: usize = 34;
const TITLE: usize = 36;

/// Two panels beside each other, two rows of them; colours that do on white and on black.
fn svg(title: &str, panels: &[Panel]) -> String {
    let most = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or(0);
    let height = HEAD + most * STEP + MARGIN;
    let (whole_width, whole_height) = (2 * WIDTH, TITLE + panels.len().div_ceil(2) * height);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole_width} {whole_height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>text {{ fill: #24292f }} .bar {{ fill: #8c959f }} .ours {{ fill: #2f81f7 }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}</style>\n\
         <text x=\"{MARGIN}\" y=\"24\" font-size=\"16\" font-weight=\"bold\">{title}; less is better\
         </text>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        let (x, y) = (index % 2 * WIDTH + MARGIN, TITLE + index / 2 * height);
        draw_panel(&mut text, panel, x, y);
    }
    text.push_str("</svg>\n");
    text
}

fn draw_panel(text: &mut String, panel: &Panel, x: usize, y: usize) {
    let full = WIDTH - MARGIN - NAMES - NUMBERS;
    let largest = panel.bars.iter().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    let (title, unit) = (panel.title, panel.unit);
    let _ = writeln!(
        text,
        "<text x=\"{x}\" y=\"{}\" font-weight=\"bold\">{title}, {unit}</text>",
        y + 18
    );
    for (row, (name, value)) in panel.bars.iter().enumerate() {
        let top = y + HEAD + row * STEP;
        let length = (value / largest * full as f64).max(1.0);
        let class = if row == 0 { "ours" } else { "bar" };
        let (baseline, bar) = (top + 14, x + NAMES);
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{class}\" x=\"{bar}\" y=\"{top}\" width=\"{length:.1}\" height=\"{BAR}\"/>\
             <text x=\"{:.1}\" y=\"{baseline}\">{}</text>",
            bar - 8,
            bar as f64 + length + 6.0,
            shown(*value),
        );
    }
}

/// Three digits that count.
fn shown(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_its_panel_and_the_others_are_in_proportion() {
        let bars = vec![("ours", 1.0), ("joblib", 4.0), ("nothing", 0.0)];
        let text = svg("Title", &[Panel { title: "Time", unit: "s", bars }]);
        let full = WIDTH - MARGIN - NAMES - NUMBERS;
        for width in [full as f64, full as f64 / 4.0, 1.0] {
            assert!(text.contains(&format!("width=\"{width:.1}\"")), "{width}: {text}");
        }
        assert!(text.contains(">4.00</text>") && text.contains(">0.000</text>"), "{text}");
    }
}
