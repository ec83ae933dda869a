//! The words for values of Python that serde has not, as variants of an enum.

use crate::array::Order;

/// The name of the enum.
pub(crate) const ENUM: &str = "Value";

/// What serde has no word for; the discriminants are the indices of the variants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub(crate) enum Special {
    BigInt = 0,
    Complex = 1,
    WideText = 2,
    ByteArray = 3,
    Set = 4,
    FrozenSet = 5,
    Array = 6,
    Scalar = 7,
    ElementType = 8,
    Global = 9,
    Call = 10,
    New = 11,
}

/// Each with the name of its variant.
const NAMES: [(Special, &str); 12] = [
    (Special::BigInt, "BigInt"),
    (Special::Complex, "Complex"),
    (Special::WideText, "WideText"),
    (Special::ByteArray, "ByteArray"),
    (Special::Set, "Set"),
    (Special::FrozenSet, "FrozenSet"),
    (Special::Array, "Array"),
    (Special::Scalar, "Scalar"),
    (Special::ElementType, "ElementType"),
    (Special::Global, "Global"),
    (Special::Call, "Call"),
    (Special::New, "New"),
];

impl Special {
    pub(crate) fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(special, _)| *special)
    }
}

// What the maps in some of them have for keys.
pub(crate) const CLASS: &str = "class";
pub(crate) const TYPE: &str = "type";
pub(crate) const SHAPE: &str = "shape";
pub(crate) const ORDER: &str = "order";
pub(crate) const ELEMENTS: &str = "elements";
pub(crate) const OBJECTS: &str = "objects";
pub(crate) const ARGUMENTS: &str = "arguments";
pub(crate) const KEYWORDS: &str = "keywords";
pub(crate) const STATE: &str = "state";
pub(crate) const ITEMS: &str = "items";
pub(crate) const ENTRIES: &str = "entries";

pub(crate) fn order_name(order: Order) -> &'static str {
    match order {
        Order::C => "C",
        Order::F => "F",
    }
}

pub(crate) fn order_of(name: &str) -> Option<Order> {
    [Order::C, Order::F].into_iter().find(|&order| order_name(order) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_their_numbers() {
        for (number, (special, name)) in NAMES.into_iter().enumerate() {
            assert_eq!((special as usize, special.name()), (number, name));
            assert_eq!(Special::by_name(name), Some(special));
        }
    }
}
