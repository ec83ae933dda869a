//! Files of the native format, read by a Python reader that was written from FORMAT.md alone:
//! `xtask/python/jbl.py`.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use joblib_persist::array::Order;
use joblib_persist::value::{
    Builder, ByteOrder, ElementType, Field, Form, Global, Making, Part, TimeUnit, Value,
};
use joblib_persist::{DumpOptions, dump_to};
use ndarray::{Array1, Array2, ShapeBuilder};
use num_complex::Complex;
use serde::Serialize;

use crate::{Result, python, workspace};

/// A bit of everything that has a tag of its own; `expected` of `native.py` says the same.
#[derive(Serialize)]
struct Everything {
    name: &'static str,
    coefficients: Array2<f64>,
    fortran: Array2<f32>,
    small: Array1<i16>,
    empty: Array2<f64>,
    flags: Vec<bool>,
    text: String,
    numbers: (u8, u8, u8, u64, u64, i8, i16, i64),
    float: f64,
    tuple: (char, bool, ()),
    table: BTreeMap<&'static str, u8>,
    shapes: Vec<Shape>,
    layers: Vec<Layer>,
    nothing: Option<u8>,
    something: Option<u8>,
    tag: Tagged,
    last: Array1<u32>,
}

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(u8, u8),
    Box { width: u8, label: char },
}

#[derive(Serialize)]
struct Layer {
    units: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "kind")]
enum Tagged {
    Round { radius: u8 },
}

/// Writes the files, lets Python read them, and prints what it read.
pub(super) fn run() -> Result {
    let folder = workspace::target().join("compat/native");
    fs::create_dir_all(&folder)?;
    let value = everything()?;
    DumpOptions::new().dump(&value, folder.join("plain.jbl"))?;
    DumpOptions::new().dump(&value, folder.join("packed.jbl.gz"))?;
    let twice = dump_to(&value, dump_to(&value, Vec::new())?)?;
    fs::write(folder.join("twice.jbl"), twice)?;
    DumpOptions::new().dump(&value_of_python()?, folder.join("value.jbl"))?;

    let mut command = Command::new(python::interpreter()?);
    command.arg(python::script("native.py")).arg(&folder);
    let output = command.output()?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err("Python read something else than was written to a native file".into());
    }
    let expected = "packed.jbl.gz\t0\nplain.jbl\t5\ntwice.jbl\t10\nvalue.jbl\t1\n";
    let found = String::from_utf8(output.stdout)?;
    if found != expected {
        return Err(format!("files and arrays mapped: {found:?}, not {expected:?}").into());
    }
    println!("4 native files read in Python by FORMAT.md, 16 arrays mapped in place");
    Ok(())
}

fn everything() -> Result<Everything> {
    let index = || (0..12_000_u16).map(f32::from);
    let layer =
        |units: u32| Layer { units, name: (units % 2 == 1).then(|| format!("layer {units}")) };
    Ok(Everything {
        name: "Grüße",
        coefficients: Array2::from_shape_vec(
            (300, 40),
            index().map(|n| f64::from(n) / 8.0).collect(),
        )?,
        fortran: Array2::from_shape_vec((60, 200).f(), index().collect())?,
        small: Array1::from(vec![-1, 0, i16::MAX]),
        empty: Array2::zeros((0, 5)),
        flags: (0..2_000).map(|n| n % 3 == 0).collect(),
        text: "0123456789".repeat(500),
        numbers: (0, 127, 128, 1 << 32, u64::MAX, -1, -129, i64::MIN),
        float: 0.1,
        tuple: ('x', true, ()),
        table: BTreeMap::from([("one", 1), ("two", 2)]),
        shapes: vec![
            Shape::Point,
            Shape::Circle(1.5),
            Shape::Line(1, 2),
            Shape::Box { width: 3, label: 'b' },
            Shape::Circle(2.5),
        ],
        layers: (0..5_000).map(layer).collect(),
        nothing: None,
        something: Some(7),
        tag: Tagged::Round { radius: 2 },
        last: (0..1_000).collect(),
    })
}

/// Every part of a value of Python; `check_value` of `native.py` says the same.
fn value_of_python() -> Result<Value> {
    let mut b = Builder::new();
    let matrix = Array2::from_shape_fn((20, 10).f(), |(i, j)| (i + 20 * j) as f64);
    let matrix = b.array(matrix);
    let shared = b.list(&[matrix]);
    b.push(shared, shared);
    let again = b.tuple(&[shared]);
    let state = b.dict(&[]);
    let object = deque(&mut b, state);
    let entries = [
        ("plain", plain(&mut b)),
        ("long", long(&mut b)),
        ("sets", sets(&mut b)),
        ("matrix", matrix),
        (
            "big",
            bytes(&mut b, ElementType::plain('i', 4, ByteOrder::Big), &[0, 0, 0, 1, 0, 0, 0, 2])?,
        ),
        ("objects", objects(&mut b)?),
        ("scalar", b.scalar(Arc::new(number('f', 4)), &0.5f32.to_le_bytes())),
        ("times", times(&mut b)?),
        ("types", types(&mut b)),
        ("halves", bytes(&mut b, number('f', 2), &[0, 0x38, 0, 0xc0])?),
        ("shared", shared),
        ("again", again),
        ("object", object),
    ];
    let entries = entries.map(|(key, part)| (b.str(key), part));
    let root = b.dict(&entries);
    let key = b.str("value");
    b.insert(state, key, root);
    Ok(b.finish(root))
}

fn number(kind: char, size: usize) -> ElementType {
    ElementType::plain(kind, size, ByteOrder::Little)
}

fn plain(b: &mut Builder) -> Part {
    let parts = [
        b.none(),
        b.bool(true),
        b.int(-1),
        b.int(1 << 70),
        b.int(-(1 << 70)),
        b.float(0.5),
        b.complex(Complex::new(1.0, -2.0)),
        b.str("text"),
        b.bytes(b"bytes"),
    ];
    b.tuple(&parts)
}

fn long(b: &mut Builder) -> Part {
    let two_to_200 = [&[0; 25][..], &[1]].concat();
    let parts = [b.big_int(&two_to_200), b.byte_array(b"array")];
    b.tuple(&parts)
}

fn sets(b: &mut Builder) -> Part {
    let numbers = [b.int(1), b.int(2), b.int(3)];
    let sets = [b.set(&numbers[..2]), b.frozen_set(&numbers[2..])];
    b.tuple(&sets)
}

fn bytes(b: &mut Builder, element_type: ElementType, bytes: &[u8]) -> Result<Part> {
    let shape = [bytes.len() / element_type.size];
    let array = b.array_from_bytes(Arc::new(element_type), &shape, Order::C, bytes.to_vec());
    array.ok_or_else(|| "an array that is not as long as its bytes".into())
}

/// In Fortran order for Python, and in logical order here.
fn objects(b: &mut Builder) -> Result<Part> {
    let objects = [b.none(), b.str("a"), b.str("b"), b.int(7)];
    let array = b.array_of_objects(&[2, 2], Order::F, &objects);
    array.ok_or_else(|| "an array of other than four objects".into())
}

fn times(b: &mut Builder) -> Result<Part> {
    let day = TimeUnit { unit: "D".into(), num: 1, den: 1, event: 1 };
    let days = ElementType { form: Form::Time(day), ..number('M', 8) };
    let days_to_leap_day = 18_321i64;
    bytes(b, days, &[days_to_leap_day.to_le_bytes(), i64::MIN.to_le_bytes()].concat())
}

fn types(b: &mut Builder) -> Part {
    let field = |name: &str, offset, element_type| Field {
        name: name.into(),
        title: None,
        offset,
        element_type: Arc::new(element_type),
    };
    let fields = vec![field("a", 0, number('u', 2)), field("b", 4, number('f', 4))];
    let record = ElementType { form: Form::Struct(fields), ..number('V', 8) };
    let types = [number('f', 8), record].map(|element_type| b.element_type(Arc::new(element_type)));
    b.tuple(&types)
}

/// An object that contains itself and, in its state, the whole value.
fn deque(b: &mut Builder, state: Part) -> Part {
    let class = b.global(Global { module: "collections", name: "deque" });
    let (arguments, none, eight) = (b.tuple(&[]), b.none(), b.int(8));
    let object = b.object(Making::Call, class, arguments, none);
    b.push(object, object);
    b.push(object, eight);
    b.set_state(object, state);
    object
}
