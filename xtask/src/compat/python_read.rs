//! Files of other versions of Python's joblib, read by us: those that lie in its own wheel, which
//! its own tests read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use joblib_persist::load;
use joblib_persist::value::{Kind, Value};
use ndarray::{Array1, Array2, array};

use crate::{Result, python};

/// How many files joblib 1.6.0 brings: dumps, and the arrays beside them.
const DUMPS: usize = 42;
const BESIDE: usize = 23;

/// What each dump holds: `test_numpy_pickle.py`, `test_compressed_pickle_dump_and_load`.
type Sample = (Array1<i64>, Array1<f64>, Value, Value, Array2<i64>, String);

/// Reads every sample, those of Python 2 included, and compares it with what went in.
pub(super) fn run() -> Result {
    let (mut dumps, mut beside) = (0, 0);
    for path in samples()? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".npy") || name.ends_with(".npy.z") {
            beside += 1;
            continue;
        }
        let sample: Sample = load(&path)?;
        check(&sample).map_err(|what| format!("{name}: {what}"))?;
        dumps += 1;
    }
    if (dumps, beside) != (DUMPS, BESIDE) {
        let found = format!("{dumps} dumps and {beside} files beside them");
        return Err(format!("joblib has {found}, not {DUMPS} and {BESIDE}").into());
    }
    println!(
        "{DUMPS} dumps of joblib 0.8 to 0.12 with {BESIDE} files beside them read as they were"
    );
    Ok(())
}

fn samples() -> Result<Vec<PathBuf>> {
    let mut command = Command::new(python::interpreter()?);
    command.args(["-c", "import joblib; print(joblib.__path__[0])"]);
    let output = command.output()?;
    let folder = String::from_utf8(output.stdout)?;
    let folder = Path::new(folder.trim()).join("test/data");
    let files = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = files.collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("joblib_")
    });
    files.sort();
    Ok(files)
}

fn check(sample: &Sample) -> Result {
    let (ints, floats, objects, bytes, matrix, text) = sample;
    expect("integers", *ints == array![0, 1, 2, 3, 4])?;
    expect("floats", *floats == array![0.0, 1.0, 2.0, 3.0, 4.0])?;
    expect("objects", are_objects(objects).unwrap_or(false))?;
    let all: Vec<u8> = (0..=255).collect();
    expect("bytes", matches!(bytes.kind(), Kind::Bytes(found) if found == all))?;
    expect("matrix", *matrix == array![[0, 1, 2]])?;
    expect("text", text == "C'est l'\u{e9}t\u{e9} !")
}

/// `array([1, 'abc', {'a': 1, 'b': 2}], dtype=object)`.
fn are_objects(value: &Value) -> Option<bool> {
    let items = value.as_array()?.objects()?;
    let dict = items.get(2)?.as_dict()?;
    Some(
        items.get(0)?.as_i64() == Some(1)
            && items.get(1)?.as_str() == Some("abc")
            && dict.len() == 2
            && dict.get("a")?.as_i64() == Some(1)
            && dict.get("b")?.as_i64() == Some(2),
    )
}

fn expect(what: &str, is_so: bool) -> Result {
    if is_so { Ok(()) } else { Err(format!("the {what} are not what went in").into()) }
}
