//! Any value of a Python or native file, without a type of its own in the program.
//!
//! ```
//! use joblib_persist::value::{Kind, Value};
//!
//! let value = Value::from("text");
//! assert!(matches!(value.kind(), Kind::Str("text")));
//! assert_eq!(value.to_string(), "'text'");
//! ```
//!
//! A [`Value`] is looked at through [`ValueRef`], which is as cheap to copy as a pointer: match on
//! its [`Kind`], or ask for what it is expected to be ([`ValueRef::as_f64`], …) at a place
//! ([`Value::get`]). It is made with a [`Builder`], or `From` simple things.
//!
//! Parts that occur at several places, or contain themselves, stay one part; objects of any class
//! are kept as the calls that make them. So a value that is written again is the one that was
//! read. Nothing is ever called.

mod arena;
mod array;
mod big_int;
mod buffer;
mod builder;
mod byte_string;
mod de;
mod element_type;
mod from_serde;
pub(crate) mod hand_over;
mod kind;
mod node;
mod object;
mod path;
mod plain;
mod plain_array;
mod print;
mod scalar;
mod ser;

pub use arena::Making;
pub use array::ArrayRef;
pub use big_int::BigInt;
pub use builder::{Builder, Part};
pub use element_type::{ByteOrder, ElementType, Field, Form, TimeUnit};
pub use kind::{Identity, Items, Kind, Pairs, ValueRef};
pub use object::{Global, Object};

pub(crate) use arena::{Arena, Item, ObjectItem};
pub(crate) use array::{ArrayItem, Copied, Data, data_from_bytes, read_data, read_native};
pub(crate) use buffer::Buffer;
pub(crate) use byte_string::ByteString;
pub(crate) use de::NAME;
pub(crate) use from_serde::{PartVisitor, embedded};
pub(crate) use node::{Node, Unpacked};
pub(crate) use ser::Embedded;

use ndarray::{Array, Dimension};

use crate::array::Element;

/// Any value: numbers, text, containers, arrays, objects of any Python class.
///
/// It lies in few pieces of memory, half of what Python takes or less, and is dropped at once
/// however deep it nests.
#[derive(Clone)]
pub struct Value {
    pub(crate) arena: Arena,
    pub(crate) root: Node,
}

impl Value {
    /// The value, to look at.
    pub fn root(&self) -> ValueRef<'_> {
        ValueRef { arena: &self.arena, node: self.root }
    }

    /// What it is; as [`ValueRef::kind`].
    pub fn kind(&self) -> Kind<'_> {
        self.root().kind()
    }

    /// The array; as [`ValueRef::as_array`].
    pub fn as_array(&self) -> Option<ArrayRef<'_>> {
        self.root().as_array()
    }

    /// What is at a place inside; as [`ValueRef::get`].
    pub fn get(&self, path: &str) -> Option<ValueRef<'_>> {
        self.root().get(path)
    }
}

impl ValueRef<'_> {
    /// A value of its own, with all that is in it.
    pub fn to_value(self) -> Value {
        let mut builder = Builder::new();
        let root = builder.copy(self);
        builder.finish(root)
    }
}

impl<E: Element, D: Dimension> From<Array<E, D>> for Value {
    fn from(array: Array<E, D>) -> Self {
        let mut builder = Builder::new();
        let root = builder.array(array);
        builder.finish(root)
    }
}

macro_rules! from {
    ($($from:ty => |$builder:ident, $value:ident| $part:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                #[allow(unused_mut, reason = "some parts need no room")]
                let mut $builder = Builder::new();
                let root = $part;
                $builder.finish(root)
            }
        }
    )*};
}

from! {
    () => |builder, _value| builder.none();
    bool => |builder, value| builder.bool(value);
    i32 => |builder, value| builder.int(value.into());
    i64 => |builder, value| builder.int(value.into());
    u64 => |builder, value| builder.int(value.into());
    i128 => |builder, value| builder.int(value);
    f64 => |builder, value| builder.float(value);
    &str => |builder, value| builder.str(value);
    &[u8] => |builder, value| builder.bytes(value);
}
