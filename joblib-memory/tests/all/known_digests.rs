//! Digests are the same in every release: results stored by an older one are found.
//!
//! A digest that changes here forgets every cache in the world. Add lines, never change one.

use std::collections::{BTreeMap, HashMap, HashSet};

use joblib_memory::hash;
use ndarray::{Array2, ShapeBuilder, arr1, arr2};
use num_complex::Complex;
use serde::Serialize;

#[derive(Serialize)]
struct Model {
    name: &'static str,
    weights: Vec<f32>,
    bias: Option<f64>,
    kind: Kind,
}

#[derive(Serialize)]
enum Kind {
    Linear,
    Ridge(f64),
    Elastic { l1: f64, l2: f64 },
    Pair(u8, u8),
}

#[derive(Serialize)]
struct Meters(f64);

#[derive(Serialize)]
struct Marker;

macro_rules! known {
    ($($value:expr => $digest:literal,)*) => {
        let wrong: Vec<String> = [$((stringify!($value), hash(&$value).unwrap().to_string(), $digest)),*]
            .into_iter()
            .filter(|(_, found, known)| found != known)
            .map(|(value, found, _)| format!("{value} => {found:?},"))
            .collect();
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    };
}

#[test]
fn known_digests() {
    let model = |kind| Model { name: "m", weights: vec![0.5, -1.0], bias: None, kind };
    known! {
        () => "687ce3c51fa614ed7fe0f41f6d1802c5",
        true => "6a4a5274c1b0d3add6645fc3051a9457",
        1_u8 => "50e58cbd6ada00a1070d80d6a76865f3",
        -1_i8 => "439f00e91b1a9bcfe6581bd5f8f4ef07",
        1_u16 => "22975526c9bce5ba220f75d544bb457c",
        -1_i16 => "9f1fa8dac2a509bd7766d51c27db507e",
        1_u32 => "0c800cab66c1476d6e34b6b1d581887a",
        -1_i32 => "415578c728536d4661218cce196d7346",
        1_u64 => "5645035b9d3d7c333247fe7c58f25685",
        -1_i64 => "801da58b05a06ec7f8be29df77447b0b",
        1_usize => "5645035b9d3d7c333247fe7c58f25685",
        1_u128 => "23f67118462f3f23282fc86b611c395e",
        -1_i128 => "ac3705a50fe63133d241a3f1be9db368",
        1.5_f32 => "c1421607c799bb3c0b177c9ce22d32da",
        1.5_f64 => "8cef8be076b9c813e760fcc5e90dee18",
        -0.0_f64 => "2cefdafa6f40b75f636cb709b6816d2a",
        'é' => "4a52dafd2025cd3b465bf0c9f632974a",
        "" => "2a38c9984fdfa41b28eb8bf10d81761b",
        "joblib" => "deb58c95541a04b21839d3ae91b3470d",
        "x".repeat(1000) => "3e4e602c4bd52ab506cf437a1b0998c1",
        None::<u8> => "748c656f86fdad7e277b1946ac9655b6",
        Some(1_u8) => "1b97c84e7cfeac30eedab6c8c4d1b22e",
        (1, "two", 3.0) => "a7a96b1442d70ac06c95b139368f572c",
        Vec::<f64>::new() => "3f2aac9d63cab72acd947ce32b49f3d1",
        vec![1.0_f64, 2.0] => "5a9b23dd985207bdd5a0ec535b109086",
        vec![0_u8; 10_000] => "86dade5220771a59efb06c6b53b396cc",
        vec![true, false] => "b41667cef37553b8163650202fea3044",
        vec!['a', 'b'] => "280a40bf54b031c1061f177d6ae1b368",
        vec!["a", "b"] => "3afaf654c9050323dc4e470476801fbd",
        vec![Some(1.0), None] => "31d54be57ec3d5e5ba8e45ca8ed71a15",
        vec![Complex::new(1.0_f32, 2.0)] => "0bb55eebdbbc29d76d09054994e6417e",
        vec![Complex::new(1.0_f64, 2.0)] => "24ec54da85bfdd8928b9a6255ff45cb0",
        [1_u16, 2, 3] => "9ec15ea9f30d36cbfce04e7830a036c3",
        HashMap::from([("b", 1), ("a", 2)]) => "09172b182aea9bdec5ebed10435c06d3",
        BTreeMap::from([(1, vec![1.0])]) => "4d915341d098c11bb5237a8c26832919",
        HashSet::from([1, 2, 3]) => "046f735aa15c31c4bee233ad0869e554",
        arr1(&[1.0_f32, 2.0, 3.0]) => "c7874615b6bfe4219222ac8831438708",
        arr2(&[[1_i64, 2], [3, 4]]) => "11877289fad1e53a0624f1ed4a621e5b",
        Array2::<f64>::zeros((2, 3)) => "1891ef658ba1a71092ca28fbcbd0461e",
        Array2::<f64>::zeros((2, 3).f()) => "ee9aad135140e227c98f203eb07cf23b",
        Array2::<f64>::zeros((0, 3)) => "fe78b269cb4a44d1dd132bdcbfe9a873",
        arr2(&[["a"], ["b"]]) => "73c02abb91eea15778eb42b4efc855f6",
        model(Kind::Linear) => "ca2d551f54fd0ef05badb4826ec3244f",
        model(Kind::Ridge(0.1)) => "f2ae60d46cf3fcd835131e931642d611",
        model(Kind::Elastic { l1: 0.1, l2: 0.2 }) => "886ba15c7694308dc73aba4efb270508",
        model(Kind::Pair(1, 2)) => "dc6f0db152b1745b0556ec3673905c79",
        Meters(2.0) => "f1263fd248ac5df1d8941623ff4a11ed",
        Marker => "3401da9fcadc128294bac7ab1e37f6f3",
        std::time::Duration::from_millis(1500) => "ed13fe8036512299f9324b120b03f00b",
        std::path::Path::new("a/b") => "0bf04c195481d432186b9726d578f125",
    }
}
