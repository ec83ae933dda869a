//! A [`Value`](crate::value::Value) as the calls and containers it was read from.
//!
//! Walked with a stack of its own: values nest as deep as they like. What is shared is written once
//! and fetched from the memo, so cycles end; where one runs through a tuple or a call, whose parts
//! come before itself, the inner one is kept and the outer one taken back, as Python does.

use std::collections::HashMap;

use super::lists::BATCH;
use super::pickler::Pickler;
use super::strings::Strings;
use crate::error::{Error, Result};
use crate::pickle::opcode as op;
use crate::value::{ArrayRef, Global, Identity, Items, Kind, Making, Object, ValueRef};

/// What is still to be done, the next thing last.
pub(super) enum Step<'a> {
    Write(ValueRef<'a>),
    Ops(&'static [u8]),
    /// Puts what was written last into the memo.
    Remember(Option<Identity>),
    /// Ends a tuple, frozenset or call with this opcode, unless it was written inside itself.
    End {
        identity: Option<Identity>,
        op: u8,
        taken_back: TakenBack,
    },
    /// The rest of the items of a list, set or dict: to be marked, and put in with this opcode.
    Items {
        rest: Box<dyn Iterator<Item = ValueRef<'a>> + 'a>,
        waiting: usize,
        op: u8,
    },
    /// Begins the state of an array of objects.
    ArrayState(ArrayRef<'a>),
    /// What is done with an object after its call.
    Finish(Object<'a>),
}

/// How the parts of a tuple or call are taken from the reader's stack.
#[derive(Clone, Copy)]
pub(super) enum TakenBack {
    One(usize),
    Marked,
}

/// Values that were written so far.
#[derive(Default)]
pub(super) struct Written(HashMap<Identity, u32>);

/// So many items of a batch: keys and values of a dict count each.
fn batch(op: u8) -> usize {
    if op == op::SETITEMS { 2 * BATCH } else { BATCH }
}

impl Pickler<'_> {
    /// Writes a value with all that is in it.
    pub(super) fn value(&mut self, root: ValueRef<'_>) -> Result<()> {
        let mut written = Written::default();
        let mut steps = vec![Step::Write(root)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Write(value) => self.part(value, &mut written, &mut steps)?,
                Step::Ops(ops) => self.room()?.extend_from_slice(ops),
                Step::Remember(identity) => self.remember(identity, &mut written)?,
                Step::End { identity, op, taken_back } => {
                    self.end(identity, op, taken_back, &mut written, &mut steps)?;
                }
                Step::Items { rest, waiting, op } => self.items(rest, waiting, op, &mut steps)?,
                Step::ArrayState(array) => self.array_state(array)?,
                Step::Finish(object) => finish(object, &mut steps),
            }
        }
        Ok(())
    }

    fn remember(&mut self, identity: Option<Identity>, written: &mut Written) -> Result<()> {
        if let Some(identity) = identity
            && let Some(index) = self.memoize()?
        {
            written.0.insert(identity, index);
        }
        Ok(())
    }

    fn end<'a>(
        &mut self,
        identity: Option<Identity>,
        op: u8,
        taken_back: TakenBack,
        written: &mut Written,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<()> {
        let index = identity.and_then(|identity| written.0.get(&identity).copied());
        let Some(index) = index else {
            self.op(op)?;
            return self.remember(identity, written);
        };
        // It was written inside itself. A call has nothing more to be done to it then.
        if matches!(steps.last(), Some(Step::Finish(_))) {
            steps.pop();
        }
        match taken_back {
            TakenBack::One(parts) => (0..parts).try_for_each(|_| self.op(op::POP))?,
            TakenBack::Marked => self.op(op::POP_MARK)?,
        }
        self.get(index)
    }

    fn items<'a>(
        &mut self,
        mut rest: Box<dyn Iterator<Item = ValueRef<'a>> + 'a>,
        waiting: usize,
        op: u8,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<()> {
        let mut waiting = waiting;
        loop {
            if waiting == batch(op) {
                self.op(op)?;
                waiting = 0;
            }
            let Some(item) = rest.next() else {
                return if waiting > 0 { self.op(op) } else { Ok(()) };
            };
            if waiting == 0 {
                self.op(op::MARK)?;
            }
            waiting += 1;
            if !self.simple(item)? {
                steps.push(Step::Items { rest, waiting, op });
                steps.push(Step::Write(item));
                return Ok(());
            }
        }
    }

    /// Writes what has no parts and is mostly not shared; false for the rest.
    #[inline]
    fn simple(&mut self, value: ValueRef<'_>) -> Result<bool> {
        match value.kind() {
            Kind::None => self.op(op::NONE)?,
            Kind::Bool(value) => self.boolean(value)?,
            Kind::Int(value) => self.int(value)?,
            Kind::BigInt(value) => self.long(value.to_le_bytes())?,
            Kind::Float(value) => self.float(value)?,
            Kind::Str(text) if text.len() <= Strings::LONGEST => self.text(text)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn part<'a>(
        &mut self,
        value: ValueRef<'a>,
        written: &mut Written,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<()> {
        if self.simple(value)? {
            return Ok(());
        }
        let identity = value.identity();
        if let Some(&index) = identity.and_then(|identity| written.0.get(&identity)) {
            return self.get(index);
        }
        let has_frames = self.protocol.has_frames();
        match value.kind() {
            Kind::Complex(number) => {
                self.builtin("complex")?;
                self.float(number.re)?;
                self.float(number.im)?;
                self.ops([op::TUPLE2, op::REDUCE])?;
            }
            Kind::Str(text) => self.text(text)?,
            Kind::WideStr(bytes) => self.wide_text(bytes)?,
            Kind::Bytes(bytes) => self.bytes(bytes)?,
            Kind::ByteArray(bytes) => self.byte_array(bytes)?,
            Kind::List(items) => {
                self.op(op::EMPTY_LIST)?;
                self.remember(identity, written)?;
                steps.push(Step::Items {
                    rest: Box::new(items.iter()),
                    waiting: 0,
                    op: op::APPENDS,
                });
                return Ok(());
            }
            Kind::Dict(pairs) => {
                self.op(op::EMPTY_DICT)?;
                self.remember(identity, written)?;
                let rest = Box::new(pairs.iter().flat_map(|(key, value)| [key, value]));
                steps.push(Step::Items { rest, waiting: 0, op: op::SETITEMS });
                return Ok(());
            }
            Kind::Set(items) if has_frames => {
                self.op(op::EMPTY_SET)?;
                self.remember(identity, written)?;
                steps.push(Step::Items {
                    rest: Box::new(items.iter()),
                    waiting: 0,
                    op: op::ADDITEMS,
                });
                return Ok(());
            }
            Kind::Tuple(items) if items.is_empty() => return self.op(op::EMPTY_TUPLE),
            Kind::Tuple(items) => {
                let (op, taken_back) = match items.len() {
                    1 => (op::TUPLE1, TakenBack::One(1)),
                    2 => (op::TUPLE2, TakenBack::One(2)),
                    3 => (op::TUPLE3, TakenBack::One(3)),
                    _ => (op::TUPLE, TakenBack::Marked),
                };
                if matches!(taken_back, TakenBack::Marked) {
                    self.op(op::MARK)?;
                }
                steps.push(Step::End { identity, op, taken_back });
                steps.extend(in_reverse(items));
                return Ok(());
            }
            Kind::FrozenSet(items) if has_frames => {
                self.op(op::MARK)?;
                let taken_back = TakenBack::Marked;
                steps.push(Step::End { identity, op: op::FROZENSET, taken_back });
                steps.extend(in_reverse(items));
                return Ok(());
            }
            Kind::Set(items) | Kind::FrozenSet(items) => {
                let is_set = matches!(value.kind(), Kind::Set(_));
                self.builtin(if is_set { "set" } else { "frozenset" })?;
                self.op(op::EMPTY_LIST)?;
                let taken_back = TakenBack::One(2);
                steps.push(Step::End { identity, op: op::REDUCE, taken_back });
                steps.push(Step::Ops(&[op::TUPLE1]));
                steps.push(Step::Items {
                    rest: Box::new(items.iter()),
                    waiting: 0,
                    op: op::APPENDS,
                });
                return Ok(());
            }
            Kind::Array(array) => match array.bytes() {
                Some(bytes) => self.value_array(array, bytes)?,
                None => {
                    self.object_array(array, identity, steps)?;
                    return Ok(());
                }
            },
            Kind::Scalar(element_type, bytes) => {
                self.global("numpy.core.multiarray", "scalar")?;
                self.element_type(element_type)?;
                self.bytes(bytes)?;
                self.ops([op::TUPLE2, op::REDUCE])?;
            }
            Kind::ElementType(element_type) => return self.element_type(element_type),
            Kind::Global(global) => return self.named(global),
            Kind::Object(object) => return self.object(object, identity, steps),
            _ => return Err(Error::unwritable("a kind of value that Python has not")),
        }
        self.remember(identity, written)
    }

    fn object<'a>(
        &mut self,
        object: Object<'a>,
        identity: Option<Identity>,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<()> {
        let keywords = object.keywords();
        if keywords.is_some() && !self.protocol.has_frames() {
            return Err(Error::unwritable(
                "an object that is made with keyword arguments: that takes protocol 4 or 5",
            ));
        }
        let (op, parts) = match (object.making(), keywords) {
            (Making::Call, _) => (op::REDUCE, 2),
            (Making::New, None) => (op::NEWOBJ, 2),
            (Making::New, Some(_)) => (op::NEWOBJ_EX, 3),
        };
        // A call's parts are gone from the stack when it is known that it was made inside itself.
        steps.push(Step::Finish(object));
        steps.push(Step::End { identity, op, taken_back: TakenBack::One(parts) });
        steps.extend(keywords.filter(|_| parts == 3).map(Step::Write));
        steps.push(Step::Write(object.arguments()));
        steps.push(Step::Write(object.callable()));
        Ok(())
    }

    /// A class or function, under the name that readers of the protocol know.
    fn named(&mut self, global: Global<'_>) -> Result<()> {
        let module = match (global.module, self.protocol.number()) {
            ("builtins", 2) => "__builtin__",
            ("copyreg", 2) => "copy_reg",
            ("__builtin__", 3..) => "builtins",
            ("copy_reg", 3..) => "copyreg",
            (module, _) => module,
        };
        match global.name.rsplit_once('.') {
            Some((outer, name)) if !self.protocol.has_frames() => {
                self.builtin("getattr")?;
                self.named(Global { module: global.module, name: outer })?;
                self.text(name)?;
                self.ops([op::TUPLE2, op::REDUCE])
            }
            _ => self.global(module, global.name),
        }
    }

    fn builtin(&mut self, name: &'static str) -> Result<()> {
        self.named(Global { module: "builtins", name })
    }

    fn byte_array(&mut self, bytes: &[u8]) -> Result<()> {
        if self.protocol.number() >= 5 {
            return self.long_bytes(op::BYTEARRAY8, bytes);
        }
        self.builtin("bytearray")?;
        self.bytes(bytes)?;
        self.ops([op::TUPLE1, op::REDUCE])
    }
}

/// To write items in their order: the first one is to be the last step.
fn in_reverse<'a>(items: Items<'a>) -> impl Iterator<Item = Step<'a>> {
    (0..items.len()).rev().filter_map(move |index| items.get(index)).map(Step::Write)
}

/// Appends, sets and gives a state what a call has made.
fn finish<'a>(object: Object<'a>, steps: &mut Vec<Step<'a>>) {
    if let Some(state) = object.state() {
        steps.push(Step::Ops(&[op::BUILD]));
        steps.push(Step::Write(state));
    }
    if !object.entries().is_empty() {
        let rest = Box::new(object.entries().iter().flat_map(|(key, value)| [key, value]));
        steps.push(Step::Items { rest, waiting: 0, op: op::SETITEMS });
    }
    if !object.items().is_empty() {
        let rest = Box::new(object.items().iter());
        steps.push(Step::Items { rest, waiting: 0, op: op::APPENDS });
    }
}
