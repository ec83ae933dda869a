use std::fs;

use joblib_persist::{DumpOptions, ErrorKind, LoadOptions, Result, dump, dump_to, load};
use ndarray::Array2;
use serde::de::{DeserializeOwned, IgnoredAny};

/// Arrays that several threads read: whole pieces, pieces with a rest, and too few to share.
fn arrays() -> (Array2<f64>, Vec<u32>, Vec<bool>, Vec<u8>) {
    let large = Array2::from_shape_fn((1024, 1024), |(i, j)| (i * j) as f64);
    let uneven = (0..1_500_001).collect();
    (large, uneven, vec![true; 5 << 20], vec![7; 3000])
}

#[test]
fn several_threads_write_and_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [one, many] = ["one.jbl", "many.jbl"].map(|name| folder.path().join(name));
    let value = arrays();
    dump(&value, &one).unwrap();
    for threads in [0, 1, 2, 5] {
        DumpOptions::new().threads(threads).dump(&value, &many).unwrap();
        assert!(fs::read(&one).unwrap() == fs::read(&many).unwrap(), "{threads} threads");
        let options = LoadOptions::new().threads(threads);
        assert!(
            options.load::<(Array2<f64>, Vec<u32>, Vec<bool>, Vec<u8>)>(&one).unwrap() == value
        );
        let unverified = options.verify(false);
        assert!(
            unverified.load::<(Array2<f64>, Vec<u32>, Vec<bool>, Vec<u8>)>(&one).unwrap() == value
        );
    }
}

#[test]
fn several_threads_notice_damage_in_every_piece() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.jbl");
    let value: Vec<u64> = (0..700_000).collect();
    dump(&value, &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let options = LoadOptions::new().threads(3);
    for at in (4000..bytes.len()).step_by(700_001) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(&path, &damaged).unwrap();
        let error = options.load::<Vec<u64>>(&path).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{at}: {error}");
        assert_eq!(options.clone().verify(false).load::<Vec<u64>>(&path).unwrap().len(), 700_000);
    }
}

fn limited<T: DeserializeOwned>(bytes: &[u8], limit: u64) -> Result<T> {
    LoadOptions::new().memory_limit(limit).load_from(bytes)
}

#[test]
fn a_value_within_the_limit_loads_and_one_byte_less_does_not() {
    let bytes = dump_to(&vec![0u8; 100_000], Vec::new()).unwrap();
    let frames = 1 + 3 + 5;
    assert_eq!(limited::<Vec<u8>>(&bytes, 100_000 + frames).unwrap().len(), 100_000);
    let error = limited::<Vec<u8>>(&bytes, 100_000 + frames - 1).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MemoryLimit { limit: 100_008 }), "{error}");
    assert!(error.to_string().contains("`LoadOptions::memory_limit`"), "{error}");
    // What nobody keeps is not counted.
    limited::<IgnoredAny>(&bytes, frames).unwrap();
}

#[test]
fn small_items_count_as_well() {
    let bytes = dump_to(&vec![String::new(); 1_000_000], Vec::new()).unwrap();
    assert!(limited::<Vec<String>>(&bytes, 2_000_000).is_ok());
    let error = limited::<Vec<String>>(&bytes, 500_000).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MemoryLimit { .. }), "{error}");
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.jbl.gz");
    dump(&vec![0u64; 8 << 20], &path).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 1 << 20);
    let error = LoadOptions::new().memory_limit(1 << 20).load::<Vec<u64>>(&path).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MemoryLimit { .. }), "{error}");
    assert_eq!(load::<Vec<u64>>(&path).unwrap().len(), 8 << 20);
}

#[cfg(unix)]
#[test]
fn a_pipe_loads_as_a_stream() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    if !Command::new("mkfifo").arg(&pipe).stdout(Stdio::null()).status().is_ok_and(|s| s.success())
    {
        return;
    }
    let bytes = dump_to(&vec![0.5f64; 3000], Vec::new()).unwrap();
    let writer = {
        let pipe = pipe.clone();
        std::thread::spawn(move || {
            fs::File::options().write(true).open(pipe).unwrap().write_all(&bytes).unwrap();
        })
    };
    assert_eq!(load::<Vec<f64>>(&pipe).unwrap(), vec![0.5; 3000]);
    writer.join().unwrap();
}
