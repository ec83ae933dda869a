//! Threads and processes that ask for results in one folder at the same time.

use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use joblib_memory::Memory;

use super::super::sample::Sample;
use super::calls::{Argument, number};
use crate::Result;

/// How many they are.
pub(super) const CROWD: usize = 8;

/// What the member with this number asks for.
fn share<T>(all: &[T], member: usize, members: usize) -> impl Iterator<Item = &T> {
    all.iter().skip(member).step_by(members)
}

pub(super) fn threads(memory: &Memory, arguments: &[Argument]) -> Result<Sample> {
    let ((), sample) = Sample::take(|| {
        std::thread::scope(|scope| {
            for member in 0..CROWD {
                scope.spawn(move || ask(memory, share(arguments, member, CROWD)));
            }
        });
    });
    assert_eq!(memory.stats().hits, arguments.len() as u64, "not every call was a hit");
    Ok(sample)
}

/// What reading the files of all results takes, whoever reads them: what the disk gives.
pub(super) fn files(memory: &Memory, members: usize) -> Result<Sample> {
    let location = memory.location().ok_or("it is in a folder")?;
    let entries = memory.entries()?;
    let paths: Vec<PathBuf> =
        entries.iter().map(|entry| location.join(entry.id.to_key())).collect();
    let paths = &paths[..];
    let read = |member| share(paths, member, members).all(|path| fs::read(path).is_ok());
    let (all, sample) = Sample::take(|| {
        std::thread::scope(|scope| {
            let readers: Vec<_> =
                (0..members).map(|member| scope.spawn(move || read(member))).collect();
            readers.into_iter().all(|reader| reader.join().unwrap_or(false))
        })
    });
    assert!(all, "not every file was read");
    Ok(sample)
}

/// Starts all, and measures from the moment when they are told to begin.
pub(super) fn processes(folder: &Path, size: u64) -> Result<Sample> {
    let mut members = (0..CROWD)
        .map(|member| {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["bench", "--measure", "cache", &format!("hit:process:{member}")]);
            command.arg(folder).arg(size.to_string());
            Ok(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?)
        })
        .collect::<Result<Vec<Child>>>()?;
    for member in &mut members {
        line(member)?;
    }
    let (done, sample) = Sample::take(|| -> Result {
        for member in &mut members {
            member.stdin.take().ok_or("it is told once")?.write_all(b"begin\n")?;
        }
        members.iter_mut().try_for_each(|member| line(member))
    });
    done?;
    for mut member in members {
        member.wait()?;
    }
    Ok(sample)
}

/// One of the processes: says that it is ready, waits for a line, asks, and says that it is done.
pub(super) fn process(memory: &Memory, arguments: &[Argument], member: usize) -> Result<Sample> {
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let ((), sample) = Sample::take(|| ask(memory, share(arguments, member, CROWD)));
    let own = share(arguments, member, CROWD).count() as u64;
    assert_eq!(memory.stats().hits, own, "not every call was a hit");
    println!("done");
    Ok(sample)
}

fn ask<'a>(memory: &Memory, arguments: impl Iterator<Item = &'a Argument>) {
    let cached = memory.cache("measured", number);
    for argument in arguments {
        black_box(cached.call(argument));
    }
}

/// Waits for a line.
fn line(member: &mut Child) -> Result {
    let output = member.stdout.as_mut().ok_or("its output is ours")?;
    // Byte by byte: what comes after the line is for the next one who waits.
    let mut text = String::new();
    BufReader::with_capacity(1, output).read_line(&mut text)?;
    if text.is_empty() { Err("a process of the crowd ended early".into()) } else { Ok(()) }
}
