//! Python values as the tree that `inspect` prints.

use std::borrow::Cow;
use std::collections::HashSet;

use joblib::persist::value::{ArrayRef, Identity, Items, Kind, Object, Pairs, ValueRef};
use joblib::persist::{ArrayItem, Item};

/// Text is cut after so many characters.
const TEXT: usize = 60;

/// How much is listed, and what was already: what occurs at several places, or contains itself, is
/// listed once.
pub(crate) struct Listing {
    depth: u32,
    items: u64,
    left: u64,
    listed: HashSet<Identity>,
}

/// What a part is called in what is around it.
enum Name<'a> {
    Index(usize),
    Key(ValueRef<'a>),
    Word(&'static str),
}

type Parts<'a> = Box<dyn Iterator<Item = (Name<'a>, ValueRef<'a>)> + 'a>;

impl Listing {
    /// `depth` levels, `items` of each list or dict, `total` in all.
    pub(crate) fn new(depth: u32, items: u64, total: u64) -> Self {
        Listing { depth, items, left: total, listed: HashSet::new() }
    }

    pub(crate) fn describe(mut self, value: ValueRef<'_>) -> Item {
        self.item(String::new(), value, 0)
    }

    fn item(&mut self, name: String, value: ValueRef<'_>, level: u32) -> Item {
        let mut item = Item::new(name, type_name(value));
        if let Kind::Array(array) = value.kind() {
            item.array = Some(array_item(&array));
        } else if is_leaf(value) {
            item.value = Some(cut(value.to_string()));
            return item;
        }
        if !value.identity().is_none_or(|identity| self.listed.insert(identity)) {
            item.value = (item.array.is_none()).then(|| "(shown above)".to_owned());
            return item;
        }
        item.len = item.array.is_none().then(|| parts(value).count() as u64);
        if level < self.depth {
            // Of an object all attributes are shown, of a list the first items.
            let is_object = matches!(value.kind(), Kind::Object(_));
            let items = if is_object { u64::MAX } else { self.items };
            for (name, part) in parts(value).take(usize::try_from(items).unwrap_or(usize::MAX)) {
                if self.left == 0 {
                    break;
                }
                self.left -= 1;
                let part = self.item(name.text(), part, level + 1);
                item.items.push(part);
            }
        }
        item
    }
}

impl Name<'_> {
    fn text(self) -> String {
        match self {
            Name::Index(index) => format!("[{index}]"),
            Name::Word(word) => word.to_owned(),
            Name::Key(key) => cut(key.as_str().map_or_else(|| key.to_string(), str::to_owned)),
        }
    }
}

/// How many arrays there are, and the bytes of their elements.
pub(crate) fn count_arrays(value: ValueRef<'_>) -> (u64, u64) {
    let (mut arrays, mut bytes) = (0, 0);
    let mut seen = HashSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        if is_leaf(value) || !value.identity().is_none_or(|identity| seen.insert(identity)) {
            continue;
        }
        if let Kind::Array(array) = value.kind() {
            arrays += 1;
            bytes += array_bytes(&array);
        }
        open.extend(parts(value).map(|(_, part)| part));
    }
    (arrays, bytes)
}

fn type_name(value: ValueRef<'_>) -> Cow<'static, str> {
    Cow::Borrowed(match value.kind() {
        Kind::None => "none",
        Kind::Bool(_) => "bool",
        Kind::Int(_) | Kind::BigInt(_) => "int",
        Kind::Float(_) => "float",
        Kind::Complex(_) => "complex",
        Kind::Str(_) | Kind::WideStr(_) => "str",
        Kind::Bytes(_) => "bytes",
        Kind::ByteArray(_) => "bytearray",
        Kind::List(_) => "list",
        Kind::Tuple(_) => "tuple",
        Kind::Set(_) => "set",
        Kind::FrozenSet(_) => "frozenset",
        Kind::Dict(_) => "dict",
        Kind::Scalar(..) => "scalar",
        Kind::ElementType(_) => "dtype",
        Kind::Global(_) => "global",
        Kind::Array(array) => {
            let class = array.class().map(|class| Cow::Owned(class.to_string()));
            return class.unwrap_or(Cow::Borrowed("array"));
        }
        Kind::Object(object) => {
            let class = object.class().map(|class| Cow::Owned(class.to_string()));
            return class.unwrap_or(Cow::Borrowed("object"));
        }
        _ => "value",
    })
}

fn is_leaf(value: ValueRef<'_>) -> bool {
    !matches!(
        value.kind(),
        Kind::List(_)
            | Kind::Tuple(_)
            | Kind::Set(_)
            | Kind::FrozenSet(_)
            | Kind::Dict(_)
            | Kind::Array(_)
            | Kind::Object(_)
    )
}

fn parts(value: ValueRef<'_>) -> Parts<'_> {
    match value.kind() {
        Kind::List(items) | Kind::Tuple(items) | Kind::Set(items) | Kind::FrozenSet(items) => {
            numbered(items)
        }
        Kind::Dict(pairs) => keyed(pairs),
        Kind::Array(array) => array.objects().map_or(Box::new(std::iter::empty()), numbered),
        Kind::Object(object) => object_parts(object),
        _ => Box::new(std::iter::empty()),
    }
}

fn numbered(items: Items<'_>) -> Parts<'_> {
    Box::new(items.iter().enumerate().map(|(index, item)| (Name::Index(index), item)))
}

fn keyed(pairs: Pairs<'_>) -> Parts<'_> {
    Box::new(pairs.iter().map(|(key, value)| (Name::Key(key), value)))
}

/// What makes the object, what is in it if it is a list or dict of a kind, and its attributes.
fn object_parts(object: Object<'_>) -> Parts<'_> {
    let arguments = match object.arguments().kind() {
        Kind::Tuple(items) if items.is_empty() => None,
        _ => Some((Name::Word("(arguments)"), object.arguments())),
    };
    let keywords = object.keywords().map(|keywords| (Name::Word("(keywords)"), keywords));
    let mut attributes = object.attributes().peekable();
    let state = match attributes.peek() {
        Some(_) => None,
        None => object.state().map(|state| (Name::Word("(state)"), state)),
    };
    let attributes = attributes.map(|(key, value)| (Name::Key(key), value));
    let content = numbered(object.items()).chain(keyed(object.entries()));
    Box::new(arguments.into_iter().chain(keywords).chain(content).chain(attributes).chain(state))
}

fn array_item(array: &ArrayRef<'_>) -> ArrayItem {
    let shape = array.shape().iter().map(|&len| len as u64).collect();
    ArrayItem::new(array.element_type().to_string(), shape, array.order(), array_bytes(array))
}

fn array_bytes(array: &ArrayRef<'_>) -> u64 {
    (array.len() as u64).saturating_mul(array.element_type().size as u64)
}

fn cut(text: String) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
