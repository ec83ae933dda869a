//! `joblib inspect`: what is in a file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use joblib::compress::{DecodeOptions, Registry};
use joblib::persist::value::Value;
use joblib::persist::{Description, ErrorKind, FileFormat, InspectOptions, Item, MmapMode};

use crate::Outcome;
use crate::python_tree::{self, Listing};

/// Levels that are shown unless told otherwise, or asked for at most: no stack is endless.
const DEPTH: u32 = 128;

/// How a native file names a Python value that it holds as a pickle.
const PICKLED: &str = "$joblib_persist::Value";

/// How a native file names what only Python has.
const PYTHON: [&str; 12] = [
    "Value::Array",
    "Value::BigInt",
    "Value::ByteArray",
    "Value::Call",
    "Value::Complex",
    "Value::ElementType",
    "Value::FrozenSet",
    "Value::Global",
    "Value::New",
    "Value::Scalar",
    "Value::Set",
    "Value::WideText",
];

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  joblib inspect model.joblib
  joblib inspect model.jbl --depth 2
  joblib inspect model.pkl.gz --json | jq .arrays")]
pub(crate) struct Arguments {
    /// A native file, or one of Python's joblib, pickle or numpy, compressed or not, whatever its name.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Show so many levels below the value.
    #[arg(long, value_name = "N", default_value_t = DEPTH, value_parser = clap::value_parser!(u32).range(0..=128))]
    depth: u32,
    /// Show all items and not the first ten of each list, 10 000 in all.
    #[arg(long)]
    full: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let description = describe(arguments)?;
    if arguments.json {
        crate::print(format_args!("{:#}", serde_json::to_value(&description)?))?;
    } else {
        crate::print(format_args!("{description}"))?;
    }
    Ok(true)
}

fn describe(arguments: &Arguments) -> Result<Description, Box<dyn std::error::Error>> {
    let path = &arguments.file;
    let options = InspectOptions::new().depth(arguments.depth);
    let options = if arguments.full { options.items(u64::MAX).total(u64::MAX) } else { options };
    let mut native = match options.inspect(path) {
        Ok(native) => native,
        Err(error) if matches!(error.kind(), ErrorKind::Foreign { .. }) => {
            let mut description = Description::default();
            description.format = match FileFormat::detect(path)? {
                Some(FileFormat::Npy) => "numpy array".to_owned(),
                Some(FileFormat::Npz) => "numpy archive".to_owned(),
                _ => "Python pickle".to_owned(),
            };
            description.compressor = compressor(path)?;
            description.file_bytes = path.metadata()?.len();
            return describe_python(arguments, description);
        }
        Err(error) => return Err(error.into()),
    };
    // Whatever the depth that is shown.
    match &InspectOptions::new().inspect(path)?.values[..] {
        [item] if is_python(item) => {
            native.format.push_str(", a Python value");
            describe_python(arguments, native)
        }
        _ => Ok(native),
    }
}

/// Whether there is something in it that is better shown as Python has it.
fn is_python(item: &Item) -> bool {
    item.type_name == PICKLED
        || PYTHON.contains(&&*item.type_name)
        || item.items.iter().any(is_python)
}

fn describe_python(
    arguments: &Arguments,
    mut description: Description,
) -> Result<Description, Box<dyn std::error::Error>> {
    // Mapped arrays are not read: only what they are is shown.
    let options = joblib::LoadOptions::new().mmap_where_possible(MmapMode::Read);
    let value: Value = options.load(&arguments.file)?;
    (description.arrays, description.array_bytes) = python_tree::count_arrays(value.root());
    let listing = match arguments.full {
        true => Listing::new(arguments.depth, u64::MAX, u64::MAX),
        false => Listing::new(arguments.depth, 10, 10_000),
    };
    description.values = vec![listing.describe(value.root())];
    Ok(description)
}

/// The name of the file's compressor.
fn compressor(path: &Path) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let mut reader = BufReader::new(File::open(path)?);
    // What joblib before 0.10 compressed.
    if reader.fill_buf()?.starts_with(b"ZF") {
        return Ok(Some("zlib".to_owned()));
    }
    let found = Registry::global().decoder_for(Box::new(reader), &DecodeOptions::new())?;
    Ok(found.compressor.map(|compressor| compressor.name().to_owned()))
}
