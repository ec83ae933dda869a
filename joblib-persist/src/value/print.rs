//! Values for people: an indented tree, as Python would write it where it has words for it.

use std::fmt::{self, Write};

use super::{ArrayRef, Global, Items, Kind, Object, Pairs, Value, ValueRef, scalar};
use crate::array::Order;

/// How deep, and how much of what is long, is shown.
#[derive(Clone, Copy)]
struct Limits {
    depth: usize,
    items: usize,
    text: usize,
}

/// `{}`: enough to see what it is.
const SHORT: Limits = Limits { depth: 8, items: 20, text: 200 };

/// `{:#}`: nearly everything. Limited all the same: what is shared is shown again each time, so
/// that a small value can be endless on paper.
const LONG: Limits = Limits { depth: 32, items: 1000, text: 10_000 };

/// The most lines: with them the above ends for every value.
const LINES: usize = 20_000;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root().fmt(f)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.root(), f)
    }
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} items", self.len())
    }
}

impl fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pairs", self.len())
    }
}

/// An indented tree. `{}` leaves out what is long or deep, `{:#}` shows nearly everything.
impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = if f.alternate() { LONG } else { SHORT };
        Printer { to: f, limits, depth: 0, lines: 0 }.value(*self)
    }
}

struct Printer<'a, 'f> {
    to: &'a mut fmt::Formatter<'f>,
    limits: Limits,
    depth: usize,
    lines: usize,
}

impl Printer<'_, '_> {
    fn value(&mut self, value: ValueRef<'_>) -> fmt::Result {
        match value.kind() {
            Kind::None => self.to.write_str("None"),
            Kind::Bool(value) => self.to.write_str(if value { "True" } else { "False" }),
            Kind::Int(value) => write!(self.to, "{value}"),
            Kind::BigInt(value) => write!(self.to, "{value}"),
            Kind::Float(value) => write!(self.to, "{value:?}"),
            Kind::Complex(value) => write!(self.to, "({}{:+}j)", value.re, value.im),
            Kind::Str(text) => self.text(text),
            Kind::WideStr(bytes) => self.bytes("wide", bytes),
            Kind::Bytes(bytes) => self.bytes("b", bytes),
            Kind::ByteArray(bytes) => {
                self.to.write_str("bytearray(")?;
                self.bytes("b", bytes)?;
                self.to.write_str(")")
            }
            Kind::List(items) => self.items("[", items, "]"),
            Kind::Tuple(items) => self.items("(", items, ")"),
            Kind::Set(items) => self.items("{", items, "}"),
            Kind::FrozenSet(items) => self.items("frozenset({", items, "})"),
            Kind::Dict(pairs) => self.pairs("{", pairs, "}"),
            Kind::Array(array) => self.array(&array),
            Kind::Scalar(element_type, bytes) => match scalar::number(element_type, bytes) {
                Some(number) => write!(self.to, "{element_type}({number})"),
                None => match (element_type.kind, scalar::text(element_type, bytes)) {
                    ('U', Some(text)) => self.text(&text),
                    ('S', _) => self.bytes("b", scalar::byte_string(bytes)),
                    _ => self.bytes(&element_type.to_string(), bytes),
                },
            },
            Kind::ElementType(element_type) => write!(self.to, "dtype({element_type})"),
            Kind::Global(global) => write!(self.to, "<{global}>"),
            Kind::Object(object) => self.object(&object),
        }
    }

    fn text(&mut self, text: &str) -> fmt::Result {
        let shown: String = text.chars().take(self.limits.text).collect();
        let left_out = if shown.len() < text.len() { "…" } else { "" };
        write!(self.to, "'{}{left_out}'", shown.escape_debug().to_string().replace("\\\"", "\""))
    }

    fn bytes(&mut self, prefix: &str, bytes: &[u8]) -> fmt::Result {
        let shown = &bytes[..bytes.len().min(self.limits.text / 4)];
        let left_out = if shown.len() < bytes.len() { "…" } else { "" };
        write!(self.to, "{prefix}'{}{left_out}'", shown.escape_ascii())
    }

    fn array(&mut self, array: &ArrayRef<'_>) -> fmt::Result {
        if let Some(class) = array.class() {
            write!(self.to, "{class} ")?;
        }
        write!(self.to, "array({}, shape=(", array.element_type())?;
        for (index, len) in array.shape().iter().enumerate() {
            write!(self.to, "{}{len}", if index == 0 { "" } else { ", " })?;
        }
        self.to.write_str(if array.shape().len() == 1 { ",)" } else { ")" })?;
        self.to.write_str(if array.order() == Order::F { ", order=F" } else { "" })?;
        match array.objects() {
            Some(items) => self.items(", [", items, "])"),
            None => self.to.write_str(")"),
        }
    }

    fn object(&mut self, object: &Object<'_>) -> fmt::Result {
        match object.class() {
            Some(Global { module: "builtins", name }) => self.to.write_str(name)?,
            Some(class) => write!(self.to, "{class}")?,
            None => self.to.write_str("object")?,
        }
        match object.arguments().kind() {
            Kind::Tuple(items) => self.items("(", items, ")")?,
            _ => self.to.write_str("(…)")?,
        }
        if let Some(keywords) = object.keywords().and_then(ValueRef::as_dict) {
            self.pairs(" **{", keywords, "}")?;
        }
        if !object.items().is_empty() {
            self.items(" [", object.items(), "]")?;
        }
        if !object.entries().is_empty() {
            self.pairs(" {", object.entries(), "}")?;
        }
        let Some(state) = object.state() else { return Ok(()) };
        self.to.write_str(" ")?;
        if !matches!(state.kind(), Kind::Object(_)) {
            return self.value(state);
        }
        // Not one line deeper, but a level: an object may be its own state.
        if self.depth == self.limits.depth {
            return self.to.write_str("…");
        }
        self.depth += 1;
        let shown = self.value(state);
        self.depth -= 1;
        shown
    }

    fn items(&mut self, open: &str, items: Items<'_>, close: &str) -> fmt::Result {
        let is_small = |item: ValueRef<'_>| {
            !matches!(
                item.kind(),
                Kind::List(_)
                    | Kind::Tuple(_)
                    | Kind::Set(_)
                    | Kind::FrozenSet(_)
                    | Kind::Dict(_)
                    | Kind::Object(_)
            )
        };
        if items.iter().take(self.limits.items).all(is_small) {
            return self.line(open, items, close);
        }
        self.nested(open, items.len(), close, |printer, index| match items.get(index) {
            Some(item) => printer.value(item),
            None => Ok(()),
        })
    }

    /// Small things side by side.
    fn line(&mut self, open: &str, items: Items<'_>, close: &str) -> fmt::Result {
        self.to.write_str(open)?;
        for (index, item) in items.iter().take(self.limits.items).enumerate() {
            self.to.write_str(if index == 0 { "" } else { ", " })?;
            self.value(item)?;
        }
        if let Some(more) = items.len().checked_sub(self.limits.items + 1) {
            write!(self.to, ", … {} more", more + 1)?;
        }
        self.to.write_str(close)
    }

    fn pairs(&mut self, open: &str, pairs: Pairs<'_>, close: &str) -> fmt::Result {
        let pairs: Vec<_> = pairs.iter().take(self.limits.items + 1).collect();
        let len = pairs.len();
        self.nested(open, len, close, |printer, index| {
            printer.value(pairs[index].0)?;
            printer.to.write_str(": ")?;
            printer.value(pairs[index].1)
        })
    }

    /// One thing per line, deeper than what is around.
    fn nested(
        &mut self,
        open: &str,
        len: usize,
        close: &str,
        mut each: impl FnMut(&mut Self, usize) -> fmt::Result,
    ) -> fmt::Result {
        self.to.write_str(open)?;
        if self.depth == self.limits.depth || self.lines > LINES {
            return write!(self.to, "…{close}");
        }
        self.depth += 1;
        for index in 0..len.min(self.limits.items) {
            self.new_line()?;
            each(self, index)?;
            self.to.write_str(",")?;
        }
        if len > self.limits.items {
            self.new_line()?;
            self.to.write_str("…")?;
        }
        self.depth -= 1;
        if len > 0 {
            self.new_line()?;
        }
        self.to.write_str(close)
    }

    fn new_line(&mut self) -> fmt::Result {
        self.lines += 1;
        self.to.write_char('\n')?;
        (0..self.depth).try_for_each(|_| self.to.write_str("  "))
    }
}

impl fmt::Display for scalar::Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            scalar::Number::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            scalar::Number::Int(value) => value.fmt(f),
            scalar::Number::Unsigned(value) => value.fmt(f),
            scalar::Number::Float(value) => fmt::Debug::fmt(value, f),
            scalar::Number::Complex(value) => write!(f, "{}{:+}j", value.re, value.im),
        }
    }
}
