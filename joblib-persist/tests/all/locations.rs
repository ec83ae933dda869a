//! URLs instead of paths, as far as they need no service.

use joblib_persist::{dump, load};

#[test]
fn a_file_has_a_url() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b.jbl.gz");
    let url = format!("file://{}", path.display()).replace(' ', "%20");
    dump(&vec![1.5; 10], &url).unwrap();
    assert_eq!(load::<Vec<f64>>(&path).unwrap(), vec![1.5; 10]);
    assert_eq!(load::<Vec<f64>>(&url).unwrap(), vec![1.5; 10]);
    assert!(std::fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]), "compressed by its name");
}

#[test]
#[cfg(not(feature = "cloud"))]
fn a_build_without_cloud_says_what_to_do() {
    for result in [dump(&1, "s3://bucket/a.jbl"), load::<i32>("s3://bucket/a.jbl").map(drop)] {
        let error = result.unwrap_err();
        assert!(error.to_string().contains("`s3://bucket/a.jbl`"), "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("feature `cloud`"), "{cause}");
    }
}
