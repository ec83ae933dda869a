//! From serde to the items of FORMAT.md. One core for files and messages: they differ in the
//! [`Sink`] the items go to.

mod compound;
mod encoder;
mod parts;
mod shapes;
mod sink;
mod stop;
mod value;

pub(crate) use encoder::Encoder;
pub(crate) use sink::{Mark, Sink};
pub(crate) use stop::Stop;
