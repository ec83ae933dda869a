//! numpy's types: the call of `numpy.dtype` and the state that follows it.

use std::collections::HashMap;
use std::sync::Arc;

use super::machine::Machine;
use crate::error::{Error, Result};
use crate::value::{ByteOrder, ElementType, Field, Form, Item, Kind, Node, TimeUnit, ValueRef};

/// How large the types of a pickle are, for a type may have the same one inside it many times.
#[derive(Default)]
pub(super) struct ElementTypes(HashMap<Node, Size>);

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    depth: u32,
    parts: u32,
}

/// Types are walked by recursion.
const DEPTH_MAX: u32 = 16;

const PARTS_MAX: u32 = 1 << 16;

impl Machine<'_, '_> {
    /// `dtype(code, align, copy)`.
    pub(super) fn make_element_type(&mut self, arguments: Node) -> Result<Option<Node>> {
        let code = match self.view(arguments).as_sequence().and_then(|items| items.get(0)) {
            Some(code) => code.as_str(),
            None => return Ok(None),
        };
        let Some(element_type) = code.and_then(parsed) else { return Ok(None) };
        Ok(Some(self.arena.add(Item::ElementType(Arc::new(element_type)))))
    }

    /// The state of a type: version, byte order, subarray, names, fields, size, alignment, flags
    /// and, from version 4 on, metadata.
    pub(super) fn build_element_type(&mut self, node: Node, state: Node) -> Result<()> {
        let bad = || Error::damaged("a numpy dtype that makes no sense");
        let Some(Item::ElementType(old)) = self.arena.item_of(node) else { return Err(bad()) };
        let (element_type, size) = self.with_state(old, state).ok_or_else(bad)?;
        if size.depth > DEPTH_MAX || size.parts > PARTS_MAX {
            return Err(Error::damaged("a numpy dtype inside a numpy dtype inside …"));
        }
        self.charge(size.parts as usize)?;
        self.element_types.0.insert(node, size);
        if let Some(item) = self.arena.item_mut(node) {
            *item = Item::ElementType(Arc::new(element_type));
        }
        Ok(())
    }

    fn with_state(&self, old: &ElementType, state: Node) -> Option<(ElementType, Size)> {
        let state = self.view(state).as_sequence()?;
        let at = |index| state.get(index);
        let mut new = old.clone();
        let mut size = Size { depth: 1, parts: 1 };
        new.byte_order = match at(1)?.as_str()? {
            ">" => ByteOrder::Big,
            "|" => ByteOrder::None,
            _ => ByteOrder::Little,
        };
        if let Ok(bytes) = usize::try_from(at(5)?.as_i64()?) {
            new.size = bytes;
        }
        new.alignment = at(6)?.as_i64()?;
        new.flags = at(7).and_then(ValueRef::as_i64).unwrap_or(0);
        // Bit 7 of the flags: laid out as a C compiler would.
        new.is_aligned = new.flags & 0x80 != 0;
        if let Some(subarray) = at(2)?.as_sequence() {
            let (base, inner) = self.element_type_at(subarray.get(0)?)?;
            size.include(inner);
            let shape = self.shape(subarray.get(1)?)?;
            let bytes = shape.iter().try_fold(base.size, |len, &axis| len.checked_mul(axis))?;
            if bytes != new.size {
                return None;
            }
            new.form = Form::Subarray(base, shape);
        } else if let Some(names) = at(3)?.as_sequence() {
            let fields = at(4)?;
            let fields: Option<Vec<Field>> =
                names.iter().map(|name| self.field(name, fields, new.size, &mut size)).collect();
            new.form = Form::Struct(fields?);
        } else if let Some(metadata) = at(8) {
            new.form = time_unit(metadata).map_or(Form::Plain, Form::Time);
        }
        Some((new, size))
    }

    fn field(
        &self,
        name: ValueRef<'_>,
        fields: ValueRef<'_>,
        bytes: usize,
        size: &mut Size,
    ) -> Option<Field> {
        let name = name.as_str()?;
        let field = fields.as_dict()?.get(name)?.as_sequence()?;
        let (element_type, inner) = self.element_type_at(field.get(0)?)?;
        size.include(inner);
        let offset = usize::try_from(field.get(1)?.as_i64()?).ok()?;
        let title = field.get(2).and_then(ValueRef::as_str).map(str::to_owned);
        let is_inside = offset.checked_add(element_type.size)? <= bytes;
        is_inside.then(|| Field { name: name.to_owned(), title, offset, element_type })
    }

    fn element_type_at(&self, value: ValueRef<'_>) -> Option<(Arc<ElementType>, Size)> {
        let Kind::ElementType(element_type) = value.kind() else { return None };
        let plain = Size { depth: 1, parts: 1 };
        let size = self.element_types.0.get(&value.node).copied().unwrap_or(plain);
        Some((Arc::clone(element_type), size))
    }

    /// The lengths of the axes: a tuple, or one number.
    pub(super) fn shape(&self, shape: ValueRef<'_>) -> Option<Vec<usize>> {
        let axis = |value: ValueRef<'_>| usize::try_from(value.as_i64()?).ok();
        match shape.as_sequence() {
            Some(axes) if axes.len() > crate::format::MAX_AXES * 2 => None,
            Some(axes) => axes.iter().map(axis).collect(),
            None => axis(shape).map(|len| vec![len]),
        }
    }
}

impl Size {
    fn include(&mut self, inner: Size) {
        self.depth = self.depth.max(inner.depth + 1);
        self.parts = self.parts.saturating_add(inner.parts);
    }
}

/// `({…}, (unit, num, den, event))`.
fn time_unit(metadata: ValueRef<'_>) -> Option<TimeUnit> {
    let unit = metadata.as_sequence()?.get(1)?.as_sequence()?;
    let number = |index| unit.get(index)?.as_i64();
    Some(TimeUnit {
        unit: unit.get(0)?.as_str()?.to_owned(),
        num: number(1)?,
        den: number(2)?,
        event: number(3)?,
    })
}

/// The type of a code such as `f8`, `|S5`, `<U3` or `O`.
pub(crate) fn parsed(code: &str) -> Option<ElementType> {
    let (order, code) = match code.as_bytes().first()? {
        b'>' => (ByteOrder::Big, &code[1..]),
        b'<' | b'=' | b'|' => (ByteOrder::Little, &code[1..]),
        _ => (ByteOrder::Little, code),
    };
    let kind = code.chars().next()?;
    let kind = if kind == 'a' { 'S' } else { kind };
    let digits = code.get(1..)?;
    let size: usize = match digits {
        "" if kind == 'O' => 8,
        "" if kind == '?' => 1,
        "" if matches!(kind, 'S' | 'U' | 'V') => 0,
        digits => digits.parse().ok()?,
    };
    match kind {
        '?' => Some(ElementType::plain('b', 1, order)),
        'b' | 'i' | 'u' | 'f' | 'c' | 'S' | 'V' | 'M' | 'm' => {
            Some(ElementType::plain(kind, size, order))
        }
        'U' => Some(ElementType::plain('U', size.checked_mul(4)?, order)),
        // Pointers of another size are pickled as the same objects.
        'O' => Some(ElementType::object()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_name_types() {
        let shown = |code| parsed(code).map(|element_type| element_type.to_string());
        assert_eq!(shown("f8").as_deref(), Some("float64"));
        assert_eq!(shown(">i4").as_deref(), Some(">int32"));
        assert_eq!(shown("b1").as_deref(), Some("bool"));
        assert_eq!(shown("U3").as_deref(), Some("<U3"));
        assert_eq!(shown("|S5").as_deref(), Some("|S5"));
        assert_eq!(shown("O8").as_deref(), Some("object"));
        for code in ["", "x3", "f", "é8", "U99999999999999999999", "U9223372036854775807"] {
            assert_eq!(shown(code), None, "{code}");
        }
    }
}
