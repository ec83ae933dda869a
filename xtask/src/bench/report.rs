//! Tables for a person, and files to keep: raw numbers, a summary, and where they come from.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::scenarios::{By, Scenario, Unit};
use crate::{Result, python, workspace};

/// What a scenario gave, as a Markdown table; every side as a ratio to our first.
pub(super) fn table(scenario: &Scenario, samples: &[Vec<Duration>]) -> String {
    let unit = match scenario.unit {
        Unit::Milliseconds => "ms",
        Unit::NanosecondsPerTask => "ns a task",
    };
    let mut text =
        format!("| side | min {unit} | median {unit} | min ÷ ours | median ÷ ours | |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | --- |\n");
    let (our_min, our_median) = least_and_middle(&samples[0]);
    for (side, times) in scenario.sides.iter().zip(samples) {
        let (min, median) = least_and_middle(times);
        let verdict = match side.by {
            By::Python if min < our_min || median < our_median => "**we lose**",
            _ => "",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.2} | {:.2} | {verdict} |",
            side.name,
            shown(scenario, min),
            shown(scenario, median),
            min.as_secs_f64() / our_min.as_secs_f64(),
            median.as_secs_f64() / our_median.as_secs_f64(),
        );
    }
    text
}

/// Writes `xtask/results/<date>-<machine>` and returns it.
pub(super) fn write(results: &[(&Scenario, Vec<Vec<Duration>>)]) -> Result<PathBuf> {
    let machine = machine();
    let slug = machine.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let slug: Vec<&str> = slug.split('-').filter(|part| !part.is_empty()).collect();
    let name = format!("{}-{}", first_line("date", &["-u", "+%F"]), slug.join("-"));
    let folder = workspace::root().join("xtask/results").join(name);
    fs::create_dir_all(&folder)?;

    let mut raw = "scenario,size,side,round,seconds\n".to_owned();
    let mut summary =
        "# Summary\n\nA ratio above 1 is how much longer the other side took.\n".to_owned();
    for (scenario, samples) in results {
        let _ = write!(summary, "\n## {}, {}\n\n", scenario.name, size(scenario));
        summary.push_str(&table(scenario, samples));
        for (side, times) in scenario.sides.iter().zip(samples) {
            for (round, time) in times.iter().enumerate() {
                let (name, size, side) = (scenario.name, scenario.size, side.name);
                let seconds = time.as_secs_f64();
                let _ = writeln!(raw, "\"{name}\",{size},\"{side}\",{round},{seconds}");
            }
        }
    }
    fs::write(folder.join("raw.csv"), raw)?;
    fs::write(folder.join("summary.md"), summary)?;
    fs::write(folder.join("README.md"), origin(&machine)?)?;
    Ok(folder)
}

/// Where the numbers come from.
fn origin(machine: &str) -> Result<String> {
    let requirements = workspace::read(&python::script("requirements.txt"))?;
    let packages: Vec<&str> =
        requirements.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    Ok(format!(
        "# Results of `cargo xtask bench`\n\n- machine: {machine}\n- system: {}\n- compiler: {}\n\
         - other side: {}, {}\n- source: {}\n\n[Summary](summary.md), raw numbers in `raw.csv`. Each \
         measurement is a process of its own\nthat touches and frees memory first; the sides take \
         turns.\n",
        first_line("uname", &["-sr"]),
        first_line("rustc", &["--version"]),
        first_line(&python::interpreter()?.to_string_lossy(), &["--version"]),
        packages.join(", "),
        first_line("git", &["describe", "--always", "--dirty"]),
    ))
}

/// The processor and how many of it there are.
fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores")
}

fn first_line(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(workspace::root()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or("unknown").to_owned()
}

fn least_and_middle(times: &[Duration]) -> (Duration, Duration) {
    let mut times = times.to_vec();
    times.sort();
    (times[0], times[times.len() / 2])
}

fn shown(scenario: &Scenario, time: Duration) -> String {
    match scenario.unit {
        Unit::Milliseconds => format!("{:.1}", time.as_secs_f64() * 1e3),
        Unit::NanosecondsPerTask => {
            format!("{:.1}", time.as_secs_f64() * 1e9 / scenario.size as f64)
        }
    }
}

fn size(scenario: &Scenario) -> String {
    match scenario.unit {
        Unit::Milliseconds => format!("{} MB", scenario.size / 1_000_000),
        Unit::NanosecondsPerTask => format!("{} tasks", scenario.size),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenarios;
    use super::*;

    #[test]
    fn a_side_that_is_faster_is_shown_as_our_loss() {
        let scenario = &scenarios::all(false)[0];
        let times = |ms: [u64; 3]| ms.map(Duration::from_millis).to_vec();
        let samples =
            [times([20, 10, 30]), times([50, 40, 60]), times([9, 40, 60]), times([10, 20, 30])];
        let table = table(scenario, &samples);
        assert!(table.contains("| ours | 10.0 | 20.0 | 1.00 | 1.00 |  |"), "{table}");
        assert!(table.contains("| joblib | 40.0 | 50.0 | 4.00 | 2.50 |  |"), "{table}");
        assert_eq!(table.matches("we lose").count(), 1, "{table}");
    }
}
