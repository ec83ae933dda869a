use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use joblib_persist::array::{Block, DType, Element, Kind, Order, Origin};
use ndarray::{
    Array, Array0, Array1, Array2, Array3, ArrayD, ArrayView2, ArrayView3, Axis, CowArray,
    IntoDimension, IxDyn, ShapeBuilder, Slice, arr0, arr1, arr2,
};
use num_complex::Complex;
use proptest::prelude::*;

fn bytes_of<E: Element>(elements: &[E]) -> Vec<u8> {
    let vec = elements.to_vec();
    Origin::of(&vec).slice().unwrap().memory().unwrap().to_vec()
}

fn gathered(block: Block<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let all: Result<(), ()> = block.try_for_each_chunk(|chunk| {
        assert!(!chunk.is_empty());
        bytes.extend_from_slice(chunk);
        Ok(())
    });
    all.unwrap();
    assert_eq!(bytes.len(), block.byte_len());
    bytes
}

#[track_caller]
fn is_slice<T: ?Sized>(value: &T) {
    let block = Origin::of(value).slice().expect("recognised");
    assert_eq!((block.kind(), block.dtype()), (Kind::Sequence, DType::U16));
    assert_eq!((block.shape(), block.order()), (&[3][..], Order::C));
    assert_eq!(block.memory(), Some(&[1, 0, 2, 0, 3, 0][..]));
    assert!(Origin::of(value).array().is_none());
}

#[track_caller]
fn is_array<T: ?Sized>(value: &T) {
    let block = Origin::of(value).array().expect("recognised");
    assert_eq!((block.kind(), block.dtype()), (Kind::Array, DType::U16));
    assert_eq!((block.shape(), block.order()), (&[1, 3][..], Order::C));
    assert_eq!(block.memory(), Some(&[1, 0, 2, 0, 3, 0][..]));
    assert!(Origin::of(value).slice().is_none());
}

#[test]
fn sequences_are_recognised_behind_every_promised_type() {
    let mut vec: Vec<u16> = vec![1, 2, 3];
    is_slice(&vec);
    is_slice(&&vec);
    is_slice(&&&vec);
    is_slice(&vec[..]);
    is_slice(&&vec[..]);
    is_slice(&&&vec[..]);
    is_slice(&vec.clone().into_boxed_slice());
    is_slice(&&vec.clone().into_boxed_slice());
    is_slice(&Cow::Borrowed(&vec[..]));
    is_slice(&Cow::<[u16]>::Owned(vec.clone()));
    is_slice(&&Cow::Borrowed(&vec[..]));
    is_slice(&Box::new(vec.clone()));
    is_slice(&Arc::new(vec.clone()));
    is_slice(&Rc::new(vec.clone()));
    is_slice::<Arc<[u16]>>(&vec.clone().into());
    is_slice::<Rc<[u16]>>(&vec.clone().into());
    is_slice(&&mut vec);
    is_slice(&&mut vec[..]);
}

#[test]
fn arrays_are_recognised_behind_every_promised_type() {
    let mut array: Array2<u16> = arr2(&[[1, 2, 3]]);
    is_array(&array);
    is_array(&&array);
    is_array(&&&array);
    is_array(&Box::new(array.clone()));
    is_array(&Arc::new(array.clone()));
    is_array(&array.to_shared());
    is_array(&&array.to_shared());
    is_array(&CowArray::from(array.view()));
    is_array(&CowArray::from(array.clone()));
    is_array(&array.view());
    is_array(&&array.view());
    is_array(&array.view_mut());
    is_array(&array.into_dyn());
}

#[test]
fn every_element_type_is_recognised() {
    fn check<E: Element>(element: E) {
        for block in [
            Origin::of(&vec![element]).slice(),
            Origin::of(&arr1(&[element])).array(),
            Origin::of(&ArrayD::from_elem(vec![1; 9], element)).array(),
        ] {
            let block = block.expect("recognised");
            assert_eq!(block.dtype(), E::DTYPE);
            assert_eq!(block.byte_len(), size_of::<E>());
        }
    }
    check(true);
    check(1u8);
    check(1i8);
    check(1u16);
    check(1i16);
    check(1u32);
    check(1i32);
    check(1u64);
    check(1i64);
    check(1u128);
    check(1i128);
    check(1f32);
    check(1f64);
    check(Complex::new(1f32, 2.0));
    check(Complex::new(1f64, 2.0));
    #[cfg(target_pointer_width = "64")]
    check(1usize);
    #[cfg(target_pointer_width = "64")]
    check(1isize);
}

#[test]
fn every_dimension_is_recognised() {
    fn check<D: IntoDimension>(shape: D, expected: &[usize])
    where
        D::Dim: 'static,
    {
        let array = Array::<f64, D::Dim>::zeros(shape);
        let block = Origin::of(&array).array().expect("recognised");
        assert_eq!(block.shape(), expected);
    }
    check((), &[]);
    check(2, &[2]);
    check((2, 1), &[2, 1]);
    check((2, 1, 2), &[2, 1, 2]);
    check((2, 1, 2, 1), &[2, 1, 2, 1]);
    check((2, 1, 2, 1, 2), &[2, 1, 2, 1, 2]);
    check((2, 1, 2, 1, 2, 1), &[2, 1, 2, 1, 2, 1]);
    check(IxDyn(&[1, 1, 1, 1, 1, 1, 2]), &[1, 1, 1, 1, 1, 1, 2]);
}

#[test]
fn other_types_are_not_recognised() {
    #[allow(dead_code, reason = "only its type counts")]
    struct Newtype(Vec<f64>);
    assert!(Origin::of(&Newtype(vec![])).slice().is_none());
    assert!(Origin::of(&vec!["a"]).slice().is_none());
    assert!(Origin::of(&vec![vec![1.0]]).slice().is_none());
    assert!(Origin::of(&[1.0; 3]).slice().is_none());
    assert!(Origin::of(&vec!['a']).slice().is_none());
    assert!(Origin::of("text").slice().is_none());
    assert!(Origin::of(&arr1(&["a"])).array().is_none());
    assert!(Origin::of(&[1.0; 3] as &dyn std::any::Any).array().is_none());
}

#[test]
fn fortran_order_is_kept_and_the_memory_is_the_arrays_own() {
    let fortran = Array2::from_shape_vec((2, 3).f(), vec![1u8, 2, 3, 4, 5, 6]).unwrap();
    let block = Origin::of(&fortran).array().unwrap();
    assert_eq!(block.order(), Order::F);
    let memory = block.memory().unwrap();
    assert_eq!(memory, [1, 2, 3, 4, 5, 6]);
    assert_eq!(memory.as_ptr(), fortran.as_ptr());
    let transposed = fortran.t();
    let block = Origin::of(&transposed).array().unwrap();
    assert_eq!((block.order(), block.memory()), (Order::C, Some(memory)));
}

#[test]
fn arrays_that_are_both_orders_count_as_c() {
    let column = Array2::<u8>::zeros((4, 1).f());
    assert_eq!(Origin::of(&column).array().unwrap().order(), Order::C);
    let scalar: Array0<u8> = arr0(7);
    let block = Origin::of(&scalar).array().unwrap();
    assert_eq!((block.order(), block.memory()), (Order::C, Some(&[7][..])));
}

#[test]
fn empty_arrays_have_shape_and_no_bytes() {
    let empty = Array3::<f64>::zeros((2, 0, 3).f());
    let block = Origin::of(&empty).array().unwrap();
    assert_eq!(block.shape(), [2, 0, 3]);
    assert_eq!(block.memory(), Some(&[][..]));
    assert!(gathered(block).is_empty());
    let empty: Vec<f64> = Vec::new();
    assert!(gathered(Origin::of(&empty).slice().unwrap()).is_empty());
}

#[test]
fn gathering_stops_at_the_first_error() {
    let array = Array1::<u8>::zeros(400_000);
    let every_second = array.slice_axis(Axis(0), Slice::new(0, None, 2));
    let mut calls = 0;
    let block = Origin::of(&every_second).array().unwrap();
    let result = block.try_for_each_chunk(|_| {
        calls += 1;
        if calls == 2 { Err("full") } else { Ok(()) }
    });
    assert_eq!((result, calls), (Err("full"), 2));
}

#[test]
fn broadcast_views_are_gathered() {
    let row = arr1(&[1u32, 2]);
    let twice: ArrayView2<'_, u32> = row.broadcast((2, 2)).unwrap();
    let block = Origin::of(&twice).array().unwrap();
    assert_eq!(block.memory(), None);
    assert_eq!(gathered(block), bytes_of(&[1u32, 2, 1, 2]));
}

proptest! {
    /// Whatever the steps, directions and permutation: the elements in the order that is said.
    #[test]
    fn any_view_is_delivered_in_its_order(
        shape in prop::array::uniform3(0usize..5),
        steps in prop::array::uniform3(prop::sample::select(vec![-3isize, -1, 1, 2])),
        axes in Just([0, 1, 2]).prop_shuffle(),
        fortran: bool,
    ) {
        let count: usize = shape.iter().product();
        let elements: Vec<u16> = (0..).take(count).collect();
        let array = Array3::from_shape_vec(shape.set_f(fortran), elements).unwrap();
        let mut view: ArrayView3<'_, u16> = array.view().permuted_axes(axes);
        for (axis, step) in steps.into_iter().enumerate() {
            view.slice_axis_inplace(Axis(axis), Slice::new(0, None, step));
        }
        let block = Origin::of(&view).array().unwrap();
        let logical: Vec<u16> = match block.order() {
            Order::C => view.iter().copied().collect(),
            Order::F => view.t().iter().copied().collect(),
        };
        prop_assert_eq!(block.memory().is_some(), count == 0 || is_contiguous(&view));
        prop_assert_eq!(gathered(block), bytes_of(&logical));
    }
}

fn is_contiguous(view: &ArrayView3<'_, u16>) -> bool {
    view.is_empty() || view.is_standard_layout() || view.t().is_standard_layout()
}
