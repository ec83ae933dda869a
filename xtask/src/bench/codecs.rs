//! Each compressor alone: bytes to a file and back, as Python joblib calls its modules.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use joblib_compress::{DecodeOptions, EncodeOptions, Registry};

use super::files::touch_memory;
use super::sample::Sample;
use super::scenario::{Area, Scenario, Side, Unit};
use crate::Result;

pub(super) const AREA: Area = Area {
    name: "codecs",
    scenarios,
    measure,
    requirements: "requirements",
    script: "bench_codecs.py",
};

/// Writing and reading of `data` by one compressor; files are read that several threads wrote,
/// since some can be read by several only then.
macro_rules! codec {
    ($data:literal, $codec:literal, $other:literal) => {{
        const WRITE: &[Side] = &[
            Side::ours("ours", concat!("write-", $data, "-", $codec, "-1")),
            Side::ours("ours, 2 threads", concat!("write-", $data, "-", $codec, "-2")),
            Side::python($other, concat!("write-", $data, "-", $codec)),
        ];
        const READ: &[Side] = &[
            Side::ours("ours", concat!("read-", $data, "-", $codec, "-1"))
                .after(concat!("write-", $data, "-", $codec, "-2")),
            Side::ours("ours, 2 threads", concat!("read-", $data, "-", $codec, "-2")),
            Side::python($other, concat!("read-", $data, "-", $codec))
                .after(concat!("write-", $data, "-", $codec)),
        ];
        [
            ($codec, concat!("write ", $data, ", ", $codec), WRITE),
            ($codec, concat!("read ", $data, ", ", $codec), READ),
        ]
    }};
}

macro_rules! codecs {
    ($data:literal) => {
        [
            codec!($data, "zlib", "joblib's zlib"),
            codec!($data, "gzip", "joblib's gzip"),
            codec!($data, "lz4", "joblib's lz4"),
            codec!($data, "zstd", "zstandard"),
            codec!($data, "bz2", "joblib's bz2"),
            codec!($data, "lzma", "joblib's lzma"),
            codec!($data, "xz", "joblib's xz"),
        ]
        .concat()
    };
}

fn scenarios(quick: bool) -> Vec<Scenario> {
    let scenario = |(codec, name, sides): (&str, &str, &[Side])| {
        let size = match codec {
            "lzma" | "xz" => 4_000_000,
            "bz2" => 20_000_000,
            "zlib" | "gzip" => 50_000_000,
            _ => 200_000_000,
        };
        Scenario {
            name: name.to_owned(),
            size: if quick { size / 5 } else { size },
            unit: Unit::Milliseconds,
            rounds: match codec {
                _ if quick => 2,
                // Slow enough to be measured well by fewer.
                "lzma" | "xz" => 3,
                _ => 5,
            },
            sides: sides.to_vec(),
        }
    };
    let data = [codecs!("floats"), codecs!("integers"), codecs!("text")].concat();
    data.into_iter().map(scenario).collect()
}

fn measure(operation: &str, folder: &Path, size: u64) -> Result<Option<Sample>> {
    let [verb, data, codec, threads] = operation.split('-').collect::<Vec<_>>()[..] else {
        return Ok(None);
    };
    let (path, threads) = (folder.join(format!("{data}.{codec}")), threads.parse()?);
    match verb {
        "write" => write(&folder.join(data), &path, codec, threads).map(Some),
        "read" => read(&path, size, threads).map(Some),
        _ => Ok(None),
    }
}

fn write(data: &Path, path: &Path, codec: &str, threads: usize) -> Result<Sample> {
    let data = fs::read(data)?;
    let registry = Registry::builtin();
    let codec = registry.by_name(codec)?;
    let options = EncodeOptions::new(codec.levels().default).threads(threads);
    let file = File::create(path)?;
    touch_memory(data.len() as u64);
    let (result, sample) = Sample::take(|| -> Result {
        let mut encoder = codec.encoder(Box::new(BufWriter::new(file)), &options)?;
        encoder.write_all(&data)?;
        Ok(encoder.finish()?)
    });
    result?;
    Ok(Sample { disk: Some(path.metadata()?.len()), ..sample })
}

fn read(path: &Path, size: u64, threads: usize) -> Result<Sample> {
    let file = BufReader::with_capacity(64 << 10, File::open(path)?);
    touch_memory(size);
    let (data, sample) = Sample::take(|| -> Result<Vec<u8>> {
        let options = DecodeOptions::new().threads(threads);
        let mut found = Registry::builtin().decoder_for(Box::new(file), &options)?;
        let mut data = vec![0; usize::try_from(size)?];
        found.reader.read_exact(&mut data)?;
        match found.reader.read(&mut [0])? {
            0 => Ok(data),
            _ => Err("more than was written".into()),
        }
    });
    data?;
    Ok(sample)
}
