//! The arrays of a [`Value`](crate::value::Value), and numpy's types.

use std::sync::Arc;

use super::array::{NDARRAY, Wrapper};
use super::pickler::Pickler;
use super::value::Step;
use crate::array::Order;
use crate::error::Result;
use crate::pickle::opcode as op;
use crate::value::{ArrayRef, ElementType, Form, Identity};

impl Pickler<'_> {
    /// An array of anything but objects.
    pub(super) fn value_array(&mut self, array: ArrayRef<'_>, bytes: &[u8]) -> Result<()> {
        let wrapper = Wrapper {
            class: array.class().map_or(NDARRAY, |class| (class.module, class.name)),
            shape: array.shape(),
            order: array.order(),
            byte_len: bytes.len(),
        };
        self.wrapper(&wrapper, |pickler| pickler.element_type(array.element_type()))?;
        self.begin_payload(bytes.len())?;
        self.payload(bytes)?;
        self.end_payload();
        Ok(())
    }

    /// An array of objects, as numpy's own pickles have it: what is in it may be shared with what
    /// is around it, which the pickle inside a pickle that joblib writes would separate.
    pub(super) fn object_array<'a>(
        &mut self,
        array: ArrayRef<'a>,
        identity: Option<Identity>,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<()> {
        // These names are known to numpy 1 and 2.
        self.global("numpy.core.multiarray", "_reconstruct")?;
        let (module, name) = array.class().map_or(NDARRAY, |class| (class.module, class.name));
        self.global(module, name)?;
        self.ops([op::BININT1, 0, op::TUPLE1])?;
        self.bytes(b"b")?;
        self.ops([op::TUPLE3, op::REDUCE])?;
        // The state: version, shape, type, order, and the elements, in C order whatever that is.
        steps.push(Step::Ops(&[op::TUPLE, op::BUILD]));
        if let Some(objects) = array.objects() {
            let rest = Box::new(objects.iter());
            steps.push(Step::Items { rest, waiting: 0, op: op::APPENDS });
        }
        steps.push(Step::Ops(match array.order() {
            Order::C => &[op::NEWFALSE, op::EMPTY_LIST],
            Order::F => &[op::NEWTRUE, op::EMPTY_LIST],
        }));
        steps.push(Step::ArrayState(array));
        steps.push(Step::Remember(identity));
        Ok(())
    }

    /// The beginning of the state of an array of objects.
    pub(super) fn array_state(&mut self, array: ArrayRef<'_>) -> Result<()> {
        self.ops([op::MARK, op::BININT1, 1])?;
        self.shape(array.shape())?;
        self.element_type(array.element_type())
    }

    /// A `numpy.dtype`.
    pub(super) fn element_type(&mut self, element_type: &Arc<ElementType>) -> Result<()> {
        if let Some(&index) = self.element_types.get(element_type) {
            return self.get(index);
        }
        self.global("numpy", "dtype")?;
        self.text(&element_type.code())?;
        self.ops([op::NEWFALSE, op::NEWTRUE, op::TUPLE3, op::REDUCE])?;
        if let Some(index) = self.memoize()? {
            self.element_types.insert(Arc::clone(element_type), index);
        }
        let time = match &element_type.form {
            Form::Time(unit) => Some(unit),
            _ => None,
        };
        self.ops([op::MARK, op::BININT1, if time.is_some() { 4 } else { 3 }])?;
        self.text(element_type.byte_order.symbol().encode_utf8(&mut [0; 4]))?;
        self.parts_of(element_type)?;
        let has_size = matches!(element_type.kind, 'S' | 'U' | 'V');
        let size = [element_type.size as i128, element_type.alignment.into()];
        size.into_iter().try_for_each(|size| self.wide_int(if has_size { size } else { -1 }))?;
        self.int(element_type.flags)?;
        if let Some(unit) = time {
            self.ops([op::EMPTY_DICT, op::MARK])?;
            self.bytes(unit.unit.as_bytes())?;
            [unit.num, unit.den, unit.event].into_iter().try_for_each(|n| self.int(n))?;
            self.ops([op::TUPLE, op::TUPLE2])?;
        }
        self.ops([op::TUPLE, op::BUILD])
    }

    /// Subarray, names and fields; each none if the type has none. Types inside types are few:
    /// readers limit them.
    fn parts_of(&mut self, element_type: &ElementType) -> Result<()> {
        match &element_type.form {
            Form::Plain | Form::Time(_) => self.ops([op::NONE, op::NONE, op::NONE]),
            Form::Subarray(base, shape) => {
                self.element_type(base)?;
                self.shape(shape)?;
                self.ops([op::TUPLE2, op::NONE, op::NONE])
            }
            Form::Struct(fields) => {
                self.ops([op::NONE, op::MARK])?;
                fields.iter().try_for_each(|field| self.text(&field.name))?;
                self.ops([op::TUPLE, op::EMPTY_DICT, op::MARK])?;
                for field in fields {
                    self.text(&field.name)?;
                    self.element_type(&field.element_type)?;
                    self.wide_int(field.offset as i128)?;
                    match &field.title {
                        Some(title) => self.text(title)?,
                        None => {
                            self.op(op::TUPLE2)?;
                            continue;
                        }
                    }
                    self.op(op::TUPLE3)?;
                }
                self.op(op::SETITEMS)
            }
        }
    }
}
