//! Finding the arrays in a value that is being serialized, for library authors.
//!
//! Serde shows a serializer an array one element at a time. This module gives back what serde
//! hides: the array's own memory, its element type, shape and order. A serializer remembers where
//! each value it is handed came from ([`Origin`], which costs nothing), and asks for the
//! [`Block`] behind it at the two places where an array can begin:
//!
//! ```
//! use joblib_persist::array::{DType, Origin, Order};
//! use ndarray::{Array2, ShapeBuilder};
//!
//! let picture = Array2::<f32>::zeros((3, 2).f());
//! let block = Origin::of(&picture).array().expect("an array of f32 is known");
//! assert_eq!(block.dtype(), DType::F32);
//! assert_eq!(block.shape(), [3, 2]);
//! assert_eq!(block.order(), Order::F);
//! assert_eq!(block.memory(), Some(&[0u8; 24][..]));
//!
//! assert!(Origin::of(&vec![1u8, 2]).slice().is_some());
//! assert!(Origin::of(&"text").slice().is_none());
//! ```
//!
//! In a serializer, call [`Origin::array`] in `serialize_struct` when the name is
//! [`STRUCT_NAME`], and [`Origin::slice`] in `serialize_seq`: those are the calls by which
//! `ndarray` and the standard library announce their arrays.
//!
//! # What is recognised
//!
//! - `Array`, `ArcArray`, `CowArray`, `ArrayView` and `ArrayViewMut` of 0 to 6 or dynamically many
//!   dimensions; references (one or two deep) to the first two and to views, `Box` and `Arc` of
//!   `Array`.
//! - `Vec<E>`, `[E]`, `Box<[E]>`, `Cow<[E]>`, `Arc<[E]>`, `Arc<Vec<E>>` and references to them.
//! - Elements: every implementor of [`Element`].
//!
//! Everything else, for example a newtype with a transparent `Serialize`, arrives element by
//! element as serde would have it. The result of a program must not depend on recognition, only
//! its speed.

mod block;
mod destination;
mod element;
mod gather;
mod memory;
mod origin;
mod parts;
mod probe;
mod refuse;
mod table;

pub use block::{Block, Kind, Order};
pub use element::{DType, Element};
pub(crate) use element::{Half, half_to_f64};
pub use origin::Origin;

pub(crate) use destination::Destination;
pub(crate) use gather::Gathered;
pub(crate) use memory::{Elements, no_bools, read, read_bytes};
pub(crate) use parts::bytes_of;
pub(crate) use refuse::refuse;

/// The name under which `ndarray` serializes an array, as a struct of [`STRUCT_FIELDS`].
pub const STRUCT_NAME: &str = "Array";

/// The fields of an `ndarray` array: format version (1), shape, elements in logical (C) order.
pub const STRUCT_FIELDS: [&str; 3] = ["v", "dim", "data"];
