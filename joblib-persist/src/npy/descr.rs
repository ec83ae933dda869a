//! The types of elements as headers describe them: `numpy.lib.format.dtype_to_descr` and back.

use std::sync::Arc;

use super::literal::{Literal, quoted};
use crate::error::{Error, Result};
use crate::pickle::parsed;
use crate::value::{ByteOrder, ElementType, Field, Form, TimeUnit};

/// Types are walked by recursion.
const DEPTH_MAX: u32 = 16;

/// numpy's flag of a type with fields, and those that a type takes over from its fields.
const HAS_FIELDS: i64 = 16;
const INHERITED: i64 = 27;

/// The type that a header describes; none if there is no such type.
pub(super) fn element_type(descr: &Literal) -> Option<ElementType> {
    of_literal(descr, 0)
}

fn of_literal(descr: &Literal, depth: u32) -> Option<ElementType> {
    if depth > DEPTH_MAX {
        return None;
    }
    match descr {
        Literal::Text(code) => of_code(code),
        Literal::Tuple(parts) => match &parts[..] {
            [base, shape] => subarray(of_literal(base, depth + 1)?, shape.as_shape()?),
            _ => None,
        },
        Literal::List(fields) => of_fields(fields, depth + 1),
        _ => None,
    }
}

/// A code such as `<f8`, or `<M8[25s]`.
fn of_code(code: &str) -> Option<ElementType> {
    let Some((code, unit)) = code.split_once('[') else {
        let mut element_type = parsed(code)?;
        if matches!(element_type.kind, 'M' | 'm') {
            element_type.form = Form::Time(time_unit("generic")?);
        }
        return Some(element_type);
    };
    let element_type = parsed(code)?;
    let is_time = matches!(element_type.kind, 'M' | 'm');
    let unit = time_unit(unit.strip_suffix(']')?)?;
    is_time.then_some(ElementType { form: Form::Time(unit), ..element_type })
}

/// `ns`, `25s` or `s/3`.
fn time_unit(text: &str) -> Option<TimeUnit> {
    let (text, den) = text.split_once('/').unwrap_or((text, "1"));
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (num, unit) = text.split_at(digits);
    let num = if num.is_empty() { 1 } else { num.parse().ok()? };
    let is_name = !unit.is_empty() && unit.chars().all(|c| c.is_ascii_alphabetic() || c == 'μ');
    is_name.then_some(TimeUnit { unit: unit.to_owned(), num, den: den.parse().ok()?, event: 1 })
}

fn subarray(base: ElementType, shape: Vec<usize>) -> Option<ElementType> {
    let size = shape.iter().try_fold(base.size, |len, &axis| len.checked_mul(axis))?;
    let flags = base.flags & INHERITED;
    let alignment = alignment(&base);
    let form = Form::Subarray(Arc::new(base), shape);
    let plain = ElementType::plain('V', size, ByteOrder::None);
    Some(ElementType { form, alignment, flags, ..plain })
}

/// The alignment that numpy gives a type by itself.
fn alignment(element_type: &ElementType) -> i64 {
    match (element_type.kind, element_type.alignment) {
        (_, alignment @ 1..) => alignment,
        ('c', _) => element_type.size as i64 / 2,
        _ => element_type.size.clamp(1, 16) as i64,
    }
}

/// Fields one behind the other; one without a name is a gap.
fn of_fields(descriptions: &[Literal], depth: u32) -> Option<ElementType> {
    let (mut fields, mut size, mut flags) = (Vec::new(), 0usize, HAS_FIELDS);
    for description in descriptions {
        let Literal::Tuple(parts) = description else { return None };
        let (name, element_type) = match &parts[..] {
            [name, descr] => (name, of_literal(descr, depth)?),
            [name, descr, shape] => (name, subarray(of_literal(descr, depth)?, shape.as_shape()?)?),
            _ => return None,
        };
        let (title, name) = match name {
            Literal::Tuple(names) => match &names[..] {
                [title, name] => (Some(title.as_text()?.to_owned()), name.as_text()?),
                _ => return None,
            },
            name => (None, name.as_text()?),
        };
        let offset = size;
        size = size.checked_add(element_type.size)?;
        let is_gap =
            name.is_empty() && (element_type.kind, &element_type.form) == ('V', &Form::Plain);
        if !is_gap {
            flags |= element_type.flags & INHERITED;
            let (name, element_type) = (name.to_owned(), Arc::new(element_type));
            fields.push(Field { name, title, offset, element_type });
        }
    }
    let plain = ElementType::plain('V', size, ByteOrder::None);
    Some(ElementType { form: Form::Struct(fields), flags, ..plain })
}

/// How a header describes the type.
pub(super) fn descr(element_type: &ElementType) -> Result<String> {
    match &element_type.form {
        Form::Struct(fields) => descr_of_fields(fields, element_type.size),
        Form::Subarray(base, shape) => Ok(format!("({}, {})", descr(base)?, tuple(shape))),
        Form::Time(unit) => Ok(quoted(&format!("{}{}", code(element_type), unit_code(unit)))),
        Form::Plain => Ok(quoted(&code(element_type))),
    }
}

fn code(element_type: &ElementType) -> String {
    match element_type.kind {
        'O' => "|O".to_owned(),
        _ => format!("{}{}", element_type.byte_order.symbol(), element_type.code()),
    }
}

fn unit_code(unit: &TimeUnit) -> String {
    let num = if unit.num == 1 { String::new() } else { unit.num.to_string() };
    let den = if unit.den == 1 { String::new() } else { format!("/{}", unit.den) };
    match &*unit.unit {
        "generic" => String::new(),
        name => format!("[{num}{name}{den}]"),
    }
}

fn descr_of_fields(fields: &[Field], size: usize) -> Result<String> {
    let mut by_offset: Vec<&Field> = fields.iter().collect();
    by_offset.sort_by_key(|field| field.offset);
    let is_sorted = by_offset.iter().zip(fields).all(|(a, b)| std::ptr::eq(*a, b));
    let mut parts = Vec::new();
    let mut end = 0;
    for field in fields {
        if !is_sorted || field.offset < end {
            return Err(Error::unwritable(format!(
                "the fields of `{}` lie on top of each other or out of order, for which `.npy` has \
                 no words: write a `.pkl` or `.jbl` file",
                field.name
            )));
        }
        parts.extend(gap(end, field.offset));
        let name = match &field.title {
            Some(title) => format!("({}, {})", quoted(title), quoted(&field.name)),
            None => quoted(&field.name),
        };
        parts.push(match &field.element_type.form {
            Form::Subarray(base, shape) => {
                format!("({name}, {}, {})", descr(base)?, tuple(shape))
            }
            _ => format!("({name}, {})", descr(&field.element_type)?),
        });
        end = field.offset + field.element_type.size;
    }
    parts.extend(gap(end, size));
    Ok(format!("[{}]", parts.join(", ")))
}

fn gap(from: usize, to: usize) -> Option<String> {
    (from < to).then(|| format!("('', '|V{}')", to - from))
}

/// A shape as Python writes it.
pub(super) fn tuple(shape: &[usize]) -> String {
    match shape {
        [len] => format!("({len},)"),
        shape => {
            let lens: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("({})", lens.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::literal::parse;
    use super::*;

    #[test]
    fn what_is_described_is_read_back() {
        for code in [
            "'<f8'",
            "'>i4'",
            "'|b1'",
            "'|O'",
            "'|S5'",
            "'<U3'",
            "'|V16'",
            "'<M8'",
            "'<M8[ns]'",
            "'>m8[25s]'",
            "[('a', '<f4'), ('b', '>i2', (2, 3)), (('long', 'c'), '|S3')]",
            "[('a', '|i1'), ('', '|V7'), ('b', [('x', '<f8'), ('', '|V4')])]",
        ] {
            let element_type = element_type(&parse(code).unwrap()).unwrap();
            assert_eq!(descr(&element_type).unwrap(), code);
        }
    }

    #[test]
    fn there_is_no_type_of_nonsense() {
        let deep = format!("{}'f8'{}", "(".repeat(40), ", 1)".repeat(40));
        for code in [
            "'<x8'",
            "'<M8['",
            "'<f8[ns]'",
            "5",
            "[('a',)]",
            "[5]",
            "('f8',)",
            "'U9223372036854775807'",
            &deep,
        ] {
            assert_eq!(parse(code).as_ref().and_then(element_type), None, "{code}");
        }
    }

    #[test]
    fn types_have_numpys_flags() {
        let of = |code| element_type(&parse(code).unwrap()).unwrap();
        assert_eq!(of("[('a', '<i4')]").flags, 16);
        assert_eq!(of("[('a', '|O')]").flags, 27);
        assert_eq!(of("[('a', '<U3')]").flags, 24);
        let of_three = of("('<f8', (3,))");
        assert_eq!((of_three.size, of_three.alignment, of_three.flags), (24, 8, 0));
    }
}
