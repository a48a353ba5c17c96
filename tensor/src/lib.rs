#![doc = include_str!("../README.md")]

mod arithmetic;
mod axes;
mod compare;
pub mod convolution;
mod copy;
mod create;
mod element;
mod elementwise;
mod error;
mod identity;
mod indexing;
mod join;
pub mod kernels;
mod layout;
mod math;
mod matmul;
mod nest;
mod parallel;
mod print;
mod reduce;
mod shape;
mod softmax;
mod tensor;
mod views;

pub use axes::{Axes, keepdim};
pub use element::{Cast, Element, Index, Number, Real};
pub use error::{Error, Result};
pub use identity::Identity;
pub use indexing::one_hot;
pub use layout::Layout;
pub use shape::{MAX_RANK, Shape};
pub use tensor::Tensor;

/// The crate of the generators that random tensors are drawn from.
pub use rand;
