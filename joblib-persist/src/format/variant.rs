//! What the values of an enum's variant have in them.

/// The kind of a variant; the discriminants are the codes in files.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub(crate) enum VariantKind {
    Unit = 0,
    Newtype = 1,
    Tuple = 2,
    Struct = 3,
}

impl VariantKind {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::Unit, Self::Newtype, Self::Tuple, Self::Struct].get(usize::from(code)).copied()
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            VariantKind::Unit => "unit variant",
            VariantKind::Newtype => "newtype variant",
            VariantKind::Tuple => "tuple variant",
            VariantKind::Struct => "struct variant",
        }
    }
}
