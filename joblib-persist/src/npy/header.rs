//! The header of a `.npy` file.

use std::sync::Arc;

use super::descr::{descr, element_type, tuple};
use super::literal::{Literal, parse};
use crate::array::Order;
use crate::error::{Error, Result};
use crate::format::MAX_AXES;
use crate::frame_source::Input;
use crate::value::ElementType;

/// How a file begins; two bytes of version follow.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// Longer headers are not read: a type of ten thousand fields has a shorter one.
const LEN_MAX: u32 = 1 << 20;

/// The elements begin at a multiple of this, as numpy has it since 1.14.
const ALIGNMENT: usize = 64;

/// What is in front of the elements of an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) element_type: Arc<ElementType>,
    pub(crate) shape: Vec<usize>,
    pub(crate) order: Order,
}

impl Header {
    /// Reads a header, and how many bytes it has.
    pub(crate) fn read(input: &mut dyn Input) -> Result<(Self, u64)> {
        let ended = |source| Error::reading("the header of an array", source);
        let mut start = [0; 8];
        input.read_exact(&mut start).map_err(ended)?;
        let [magic @ .., major, minor] = start;
        if magic != *MAGIC {
            return Err(Error::damaged("an array that is not in a `.npy` file"));
        }
        let mut len = [0; 4];
        let width = match (major, minor) {
            (1, 0) => 2,
            (2 | 3, 0) => 4,
            _ => {
                let what =
                    format!("a `.npy` file of version {major}.{minor}, known are 1.0 to 3.0");
                return Err(Error::damaged(what));
            }
        };
        input.read_exact(&mut len[..width]).map_err(ended)?;
        let len = u32::from_le_bytes(len);
        if len > LEN_MAX {
            return Err(Error::damaged(format!(
                "a header of {len} bytes, there are {LEN_MAX} at most"
            )));
        }
        let mut text = vec![0; len as usize];
        input.read_exact(&mut text).map_err(ended)?;
        let text = match major {
            3 => String::from_utf8_lossy(&text).into_owned(),
            _ => text.iter().map(|&byte| char::from(byte)).collect(),
        };
        let bad = || Error::damaged(format!("`{}` is no header of an array", text.trim_end()));
        let header = Self::parse(&text).ok_or_else(bad)?;
        Ok((header, (8 + width + len as usize) as u64))
    }

    fn parse(text: &str) -> Option<Self> {
        let Literal::Dict(pairs) = parse(text)? else { return None };
        let entry = |name| pairs.iter().find(|(key, _)| key.as_text() == Some(name));
        let order = match entry("fortran_order")?.1 {
            Literal::Bool(true) => Order::F,
            Literal::Bool(false) => Order::C,
            _ => return None,
        };
        let shape = entry("shape")?.1.as_shape()?;
        let element_type = Arc::new(element_type(&entry("descr")?.1)?);
        (shape.len() <= 2 * MAX_AXES).then_some(Header { element_type, shape, order })
    }

    /// The bytes of the header, in the oldest version that has room for it.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let is_fortran = if self.order == Order::F { "True" } else { "False" };
        let (descr, shape) = (descr(&self.element_type)?, tuple(&self.shape));
        let mut text =
            format!("{{'descr': {descr}, 'fortran_order': {is_fortran}, 'shape': {shape}, }}");
        let fits =
            |width: usize, text: &str| text.len() + 8 + width + ALIGNMENT <= usize::from(u16::MAX);
        let (version, width) = match text.is_ascii() {
            true if fits(2, &text) => (1, 2),
            true => (2, 4),
            false => (3, 4),
        };
        let len = (8 + width + text.len() + 1).next_multiple_of(ALIGNMENT) - 8 - width;
        text.extend(std::iter::repeat_n(' ', len - text.len() - 1));
        text.push('\n');
        let len = u32::try_from(len).ok().filter(|&len| len <= LEN_MAX);
        let too_long = || Error::unwritable("a type with more fields than a `.npy` header holds");
        let len = len.ok_or_else(too_long)?.to_le_bytes();
        Ok([MAGIC, &[version, 0], &len[..width], text.as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::DType;
    use crate::frame_source::Plain;
    use crate::value::{ByteOrder, Field, Form};

    fn header(element_type: ElementType, shape: &[usize], order: Order) -> Header {
        Header { element_type: Arc::new(element_type), shape: shape.to_vec(), order }
    }

    fn with_fields(names: impl Iterator<Item = String>) -> ElementType {
        let byte = Arc::new(ElementType::plain('u', 1, ByteOrder::None));
        let field =
            |(offset, name)| Field { name, title: None, offset, element_type: Arc::clone(&byte) };
        let fields: Vec<Field> = names.enumerate().map(field).collect();
        let plain = ElementType::plain('V', fields.len(), ByteOrder::None);
        ElementType { form: Form::Struct(fields), flags: 16, ..plain }
    }

    #[test]
    fn each_version_is_read_back_and_aligned() {
        let float = ElementType::of(DType::F64).unwrap();
        let many = with_fields((0..5000).map(|n| format!("field {n}")));
        let named = with_fields(["größe".to_owned()].into_iter());
        for (header, version) in [
            (header(float.clone(), &[], Order::C), 1),
            (header(float, &[3, 4], Order::F), 1),
            (header(many, &[7], Order::C), 2),
            (header(named, &[0], Order::C), 3),
        ] {
            let bytes = header.to_bytes().unwrap();
            assert_eq!((bytes[6], bytes.len() % 64), (version, 0));
            let found = Header::read(&mut Plain(&bytes[..])).unwrap();
            assert_eq!(found, (header, bytes.len() as u64));
        }
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let bytes = |text: &str| {
            let len = (text.len() as u16).to_le_bytes();
            [MAGIC, &[1, 0], &len[..], text.as_bytes()].concat()
        };
        let long = [MAGIC, &[2, 0, 255, 255, 255, 255]].concat();
        let newer = [MAGIC, &[4, 0, 0, 0, 0, 0]].concat();
        for bytes in [
            bytes("{}"),
            bytes("{'descr': '<f8', 'fortran_order': 1, 'shape': (3,)}"),
            bytes("{'descr': '<f8', 'fortran_order': False, 'shape': ('a',)}"),
            bytes("__import__('os').system('true')"),
            bytes("")[..5].to_vec(),
            long,
            newer,
        ] {
            assert!(Header::read(&mut Plain(&bytes[..])).is_err());
        }
    }
}
