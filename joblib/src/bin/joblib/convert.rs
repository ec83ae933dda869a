//! `joblib convert`: what is in one file, in another format or with another compressor.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use joblib::compress::{Compression, DecodeOptions, Registry};
use joblib::persist::__private::NewFile;
use joblib::persist::value::Value;
use joblib::persist::{FileFormat, MmapMode};
use joblib::{DumpOptions, LoadOptions};

use crate::Outcome;
use crate::progress::{Counted, Progress};
use crate::python_tree::count_arrays;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Args, Debug)]
#[command(
    after_help = "What IN is, its content tells. The extension of OUT chooses the format, a further \
one the compressor:

  .jbl                     our own format, which takes everything
  .pkl .pickle .joblib     what Python's joblib.load reads
  .npy .npz                what numpy.load reads: one array, or several with names
  .z .gz .bz2 .xz .lzma .lz4 .zst   behind one of them, as in model.pkl.xz

Examples:
  joblib convert model.joblib model.jbl.zst
  joblib convert model.jbl model.pkl.gz --protocol 2
  joblib convert arrays.npz arrays.jbl
  joblib convert large.jbl smaller.jbl --compress zstd:9 --threads 8

The exit code is 0, 1 if it failed, 2 for a mistake in the arguments. OUT appears when it is complete."
)]
pub(crate) struct Arguments {
    /// The file to read.
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// The file to write; one that exists is replaced, in one step.
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// The compressor whatever the extension, and perhaps its level: zstd:3, gzip, none.
    #[arg(long, value_name = "NAME[:LEVEL]", value_parser = parse_compression)]
    compress: Option<Compression>,
    /// Compress, and read, by so many threads.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    /// The pickle protocol of a file for Python; 4 unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=5))]
    protocol: Option<u8>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let format = format_of(&arguments.to)?;
    if arguments.protocol.is_some() && format != FileFormat::Python {
        let to = arguments.to.display();
        return Err(format!(
            "`{to}` has no protocol: `--protocol` is for .pkl, .pickle and .joblib"
        )
        .into());
    }
    match format {
        FileFormat::Native if FileFormat::detect(&arguments.from)? == Some(format) => {
            recompress(arguments)?;
        }
        format => rewrite(arguments, format)?,
    }
    Ok(true)
}

fn format_of(path: &Path) -> Result<FileFormat> {
    FileFormat::by_extension(path).ok_or_else(|| {
        let path = path.display();
        format!("`{path}` does not name a format: end it with .jbl, .pkl, .joblib, .npy or .npz")
            .into()
    })
}

/// Loads the value and writes it. Arrays go from the map of one file to the other, if Rust has their type;
/// what cannot be mapped where it is lies beside the new file meanwhile.
fn rewrite(arguments: &Arguments, format: FileFormat) -> Result<()> {
    let (from, to) = (&arguments.from, &arguments.to);
    let threads = usize::from(arguments.threads);
    let reading = Progress::begin(format!("reading `{}`", from.display()), None);
    let options = LoadOptions::new().mmap_where_possible(MmapMode::Read).threads(threads);
    let value: Value = options.unpack_in(folder_of(to)).load(from)?;
    reading.end();

    let found = compression(arguments)?.resolve(&Registry::global(), Some(to))?;
    let (_, bytes) = count_arrays(value.root());
    let total = found.is_none().then_some(bytes);
    let options = DumpOptions::new().format(format).threads(threads);
    let options = match &found {
        Some((compressor, with)) => options.compress((compressor.name(), with.level)),
        None => options.compress(false),
    };
    let options = arguments.protocol.iter().fold(options, |o, &protocol| o.protocol(protocol));
    write(to, total, |file| Ok(options.dump_to(&value, file).map(drop)?))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Native to native: the same bytes, compressed otherwise, with all values of the file.
fn recompress(arguments: &Arguments) -> Result<()> {
    let (from, to) = (&arguments.from, &arguments.to);
    let threads = usize::from(arguments.threads);
    let verifying = Progress::begin(format!("verifying `{}`", from.display()), None);
    joblib::persist::verify(from)?;
    verifying.end();

    let source = BufReader::new(File::open(from)?);
    let decoding = DecodeOptions::new().threads(threads);
    let mut content = Registry::global().decoder_for(Box::new(source), &decoding)?.reader;
    let found = compression(arguments)?.resolve(&Registry::global(), Some(to))?;
    let Some((compressor, options)) = found else {
        return write(to, None, |file| copy(&mut content, file));
    };
    write(to, None, |file| {
        let mut encoder = compressor.encoder(Box::new(file), &options.threads(threads))?;
        copy(&mut content, &mut encoder)?;
        Ok(encoder.finish()?)
    })
}

/// In pieces as large as decoders and encoders like them.
fn copy(from: &mut dyn Read, to: &mut dyn Write) -> Result<()> {
    let mut to = BufWriter::with_capacity(1 << 18, to);
    io::copy(from, &mut to)?;
    Ok(to.flush()?)
}

/// Writes a file that appears when it is complete.
fn write(
    path: &Path,
    total: Option<u64>,
    content: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let progress = Progress::begin(format!("writing `{}`", path.display()), total);
    let failed = |error: Box<dyn Error>| -> Box<dyn Error> {
        format!("writing `{}`: {}", path.display(), crate::chain(&*error)).into()
    };
    let mut file = NewFile::create(path).map_err(|error| failed(error.into()))?;
    content(&mut Counted::new(&mut file, &progress)).map_err(failed)?;
    file.put_into_place(false).map_err(|error| failed(error.into()))?;
    progress.end();
    Ok(())
}

fn compression(arguments: &Arguments) -> Result<Compression> {
    Ok(arguments.compress.clone().unwrap_or_default())
}

fn parse_compression(text: &str) -> std::result::Result<Compression, String> {
    let compression = match text {
        "none" => Compression::from(false),
        text => Compression::from(text),
    };
    let resolved = compression.resolve(&Registry::global(), None);
    resolved.map(|_| compression.clone()).map_err(|error| error.to_string())
}
