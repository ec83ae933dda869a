//! What an array item says about its elements.

use crate::array::{Block, DType, Kind, Order};
use crate::error::{Error, ErrorKind, Result};

use super::MAX_AXES;

/// The most bytes of a description with its tag: each axis is a number of up to nine bytes.
pub(crate) const ENCODED_MAX: usize = 4 + 9 * MAX_AXES;

/// What serde called the array.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Container {
    Sequence = 0,
    Array = 1,
    Bytes = 2,
    Text = 3,
}

/// Container, element type, order and shape of an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) container: Container,
    pub(crate) dtype: DType,
    pub(crate) order: Order,
    shape: Shape,
}

/// The length of each axis; few of them without a memory allocation.
#[derive(Clone, Debug, PartialEq)]
struct Shape {
    axes: u8,
    few: [u64; Shape::FEW],
    /// All of them, if they are more.
    many: Vec<u64>,
}

impl Shape {
    const FEW: usize = 4;

    /// As many zeros; up to [`MAX_AXES`].
    fn zeros(axes: u8) -> Self {
        let many = if usize::from(axes) > Self::FEW { vec![0; axes.into()] } else { Vec::new() };
        Shape { axes, few: [0; Self::FEW], many }
    }

    fn lens(&self) -> &[u64] {
        self.few.get(..self.axes.into()).unwrap_or(&self.many)
    }

    fn lens_mut(&mut self) -> &mut [u64] {
        self.few.get_mut(..self.axes.into()).unwrap_or(&mut self.many)
    }
}

impl Description {
    /// Describes what was found behind an origin.
    pub(crate) fn of(block: &Block<'_>) -> Result<Self> {
        let container = match block.kind() {
            Kind::Sequence => Container::Sequence,
            Kind::Array => Container::Array,
        };
        Self::new(container, block.dtype(), block.order(), block.shape())
    }

    /// Describes a byte string or text.
    pub(crate) fn of_bytes(container: Container, len: usize) -> Result<Self> {
        Self::new(container, DType::U8, Order::C, &[len])
    }

    pub(crate) fn new(
        container: Container,
        dtype: DType,
        order: Order,
        axes: &[usize],
    ) -> Result<Self> {
        if axes.len() > MAX_AXES {
            let detail =
                format!("an array of {} axes, the format takes up to {MAX_AXES}", axes.len());
            return Err(Error::unwritable(detail));
        }
        let mut shape = Shape::zeros(axes.len() as u8);
        shape.lens_mut().iter_mut().zip(axes).for_each(|(to, &from)| *to = from as u64);
        Ok(Description { container, dtype, order, shape })
    }

    /// The three bytes in front of the shape.
    pub(crate) fn head(&self) -> [u8; 3] {
        let flags = self.container as u8 | u8::from(self.order == Order::F) << 2;
        [flags, self.dtype.code(), self.shape.axes]
    }

    /// Takes the three bytes apart; the shape is to be filled in.
    pub(crate) fn from_head([flags, dtype, axes]: [u8; 3]) -> Result<Self> {
        let container = match flags & 3 {
            0 => Container::Sequence,
            1 => Container::Array,
            2 => Container::Bytes,
            _ => Container::Text,
        };
        let order = if flags & 4 == 0 { Order::C } else { Order::F };
        let dtype = DType::from_code(dtype)
            .ok_or_else(|| Error::damaged(format!("an array of unknown type {dtype}")))?;
        let is_consistent = match container {
            Container::Array => usize::from(axes) <= MAX_AXES,
            Container::Sequence => axes == 1,
            Container::Bytes | Container::Text => axes == 1 && dtype == DType::U8,
        };
        if flags > 7 || !is_consistent {
            return Err(Error::damaged("the description of an array makes no sense"));
        }
        Ok(Description { container, dtype, order, shape: Shape::zeros(axes) })
    }

    pub(crate) fn shape(&self) -> &[u64] {
        self.shape.lens()
    }

    pub(crate) fn shape_mut(&mut self) -> &mut [u64] {
        self.shape.lens_mut()
    }

    /// The number of bytes of all elements.
    ///
    /// # Errors
    ///
    /// If they, or those of the array with axes of length 0 left out, do not fit into the address
    /// space: no array can be like that.
    pub(crate) fn byte_len(&self) -> Result<usize> {
        let product = |with_zeros: bool| {
            let mut lens = self.shape().iter().filter(|&&len| with_zeros || len != 0);
            lens.try_fold(self.dtype.size() as u64, |bytes, &len| bytes.checked_mul(len))
                .and_then(|bytes| isize::try_from(bytes).ok())
        };
        match (product(false), product(true)) {
            (Some(_), Some(bytes)) => Ok(bytes.unsigned_abs()),
            _ => Err(Error::damaged(format!("an array of shape {:?} is too large", self.shape()))),
        }
    }

    /// The shape, for an array that exists: [`byte_len`](Self::byte_len) was checked.
    pub(crate) fn lens(&self) -> Vec<usize> {
        self.shape().iter().map(|&len| len as usize).collect()
    }

    pub(crate) fn expect(&self, wanted: DType) -> Result<()> {
        if self.dtype == wanted {
            return Ok(());
        }
        Err(Error::new(ErrorKind::DType { found: self.dtype, wanted }))
    }

    pub(crate) fn expect_axes(&self, wanted: Option<usize>) -> Result<()> {
        match wanted {
            Some(wanted) if wanted != self.shape().len() => {
                Err(Error::new(ErrorKind::Axes { shape: self.shape().to_vec(), wanted }))
            }
            _ => Ok(()),
        }
    }
}
