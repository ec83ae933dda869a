//! The stack machine that a pickle is a program for. It builds data and calls nothing: a global
//! is a name, and a call is written down.

use std::collections::HashMap;
use std::path::Path;

use super::memo::Memo;
use super::stream::Stream;
use crate::error::{Error, ErrorKind, Result};
use crate::pickle::opcode;
use crate::value::{Arena, ByteString, Item, Making, Node, ObjectItem};

/// How many opcodes run between two looks at how much memory is used.
const CHECK_EVERY: u32 = 4096;

/// How much may be copied of what was read once, for each byte of the file: only a file that
/// has the same thing copied again and again exceeds it.
const COPIES: u64 = 16;

/// Where a pickle lies, for what its joblib keeps outside of it.
#[derive(Default)]
pub(crate) struct Place<'p> {
    /// The folder with the files of arrays, of joblib before 0.10.
    pub(crate) folder: Option<&'p Path>,
    /// The map of the file, if its arrays are to stay in it.
    pub(crate) map: Option<std::sync::Arc<crate::mapped::Map>>,
    /// Takes arrays that cannot stay in the file.
    pub(crate) unpacker: Option<&'p crate::mapped::Unpacker>,
    /// The most memory the value may take, in bytes.
    pub(crate) memory_limit: Option<u64>,
}

pub(super) struct Machine<'s, 'r> {
    pub(super) stream: &'s mut Stream<'r>,
    pub(super) place: Place<'s>,
    pub(super) arena: Arena,
    pub(super) run: Run,
    /// The pickles around the current one: an array of objects is a pickle inside a pickle.
    outer: Vec<(Run, Node)>,
    globals: HashMap<String, Node>,
    pub(super) element_types: super::element_types::ElementTypes,
    /// Bytes of arrays and strings that are neither in the arena's text nor its items.
    pub(super) large: u64,
    /// Bytes that were copied within the value.
    copied: u64,
    /// How many arrays were left in their file.
    pub(super) mapped: u32,
    pub(super) unaligned: u32,
}

/// What is dropped when a pickle ends.
#[derive(Default)]
pub(super) struct Run {
    pub(super) stack: Vec<Node>,
    marks: Vec<usize>,
    /// Where the part of the stack begins that is above the last mark.
    floor: usize,
    memo: Memo,
    protocol: Option<u8>,
}

impl<'s, 'r> Machine<'s, 'r> {
    pub(super) fn new(stream: &'s mut Stream<'r>, place: Place<'s>) -> Self {
        Machine {
            stream,
            place,
            arena: Arena::default(),
            run: Run::default(),
            outer: Vec::new(),
            globals: HashMap::new(),
            element_types: super::element_types::ElementTypes::default(),
            large: 0,
            copied: 0,
            mapped: 0,
            unaligned: 0,
        }
    }

    /// Whether the pickle says that it is one, and in which protocol.
    pub(super) fn is_named(&self) -> bool {
        self.run.protocol.is_some() || !self.outer.is_empty()
    }

    /// Runs up to the end of the outermost pickle, whose value is the result.
    pub(super) fn run(&mut self) -> Result<Node> {
        let mut until_check = CHECK_EVERY;
        loop {
            until_check -= 1;
            if until_check == 0 {
                self.check_memory(0)?;
                until_check = CHECK_EVERY;
            }
            let code = self.stream.byte()?;
            if code != opcode::STOP {
                self.step(code)?;
                continue;
            }
            let value = self.pop()?;
            match self.outer.pop() {
                None => return Ok(value),
                Some((run, wrapper)) => {
                    self.run = run;
                    self.replace(wrapper, value)?;
                }
            }
        }
    }

    #[inline]
    fn step(&mut self, code: u8) -> Result<()> {
        match code {
            // The most frequent ones first.
            opcode::MEMOIZE => {
                let top = self.top()?;
                self.run.memo.push(top);
            }
            opcode::BINFLOAT => {
                let value = f64::from_be_bytes(self.stream.array()?);
                let node = self.arena.add_float(value);
                self.push(node);
            }
            opcode::BININT1 => {
                let value = self.stream.byte()?;
                self.push_int(value.into());
            }
            opcode::SHORT_BINUNICODE => {
                let len = self.stream.byte()?;
                self.text(len.into())?;
            }
            opcode::BININT => {
                let value = i32::from_le_bytes(self.stream.array()?);
                self.push_int(value.into());
            }
            opcode::BININT2 => {
                let value = u16::from_le_bytes(self.stream.array()?);
                self.push_int(value.into());
            }
            opcode::BINUNICODE => {
                let len = u32::from_le_bytes(self.stream.array()?);
                self.text(len.into())?;
            }
            opcode::BINPUT => {
                let number = self.stream.byte()?;
                self.put(number.into())?;
            }
            opcode::LONG_BINPUT => {
                let number = u32::from_le_bytes(self.stream.array()?);
                self.put(number.into())?;
            }
            opcode::BINGET => {
                let number = self.stream.byte()?;
                self.get(number.into())?;
            }
            opcode::LONG_BINGET => {
                let number = u32::from_le_bytes(self.stream.array()?);
                self.get(number.into())?;
            }
            opcode::MARK => {
                self.run.marks.push(self.run.stack.len());
                self.run.floor = self.run.stack.len();
            }
            opcode::NONE => self.push(Node::NONE),
            opcode::NEWTRUE => self.push(Node::bool(true)),
            opcode::NEWFALSE => self.push(Node::bool(false)),
            _ => return self.step_containers(code),
        }
        Ok(())
    }

    fn step_containers(&mut self, code: u8) -> Result<()> {
        match code {
            opcode::EMPTY_LIST => self.add(Item::List(Vec::new())),
            opcode::EMPTY_DICT => self.add(Item::Dict(Vec::new())),
            opcode::EMPTY_SET => self.add(Item::Set(Vec::new())),
            opcode::EMPTY_TUPLE => self.add(Item::Tuple(Box::default())),
            opcode::TUPLE1 => self.tuple(1)?,
            opcode::TUPLE2 => self.tuple(2)?,
            opcode::TUPLE3 => self.tuple(3)?,
            opcode::TUPLE => {
                let items = self.pop_mark()?;
                self.add(Item::Tuple(items.into()));
            }
            opcode::FROZENSET => {
                let items = self.pop_mark()?;
                self.add(Item::FrozenSet(items.into()));
            }
            opcode::LIST => {
                let items = self.pop_mark()?;
                self.add(Item::List(items));
            }
            opcode::DICT => {
                let items = self.pop_mark()?;
                self.add(Item::Dict(items));
            }
            opcode::APPEND => self.extend(1, code)?,
            opcode::SETITEM => self.extend(2, code)?,
            opcode::APPENDS | opcode::SETITEMS | opcode::ADDITEMS => {
                let count = self.run.stack.len() - self.run.floor;
                self.unmark()?;
                self.extend(count, code)?;
            }
            _ => return self.step_objects(code),
        }
        Ok(())
    }

    fn step_objects(&mut self, code: u8) -> Result<()> {
        match code {
            opcode::GLOBAL => {
                let [module, name] = [self.stream.line()?, self.stream.line()?];
                self.push_global(&module, &name)?;
            }
            opcode::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let node = self.stack_global(module, name)?;
                self.push(node);
            }
            opcode::REDUCE => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let node = self.reduce(callable, arguments)?;
                self.push(node);
            }
            opcode::BUILD => {
                let state = self.pop()?;
                let object = self.top()?;
                self.build(object, state)?;
            }
            opcode::NEWOBJ => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                let node = self.object(Making::New, class, arguments, Node::NONE);
                self.push(node);
            }
            opcode::NEWOBJ_EX => {
                let (keywords, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                let node = self.object(Making::New, class, arguments, keywords);
                self.push(node);
            }
            opcode::INST => {
                let [module, name] = [self.stream.line()?, self.stream.line()?];
                let arguments = self.pop_mark()?;
                self.push_global(&module, &name)?;
                let class = self.pop()?;
                let arguments = self.arena.add(Item::Tuple(arguments.into()));
                let node = self.object(Making::Call, class, arguments, Node::NONE);
                self.push(node);
            }
            opcode::OBJ => {
                let mut arguments = self.pop_mark()?;
                if arguments.is_empty() {
                    return Err(Error::damaged("an object without a class"));
                }
                let class = arguments.remove(0);
                let arguments = self.arena.add(Item::Tuple(arguments.into()));
                let node = self.object(Making::Call, class, arguments, Node::NONE);
                self.push(node);
            }
            _ => return self.step_strings(code),
        }
        Ok(())
    }

    fn step_strings(&mut self, code: u8) -> Result<()> {
        match code {
            opcode::BINUNICODE8 => {
                let len = u64::from_le_bytes(self.stream.array()?);
                self.text(len)?;
            }
            opcode::SHORT_BINBYTES | opcode::SHORT_BINSTRING => {
                let len = self.stream.byte()?;
                self.bytes(len.into())?;
            }
            opcode::BINBYTES | opcode::BINSTRING => {
                let len = u32::from_le_bytes(self.stream.array()?);
                self.bytes(len.into())?;
            }
            opcode::BINBYTES8 => {
                let len = u64::from_le_bytes(self.stream.array()?);
                self.bytes(len)?;
            }
            opcode::BYTEARRAY8 => {
                let len = u64::from_le_bytes(self.stream.array()?);
                let bytes = self.byte_string(len)?;
                self.add(Item::ByteArray(bytes));
            }
            opcode::LONG1 => {
                let len = self.stream.byte()?;
                self.long(len.into())?;
            }
            opcode::LONG4 => {
                let len = u32::from_le_bytes(self.stream.array()?);
                self.long(len.into())?;
            }
            _ => return self.step_text(code),
        }
        Ok(())
    }

    /// The opcodes of protocol 0, whose content is a line of text.
    fn step_text(&mut self, code: u8) -> Result<()> {
        match code {
            opcode::INT | opcode::LONG | opcode::FLOAT | opcode::STRING | opcode::UNICODE => {
                let line = self.stream.line()?;
                self.charge(line.len())?;
                let node = super::text::value(code, &line, &mut self.arena)?;
                self.push(node);
            }
            opcode::GET => {
                let number = super::text::number(&self.stream.line()?)?;
                self.get(number)?;
            }
            opcode::PUT => {
                let number = super::text::number(&self.stream.line()?)?;
                self.put(number)?;
            }
            _ => return self.step_control(code),
        }
        Ok(())
    }

    fn step_control(&mut self, code: u8) -> Result<()> {
        match code {
            opcode::PROTO => {
                let protocol = self.stream.byte()?;
                self.run.protocol = Some(protocol);
                if protocol > super::PROTOCOL_MAX {
                    return Err(Error::new(ErrorKind::Python(format!(
                        "pickle protocol {} is newer than {}, the newest that is known",
                        protocol,
                        super::PROTOCOL_MAX
                    ))));
                }
            }
            // Frames only tell a reader how much to read at a time.
            opcode::FRAME => {
                let len = u64::from_le_bytes(self.stream.array()?);
                self.stream.expect(len)?;
            }
            opcode::POP => {
                if self.pop().is_err() {
                    self.unmark()?;
                }
            }
            opcode::POP_MARK => drop(self.pop_mark()?),
            opcode::DUP => {
                let top = self.top()?;
                self.push(top);
            }
            opcode::NEXT_BUFFER | opcode::READONLY_BUFFER => {
                return Err(refused("data outside of the pickle (`buffer_callback`)"));
            }
            opcode::PERSID | opcode::BINPERSID => {
                return Err(refused("objects outside of the pickle (`persistent_id`)"));
            }
            opcode::EXT1 | opcode::EXT2 | opcode::EXT4 => {
                return Err(refused("numbers in place of names (`copyreg.add_extension`)"));
            }
            _ => {
                let at = self.stream.offset() - 1;
                return Err(Error::damaged(format!("byte {at} is no opcode: {code:#04x}")));
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn push(&mut self, node: Node) {
        self.run.stack.push(node);
    }

    #[inline]
    fn push_int(&mut self, value: i64) {
        let node = self.arena.add_int(value);
        self.push(node);
    }

    #[inline]
    fn add(&mut self, item: Item) {
        let node = self.arena.add(item);
        self.push(node);
    }

    /// Takes the top of the stack; never what is below a mark.
    #[inline]
    pub(super) fn pop(&mut self) -> Result<Node> {
        if self.run.stack.len() <= self.run.floor {
            return Err(underflow());
        }
        self.run.stack.pop().ok_or_else(underflow)
    }

    #[inline]
    fn top(&self) -> Result<Node> {
        self.run.stack[self.run.floor..].last().copied().ok_or_else(underflow)
    }

    /// Removes the last mark, not what is above it.
    fn unmark(&mut self) -> Result<()> {
        self.run.marks.pop().ok_or_else(|| Error::damaged("a pickle without a mark"))?;
        self.run.floor = self.run.marks.last().copied().unwrap_or(0);
        Ok(())
    }

    /// Takes what is above the last mark, and the mark.
    fn pop_mark(&mut self) -> Result<Vec<Node>> {
        let items = self.run.stack.split_off(self.run.floor);
        self.unmark()?;
        Ok(items)
    }

    fn tuple(&mut self, len: usize) -> Result<()> {
        let stack = &mut self.run.stack;
        let start = stack.len().checked_sub(len).filter(|&start| start >= self.run.floor);
        let start = start.ok_or_else(underflow)?;
        let items: Box<[Node]> = stack[start..].into();
        stack.truncate(start);
        self.add(Item::Tuple(items));
        Ok(())
    }

    /// Moves the last `count` of the stack into what is below them.
    fn extend(&mut self, count: usize, code: u8) -> Result<()> {
        let start = self.run.stack.len().checked_sub(count).filter(|&at| at > self.run.floor);
        let start = start.ok_or_else(underflow)?;
        let (below, items) = self.run.stack.split_at(start);
        let Some(container) = below.last().and_then(|&node| self.arena.item_mut(node)) else {
            return Err(Error::damaged("elements of something that has none"));
        };
        let is_pairs = matches!(code, opcode::SETITEM | opcode::SETITEMS);
        self.large += size_of_val(items) as u64;
        match container {
            Item::List(nodes) if matches!(code, opcode::APPEND | opcode::APPENDS) => {
                nodes.extend_from_slice(items);
            }
            Item::Set(nodes) if code == opcode::ADDITEMS => nodes.extend_from_slice(items),
            Item::Dict(nodes) if is_pairs && count.is_multiple_of(2) => {
                nodes.extend_from_slice(items)
            }
            Item::Object(object) if is_pairs && count.is_multiple_of(2) => {
                object.entries.extend_from_slice(items);
            }
            Item::Object(object) if !is_pairs => object.items.extend_from_slice(items),
            _ => return Err(Error::damaged("elements of something that has none")),
        }
        self.run.stack.truncate(start);
        Ok(())
    }

    fn put(&mut self, number: u64) -> Result<()> {
        let top = self.top()?;
        self.run.memo.put(number, top);
        Ok(())
    }

    fn get(&mut self, number: u64) -> Result<()> {
        let node = self.run.memo.get(number);
        let node = node.ok_or_else(|| Error::damaged(format!("nothing was stored as {number}")))?;
        self.push(node);
        Ok(())
    }

    #[inline]
    fn text(&mut self, len: u64) -> Result<()> {
        self.check_large(len)?;
        let arena = &mut self.arena;
        let node = self.stream.slice(len, |bytes| match std::str::from_utf8(bytes) {
            Ok(text) => Some(arena.add_text(text)),
            Err(_) => super::text::is_utf8_with_surrogates(bytes)
                .then(|| arena.add(Item::WideText(bytes.into()))),
        })?;
        self.push(node.ok_or_else(|| Error::damaged("text that is not UTF-8"))?);
        Ok(())
    }

    fn bytes(&mut self, len: u64) -> Result<()> {
        let bytes = self.byte_string(len)?;
        self.add(Item::Bytes(bytes));
        Ok(())
    }

    fn byte_string(&mut self, len: u64) -> Result<ByteString> {
        if let Ok(len) = usize::try_from(len)
            && let Some(bytes) = self.mapped_bytes(None, len)?
        {
            return Ok(ByteString::Mapped(bytes));
        }
        self.check_large(len)?;
        let bytes = self.stream.bytes(len)?;
        // Not what is claimed, but what has come.
        self.large += bytes.len() as u64;
        Ok(bytes.into())
    }

    fn long(&mut self, len: u64) -> Result<()> {
        self.check_large(len)?;
        let arena = &mut self.arena;
        let node = self.stream.slice(len, |bytes| arena.add_big_int(bytes))?;
        self.push(node);
        Ok(())
    }

    fn push_global(&mut self, module: &[u8], name: &[u8]) -> Result<()> {
        let text = |bytes| {
            std::str::from_utf8(bytes).map_err(|_| Error::damaged("a name that is not UTF-8"))
        };
        let node = self.global(text(module)?, text(name)?);
        self.push(node);
        Ok(())
    }

    fn stack_global(&mut self, module: Node, name: Node) -> Result<Node> {
        let text = |node| match self.view(node).kind() {
            crate::value::Kind::Str(text) => Ok(text.to_owned()),
            _ => Err(Error::damaged("a name that is not text")),
        };
        let (module, name) = (text(module)?, text(name)?);
        Ok(self.global(&module, &name))
    }

    /// The same name is the same node.
    fn global(&mut self, module: &str, name: &str) -> Node {
        let is_old = self.run.protocol.is_none_or(|protocol| protocol < 3);
        let module = match module {
            "__builtin__" if is_old => "builtins",
            "copy_reg" if is_old => "copyreg",
            module => module,
        };
        let key = format!("{module}\n{name}");
        if let Some(&node) = self.globals.get(&key) {
            return node;
        }
        let names = [module, name].map(|name| self.arena.add_text(name));
        let node = self.arena.add(Item::Global(names));
        self.globals.insert(key, node);
        node
    }

    pub(super) fn object(
        &mut self,
        making: Making,
        callable: Node,
        arguments: Node,
        keywords: Node,
    ) -> Node {
        self.arena.add(Item::Object(Box::new(ObjectItem {
            making,
            callable,
            arguments,
            keywords,
            items: Vec::new(),
            entries: Vec::new(),
            state: None,
        })))
    }

    /// Begins a pickle inside this one; its value takes the place of `wrapper`.
    pub(super) fn begin_inner(&mut self, wrapper: Node) {
        let run = std::mem::take(&mut self.run);
        self.outer.push((run, wrapper));
    }

    /// Puts the value of an inner pickle where its wrapper was.
    fn replace(&mut self, wrapper: Node, value: Node) -> Result<()> {
        if let Some(top) = self.run.stack.last_mut().filter(|top| **top == wrapper) {
            *top = value;
            return Ok(());
        }
        Err(underflow())
    }

    /// Notes that `len` bytes are copied within the value.
    pub(super) fn charge(&mut self, len: usize) -> Result<()> {
        self.large += len as u64;
        self.count_copy(len)?;
        self.check_memory(0)
    }

    /// Before `len` bytes of the value are copied, wherever to.
    pub(super) fn count_copy(&mut self, len: usize) -> Result<()> {
        self.copied += len as u64;
        if self.copied > (1 << 16) + self.stream.offset() * COPIES {
            return Err(Error::damaged("a pickle that copies itself over and over"));
        }
        Ok(())
    }

    /// Before `len` bytes are read.
    #[inline]
    pub(super) fn check_large(&self, len: u64) -> Result<()> {
        if len < 4096 { Ok(()) } else { self.check_memory(len) }
    }

    /// Whether `more` bytes may be used.
    pub(super) fn check_memory(&self, more: u64) -> Result<()> {
        let Some(limit) = self.place.memory_limit else { return Ok(()) };
        let used = self.arena.bytes() + (self.run.stack.len() * size_of::<Node>()) as u64;
        let wanted = used.saturating_add(self.large).saturating_add(more);
        if wanted > limit {
            return Err(Error::new(ErrorKind::MemoryLimit { limit }));
        }
        Ok(())
    }
}

#[cold]
pub(super) fn underflow() -> Error {
    Error::damaged("a pickle that takes more than there is")
}

#[cold]
fn refused(what: &str) -> Error {
    Error::new(ErrorKind::Python(format!("the pickle refers to {what}, which a file cannot hold")))
}
