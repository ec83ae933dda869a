//! Calls that are known to make data: sets, byte strings, numpy's types, scalars and arrays. Every
//! other call is written down as an object.

use super::machine::Machine;
use crate::error::{Error, Result};
use crate::value::{Global, Item, Items, Kind, Making, Node, ValueRef};

impl Machine<'_, '_> {
    pub(super) fn view(&self, node: Node) -> ValueRef<'_> {
        ValueRef { arena: &self.arena, node }
    }

    /// What a call makes.
    pub(super) fn reduce(&mut self, callable: Node, arguments: Node) -> Result<Node> {
        let made = match self.view(callable).kind() {
            Kind::Global(global) => match known(global) {
                Some(make) => make(self, arguments)?,
                None => None,
            },
            _ => None,
        };
        Ok(match made {
            Some(node) => node,
            None => self.object(Making::Call, callable, arguments, Node::NONE),
        })
    }

    /// The arguments of a call, if it has that many.
    pub(super) fn arguments<const N: usize>(&self, arguments: Node) -> Option<[Node; N]> {
        match self.arena.item_of(arguments)? {
            Item::Tuple(nodes) => (**nodes).try_into().ok(),
            _ => None,
        }
    }

    /// Gives an object its state, or makes an array of it.
    pub(super) fn build(&mut self, object: Node, state: Node) -> Result<()> {
        match self.arena.item_of(object) {
            Some(Item::ElementType(_)) => self.build_element_type(object, state),
            Some(Item::Object(item)) => {
                if item.state.is_some() {
                    return Err(Error::damaged("an object with two states"));
                }
                let callable = self.view(item.callable).as_global();
                let is_array = callable.is_some_and(is_reconstruct);
                // The first two protocols name the class among the arguments of a helper.
                let class = self.view(object).as_object().and_then(|object| object.class());
                let wrapper = class.and_then(super::wrapper::Wrapper::of);
                if let Some(wrapper) = wrapper {
                    return self.unwrap(wrapper, object, state);
                }
                if is_array && self.build_array(object, state)? {
                    return Ok(());
                }
                if let Some(Item::Object(item)) = self.arena.item_mut(object) {
                    item.state = Some(state);
                }
                Ok(())
            }
            _ => Err(Error::damaged("a state for something that has none")),
        }
    }
}

/// Makes something of the arguments of a call; none if they are not as expected.
type Make = fn(&mut Machine<'_, '_>, Node) -> Result<Option<Node>>;

fn known(global: Global<'_>) -> Option<Make> {
    Some(match (global.module, global.name) {
        ("builtins" | "__builtin__", "set") => |machine, arguments| {
            let items = collected(machine, arguments)?;
            Ok(items.map(|items| machine.arena.add(Item::Set(items))))
        },
        ("builtins" | "__builtin__", "frozenset") => |machine, arguments| {
            let items = collected(machine, arguments)?;
            Ok(items.map(|items| machine.arena.add(Item::FrozenSet(items.into()))))
        },
        ("builtins" | "__builtin__", "bytearray") => |machine, arguments| {
            let bytes = encoded(machine, arguments)?;
            Ok(bytes.map(|bytes| machine.arena.add(Item::ByteArray(bytes.into()))))
        },
        ("builtins" | "__builtin__", "bytes") | ("_codecs", "encode") => |machine, arguments| {
            let bytes = encoded(machine, arguments)?;
            Ok(bytes.map(|bytes| machine.arena.add(Item::Bytes(bytes.into()))))
        },
        ("builtins" | "__builtin__", "complex") => complex,
        ("numpy", "dtype") => |machine, arguments| machine.make_element_type(arguments),
        (module, "scalar") if is_numpy_core(module, "multiarray") => {
            |machine, arguments| machine.make_scalar(arguments)
        }
        (module, "_frombuffer") if is_numpy_core(module, "numeric") => {
            |machine, arguments| machine.make_from_buffer(arguments)
        }
        _ => return None,
    })
}

/// `complex(re, im)`.
fn complex(machine: &mut Machine<'_, '_>, arguments: Node) -> Result<Option<Node>> {
    let parts = machine.arguments::<2>(arguments);
    let parts = parts.map(|parts| parts.map(|part| machine.view(part).as_f64()));
    Ok(match parts {
        Some([Some(re), Some(im)]) => Some(machine.arena.add(Item::Complex([re, im]))),
        _ => None,
    })
}

/// Whether it is `numpy._core.<part>`, or `numpy.core.<part>` as numpy 1 has it.
pub(super) fn is_numpy_core(module: &str, part: &str) -> bool {
    let inner = module.strip_prefix("numpy._core.").or_else(|| module.strip_prefix("numpy.core."));
    inner == Some(part)
}

fn is_reconstruct(global: Global<'_>) -> bool {
    global.name == "_reconstruct" && is_numpy_core(global.module, "multiarray")
}

/// The elements of the only argument, or of none.
fn collected(machine: &mut Machine<'_, '_>, arguments: Node) -> Result<Option<Vec<Node>>> {
    if machine.arguments::<0>(arguments).is_some() {
        return Ok(Some(Vec::new()));
    }
    let Some([argument]) = machine.arguments(arguments) else { return Ok(None) };
    let items = machine.view(argument).as_sequence().map(|items: Items<'_>| items.nodes.to_vec());
    machine.charge(items.as_ref().map_or(0, |items| size_of_val(&items[..])))?;
    Ok(items)
}

/// The bytes of the arguments: none, a byte string, or text and its encoding, which is always
/// Latin-1.
fn encoded(machine: &mut Machine<'_, '_>, arguments: Node) -> Result<Option<Vec<u8>>> {
    if machine.arguments::<0>(arguments).is_some() {
        return Ok(Some(Vec::new()));
    }
    let bytes = match machine.arguments::<1>(arguments) {
        Some([bytes]) => machine.view(bytes).as_bytes().map(<[u8]>::to_vec),
        None => latin1(machine, arguments),
    };
    machine.charge(bytes.as_ref().map_or(0, Vec::len))?;
    Ok(bytes)
}

fn latin1(machine: &Machine<'_, '_>, arguments: Node) -> Option<Vec<u8>> {
    let [text, encoding] = machine.arguments(arguments)?;
    if !matches!(machine.view(encoding).as_str()?, "latin1" | "latin-1") {
        return None;
    }
    let text = machine.view(text).as_str()?;
    text.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect()
}

impl Machine<'_, '_> {
    /// `scalar(dtype, bytes)`.
    fn make_scalar(&mut self, arguments: Node) -> Result<Option<Node>> {
        let Some([element_type, bytes]) = self.arguments(arguments) else { return Ok(None) };
        let Some(Item::ElementType(element_type)) = self.arena.item_of(element_type) else {
            return Ok(None);
        };
        let Kind::Bytes(bytes) = self.view(bytes).kind() else { return Ok(None) };
        if bytes.len() != element_type.size || element_type.has_objects() {
            return Ok(None);
        }
        let scalar: Box<(_, Box<[u8]>)> = Box::new((element_type.clone(), bytes.into()));
        self.charge(scalar.1.len())?;
        Ok(Some(self.arena.add(Item::Scalar(scalar))))
    }
}
