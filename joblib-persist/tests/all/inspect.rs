use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use joblib_persist::array::Order;
use joblib_persist::{
    ArrayChecksum, DumpOptions, ErrorKind, InspectOptions, Item, dump, dump_to, inspect, verify,
};
use ndarray::{Array2, Array3, ShapeBuilder, arr0};
use serde::Serialize;
use tempfile::TempDir;

#[derive(Serialize)]
struct Model {
    coef: Array2<f32>,
    bias: ndarray::Array0<f64>,
    layers: Vec<Layer>,
    names: BTreeMap<String, u16>,
    kind: Kind,
    note: Option<String>,
    gap: Option<u8>,
    long: String,
}

#[derive(Serialize)]
struct Layer {
    width: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
}

#[derive(Serialize)]
enum Kind {
    Ridge { alpha: f64 },
}

fn model() -> Model {
    Model {
        coef: Array2::zeros((40, 50).f()),
        bias: arr0(-0.5),
        layers: (0..12).map(|width| Layer { width, rate: (width > 0).then_some(0.1) }).collect(),
        names: [("age".into(), 3), ("size".into(), 700)].into(),
        kind: Kind::Ridge { alpha: 1.0 },
        note: Some("short".into()),
        gap: None,
        long: "long ".repeat(1000),
    }
}

fn in_folder(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

fn field<'i>(item: &'i Item, name: &str) -> &'i Item {
    item.items.iter().find(|item| item.name == name).unwrap()
}

#[test]
fn everything_is_named() {
    let (_folder, path) = in_folder("model.jbl");
    dump(&model(), &path).unwrap();
    let description = inspect(&path).unwrap();
    assert_eq!(description.format, "native format, version 1");
    assert_eq!(description.compressor, None);
    assert_eq!(description.file_bytes, fs::metadata(&path).unwrap().len());
    assert_eq!((description.arrays, description.array_bytes), (2, 8000 + 5000));
    let [model] = &description.values[..] else { panic!("{description}") };
    assert_eq!((&model.type_name[..], model.len), ("Model", Some(8)));

    let coef = field(model, "coef").array.as_ref().unwrap();
    assert_eq!((&coef.dtype[..], &coef.shape[..]), ("f32", &[40, 50][..]));
    assert_eq!((coef.order, coef.bytes), (Order::F, 8000));
    assert!(matches!(coef.checksum, ArrayChecksum::Xxh3(_)));
    assert_eq!(coef.offset.unwrap() % 64, 0);

    let bias = field(model, "bias").array.as_ref().unwrap();
    assert_eq!((&bias.shape[..], bias.checksum), (&[][..], ArrayChecksum::Around));
    let long = field(model, "long");
    assert_eq!((&long.type_name[..], long.len), ("text", Some(5000)));
    let kind = field(model, "kind");
    assert_eq!((&kind.type_name[..], &kind.items[0].name[..]), ("Kind::Ridge", "alpha"));
    assert_eq!(kind.items[0].value.as_deref(), Some("1.0"));
    assert_eq!(field(model, "note").value.as_deref(), Some("\"short\""));
    assert_eq!(field(model, "gap").type_name, "none");
    let names = field(model, "names");
    assert_eq!(names.items[1].name, "\"size\"");
    assert_eq!(names.items[1].value.as_deref(), Some("700"));
}

#[test]
fn long_sequences_and_deep_values_are_cut() {
    let (_folder, path) = in_folder("model.jbl");
    dump(&model(), &path).unwrap();
    let layers_of = |options: InspectOptions| {
        let description = options.inspect(&path).unwrap();
        field(&description.values[0], "layers").clone()
    };
    let layers = layers_of(InspectOptions::new());
    assert_eq!((layers.len, layers.items.len(), layers.unlisted()), (Some(12), 10, 2));
    // The first has skipped a field, and the last is in the listing by the shape of the first.
    assert_eq!((layers.items[0].len, layers.items[9].len), (Some(1), Some(2)));
    assert_eq!(layers.items[9].type_name, "Layer");
    assert_eq!(layers_of(InspectOptions::new().items(100)).items.len(), 12);

    let flat = layers_of(InspectOptions::new().depth(1));
    assert_eq!((flat.len, flat.items.len()), (Some(12), 0));
    let few = InspectOptions::new().total(5).inspect(&path).unwrap();
    assert!(few.values[0].items.len() < 5, "{few}");
    assert_eq!(few.values[0].len, Some(8));
    assert_eq!(few.arrays, 2);
}

#[test]
fn a_description_is_a_tree_and_a_document() {
    let (_folder, path) = in_folder("pair.jbl.gz");
    let pair = BTreeMap::from([("x", Array2::<u8>::zeros((0, 3))), ("y", Array2::zeros((1, 2)))]);
    DumpOptions::new().compress("gzip").dump(&pair, &path).unwrap();
    let description = inspect(&path).unwrap();
    let len = fs::metadata(&path).unwrap().len();
    let expected = format!(
        "native format, version 1, gzip, {len} bytes\n\
         map\n  \"x\": array of u8 [0, 3] C, 0 bytes\n  \"y\": array of u8 [1, 2] C, 2 bytes"
    );
    assert_eq!(description.to_string(), expected);
    let from_stream = InspectOptions::new().inspect_from(&fs::read(&path).unwrap()[..]).unwrap();
    assert_eq!(from_stream.values, description.values);
    assert_eq!(from_stream.compressor.as_deref(), Some("gzip"));
    let json = serde_json::to_value(&description).unwrap();
    assert_eq!(json["compressor"], "gzip");
    assert_eq!(json["values"][0]["items"][1]["array"]["shape"], serde_json::json!([1, 2]));
    assert_eq!(json["values"][0]["items"][1]["array"]["checksum"], "around");
}

#[test]
fn every_value_of_a_file_is_described_and_verified() {
    let (_folder, path) = in_folder("several");
    let bytes = dump_to("second", dump_to(&Array3::<i64>::zeros((2, 10, 10)), vec![]).unwrap());
    fs::write(&path, bytes.unwrap()).unwrap();
    let description = inspect(&path).unwrap();
    assert_eq!(description.values.len(), 2);
    assert_eq!(description.values[1].value.as_deref(), Some("\"second\""));
    let verified = verify(&path).unwrap();
    assert_eq!((verified.values, verified.arrays, verified.array_bytes), (2, 1, 1600));
    assert_eq!(verified.unverified, 0);

    let mut longer = fs::read(&path).unwrap();
    longer.push(0);
    fs::write(&path, longer).unwrap();
    let error = verify(&path).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Foreign { .. }), "{error}");
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn verification_names_the_damaged_array() {
    let (_folder, path) = in_folder("model.jbl");
    let value = BTreeMap::from([("a", vec![model()]), ("b", vec![])]);
    dump(&value, &path).unwrap();
    let description = inspect(&path).unwrap();
    let first = &description.values[0].items[0].items[0];
    let array = field(first, "coef").array.clone().unwrap();
    flip(&path, array.offset.unwrap() as usize + 77);
    let error = verify(&path).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
    assert_eq!(error.place(), "[0].[0].coef");
    assert!(error.to_string().starts_with("verifying `"), "{error}");
    // Only its elements are wrong, and those are not looked at.
    assert_eq!(inspect(&path).unwrap(), description);
}

#[test]
fn a_flipped_bit_in_each_byte_is_found_by_verification_and_never_harms_a_description() {
    let (_folder, path) = in_folder("model.jbl");
    dump(&(Array2::<f32>::ones((30, 9)), Some(("text", [1u64, 300], true))), &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    verify(&path).unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 7);
        fs::write(&path, flipped).unwrap();
        assert!(verify(&path).is_err(), "byte {at}");
        let _ = inspect(&path);
    }
    for len in 0..bytes.len() {
        fs::write(&path, &bytes[..len]).unwrap();
        assert!(verify(&path).is_err(), "{len} bytes");
        assert!(inspect(&path).is_err(), "{len} bytes");
    }
}
