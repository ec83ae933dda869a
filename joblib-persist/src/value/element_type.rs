//! What numpy says about the elements of an array: its `dtype`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::array::DType;

/// The `dtype` of a numpy array or scalar, or a `dtype` object by itself.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Deserialize, Serialize)]
pub struct ElementType {
    /// numpy's letter: `b` bool, `i` and `u` integers, `f` float, `c` complex, `S` byte string,
    /// `U` text, `V` raw bytes or a struct, `M` date, `m` time difference, `O` Python object.
    pub kind: char,
    /// Bytes per element.
    pub size: usize,
    /// In which order the bytes of a number lie.
    pub byte_order: ByteOrder,
    /// What is inside an element.
    pub form: Form,
    /// Whether fields were laid out as a C compiler would.
    pub is_aligned: bool,
    /// The alignment that the writer noted, -1 for the type's own.
    pub alignment: i64,
    /// numpy's flags of the type, such as 63 for Python objects.
    pub flags: i64,
}

/// In which order the bytes of a number lie.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Deserialize, Serialize)]
pub enum ByteOrder {
    /// The least significant first, `<`.
    #[default]
    Little,
    /// The most significant first, `>`.
    Big,
    /// It makes no difference, `|`.
    None,
}

/// What is inside an element.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq, Deserialize, Serialize)]
pub enum Form {
    /// Nothing further: one number, one string.
    #[default]
    Plain,
    /// Named fields, in the order in which numpy lists them.
    Struct(Vec<Field>),
    /// An array of fixed shape in C order.
    Subarray(#[serde(with = "pointee")] Arc<ElementType>, Vec<usize>),
    /// A date or time difference.
    Time(TimeUnit),
}

/// A field of a structured element.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Deserialize, Serialize)]
pub struct Field {
    /// The name.
    pub name: String,
    /// A second name, if it has one.
    pub title: Option<String>,
    /// Where in the element it begins, in bytes.
    pub offset: usize,
    /// Its type.
    #[serde(with = "pointee")]
    pub element_type: Arc<ElementType>,
}

/// The unit of a date or time difference: `num` of `unit`, divided by `den`.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Deserialize, Serialize)]
pub struct TimeUnit {
    /// Such as `ns`, `D` or `generic`.
    pub unit: String,
    /// How many units one step is.
    pub num: i64,
    /// By what it is divided.
    pub den: i64,
    /// How many events share one step; 1 in all but very old files.
    pub event: i64,
}

/// What a pointer points to, in its place.
mod pointee {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        value: &Arc<super::ElementType>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        (**value).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<super::ElementType>, D::Error> {
        super::ElementType::deserialize(from).map(Arc::new)
    }
}

impl ByteOrder {
    /// As numpy writes it: `<`, `>` or `|`.
    pub fn symbol(self) -> char {
        match self {
            ByteOrder::Little => '<',
            ByteOrder::Big => '>',
            ByteOrder::None => '|',
        }
    }
}

impl ElementType {
    /// A type without anything inside, with the flags and alignment that numpy gives it.
    ///
    /// `byte_order` is ignored where it makes no difference: for single bytes, byte strings, raw
    /// bytes and objects.
    pub fn plain(kind: char, size: usize, byte_order: ByteOrder) -> Self {
        let has_order = match kind {
            'U' | 'M' | 'm' => true,
            'S' | 'V' | 'O' | 'b' => false,
            _ => size > 1,
        };
        let byte_order = if has_order { byte_order } else { ByteOrder::None };
        let (alignment, flags) = match kind {
            'O' => (-1, 63),
            'U' => (4, 8),
            'S' | 'V' => (1, 0),
            _ => (-1, 0),
        };
        let form = Form::Plain;
        ElementType { kind, size, byte_order, form, is_aligned: false, alignment, flags }
    }

    /// Python objects.
    pub fn object() -> Self {
        Self::plain('O', 8, ByteOrder::None)
    }

    /// The type of `dtype`, little-endian, if numpy has it: it lacks integers of 128 bits.
    pub fn of(dtype: DType) -> Option<Self> {
        let (kind, size) = match dtype {
            DType::Bool => ('b', 1),
            DType::U8 => ('u', 1),
            DType::I8 => ('i', 1),
            DType::U16 => ('u', 2),
            DType::I16 => ('i', 2),
            DType::U32 => ('u', 4),
            DType::I32 => ('i', 4),
            DType::U64 => ('u', 8),
            DType::I64 => ('i', 8),
            DType::F16 => ('f', 2),
            DType::F32 => ('f', 4),
            DType::F64 => ('f', 8),
            DType::C64 => ('c', 8),
            DType::C128 => ('c', 16),
            _ => return None,
        };
        Some(Self::plain(kind, size, ByteOrder::Little))
    }

    /// The Rust type of an element, if there is one; its bytes may have to be turned around, which
    /// [`is_native`](Self::is_native) tells. Dates and time differences are `i64`.
    pub fn dtype(&self) -> Option<DType> {
        match (self.kind, self.size) {
            ('b', 1) => Some(DType::Bool),
            ('u', 1) => Some(DType::U8),
            ('i', 1) => Some(DType::I8),
            ('u', 2) => Some(DType::U16),
            ('i', 2) => Some(DType::I16),
            ('u', 4) => Some(DType::U32),
            ('i', 4) => Some(DType::I32),
            ('u', 8) => Some(DType::U64),
            ('i' | 'M' | 'm', 8) => Some(DType::I64),
            ('f', 2) => Some(DType::F16),
            ('f', 4) => Some(DType::F32),
            ('f', 8) => Some(DType::F64),
            ('c', 8) => Some(DType::C64),
            ('c', 16) => Some(DType::C128),
            _ => None,
        }
    }

    /// The Rust type whose elements lie in memory as these do.
    pub(crate) fn native_dtype(&self) -> Option<DType> {
        self.dtype().filter(|_| self.is_native())
    }

    /// Whether the bytes of an element lie in memory as in this machine.
    pub fn is_native(&self) -> bool {
        self.byte_order != ByteOrder::Big
    }

    /// Byte order, letter and size in bytes, such as `<f8`: none if that is not all there is.
    pub(crate) fn short_code(&self) -> Option<String> {
        let code = format!("{}{}{}", self.byte_order.symbol(), self.kind, self.size);
        (Self::of_short_code(&code).as_ref() == Some(self)).then_some(code)
    }

    pub(crate) fn of_short_code(code: &str) -> Option<Self> {
        let mut chars = code.chars();
        let byte_order = match chars.next()? {
            '<' => ByteOrder::Little,
            '>' => ByteOrder::Big,
            '|' => ByteOrder::None,
            _ => return None,
        };
        let kind = chars.next()?;
        let size = chars.as_str().parse().ok()?;
        Some(Self::plain(kind, size, byte_order)).filter(Self::is_consistent)
    }

    /// Whether it is a type that numpy could have: of one that was read from a file.
    pub(crate) fn is_consistent(&self) -> bool {
        let is_known = "biufcSUVMmO".contains(self.kind);
        is_known
            && match &self.form {
                Form::Plain | Form::Time(_) => true,
                Form::Struct(fields) => fields.iter().all(|field| {
                    let end = field.offset.checked_add(field.element_type.size);
                    end.is_some_and(|end| end <= self.size) && field.element_type.is_consistent()
                }),
                Form::Subarray(base, shape) => {
                    let bytes =
                        shape.iter().try_fold(base.size, |len, &axis| len.checked_mul(axis));
                    bytes == Some(self.size) && base.is_consistent()
                }
            }
    }

    /// The fields of a structured type; none for any other.
    pub fn fields(&self) -> &[Field] {
        match &self.form {
            Form::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// Whether an element is a Python object, or has one in it.
    pub fn has_objects(&self) -> bool {
        match &self.form {
            Form::Struct(fields) => fields.iter().any(|field| field.element_type.has_objects()),
            Form::Subarray(base, _) => base.has_objects(),
            _ => self.kind == 'O',
        }
    }

    /// The code by which `numpy.dtype` makes the type: letter and size, the number of characters
    /// for text, such as `f8`, `U3` or `V16`.
    pub fn code(&self) -> String {
        match self.kind {
            'U' => format!("U{}", self.size / 4),
            kind => format!("{kind}{}", self.size),
        }
    }
}

/// As numpy writes it: `float64`, `>i4`, `<U3`, `datetime64[ns]`, `[('a', int32), …]`.
impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Struct(fields) => {
                f.write_str("[")?;
                for (index, field) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}('{}', {})", field.name, field.element_type)?;
                }
                f.write_str("]")
            }
            Form::Subarray(base, shape) => write!(f, "({base}, {shape:?})"),
            Form::Time(unit) => {
                let name = if self.kind == 'M' { "datetime64" } else { "timedelta64" };
                let order = if self.is_native() { "" } else { ">" };
                let num = if unit.num == 1 { String::new() } else { unit.num.to_string() };
                write!(f, "{order}{name}[{num}{}]", unit.unit)
            }
            Form::Plain => self.fmt_plain(f),
        }
    }
}

impl ElementType {
    fn fmt_plain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.size * 8;
        let name = match self.kind {
            'b' => return f.write_str("bool"),
            'O' => return f.write_str("object"),
            'i' => "int",
            'u' => "uint",
            'f' => "float",
            'c' => "complex",
            'M' => return f.write_str("datetime64"),
            'm' => return f.write_str("timedelta64"),
            _ => return write!(f, "{}{}", self.byte_order.symbol(), self.code()),
        };
        let order = if self.is_native() { "" } else { ">" };
        write!(f, "{order}{name}{bits}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_numpy_writes_it() {
        let shown = |kind, size, order| ElementType::plain(kind, size, order).to_string();
        assert_eq!(shown('f', 8, ByteOrder::Little), "float64");
        assert_eq!(shown('i', 4, ByteOrder::Big), ">int32");
        assert_eq!(shown('U', 12, ByteOrder::Little), "<U3");
        assert_eq!(shown('S', 5, ByteOrder::Little), "|S5");
        assert_eq!(shown('b', 1, ByteOrder::Big), "bool");
    }
}
