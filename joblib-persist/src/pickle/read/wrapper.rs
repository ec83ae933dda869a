//! Arrays as joblib writes them: an object that stands for an array, and the elements behind it,
//! between two opcodes (since 0.10) or in a file of their own (before).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::array::byte_len;
use super::beside::decompressing;
use super::machine::Machine;
use crate::array::{Elements, Order};
use crate::error::{Action, Error, ErrorKind, Result};
use crate::file::FileInput;
use crate::mapped::unpack;
use crate::npy::{Behind, Header};
use crate::value::{ArrayItem, Data, ElementType, Global, Item, Kind, Node, ValueRef, read_data};

/// What stands for an array; joblib 1.6, `numpy_pickle.py` and `numpy_pickle_compat.py`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wrapper {
    /// `NumpyArrayWrapper`: the elements follow.
    Inline,
    /// `NDArrayWrapper`: a `.npy` file beside this one.
    Npy,
    /// `ZNDArrayWrapper`: a compressed file beside this one.
    Compressed,
}

impl Wrapper {
    pub(super) fn of(class: Global<'_>) -> Option<Self> {
        let is_joblib = class.module.ends_with("joblib.numpy_pickle")
            || class.module.ends_with("joblib.numpy_pickle_compat");
        match class.name {
            "NumpyArrayWrapper" if is_joblib => Some(Wrapper::Inline),
            "NDArrayWrapper" if is_joblib => Some(Wrapper::Npy),
            "ZNDArrayWrapper" if is_joblib => Some(Wrapper::Compressed),
            _ => None,
        }
    }
}

impl Machine<'_, '_> {
    /// Replaces a wrapper by its array.
    pub(super) fn unwrap(&mut self, wrapper: Wrapper, object: Node, state: Node) -> Result<()> {
        let array = match wrapper {
            Wrapper::Inline => match self.inline(object, state)? {
                Some(array) => array,
                None => return Ok(()),
            },
            Wrapper::Npy => self.npy(state)?,
            Wrapper::Compressed => self.compressed(state)?,
        };
        if let Some(item) = self.arena.item_mut(object) {
            *item = Item::Array(Box::new(array));
        }
        Ok(())
    }

    /// The array whose elements follow; none if they are a pickle, which then begins.
    fn inline(&mut self, object: Node, state: Node) -> Result<Option<ArrayItem>> {
        let bad = || Error::damaged("a `NumpyArrayWrapper` that makes no sense");
        let field = |name| self.view(state).as_dict().and_then(|state| state.get(name));
        let shape = self.shape(field("shape").ok_or_else(bad)?).ok_or_else(bad)?;
        let element_type = match field("dtype").map(ValueRef::kind) {
            Some(Kind::ElementType(element_type)) => Arc::clone(element_type),
            _ => return Err(bad()),
        };
        let order = order(field("order"));
        let class = field("subclass").map_or(Node::NONE, |class| self.array_class(class.node));
        let is_aligned = field("numpy_array_alignment_bytes").is_some_and(|bytes| !bytes.is_none());
        if element_type.has_objects() {
            self.begin_inner(object);
            return Ok(None);
        }
        if is_aligned {
            let padding = self.stream.byte()?;
            self.stream.skip(padding.into())?;
        }
        let data = self.inline_data(&element_type, &shape)?;
        Ok(Some(ArrayItem { class, element_type, shape: shape.into(), order, data }))
    }

    fn inline_data(&mut self, element_type: &ElementType, shape: &[usize]) -> Result<Data> {
        let byte_len = byte_len(element_type, shape)?;
        if let Some(bytes) = self.mapped_bytes(element_type.native_dtype(), byte_len)? {
            return Ok(Data::Mapped(bytes));
        }
        self.take_large(byte_len)?;
        read_data(element_type, byte_len, self.stream)
    }

    /// Elements in a file of their own.
    fn data_beside(
        &mut self,
        element_type: &ElementType,
        byte_len: usize,
        elements: &mut dyn Elements,
    ) -> Result<Data> {
        let dtype = element_type.native_dtype();
        if let Some(bytes) = unpack(self.place.unpacker, dtype, byte_len, elements)? {
            self.count_mapped(dtype);
            return Ok(Data::Mapped(bytes));
        }
        self.take_large(byte_len)?;
        read_data(element_type, byte_len, elements)
    }

    fn take_large(&mut self, byte_len: usize) -> Result<()> {
        self.check_large(byte_len as u64)?;
        self.large = self.large.saturating_add(byte_len as u64);
        Ok(())
    }

    /// The file of an array beside this one: a name, never a path.
    fn beside(&self, state: Node) -> Result<PathBuf> {
        let name = self.view(state).as_dict().and_then(|state| state.get("filename"));
        let name = name.and_then(ValueRef::as_str).unwrap_or_default();
        let is_name = !name.is_empty() && name != "." && name != "..";
        if !is_name || name.contains(['/', '\\', ':', '\0']) {
            return Err(Error::damaged(format!(
                "`{name}` is not the name of a file beside this one"
            )));
        }
        let folder = self.place.folder.ok_or_else(|| {
            let detail =
                format!("the pickle has an array in the file `{name}`: load it by its path");
            Error::new(ErrorKind::Python(detail))
        })?;
        Ok(folder.join(name))
    }

    fn npy(&mut self, state: Node) -> Result<ArrayItem> {
        let path = self.beside(state)?;
        let class = self.view(state).as_dict().and_then(|state| state.get("subclass"));
        let class = class.map_or(Node::NONE, |class| self.array_class(class.node));
        let array = self.npy_array(&path).map_err(|error| error.in_file(Action::Loading, &path))?;
        Ok(ArrayItem { class, ..array })
    }

    fn npy_array(&mut self, path: &Path) -> Result<ArrayItem> {
        let file = File::open(path).map_err(|source| Error::io("opening the file", source))?;
        let mut input = FileInput::new(file).map_err(|source| Error::io("reading", source))?;
        let (header, _) = Header::read(&mut input)?;
        if header.element_type.has_objects() {
            return self.npy_objects(&mut input);
        }
        let byte_len = byte_len(&header.element_type, &header.shape)?;
        let data = self.data_beside(&header.element_type, byte_len, &mut Behind(&mut input))?;
        let Header { element_type, shape, order } = header;
        Ok(ArrayItem { class: Node::NONE, element_type, shape: shape.into(), order, data })
    }

    /// Python objects in a `.npy` file: a pickle of the whole array.
    fn npy_objects(&mut self, input: &mut FileInput) -> Result<ArrayItem> {
        let mut stream = super::stream::Stream::new(input);
        // Not from its folder: there is nothing beside what is beside.
        let memory_limit = self.place.memory_limit;
        let place = super::machine::Place { memory_limit, ..Default::default() };
        let mut inner = Machine::new(&mut stream, place);
        inner.arena = std::mem::take(&mut self.arena);
        let root = inner.run();
        self.arena = std::mem::take(&mut inner.arena);
        match self.arena.item_of(root?) {
            Some(Item::Array(array)) => Ok((**array).clone()),
            _ => Err(Error::damaged("a file of Python objects that holds no array")),
        }
    }

    /// `_reconstruct(*init_args)` with the state and the decompressed bytes behind it.
    fn compressed(&mut self, state: Node) -> Result<ArrayItem> {
        let bad = || Error::damaged("a `ZNDArrayWrapper` that makes no sense");
        let path = self.beside(state)?;
        let field = |name| self.view(state).as_dict().and_then(|state| state.get(name));
        let inner = field("state").ok_or_else(bad)?.node;
        let [_version, shape, element_type, is_fortran] = self.arguments(inner).ok_or_else(bad)?;
        let class = field("init_args").and_then(ValueRef::as_sequence);
        let class = class.and_then(|arguments| arguments.get(0));
        let class = class.map_or(Node::NONE, |class| self.array_class(class.node));
        let shape = self.shape(self.view(shape)).ok_or_else(bad)?;
        let Kind::ElementType(element_type) = self.view(element_type).kind() else {
            return Err(bad());
        };
        let element_type = Arc::clone(element_type);
        let is_fortran = self.view(is_fortran).as_bool().unwrap_or(false);
        let order = if is_fortran { Order::F } else { Order::C };
        let byte_len = byte_len(&element_type, &shape)?;
        let data = decompressing(&path, byte_len, &mut |elements| {
            self.data_beside(&element_type, byte_len, elements)
        })?;
        Ok(ArrayItem { class, element_type, shape: shape.into(), order, data })
    }
}

fn order(order: Option<ValueRef<'_>>) -> Order {
    match order.and_then(ValueRef::as_str) {
        Some("F") => Order::F,
        _ => Order::C,
    }
}
