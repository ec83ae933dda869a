//! One value in eight bytes: a number, or the place of something larger in the arena.

/// A value of an arena.
///
/// A float is itself. Everything else hides in the bits of those NaNs that no arithmetic
/// produces: two bytes of tag, six bytes of content. So a list of a million floats takes eight
/// bytes for each of them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Node(u64);

/// A node taken apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unpacked {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Where a text begins.
    Text(usize),
    /// The number of an item.
    Item(usize),
}

const TAG_SHIFT: u32 = 48;
const CONTENT: u64 = (1 << TAG_SHIFT) - 1;

const CONSTANT: u64 = 0xfffc;
const INT: u64 = 0xfffd;
const TEXT: u64 = 0xfffe;
const ITEM: u64 = 0xffff;

impl Node {
    pub(crate) const NONE: Node = Node(CONSTANT << TAG_SHIFT);
    /// Stands for no node at all where there has to be one.
    pub(crate) const ABSENT: Node = Node(CONSTANT << TAG_SHIFT | 3);
    const FALSE: Node = Node(CONSTANT << TAG_SHIFT | 1);
    const TRUE: Node = Node(CONSTANT << TAG_SHIFT | 2);

    pub(crate) fn bool(value: bool) -> Node {
        if value { Node::TRUE } else { Node::FALSE }
    }

    /// The integer, if it has at most 48 bits.
    #[inline]
    pub(crate) fn int(value: i64) -> Option<Node> {
        let fits = value << 16 >> 16 == value;
        fits.then_some(Node(INT << TAG_SHIFT | value as u64 & CONTENT))
    }

    /// The float, unless it is a NaN with bits that have another meaning here.
    #[inline]
    pub(crate) fn float(value: f64) -> Option<Node> {
        let bits = value.to_bits();
        (bits >> TAG_SHIFT < CONSTANT).then_some(Node(bits))
    }

    #[inline]
    pub(crate) fn text(at: usize) -> Node {
        Node(TEXT << TAG_SHIFT | at as u64)
    }

    #[inline]
    pub(crate) fn item(number: usize) -> Node {
        Node(ITEM << TAG_SHIFT | number as u64)
    }

    #[inline]
    pub(crate) fn unpack(self) -> Unpacked {
        let content = self.0 & CONTENT;
        match self.0 >> TAG_SHIFT {
            CONSTANT if content == 0 => Unpacked::None,
            CONSTANT => Unpacked::Bool(content == 2),
            INT => Unpacked::Int((content << 16) as i64 >> 16),
            TEXT => Unpacked::Text(content as usize),
            ITEM => Unpacked::Item(content as usize),
            _ => Unpacked::Float(f64::from_bits(self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_integers_of_48_bits() {
        for value in [0, 1, -1, 1 << 46, (1 << 47) - 1, -(1 << 47)] {
            assert_eq!(Node::int(value).map(Node::unpack), Some(Unpacked::Int(value)));
        }
        for value in [1 << 47, -(1 << 47) - 1, i64::MAX, i64::MIN] {
            assert_eq!(Node::int(value), None);
        }
    }

    #[test]
    fn keeps_floats_bit_by_bit_or_not_at_all() {
        let nans = [f64::NAN.to_bits(), (-f64::NAN).to_bits(), 0x7ff0_0000_0000_0001];
        let others = [0.0, -0.0, 1.5, f64::MAX, f64::INFINITY, f64::NEG_INFINITY].map(f64::to_bits);
        for bits in nans.into_iter().chain(others) {
            match Node::float(f64::from_bits(bits)).map(Node::unpack) {
                Some(Unpacked::Float(value)) => assert_eq!(value.to_bits(), bits),
                other => panic!("{bits:x} became {other:?}"),
            }
        }
        assert_eq!(Node::float(f64::from_bits(0xfffd_0000_0000_0007)), None);
    }

    #[test]
    fn tells_the_rest_apart() {
        assert_eq!(Node::NONE.unpack(), Unpacked::None);
        assert_eq!(Node::bool(true).unpack(), Unpacked::Bool(true));
        assert_eq!(Node::bool(false).unpack(), Unpacked::Bool(false));
        assert_eq!(Node::text(7).unpack(), Unpacked::Text(7));
        assert_eq!(Node::item(1 << 40).unpack(), Unpacked::Item(1 << 40));
    }
}
