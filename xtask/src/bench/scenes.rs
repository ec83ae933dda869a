//! Two scenes of joblib's own talks: a list of two large arrays, and a set of photographs; raw and
//! with every codec.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use joblib_persist::{DumpOptions, LoadOptions, MappedArray, MmapMode};
use ndarray::{Array2, Array4, Ix2, Ix4};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::files::touch_memory;
use super::sample::Sample;
use super::scenario::{Area, Scenario, Side, Unit};
use crate::Result;

pub(super) const AREA: Area = Area {
    name: "scenes",
    scenarios,
    measure,
    requirements: "requirements-scenes",
    script: "bench_scenes.py",
};

macro_rules! sides {
    ($($side:expr),+ $(,)?) => {{
        const SIDES: &[Side] = &[$($side),+];
        SIDES
    }};
}

/// A scene without compression: what the figure in the README shows.
macro_rules! raw {
    ($scene:literal) => {
        [
            (
                concat!("dump ", $scene, ", raw"),
                sides![
                    Side::ours("ours", concat!("dump-", $scene, "-raw")),
                    Side::python("joblib", concat!("dump-", $scene, "-joblib")),
                    Side::python("pickle 5", concat!("dump-", $scene, "-pickle")),
                    Side::python("numpy savez", concat!("dump-", $scene, "-numpy")),
                    Side::python("safetensors", concat!("dump-", $scene, "-safetensors")),
                    Side::rust("postcard", concat!("dump-", $scene, "-postcard")),
                ],
            ),
            (
                concat!("load ", $scene, ", raw"),
                sides![
                    Side::ours("ours", concat!("load-", $scene, "-raw"))
                        .after(concat!("dump-", $scene, "-raw")),
                    Side::python("joblib", concat!("load-", $scene, "-joblib"))
                        .after(concat!("dump-", $scene, "-joblib")),
                    Side::python("pickle 5", concat!("load-", $scene, "-pickle"))
                        .after(concat!("dump-", $scene, "-pickle")),
                    Side::python("numpy savez", concat!("load-", $scene, "-numpy"))
                        .after(concat!("dump-", $scene, "-numpy")),
                    Side::python("safetensors", concat!("load-", $scene, "-safetensors"))
                        .after(concat!("dump-", $scene, "-safetensors")),
                    Side::rust("postcard", concat!("load-", $scene, "-postcard")).after(concat!(
                        "dump-",
                        $scene,
                        "-postcard"
                    )),
                ],
            ),
            (
                concat!("load ", $scene, ", mapped"),
                sides![
                    Side::ours("ours", concat!("map-", $scene, "-raw"))
                        .after(concat!("dump-", $scene, "-raw")),
                    Side::python("joblib", concat!("load-", $scene, "-joblibmap")).after(concat!(
                        "dump-",
                        $scene,
                        "-joblibmap"
                    )),
                ],
            ),
        ]
    };
}

/// A scene with one codec, against whoever has it too.
macro_rules! compressed {
    ($scene:literal, $codec:literal, $($other:literal = $way:literal),+) => {
        [
            (concat!("dump ", $scene, ", ", $codec), sides![
                Side::ours("ours", concat!("dump-", $scene, "-", $codec)),
                Side::ours("ours, 2 threads", concat!("dump2-", $scene, "-", $codec)),
                $(Side::python($other, concat!("dump-", $scene, "-", $way)),)+
            ]),
            (concat!("load ", $scene, ", ", $codec), sides![
                Side::ours("ours", concat!("load-", $scene, "-", $codec))
                    .after(concat!("dump-", $scene, "-", $codec)),
                $(Side::python($other, concat!("load-", $scene, "-", $way))
                    .after(concat!("dump-", $scene, "-", $way)),)+
            ]),
        ]
    };
}

macro_rules! codecs {
    ($scene:literal) => {
        [
            compressed!(
                $scene,
                "zlib",
                "joblib" = "joblibzlib",
                "numpy savez_compressed" = "numpyz"
            ),
            compressed!($scene, "gzip", "joblib" = "joblibgzip"),
            compressed!($scene, "lz4", "joblib" = "jobliblz4"),
            compressed!($scene, "zstd", "pickle 5 and zstandard" = "picklezstd"),
            compressed!($scene, "bz2", "joblib" = "joblibbz2"),
            compressed!($scene, "lzma", "joblib" = "jobliblzma"),
            compressed!($scene, "xz", "joblib" = "joblibxz"),
        ]
    };
}

/// Codecs that take seconds for what the others do in one.
const SLOW: &[&str] = &["bz2", "lzma", "xz"];

fn scenarios(quick: bool) -> Vec<Scenario> {
    let full = if quick { 20_000_000 } else { 400_000_000 };
    let scenario = |(name, sides): (&str, &[Side])| {
        let is_slow = SLOW.iter().any(|codec| name.ends_with(codec));
        Scenario {
            name: name.to_owned(),
            size: if is_slow { full / 10 } else { full },
            unit: Unit::Milliseconds,
            rounds: match (quick, name.ends_with("raw") || name.ends_with("mapped")) {
                (true, _) => 2,
                (false, true) => 5,
                (false, false) => 3,
            },
            sides: sides.to_vec(),
        }
    };
    let raw = [raw!("arrays"), raw!("images")].concat();
    let codecs = [codecs!("arrays"), codecs!("images")].concat().concat();
    raw.into_iter().chain(codecs).map(scenario).collect()
}

fn measure(operation: &str, folder: &Path, _: u64) -> Result<Option<Sample>> {
    let [verb, scene, way] = operation.split('-').collect::<Vec<_>>()[..] else {
        return Ok(None);
    };
    let path = folder.join(format!("{scene}.{way}.jbl"));
    if verb == "timeline" {
        return timeline(folder, &path).map(Some);
    }
    match scene {
        "arrays" => act::<Vec<Array2<f64>>, Vec<MappedArray<f64, Ix2>>>(verb, way, &path, arrays),
        "images" => act::<Array4<u8>, MappedArray<u8, Ix4>>(verb, way, &path, images),
        _ => Ok(None),
    }
}

/// Does `verb` to a value of type `T`, which is a `M` when mapped.
fn act<T, M>(
    verb: &str,
    way: &str,
    path: &PathBuf,
    make: fn(&Path) -> Result<T>,
) -> Result<Option<Sample>>
where
    T: Serialize + DeserializeOwned,
    M: DeserializeOwned,
{
    let folder = path.parent().expect("a file in a folder");
    let sample = match (verb, way) {
        ("dump", "postcard") => {
            let value = make(folder)?;
            dumped(path, || Ok(fs::write(path, postcard::to_allocvec(&value)?)?))?
        }
        ("load", "postcard") => loaded(path, || Ok(postcard::from_bytes::<T>(&fs::read(path)?)?))?,
        ("dump" | "dump2", way) => {
            let options = DumpOptions::new().threads(if verb == "dump2" { 2 } else { 1 });
            let options = if way == "raw" { options } else { options.compress(way) };
            let value = make(folder)?;
            dumped(path, || Ok(options.dump(&value, path)?))?
        }
        ("load", _) => loaded(path, || Ok(LoadOptions::new().load::<T>(path)?))?,
        ("map", _) => {
            let options = LoadOptions::new().mmap_mode(MmapMode::Read);
            loaded(path, || Ok(options.load::<M>(path)?))?
        }
        _ => return Ok(None),
    };
    Ok(Some(sample))
}

/// Makes arrays, dumps them, forgets and loads them, and says when.
fn timeline(folder: &Path, path: &Path) -> Result<Sample> {
    touch_memory(folder.join("arrays.raw").metadata()?.len());
    let say = |word| {
        println!("{word}");
        // Long enough to be seen from outside.
        thread::sleep(Duration::from_millis(20));
    };
    say("ready");
    let value = arrays(folder)?;
    say("dumping");
    DumpOptions::new().dump(&value, path)?;
    drop(value);
    say("loading");
    let value: Vec<Array2<f64>> = LoadOptions::new().load(path)?;
    say("done");
    black_box(value);
    Ok(Sample::default())
}

fn dumped(path: &Path, dump: impl FnOnce() -> Result) -> Result<Sample> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    let (result, sample) = Sample::take(dump);
    result?;
    Ok(Sample { disk: Some(path.metadata()?.len()), ..sample })
}

fn loaded<T>(path: &Path, load: impl FnOnce() -> Result<T>) -> Result<Sample> {
    touch_memory(path.metadata()?.len() * 2);
    let (value, sample) = Sample::take(load);
    black_box(value?);
    Ok(sample)
}

/// Two square arrays of what `bench_scenes.py` made.
fn arrays(folder: &Path) -> Result<Vec<Array2<f64>>> {
    let bytes = fs::read(folder.join("arrays.raw"))?;
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("chunks of eight"));
    let numbers: Vec<f64> = bytes.chunks_exact(8).map(number).collect();
    let side = (numbers.len() / 2).isqrt();
    let square = |numbers: &[f64]| Array2::from_shape_vec((side, side), numbers.to_vec());
    Ok(vec![square(&numbers[..side * side])?, square(&numbers[side * side..2 * side * side])?])
}

/// Photographs of 256 times 256 pixels in three colours.
fn images(folder: &Path) -> Result<Array4<u8>> {
    let bytes = fs::read(folder.join("images.raw"))?;
    let count = bytes.len() / (256 * 256 * 3);
    Ok(Array4::from_shape_vec((count, 256, 256, 3), bytes)?)
}
