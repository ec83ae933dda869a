//! Digests are the same in every release: results stored by an older one are found.
//!
//! A digest that changes here forgets every cache in the world. Add lines, never change one.

use std::collections::{BTreeMap, HashMap, HashSet};

use joblib_memory::{Algorithm, hash_with};
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
    ($algorithm:expr; $($value:expr => $digest:literal,)*) => {
        let wrong: Vec<String> =
            [$((stringify!($value), hash_with($algorithm, &$value).unwrap().to_string(), $digest)),*]
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
        Algorithm::Xxh3;
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

#[cfg(feature = "blake3")]
#[test]
fn known_cryptographic_digests() {
    let model = |kind| Model { name: "m", weights: vec![0.5, -1.0], bias: None, kind };
    known! {
        Algorithm::Blake3;
        () => "e76980f6b3cf168e48700ac616f9080f06dfe8a9b2f0227138ad524b4cc9a5f4",
        true => "7b7015bb92cf0b318037702a6cdd81dee41224f734684c2c122cd6359cb1ee63",
        1_u8 => "2022ec9d571ba774cf9e83d0194962f5d1e3aa1a48d486a67e2762a6c7959015",
        -1_i8 => "f9290316385fd0e30088f52852d31f1ba7d4d784b707613527e2ea404cbb32b4",
        1_u16 => "78c8897ea27e3aa8867b08560d4fd2b966b65aba91f749e5839edf552f894814",
        -1_i16 => "3ac1528172b5e87d23aa7444e94da931aad8d5f68525dc374eb8567673e8dcb8",
        1_u32 => "809ec44754bc33d95d8ff20ff7a27b18a401157f1e788faeccd233a94c04a3d4",
        -1_i32 => "acd713d19c97f51f009c95d494737cd5a2735aaa08de11bd9c997c82466cde6a",
        1_u64 => "e7c99c626a781241355bf06f326f7a77c44738bdf0f1e59c60f7d8387ad4733a",
        -1_i64 => "4320dfbfacf259bf32dacea2a36569b6c24476067a74fa1b6324be129bc10522",
        1_usize => "e7c99c626a781241355bf06f326f7a77c44738bdf0f1e59c60f7d8387ad4733a",
        1_u128 => "b61bf9a9a0f1ae43b0aa89aed513018d18a18e51f35f6fbe50f49f37aaa08c2e",
        -1_i128 => "4dec5b55025aed14a4eb0a44458db2e760eac6b890efe5b4202cb994f783568f",
        1.5_f32 => "d46d657cebad05b20badaa041485c03f765852432a63a0264d7d870f82a7794a",
        1.5_f64 => "093de4dc69de6adcdadc98314c1566c11d4caabf6cc1ce905f24b59368eefbf5",
        -0.0_f64 => "2b68d86c3b3e5aae8a8428be3e986868d789a7d6b09c59f532836bf63b761a0f",
        'é' => "f4ad911da3053ec10d89ff0fbcec3ea9554b46d49951d725a95ea88ae2910116",
        "" => "c3622f21db0126866656d260b52350f7ce09a96d5adbbf35dca98d5d37f49682",
        "joblib" => "7b469f5d1a33edcc429c7306d861bbeb75978e53b1e42f7217929cbabc275a40",
        "x".repeat(1000) => "cdf71b05d43c53ee57e4ed036c0c3b90b2dc7dc0b59cde4ac21069fffb2bca51",
        None::<u8> => "520666427bfbf37af8eaf4d953ac4fac7a8c19a40077028cea88e5714ed34313",
        Some(1_u8) => "9a57a4a37993c5ad536036cf76a792e2067643b68c0d4c4818ae781ad6bc71d9",
        (1, "two", 3.0) => "6e20a42fa7224446d757d550d44866ea6469789448f120f3b5d8850904d5098c",
        Vec::<f64>::new() => "afbd239f9ba1b2333985c3ff22b4e0622450f47dc72551f1c406c80162a5c504",
        vec![1.0_f64, 2.0] => "47f01dc61f50f72118d29ff3ad7587ecfb426f91c6638f4f847e6f5794d6cf80",
        vec![0_u8; 10_000] => "e0c089852150445c8519c94da0ea9caec4670545c7069f2fb586ef326848e9a7",
        vec![true, false] => "8103f888a09d873b71b16ac22b3cb1fe691f21b7f52aadadd9632313c4e579b0",
        vec!['a', 'b'] => "88cec81b2e27db417b0838d9f08551b7f04131f9722d87bb9907aa55ee882005",
        vec!["a", "b"] => "18aa5cf73cb90c2d1ee78a94aa37d64daa3553a29e566f8144bd08ca73cdcd5b",
        vec![Some(1.0), None] => "1738851030b84e8ff03a9ad1c1caa8f5a9463d4192b1d7413131203bfd817b5b",
        vec![Complex::new(1.0_f32, 2.0)] => "2e0710cf390da9ad9c6cab5e40d2e1ad796121aa9428576e47d579382df6a809",
        vec![Complex::new(1.0_f64, 2.0)] => "08d7cc0d9f56be2105de7e08bf3c4a82dfff7a3c5c5cf319363ac77688e96920",
        [1_u16, 2, 3] => "d1e8b8c58386fd1a795ed9ce3bf107da0ac628c10b52499437481922950f4b29",
        HashMap::from([("b", 1), ("a", 2)]) => "60d5f1c73fd1e2053f39f4aaa05542e47b629a926d580b1fddfba5717087a525",
        BTreeMap::from([(1, vec![1.0])]) => "b88b63d11a941e221b30e07099121bdb3af3c53f2f7dc6fb8cd1f8cf07dd39e8",
        HashSet::from([1, 2, 3]) => "089989f84747a0e69835c067aa57bdf61b50b8c6c108336edd6c54de39daa240",
        arr1(&[1.0_f32, 2.0, 3.0]) => "31b720c6552afe26032f3b0b1ce27dd6640515fa855ad154198df52826c40895",
        arr2(&[[1_i64, 2], [3, 4]]) => "5eb4be42521b70a08ae3048609e72f284e2870623b1c49ac3e8ef37f69d7fbbd",
        Array2::<f64>::zeros((2, 3)) => "5119faeda95aae9530ff54de8503006c3c2bb95320e64b511ab4fed053bdc6f6",
        Array2::<f64>::zeros((2, 3).f()) => "92f27ab987ab2fff961b32715a767c61617979d1bc6b4c383c2620f57f1cc8e3",
        Array2::<f64>::zeros((0, 3)) => "277c1529f3e543912a4872583f425e2df5974bd765db6084e441c89c0ed52463",
        arr2(&[["a"], ["b"]]) => "1608757c8d08123d6e152d131012b0ef1c3a3748375e3beb82730320ab29e7e7",
        model(Kind::Linear) => "834dd6880f1b97806ee5e91468803fe0566c1d7182b8b8df539b7ae4beba51f4",
        model(Kind::Ridge(0.1)) => "24d2f8ea50716b814d453211b3c1c0bbff3a79d53f9dde1b8f6cde5fe7564ec8",
        model(Kind::Elastic { l1: 0.1, l2: 0.2 }) => "5854e2ed2480da71d73c4c3e981546cd7344a0a738d9611c9a797b61e2e86949",
        model(Kind::Pair(1, 2)) => "72f30c0a6adb829c41816923195d50c44a266521f80f17447a3e009767b2a2c7",
        Meters(2.0) => "9b589661bcf0e7154c696503065d6a11e27e8697cc4f1fdd92f3f1a884625ec8",
        Marker => "7eea79590f0422e05ab528d821c65998188e46a203e5bb1c1d24a3a257b0e2d5",
        std::time::Duration::from_millis(1500) => "15c416bb765b56e6cec932cba74370b4676776655ec44002617993be0a751400",
        std::path::Path::new("a/b") => "5f59107f0cc8a06f18e92f6150ebc903b6dcde6e0463520b42e70d8b029dc863",
    }
}
