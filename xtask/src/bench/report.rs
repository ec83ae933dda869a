//! Tables for a person, and files to keep: raw numbers, a summary, and where they come from.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::sample::Sample;
use super::scenario::{Area, By, Scenario, Unit};
use crate::{Result, python, workspace};

/// What a scenario gave, as a Markdown table; every side as a ratio to our first.
pub(super) fn table(scenario: &Scenario, samples: &[Vec<Sample>]) -> String {
    let unit = match scenario.unit {
        Unit::Milliseconds | Unit::MillisecondsInAll => "ms",
        Unit::MicrosecondsPerCall => "µs a call",
        Unit::NanosecondsPerTask => "ns a task",
    };
    let mut text = format!(
        "| side | min {unit} | median {unit} | min ÷ ours | median ÷ ours | peak MB | file MB | |\n"
    );
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n");
    let (our_min, our_median) = least_and_middle(&samples[0]);
    for (side, samples) in scenario.sides.iter().zip(samples) {
        let (min, median) = least_and_middle(samples);
        let verdict = match side.by {
            By::Us => "",
            By::Rust | By::Peers | By::Python if min < our_min || median < our_median => {
                "**we lose**"
            }
            By::Rust | By::Peers | By::Python => "",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.2} | {:.2} | {} | {} | {verdict} |",
            side.name,
            shown(scenario, min),
            shown(scenario, median),
            min.as_secs_f64() / our_min.as_secs_f64(),
            median.as_secs_f64() / our_median.as_secs_f64(),
            megabytes(samples.iter().filter_map(|sample| sample.memory).max()),
            megabytes(samples.iter().filter_map(|sample| sample.disk).max()),
        );
    }
    text
}

/// Writes `xtask/results/<date>-<machine>/<area>.md` with its raw numbers, and returns the folder.
pub(super) fn write(area: &Area, results: &[(Scenario, Vec<Vec<Sample>>)]) -> Result<PathBuf> {
    let folder = folder()?;
    let mut raw = "scenario,size,side,round,seconds,peak_bytes,file_bytes\n".to_owned();
    let mut summary =
        format!("# {}\n\nA ratio above 1 is how much longer the other side took.\n", area.name);
    for (scenario, samples) in results {
        let _ = write!(summary, "\n## {}, {}\n\n", scenario.name, size(scenario));
        summary.push_str(&table(scenario, samples));
        for (side, samples) in scenario.sides.iter().zip(samples) {
            for (round, sample) in samples.iter().enumerate() {
                let (name, size, side) = (&scenario.name, scenario.size, side.name);
                let seconds = sample.time.as_secs_f64();
                let bytes = |bytes: Option<u64>| bytes.map_or_else(String::new, |b| b.to_string());
                let (memory, disk) = (bytes(sample.memory), bytes(sample.disk));
                let _ =
                    writeln!(raw, "\"{name}\",{size},\"{side}\",{round},{seconds},{memory},{disk}");
            }
        }
    }
    fs::write(folder.join(format!("{}.csv", area.name)), raw)?;
    fs::write(folder.join(format!("{}.md", area.name)), summary + &origin(area)?)?;
    Ok(folder)
}

/// `xtask/results/<date>-<machine>`, made if it is not there.
pub(super) fn folder() -> Result<PathBuf> {
    let machine = machine().to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let slug: Vec<&str> = machine.split('-').filter(|part| !part.is_empty()).collect();
    let name = format!("{}-{}", first_line("date", &["-u", "+%F"]), slug.join("-"));
    let folder = workspace::root().join("xtask/results").join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Where the numbers come from.
fn origin(area: &Area) -> Result<String> {
    let requirements = workspace::read(&python::script(&format!("{}.txt", area.requirements)))?;
    let packages: Vec<&str> =
        requirements.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    Ok(format!(
        "\n## Where this comes from\n\n- command: `cargo xtask bench {}`\n- machine: {}\n- system: {}\n\
         - compiler: {}\n- other side: {}, {}\n- source: {}\n- raw numbers: `{}.csv`\n\nEach measurement \
         is a process of its own that touches and frees memory first; the sides take\nturns. Peaks are \
         beyond what the process had before, files what it left.\n",
        area.name,
        machine(),
        first_line("uname", &["-sr"]),
        first_line("rustc", &["--version"]),
        first_line(&python::environment(area.requirements)?.to_string_lossy(), &["--version"]),
        packages.join(", "),
        first_line("git", &["describe", "--always", "--dirty"]),
        area.name,
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

fn least_and_middle(samples: &[Sample]) -> (Duration, Duration) {
    let mut times: Vec<Duration> = samples.iter().map(|sample| sample.time).collect();
    times.sort();
    (times[0], times[times.len() / 2])
}

fn shown(scenario: &Scenario, time: Duration) -> String {
    let each = time.as_secs_f64() / scenario.size as f64;
    match scenario.unit {
        Unit::Milliseconds | Unit::MillisecondsInAll => {
            format!("{:.1}", time.as_secs_f64() * 1e3)
        }
        Unit::MicrosecondsPerCall => format!("{:.1}", each * 1e6),
        Unit::NanosecondsPerTask => format!("{:.1}", each * 1e9),
    }
}

fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!("{:.1}", bytes as f64 / 1e6))
}

fn size(scenario: &Scenario) -> String {
    match scenario.unit {
        Unit::Milliseconds => format!("{:.0} MB", scenario.size as f64 / 1e6),
        Unit::NanosecondsPerTask | Unit::MillisecondsInAll => format!("{} tasks", scenario.size),
        Unit::MicrosecondsPerCall => format!("mean of {} calls", scenario.size),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::Side;
    use super::*;

    #[test]
    fn a_side_that_is_faster_is_shown_as_our_loss() {
        let scenario = Scenario {
            name: "dump".to_owned(),
            size: 1_000_000,
            unit: Unit::Milliseconds,
            rounds: 3,
            sides: vec![
                Side::ours("ours", "dump"),
                Side::python("joblib", "dump-joblib"),
                Side::rust("postcard", "dump-postcard"),
            ],
        };
        let samples = |ms: [u64; 3]| {
            let sample = |ms| Sample { time: Duration::from_millis(ms), ..Sample::default() };
            ms.map(sample).to_vec()
        };
        let mut samples = [samples([20, 10, 30]), samples([50, 40, 60]), samples([9, 40, 60])];
        samples[1][2].memory = Some(1_500_000);
        let table = table(&scenario, &samples);
        assert!(table.contains("| ours | 10.0 | 20.0 | 1.00 | 1.00 |  |  |  |"), "{table}");
        assert!(table.contains("| joblib | 40.0 | 50.0 | 4.00 | 2.50 | 1.5 |  |  |"), "{table}");
        assert_eq!(table.matches("we lose").count(), 1, "{table}");
    }
}
