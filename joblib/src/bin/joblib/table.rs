//! Tables and quantities that a person can read.

use std::time::{Duration, SystemTime};

/// Prints rows under a heading, in columns; the first `left` columns are text, the others numbers.
pub(crate) fn print(heading: &[&str], left: usize, rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let heading: Vec<String> = heading.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&heading).chain(rows) {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// `12.3 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// `3 h ago`.
pub(crate) fn ago(time: Option<SystemTime>) -> String {
    let age = time.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
    age.map_or_else(|| "?".to_owned(), |age| format!("{} ago", duration(age)))
}

/// `3 h`, `250 ms`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.as_millis() > 0 => format!("{} ms", duration.as_millis()),
        0 => format!("{} µs", duration.as_micros()),
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        let shown = [0, 999, 1000, 999_499, 999_500, 12_345_678, u64::MAX].map(bytes);
        assert_eq!(
            shown,
            ["0 B", "999 B", "1.0 kB", "999.5 kB", "1.0 MB", "12.3 MB", "18446744.1 TB"]
        );
        let shown = [0, 119, 120, 7200, 200_000].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(shown, ["0 µs", "119 s", "2 min", "2 h", "2 days"]);
    }
}
