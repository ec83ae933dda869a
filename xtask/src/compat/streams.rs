//! Compressed streams, exchanged with Python's modules and with command-line tools.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use joblib_compress::{Compressor, DecodeOptions, EncodeOptions, Registry};

use super::matrix::{Cell, Matrix};
use super::python::{self, Entry};
use super::tools::{TOOLS, Tool};
use crate::{Result, workspace};

const COLUMNS: &[&str] =
    &["Python reads ours", "we read Python's", "tools read ours", "we read the tools'"];

/// Everything that is exchanged, and what the files are made from.
struct Exchange {
    registry: Registry,
    folder: PathBuf,
    inputs: HashMap<String, Vec<u8>>,
}

pub(super) fn run() -> Result {
    let exchange = Exchange::new()?;
    let ours = exchange.write_ours()?;
    let read_by_python = python::read(&exchange.folder.join("ours"))?;
    if read_by_python.len() != ours.len() {
        return Err(format!("Python read {} of {} files", read_by_python.len(), ours.len()).into());
    }
    let by_python = python::write(&exchange.folder.join("python"))?;
    by_python.iter().try_for_each(|entry| exchange.check("python", entry))?;

    let mut matrix = Matrix::new(COLUMNS);
    for compressor in exchange.registry.iter() {
        let name = compressor.name();
        let count = |entries: &[Entry]| entries.iter().filter(|entry| entry.format == name).count();
        let mut cells = vec![Cell::Read(count(&read_by_python)), Cell::Read(count(&by_python))];
        cells.extend(exchange.tools(name, &ours)?);
        matrix.push(name, cells);
    }
    let read = matrix.print()?;
    println!("{read} files read and found to be what they were made from");
    Ok(())
}

impl Exchange {
    fn new() -> Result<Self> {
        let folder = workspace::target().join("compat");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let inputs = [("empty", Vec::new()), ("small", sample(100)), ("large", sample(4 << 20))];
        let inputs = inputs.map(|(name, bytes)| (name.to_owned(), bytes));
        for side in ["ours", "python", "tools"] {
            fs::create_dir_all(folder.join(side))?;
            for (name, bytes) in &inputs {
                fs::write(folder.join(side).join(format!("{name}.input")), bytes)?;
            }
        }
        Ok(Self { registry: Registry::builtin(), folder, inputs: inputs.into() })
    }

    /// Every input at the lowest, the usual and the highest level of every format, by one thread
    /// and by two; and one joined to itself.
    fn write_ours(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for compressor in self.registry.iter() {
            let levels = compressor.levels();
            for level in [levels.min, levels.default, levels.max] {
                for (input, bytes) in &self.inputs {
                    for threads in [1, 2] {
                        let options = EncodeOptions::new(level).threads(threads);
                        let stream = encode(compressor.as_ref(), bytes, &options)?;
                        let variant = format!("{level}-by-{threads}");
                        entries.push(self.keep(compressor.as_ref(), &variant, input, &stream)?);
                    }
                }
            }
            let usual = EncodeOptions::new(levels.default);
            let small = encode(compressor.as_ref(), &self.inputs["small"], &usual)?;
            let joined = [small.clone(), small].concat();
            entries.push(self.keep(compressor.as_ref(), JOINED, "small", &joined)?);
        }
        let line = |entry: &Entry| format!("{}\t{}\t{}\n", entry.format, entry.file, entry.input);
        let manifest: String = entries.iter().map(line).collect();
        fs::write(self.folder.join("ours/manifest.txt"), manifest)?;
        Ok(entries)
    }

    fn keep(
        &self,
        compressor: &dyn Compressor,
        variant: &str,
        input: &str,
        stream: &[u8],
    ) -> Result<Entry> {
        let format = compressor.name().to_owned();
        let extension = compressor.extensions()[0];
        let file = format!("{format}.{variant}.{input}.{extension}");
        fs::write(self.folder.join("ours").join(&file), stream)?;
        Ok(Entry { format, file, input: input.to_owned() })
    }

    /// Reads a file of `side`, whose format must be found by its first bytes.
    fn check(&self, side: &str, entry: &Entry) -> Result {
        [1, 2].iter().try_for_each(|threads| self.check_with(*threads, side, entry))
    }

    fn check_with(&self, threads: usize, side: &str, entry: &Entry) -> Result {
        let stream = fs::read(self.folder.join(side).join(&entry.file))?;
        let wrong = |what: String| format!("{side}/{}: {what}", entry.file);
        let options = DecodeOptions::new().threads(threads);
        let mut found = self.registry.decoder_for(Box::new(&stream[..]), &options)?;
        let name = found.compressor.as_ref().map(|compressor| compressor.name());
        if name != Some(&entry.format) {
            return Err(wrong(format!("taken for {name:?}")).into());
        }
        let mut output = Vec::new();
        found.reader.read_to_end(&mut output).map_err(|error| wrong(error.to_string()))?;
        self.compare(entry, &output).map_err(|error| wrong(error.to_string()).into())
    }

    /// Whether `output` is the input of `entry`; twice, if the file is two streams.
    fn compare(&self, entry: &Entry, output: &[u8]) -> Result {
        let input = &self.inputs[&entry.input];
        let expected = input.repeat(if is_joined(entry) { 2 } else { 1 });
        if output == expected {
            return Ok(());
        }
        Err(format!("{} bytes other than the {} that went in", output.len(), expected.len()).into())
    }

    /// What the tools of `format` read of ours, and we of theirs.
    fn tools(&self, format: &str, ours: &[Entry]) -> Result<[Cell; 2]> {
        let of_format = || TOOLS.iter().filter(|tool| tool.format == format);
        let (mut theirs_read, mut ours_read) = (0, 0);
        for tool in of_format().filter(|tool| tool.is_here()) {
            ours_read += self.tool_reads_ours(tool, ours)?;
            theirs_read += self.we_read_tools(tool)?;
        }
        for tool in of_format().filter(|tool| !tool.is_here()) {
            println!("       skipped {} for {format}: it is not installed", tool.program);
        }
        if of_format().any(Tool::is_here) {
            Ok([Cell::Read(ours_read), Cell::Read(theirs_read)])
        } else {
            Ok([Cell::Skipped("no tool"), Cell::Skipped("no tool")])
        }
    }

    fn tool_reads_ours(&self, tool: &Tool, ours: &[Entry]) -> Result<usize> {
        let readable =
            |entry: &&Entry| entry.format == tool.format && (tool.joined || !is_joined(entry));
        let mut read = 0;
        for entry in ours.iter().filter(readable) {
            let output = tool.filter(tool.read, &self.folder.join("ours").join(&entry.file))?;
            self.compare(entry, &output).map_err(|error| {
                format!("{} made of ours/{}: {error}", tool.program, entry.file)
            })?;
            read += 1;
        }
        Ok(read)
    }

    fn we_read_tools(&self, tool: &Tool) -> Result<usize> {
        let folder = self.folder.join("tools");
        let mut read = 0;
        for (variant, args) in tool.write.iter().enumerate() {
            for input in self.inputs.keys() {
                let stream = tool.filter(args, &folder.join(format!("{input}.input")))?;
                if stream.is_empty() {
                    // `zlib-flate` makes nothing of nothing.
                    continue;
                }
                let file = format!("{}.{}.{variant}.{input}", tool.format, tool.program);
                write(&folder.join(&file), &stream)?;
                let entry = Entry { format: tool.format.to_owned(), file, input: input.clone() };
                self.check("tools", &entry)?;
                read += 1;
            }
        }
        Ok(read)
    }
}

/// In the name of a file that holds the same stream twice.
const JOINED: &str = "joined";

fn is_joined(entry: &Entry) -> bool {
    entry.file.split('.').any(|part| part == JOINED)
}

fn encode(compressor: &dyn Compressor, input: &[u8], options: &EncodeOptions) -> Result<Vec<u8>> {
    let mut stream = Vec::new();
    let mut encoder = compressor.encoder(Box::new(&mut stream), options)?;
    encoder.write_all(input)?;
    encoder.finish()?;
    Ok(stream)
}

fn write(path: &Path, bytes: &[u8]) -> Result {
    Ok(fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))?)
}

/// A slow wave with noise in its low bits, as little-endian `f64`; the same on every run.
fn sample(len: usize) -> Vec<u8> {
    let value = |i: u32| f64::from(i).sin() + f64::from(i.wrapping_mul(2_654_435_761) % 97) * 1e-6;
    (0..).flat_map(|i| value(i).to_le_bytes()).take(len).collect()
}
