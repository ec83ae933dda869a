use std::path::Path;

use joblib_compress::{Compression, Registry, Result};

/// Name and level, or `None` for no compression.
fn resolve(wish: impl Into<Compression>, path: &str) -> Result<Option<(String, i32)>> {
    let path = Some(Path::new(path)).filter(|path| *path != Path::new(""));
    let chosen = wish.into().resolve(&Registry::builtin(), path)?;
    Ok(chosen.map(|(compressor, options)| (compressor.name().to_owned(), options.level)))
}

#[track_caller]
fn check(wish: impl Into<Compression>, path: &str, expected: Option<(&str, i32)>) {
    let expected = expected.map(|(name, level)| (name.to_owned(), level));
    assert_eq!(resolve(wish, path).expect("a wish that can be met"), expected);
}

fn error(wish: impl Into<Compression>) -> String {
    resolve(wish, "").expect_err("a wish that cannot be met").to_string()
}

#[test]
fn follows_joblib() {
    check(true, "", Some(("zlib", 3)));
    check(7, "", Some(("zlib", 7)));
    check(7, "data.pkl", Some(("zlib", 7)));
    check("gzip", "", Some(("gzip", 3)));
    check(("gzip", 9), "", Some(("gzip", 9)));
    check("gzip:9", "", Some(("gzip", 9)));
    check(false, "", None);
    check(0, "", None);

    // The extension decides the format of a bare level, a name overrides the extension.
    check(Compression::default(), "data.pkl.gz", Some(("gzip", 3)));
    check(true, "data.pkl.gz", Some(("gzip", 3)));
    check(5, "data.pkl.gz", Some(("gzip", 5)));
    check("zlib", "data.pkl.gz", Some(("zlib", 3)));
    check(("zlib", 2), "data.pkl.gz", Some(("zlib", 2)));
    check(("zlib", 0), "data.pkl.gz", None);
    check(Compression::default(), "data.pkl.GZ", None);
    check(Compression::default(), "data.pkl", None);
    check(Compression::default(), "gz", None);
}

#[test]
fn an_explicit_no_overrides_the_extension() {
    check(false, "data.pkl.gz", None);
    check(0, "data.pkl.gz", None);
}

#[test]
fn errors_say_what_there_is() {
    assert_eq!(error(11), "`zlib` has no level 11: choose from 1 to 9, or 0 for no compression");
    assert_eq!(
        error("gzip:-1"),
        "`gzip` has no level -1: choose from 1 to 9, or 0 for no compression"
    );
    let unknown = error(("snappy", 3));
    assert!(unknown.starts_with("no compressor named `snappy` (registered: "), "{unknown}");
    assert!(unknown.contains("gzip, ") && unknown.contains("zlib"), "{unknown}");
    for bad in ["zlib:", "zlib:fast", "zlib:3:4", "", ":3", "zlib:99999999999"] {
        let expected = format!(
            "`{bad}` names no compression: write a name, or a name and a level as in `xz:6`"
        );
        assert_eq!(error(bad), expected);
    }
}
