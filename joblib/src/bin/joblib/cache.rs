//! `joblib cache`: what is in a folder of cached results, and keeping it small.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use joblib::Memory;
use joblib::memory::{EntryInfo, Function, FunctionStats, Limits, Metadata, Stats};
use serde_json::{Value, json};

use crate::{Outcome, chain, table};

/// Results that `ls` shows of one function unless it is told otherwise.
const SHOWN: usize = 50;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the functions with results, or the results of one function.
    ///
    /// Example: joblib cache ls cache fit
    Ls {
        #[command(flatten)]
        place: Place,
        /// A function: its path or the end of it. Shows its results, those used last first.
        function: Option<String>,
        /// Show all results of the function and not the last 50.
        #[arg(long)]
        all: bool,
    },
    /// Sum up what is there, and what it was worth: hits, misses and the time saved by all processes.
    Stat {
        #[command(flatten)]
        place: Place,
    },
    /// Say why the last computation of a function was needed: the nearest result that was there
    /// before, and what differs.
    Why {
        #[command(flatten)]
        place: Place,
        /// The function: its path or the end of it.
        function: String,
    },
    /// Compare every result with its checksums. The exit code is 1 if one is damaged.
    Verify {
        #[command(flatten)]
        place: Place,
        /// Delete damaged results; they would be computed again anyway.
        #[arg(long)]
        delete: bool,
    },
    /// Forget all results, or those of one function.
    Clear {
        #[command(flatten)]
        place: Place,
        /// The function: its path or the end of it.
        function: Option<String>,
        /// Forget only what older code has left: of each function the code that was used last stays.
        #[arg(long, conflicts_with = "function")]
        stale: bool,
    },
    /// Delete what was not used for longest, until the folder is within limits.
    ///
    /// Example: joblib cache reduce cache --bytes 10G --age 30d
    Reduce {
        #[command(flatten)]
        place: Place,
        /// At most so many bytes: 500, 10K, 1.5G (powers of 1024).
        #[arg(long, value_parser = parse_bytes)]
        bytes: Option<u64>,
        /// At most so many results.
        #[arg(long)]
        items: Option<u64>,
        /// Only results used within this time: 90s, 15m, 12h, 30d.
        #[arg(long, value_parser = parse_age)]
        age: Option<Duration>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Place {
    /// The folder that was given to `Memory::new`, with the folder `joblib` in it; or the URL that was
    /// given to `Memory::open`, such as s3://bucket/prefix (feature `cloud`).
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: Command) -> Outcome {
    match command {
        Command::Ls { place, function: None, .. } => list_functions(&place),
        Command::Ls { place, function: Some(name), all } => list_results(&place, &name, all),
        Command::Stat { place } => stat(&place),
        Command::Why { place, function } => why(&place, &function),
        Command::Verify { place, delete } => verify(&place, delete),
        Command::Clear { place, function, stale } => clear(&place, function.as_deref(), stale),
        Command::Reduce { place, bytes, items, age } => {
            let mut limits = Limits::new();
            limits = bytes.map_or(limits, |bytes| limits.bytes(bytes));
            limits = items.map_or(limits, |items| limits.items(items));
            limits = age.map_or(limits, |age| limits.age(age));
            if limits == Limits::new() {
                return Err("nothing to do: give `--bytes`, `--items` or `--age`".into());
            }
            deleted(&place, open(&place)?.reduce_size(&limits)?)
        }
    }
}

fn open(place: &Place) -> Result<Memory, Box<dyn std::error::Error>> {
    let url = place.dir.to_str().filter(|dir| dir.contains("://"));
    let memory = url.map_or_else(|| Ok(Memory::new(&place.dir)), Memory::open)?;
    let Some(dir) = memory.location().filter(|dir| !dir.join("joblib").is_dir()) else {
        return Ok(memory);
    };
    let mut message = format!("no results in `{}`: it has no folder `joblib`", dir.display());
    if dir.file_name().is_some_and(|name| name == "joblib") {
        let parent = dir.parent().filter(|parent| *parent != Path::new(""));
        let parent = parent.unwrap_or(Path::new("."));
        message.push_str(&format!("; did you mean `{}`?", parent.display()));
    }
    Err(message.into())
}

/// The function of that path, or the only one whose path ends so.
fn find(memory: &Memory, name: &str) -> Result<Function, Box<dyn std::error::Error>> {
    let functions = memory.stat()?.functions;
    let paths = || functions.iter().map(|function| function.function.path());
    let suffix = format!("::{name}");
    let ends: Vec<&str> = paths().filter(|path| path.ends_with(&suffix)).collect();
    let found = match (paths().find(|path| *path == name), &ends[..]) {
        (Some(path), _) => path,
        (None, [path]) => path,
        (None, []) => {
            let known: Vec<String> = paths().take(20).map(|path| format!("`{path}`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(format!("no results of `{name}` (functions: {known})").into());
        }
        (None, several) => {
            let several = several.join("`, `");
            return Err(format!("`{name}` may be `{several}`: give more of the path").into());
        }
    };
    Ok(Function::new(found))
}

fn list_functions(place: &Place) -> Outcome {
    let stat = open(place)?.stat()?;
    if place.json {
        print_json(&stat.functions.iter().map(function_json).collect());
        return Ok(true);
    }
    let row = |f: &FunctionStats| {
        let path = f.function.path().to_owned();
        let (items, versions) = (f.items.to_string(), f.versions.len().to_string());
        let (hits, saved) = (f.calls.hits.to_string(), table::duration(f.calls.saved));
        vec![path, items, versions, table::bytes(f.bytes), table::ago(f.used), hits, saved]
    };
    let rows: Vec<Vec<String>> = stat.functions.iter().map(row).collect();
    table::print(&["function", "results", "versions", "size", "used", "hits", "saved"], 1, &rows);
    Ok(true)
}

fn list_results(place: &Place, name: &str, all: bool) -> Outcome {
    let memory = open(place)?;
    let mut entries = memory.entries_of(&find(&memory, name)?)?;
    entries.sort_by_key(|entry| Reverse(entry.used));
    let hidden = if all { 0 } else { entries.len().saturating_sub(SHOWN) };
    entries.truncate(entries.len() - hidden);
    let described = entries.iter().map(|entry| {
        let metadata = memory.metadata(&entry.id).ok().flatten();
        (entry, metadata)
    });
    if place.json {
        print_json(
            &described.map(|(entry, metadata)| entry_json(entry, metadata.as_ref())).collect(),
        );
        return Ok(true);
    }
    let rows: Vec<Vec<String>> = described
        .map(|(entry, metadata)| {
            let took = metadata.as_ref().map_or("?".to_owned(), |m| table::duration(m.duration));
            let code = entry.id.code.to_string()[..8].to_owned();
            let call = metadata.map_or("damaged".to_owned(), |metadata| call(&metadata));
            vec![call, code, took, table::bytes(entry.bytes), table::ago(entry.used)]
        })
        .collect();
    table::print(&["call", "code", "took", "size", "used"], 2, &rows);
    if hidden > 0 {
        println!("… and {hidden} more: `--all` shows them");
    }
    Ok(true)
}

fn stat(place: &Place) -> Outcome {
    let stat = open(place)?.stat()?;
    let used = stat.functions.iter().filter_map(|function| function.used).max();
    let versions: usize = stat.functions.iter().map(|function| function.versions.len()).sum();
    if place.json {
        print_json(&json!({
            "functions": stat.functions.len(), "versions": versions, "results": stat.items,
            "bytes": stat.bytes, "used": seconds(used), "calls": calls_json(&stat.calls),
        }));
        return Ok(true);
    }
    println!("functions  {}", stat.functions.len());
    println!(
        "versions   {versions} (more than functions: results of older code, see `clear --stale`)"
    );
    println!("results    {}", stat.items);
    println!("size       {}", table::bytes(stat.bytes));
    println!("used       {}", table::ago(used));
    let Stats { hits, misses, computing, saved, .. } = stat.calls;
    let share = 100.0 * hits as f64 / (hits + misses).max(1) as f64;
    println!("hits       {hits} ({share:.0} % of calls), {} saved", table::duration(saved));
    println!("misses     {misses}, {} computed", table::duration(computing));
    Ok(true)
}

fn why(place: &Place, name: &str) -> Outcome {
    let memory = open(place)?;
    let last = memory.newest(&find(&memory, name)?)?;
    let last = last.ok_or("its results were deleted just now")?;
    let metadata = memory.metadata(&last.id)?.ok_or("it was deleted just now")?;
    let why = memory.why(&last.id)?.ok_or("it was deleted just now")?;
    if place.json {
        let text = why.to_string();
        print_json(&json!({ "call": entry_json(&last, Some(&metadata)), "why": text }));
    } else {
        println!("{} was computed {}, because", call(&metadata), table::ago(last.stored));
        println!("{}", why.reason);
    }
    Ok(true)
}

fn verify(place: &Place, delete: bool) -> Outcome {
    let memory = open(place)?;
    let found = memory.verify()?;
    if delete {
        for (id, _) in &found.damaged {
            memory.forget(id)?;
        }
    }
    if place.json {
        let damaged = found
            .damaged
            .iter()
            .map(|(id, error)| json!({ "call": id.to_string(), "error": chain(error) }));
        let damaged: Vec<Value> = damaged.collect();
        print_json(&json!({ "whole": found.whole, "damaged": damaged, "deleted": delete }));
    } else {
        for (_, error) in &found.damaged {
            println!("{}", chain(error));
        }
        let outcome = if delete { " (deleted)" } else { "" };
        println!("{} whole, {} damaged{outcome}", found.whole, found.damaged.len());
    }
    Ok(found.damaged.is_empty())
}

fn clear(place: &Place, function: Option<&str>, stale: bool) -> Outcome {
    let memory = open(place)?;
    if stale {
        return deleted(place, memory.clear_stale()?);
    }
    let function = function.map(|name| find(&memory, name)).transpose()?;
    let count = |memory: &Memory| match &function {
        Some(function) => memory.entries_of(function).map(|entries| entries.len()),
        None => memory.entries().map(|entries| entries.len()),
    };
    let items = count(&memory)?;
    match &function {
        Some(function) => memory.clear_function(function)?,
        None => memory.clear()?,
    }
    print_deleted(place, items as u64, None);
    Ok(true)
}

fn deleted(place: &Place, gone: joblib::memory::Evicted) -> Outcome {
    print_deleted(place, gone.items, Some(gone.bytes));
    Ok(true)
}

fn print_deleted(place: &Place, items: u64, bytes: Option<u64>) {
    if place.json {
        print_json(&json!({ "deleted": items, "bytes": bytes }));
    } else {
        let size = bytes.map_or(String::new(), |bytes| format!(", {}", table::bytes(bytes)));
        println!("{items} results deleted{size}");
    }
}

/// `fit(alpha=0.1)`.
fn call(metadata: &Metadata) -> String {
    let name = metadata.function.rsplit("::").next().unwrap_or_default();
    let arguments = metadata.arguments.iter().map(|(name, value)| format!("{name}={value}"));
    let text = format!("{name}({})", arguments.collect::<Vec<_>>().join(", "));
    let mut characters = text.chars();
    let head: String = characters.by_ref().take(80).collect();
    if characters.next().is_some() { format!("{head}…") } else { head }
}

fn function_json(function: &FunctionStats) -> Value {
    let versions: Vec<String> = function.versions.iter().map(ToString::to_string).collect();
    json!({
        "function": function.function.path(), "results": function.items, "bytes": function.bytes,
        "versions": versions, "used": seconds(function.used), "calls": calls_json(&function.calls),
    })
}

fn calls_json(calls: &Stats) -> Value {
    json!({
        "hits": calls.hits, "misses": calls.misses, "computing": calls.computing.as_secs_f64(),
        "saved": calls.saved.as_secs_f64(),
    })
}

fn entry_json(entry: &EntryInfo, metadata: Option<&Metadata>) -> Value {
    let arguments = metadata.map(|metadata| {
        let pairs = metadata.arguments.iter();
        pairs.map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>()
    });
    json!({
        "function": entry.id.function.path(), "code": entry.id.code.to_string(),
        "digest": entry.id.arguments.to_string(), "arguments": arguments, "bytes": entry.bytes,
        "duration": metadata.map(|metadata| metadata.duration.as_secs_f64()),
        "stored": seconds(entry.stored), "used": seconds(entry.used),
    })
}

fn print_json(value: &Value) {
    println!("{value:#}");
}

fn seconds(time: Option<SystemTime>) -> Option<f64> {
    time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|time| time.as_secs_f64())
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    let factor = match text.chars().last().map(|unit| unit.to_ascii_uppercase()) {
        Some('K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        Some('T') => 40,
        _ => 0,
    };
    let number = if factor == 0 { text } else { &text[..text.len() - 1] };
    quantity(number, (1_u64 << factor) as f64)
        .map(|bytes| bytes as u64)
        .ok_or_else(|| format!("`{text}` is no number of bytes such as 500, 10K, 1.5G"))
}

fn parse_age(text: &str) -> Result<Duration, String> {
    let units = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86400.0)];
    let found = units.into_iter().find_map(|(unit, seconds)| {
        text.strip_suffix(unit).and_then(|number| quantity(number, seconds))
    });
    let duration = found.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| format!("`{text}` is no time such as 90s, 15m, 12h, 30d"))
}

/// A number that is not negative, times a unit.
fn quantity(number: &str, unit: f64) -> Option<f64> {
    number.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0).map(|n| n * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages() {
        assert_eq!(
            ["500", "10K", "1.5g"].map(parse_bytes),
            [Ok(500), Ok(10240), Ok(1_610_612_736)]
        );
        assert_eq!(parse_age("1.5h"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "K", "-1", "x", "inf", "é"] {
            assert!(parse_bytes(wrong).is_err() && parse_age(wrong).is_err(), "{wrong}");
        }
    }
}
