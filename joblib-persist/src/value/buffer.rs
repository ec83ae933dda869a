//! The memory of an array whose element type is known at run time only.

use std::any::{Any, TypeId};
use std::fmt;

use crate::array::{DType, Element, bytes_of};

/// The elements of an array: a vector of them, without its type.
pub(crate) struct Buffer(Box<dyn Elements>);

trait Elements: Send + Sync {
    fn dtype(&self) -> DType;
    fn bytes(&self) -> &[u8];
    fn copy(&self) -> Buffer;
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<E: Element> Elements for Vec<E> {
    fn dtype(&self) -> DType {
        E::DTYPE
    }

    fn bytes(&self) -> &[u8] {
        bytes_of(self)
    }

    fn copy(&self) -> Buffer {
        Buffer(Box::new(self.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl<E: Element> From<Vec<E>> for Buffer {
    fn from(elements: Vec<E>) -> Self {
        Buffer(Box::new(elements))
    }
}

impl Buffer {
    pub(crate) fn dtype(&self) -> DType {
        self.0.dtype()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The elements, if they are of that very type.
    pub(crate) fn elements<E: Element>(&self) -> Option<&[E]> {
        self.0.as_any().downcast_ref::<Vec<E>>().map(Vec::as_slice)
    }

    /// Whether the vector is of that type.
    pub(crate) fn is(&self, vec: TypeId) -> bool {
        self.0.as_any().type_id() == vec
    }

    /// The vector of a buffer of bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.into_any().downcast::<Vec<u8>>().map(|bytes| *bytes).unwrap_or_default()
    }

    /// The vector as it is, to be downcast.
    pub(crate) fn into_any(self) -> Box<dyn Any> {
        self.0.into_any()
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        self.0.copy()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.bytes().len(), self.dtype())
    }
}

/// Runs `$body` with `$E` standing for the Rust type of `$dtype`.
macro_rules! with_element {
    ($dtype:expr, $E:ident => $body:expr) => {{
        use crate::array::DType;
        macro_rules! run {
            ($type:ty) => {{
                type $E = $type;
                $body
            }};
        }
        match $dtype {
            DType::Bool => run!(bool),
            DType::U8 => run!(u8),
            DType::I8 => run!(i8),
            DType::U16 => run!(u16),
            DType::I16 => run!(i16),
            DType::U32 => run!(u32),
            DType::I32 => run!(i32),
            DType::U64 => run!(u64),
            DType::I64 => run!(i64),
            DType::U128 => run!(u128),
            DType::I128 => run!(i128),
            DType::F16 => run!($crate::array::Half),
            DType::F32 => run!(f32),
            DType::F64 => run!(f64),
            DType::C64 => run!(::num_complex::Complex<f32>),
            DType::C128 => run!(::num_complex::Complex<f64>),
        }
    }};
}
pub(crate) use with_element;
