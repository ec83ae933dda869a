use std::error::Error as _;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use joblib_persist::{DumpOptions, ErrorKind, dump, load, load_from};
use ndarray::Array2;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use tempfile::{TempDir, tempdir};

fn value() -> (String, Array2<f32>, Vec<u8>) {
    ("value".into(), Array2::from_elem((300, 200), 0.5), vec![7; 10])
}

fn files_in(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn starts_with(path: &Path, magic: &[u8]) -> bool {
    fs::read(path).unwrap().starts_with(magic)
}

#[test]
fn the_extension_chooses_the_compression_and_the_content_is_found_under_any_name() {
    let folder = tempdir().unwrap();
    let magic: [(&str, &[u8]); 4] = [
        ("v.jbl", b"\x89JBL"),
        ("v.jbl.gz", b"\x1f\x8b"),
        ("v.z", b"x"),
        ("v.zst", b"\x28\xb5\x2f\xfd"),
    ];
    for (name, magic) in magic {
        let path = folder.path().join(name);
        dump(&value(), &path).unwrap();
        assert!(starts_with(&path, magic), "{name}");
        let other = folder.path().join("renamed");
        fs::rename(&path, &other).unwrap();
        assert_eq!(load::<(String, Array2<f32>, Vec<u8>)>(&other).unwrap(), value(), "{name}");
        let from: (String, Array2<f32>, Vec<u8>) = load_from(File::open(&other).unwrap()).unwrap();
        assert_eq!(from, value(), "{name}");
    }
}

#[test]
fn explicit_compression_beats_the_extension() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("v.gz");
    for (options, magic) in [
        (DumpOptions::new().compress("zstd"), &b"\x28\xb5\x2f\xfd"[..]),
        (DumpOptions::new().compress(("zlib", 3)), b"x"),
        (DumpOptions::new().compress(true), b"\x1f\x8b"),
        (DumpOptions::new().compress(false), b"\x89JBL"),
    ] {
        options.dump(&value(), &path).unwrap();
        assert!(starts_with(&path, magic), "{options:?}");
        assert_eq!(load::<(String, Array2<f32>, Vec<u8>)>(&path).unwrap(), value());
    }
    let error = DumpOptions::new().compress("snappy").dump(&1, &path).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Compression { .. }));
    assert_eq!(load::<(String, Array2<f32>, Vec<u8>)>(&path).unwrap(), value());
    assert_eq!(files_in(&folder), ["v.gz"]);
}

#[test]
fn writers_are_compressed_only_on_request() {
    let raw = DumpOptions::new().dump_to(&value(), Vec::new()).unwrap();
    assert!(raw.starts_with(b"\x89JBL"));
    let packed = DumpOptions::new().compress("gzip").dump_to(&value(), Vec::new()).unwrap();
    assert!(packed.len() < raw.len() / 10);
    assert_eq!(load_from::<(String, Array2<f32>, Vec<u8>)>(&packed[..]).unwrap(), value());
}

#[test]
fn damaged_compressed_files_are_refused() {
    let packed = DumpOptions::new().compress("gzip").dump_to(&value(), Vec::new()).unwrap();
    for len in (0..packed.len() - 8).step_by(5) {
        let loaded = load_from::<(String, Array2<f32>, Vec<u8>)>(&packed[..len]);
        assert!(loaded.is_err(), "{len} of {}", packed.len());
    }
}

struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("not today"))
    }
}

#[test]
fn a_failed_dump_leaves_the_old_file_and_nothing_else() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("v.jbl");
    dump(&1u8, &path).unwrap();
    let error = dump(&(vec![0.5; 100_000], Refuses), &path).unwrap_err();
    assert_eq!(error.to_string(), format!("dumping to `{}`: not today", path.display()));
    assert_eq!(error.file(), Some(&*path));
    assert_eq!(load::<u8>(&path).unwrap(), 1);
    assert_eq!(files_in(&folder), ["v.jbl"]);
}

#[test]
fn a_missing_folder_and_file_are_named() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("missing").join("v.jbl");
    let error = dump(&1u8, &path).unwrap_err();
    let named = format!("dumping to `{}`: creating the file failed", path.display());
    assert_eq!(error.to_string(), named);
    assert!(error.source().is_some());
    let error = load::<u8>(&path).unwrap_err();
    let named = format!("loading `{}`: opening the file failed", path.display());
    assert_eq!(error.to_string(), named);
    assert!(dump(&1u8, folder.path()).is_err(), "a folder");
    assert!(dump(&1u8, "").is_err(), "no name");
}

#[test]
fn errors_name_file_and_place() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("v.jbl");
    dump(&vec![(1u8, vec![0.5f64])], &path).unwrap();
    let error = load::<Vec<(u8, Vec<f32>)>>(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("loading `{}`: at `[0].[1]`: array of f64 found, f32 wanted", path.display())
    );
}

#[test]
fn a_file_cut_after_the_claim_of_an_array_allocates_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("v.jbl");
    dump(&vec![0u8; 1 << 20], &path).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
    let error = load::<Vec<u8>>(&path).unwrap_err();
    assert!(
        error.to_string().contains("an array of 1048576 bytes where only 4032 are left"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let (ours, ordinary) = (folder.path().join("v.jbl"), folder.path().join("ordinary"));
    dump(&1u8, &ours).unwrap();
    File::create(&ordinary).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&ordinary));
}

#[cfg(unix)]
#[test]
fn links_stay_and_devices_are_written_to() {
    let folder = tempdir().unwrap();
    let (file, link) = (folder.path().join("v.jbl"), folder.path().join("link"));
    dump(&1u8, &file).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    dump(&2u8, &link).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(load::<u8>(&file).unwrap(), 2);
    dump(&value(), "/dev/null").unwrap();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported_and_nothing_left() {
    // Every write to it fails as on a full disk.
    let error = dump(&value(), "/dev/full").unwrap_err();
    assert_eq!(error.to_string(), "dumping to `/dev/full`: writing failed");
}

#[test]
fn durable_files_are_like_others() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("v.jbl");
    DumpOptions::new().durable(true).dump(&value(), &path).unwrap();
    assert_eq!(load::<(String, Array2<f32>, Vec<u8>)>(&path).unwrap(), value());
    assert_eq!(files_in(&folder), ["v.jbl"]);
}

#[test]
fn a_file_of_several_values_is_read_from_both_ends() {
    let mut file = tempfile::tempfile().unwrap();
    joblib_persist::dump_to(&value(), &mut file).unwrap();
    let start = file.stream_position().unwrap();
    joblib_persist::dump_to("metadata", &mut file).unwrap();

    file.rewind().unwrap();
    assert_eq!(load_from::<(String, Array2<f32>, Vec<u8>)>(&file).unwrap(), value());
    assert_eq!(file.stream_position().unwrap(), start);
    assert_eq!(load_from::<String>(&file).unwrap(), "metadata");

    assert_eq!(joblib_persist::seek_last(&mut file).unwrap(), start);
    assert_eq!(load_from::<String>(&file).unwrap(), "metadata");
    assert_eq!(file.read(&mut [0]).unwrap(), 0);
}

#[test]
fn the_way_back_is_checked() {
    let mut file = tempfile::tempfile().unwrap();
    assert!(joblib_persist::seek_last(&mut file).is_err(), "empty");
    file.write_all(&[0; 100]).unwrap();
    assert!(joblib_persist::seek_last(&mut file).is_err(), "zeros");
    let bytes = joblib_persist::dump_to(&1u8, Vec::new()).unwrap();
    file.set_len(0).unwrap();
    file.rewind().unwrap();
    file.write_all(&bytes[20..]).unwrap();
    assert!(joblib_persist::seek_last(&mut file).is_err(), "longer than the file");
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(&bytes).unwrap();
    assert_eq!(joblib_persist::seek_last(&mut file).unwrap(), bytes.len() as u64 - 20);
}
