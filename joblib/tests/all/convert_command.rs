//! `joblib convert`, as a person runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use joblib::persist::MmapMode;
use joblib::persist::value::Value;
use ndarray::{Array1, Array2, Ix1, array};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Model {
    coef: Array2<f64>,
    names: Vec<String>,
    scale: Option<f32>,
}

fn model() -> Model {
    Model { coef: array![[1.0, 2.5], [-3.0, 0.0]], names: vec!["a".into()], scale: None }
}

/// Exit code, standard output and standard error.
fn joblib(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_joblib"));
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn succeed(arguments: &[&str], folder: &Path) -> String {
    let (code, output, error) = joblib(arguments, folder);
    assert_eq!((code, &*error), (0, ""), "{arguments:?}");
    output
}

fn inspect_json(file: &str, folder: &Path) -> serde_json::Value {
    serde_json::from_str(&succeed(&["inspect", file, "--json"], folder)).unwrap()
}

/// A file that Python has written.
fn python_file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.join("../joblib-persist/tests/fixtures").join(name).display().to_string()
}

#[test]
fn converts_a_round() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    joblib::dump(&model(), at("a.jbl")).unwrap();
    let steps = [
        ("a.jbl", "b.jbl.zst"),
        ("b.jbl.zst", "c.pkl"),
        ("c.pkl", "d.joblib.xz"),
        ("d.joblib.xz", "e.pkl.lz4"),
        ("e.pkl.lz4", "f.pickle.bz2"),
        ("f.pickle.bz2", "f.pickle.bz2"),
    ];
    for (from, to) in steps {
        assert_eq!(succeed(&["convert", from, to], folder.path()), "");
        assert_eq!(joblib::load::<Model>(at(to)).unwrap(), model(), "{to}");
    }
    let json = inspect_json("b.jbl.zst", folder.path());
    assert_eq!(
        (&json["compressor"], &json["values"][0]["type_name"]),
        (&"zstd".into(), &"Model".into())
    );
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, steps.len(), "no file is left over");
}

#[test]
fn numpys_files_go_everywhere_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let show =
        |file: &str| format!("{:#}", joblib::load::<Value>(folder.path().join(file)).unwrap());
    for (from, between, to) in [
        ("numpy/points.npy", "a.jbl", "b.npy"),
        ("numpy/fortran.npy", "a.pkl.gz", "b.npy"),
        ("numpy/objects.npy", "a.joblib", "b.npy"),
        ("numpy/stored.npz", "a.jbl.zst", "b.npz"),
        ("numpy/deflated.npz", "a.pkl", "b.npz"),
        ("numpy/c.npy", "a.npz", "b.pkl"),
    ] {
        succeed(&["convert", &python_file(from), between], folder.path());
        succeed(&["convert", between, to], folder.path());
        let original: Value = joblib::load(python_file(from)).unwrap();
        let original = match between {
            // A single array has the name that numpy gives it.
            "a.npz" => format!("{{'arr_0': {original:#}}}"),
            _ => format!("{original:#}"),
        };
        let compact = |text: &str| text.replace([' ', '\n', ','], "");
        assert_eq!(compact(&show(to)), compact(&original), "{from}");
    }
    succeed(&["convert", "b.npz", "small.npz", "--compress", "zlib:9"], folder.path());
    let len = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    assert!(len("small.npz") < len("b.npz"));
    assert_eq!(show("small.npz"), show("b.npz"));
    let text = succeed(&["inspect", "b.npz"], folder.path());
    assert!(
        text.starts_with("numpy archive") && text.contains("x: array of float64 [3, 3]"),
        "{text}"
    );
    let text = succeed(&["inspect", &python_file("numpy/fortran.npy")], folder.path());
    assert!(text.starts_with("numpy array") && text.contains("float64 [2, 3] F"), "{text}");
}

#[test]
fn arrays_for_python_are_mapped_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = Array1::from_iter((0..5000).map(f64::from));
    joblib::dump(&numbers, folder.path().join("a.jbl")).unwrap();
    for to in ["a.pkl", "a.npy"] {
        succeed(&["convert", "a.jbl", to], folder.path());
        let options = joblib::LoadOptions::new().mmap_mode(MmapMode::Read);
        let mapped: joblib::persist::MappedArray<f64, Ix1> =
            options.load(folder.path().join(to)).unwrap();
        assert!(mapped.is_mapped(), "{to}");
        assert_eq!(mapped.view(), numbers);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_mapped_is_converted_in_less_memory_than_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let zeros = Array1::<f64>::zeros(5_000_000);
    joblib::dump(&zeros, at("a.jbl.lz4")).unwrap();
    joblib::dump(&zeros, at("a.pkl.gz")).unwrap();
    joblib::DumpOptions::new().compress(false).dump(&[&zeros], at("stored.npz")).unwrap();
    joblib::DumpOptions::new().compress(true).dump(&[&zeros], at("deflated.npz")).unwrap();
    // A header of numpy before 1.14, behind which nothing is aligned.
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (5000000,), }";
    let len = [header.len() as u8, 0];
    let mut npy = [b"\x93NUMPY\x01\0", &len[..], header.as_bytes()].concat();
    assert!(!npy.len().is_multiple_of(8));
    npy.resize(npy.len() + 8 * zeros.len(), 0);
    std::fs::write(at("unaligned.npy"), npy).unwrap();
    for from in ["a.jbl.lz4", "a.pkl.gz", "stored.npz", "deflated.npz", "unaligned.npy"] {
        let program = env!("CARGO_BIN_EXE_joblib");
        let command = format!("ulimit -d 30000; exec '{program}' convert {from} b.jbl.zst");
        let status = Command::new("sh").args(["-c", &command]).current_dir(folder.path()).status();
        assert!(status.unwrap().success(), "{from}");
        let converted: Value = joblib::load(at("b.jbl.zst")).unwrap();
        let root = converted.root();
        let array = root.get("arr_0").unwrap_or(root).as_array().unwrap();
        assert_eq!(array.view::<f64, Ix1>().unwrap(), zeros, "{from}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6, "no file is left over");
}

#[test]
fn objects_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["objects.joblib", "arrays.joblib", "plain_2.pkl", "numpy_0.pkl"] {
        let from = python_file(&format!("python/{name}"));
        succeed(&["convert", &from, "a.jbl.gz"], folder.path());
        succeed(&["convert", "a.jbl.gz", "b.pkl", "--protocol", "5"], folder.path());
        let value = |path: &Path| format!("{:#}", joblib::load::<Value>(path).unwrap());
        assert_eq!(value(&folder.path().join("b.pkl")), value(Path::new(&from)), "{name}");
        assert_eq!(std::fs::read(folder.path().join("b.pkl")).unwrap()[..2], [0x80, 5]);
        let text = |file: &str| {
            let text = succeed(&["inspect", file, "--full"], folder.path());
            text.split_once('\n').unwrap().1.to_owned()
        };
        assert_eq!(text("b.pkl"), text(&from), "{name}");
        assert_eq!(text("a.jbl.gz"), text(&from), "{name}");
    }
}

#[test]
fn compressors_and_several_values() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let both = joblib::dump_to("second", joblib::dump_to(&model(), Vec::new()).unwrap()).unwrap();
    std::fs::write(at("a.jbl"), &both).unwrap();
    succeed(
        &["convert", "a.jbl", "b.jbl", "--compress", "zstd:9", "--threads", "2"],
        folder.path(),
    );
    assert_eq!(std::fs::read(at("b.jbl")).unwrap()[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    succeed(&["convert", "b.jbl", "c.jbl", "--compress", "none"], folder.path());
    assert_eq!(std::fs::read(at("c.jbl")).unwrap(), both);
    succeed(&["convert", "c.jbl", "d.pkl.gz", "--compress", "none"], folder.path());
    assert_eq!(std::fs::read(at("d.pkl.gz")).unwrap()[0], 0x80);
}

#[test]
fn failures_are_one_line_and_leave_what_was() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    joblib::dump(&model(), at("a.jbl")).unwrap();
    let mut damaged = std::fs::read(at("a.jbl")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(at("damaged.jbl"), damaged).unwrap();
    std::fs::write(at("b.jbl"), "before").unwrap();
    for (arguments, expected) in [
        (&["missing.pkl", "b.jbl"][..], "`missing.pkl`: opening the file failed: No such file"),
        (&["damaged.jbl", "b.jbl"], "`damaged.jbl`: the data is damaged"),
        (&["damaged.jbl", "b.pkl"], "`damaged.jbl`: the data is damaged"),
        (&["a.jbl", "none/b.jbl"], "writing `none/b.jbl`: No such file"),
        (&["a.jbl", "none/b.pkl"], "writing `none/b.pkl`: No such file"),
        (&["a.jbl", "b.npy"], "writing `b.npy`: a dict, where numpy's files have an array"),
        (&["a.jbl", "b.npz"], "writing `b.npz`: at `names`: a list, where"),
        (&["a.jbl", "b.txt"], "`b.txt` does not name a format: end it with .jbl, .pkl"),
        (&["a.jbl", "b.pkl.zst"], "writing `b.pkl.zst`: Python's joblib does not read `zstd`"),
        (&["a.jbl", "b.npz", "--protocol", "2"], "`b.npz` has no protocol"),
    ] {
        let (code, output, error) = joblib(&[&["convert"], arguments].concat(), folder.path());
        assert_eq!((code, &*output, error.lines().count()), (1, "", 1), "{error}");
        assert!(error.starts_with("joblib: ") && error.contains(expected), "{error}");
    }
    assert_eq!(std::fs::read(at("b.jbl")).unwrap(), b"before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "no file is left over");
}

#[test]
fn mistakes_in_arguments_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["a"][..],
        &["a", "b", "--protocol", "1"],
        &["a", "b", "--compress", "zip"],
        &["a", "b", "--compress", "gzip:77"],
        &["a", "b", "--threads", "0"],
    ] {
        let arguments = [&["convert"], arguments].concat();
        assert_eq!(joblib(&arguments, folder.path()).0, 2, "{arguments:?}");
    }
    assert!(succeed(&["convert", "--help"], folder.path()).contains("Examples:"));
}
