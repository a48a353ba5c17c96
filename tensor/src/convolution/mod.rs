//! Convolution and pooling of images, and the ways back: the loops under the layers of that name.
//!
//! Everything here is of two axes, height and width; a sequence is an image of height 1. A
//! [`Window`] says how a kernel slides along one axis. A [`Convolution`] lays the patches under
//! the kernel side by side as the columns of a matrix, a part of the image at a time so that they
//! stay in the cache, and leaves the rest to the matrix product; forward with a stride of 1, it reads
//! the image in place, and with one channel in each group there are no products at all. A [`Pooling`] goes over rows of windows.
//!
//! Large work is split by samples or planes, at places that depend on the sizes alone: the same
//! bits come out for any number of threads.

mod average_pool;
mod columns;
mod convolve;
mod depthwise;
mod in_place;
mod max_pool;
mod padded;
mod pooling;
mod products;
mod strided;
mod tile;
mod window;

pub use convolve::Convolution;
pub use pooling::Pooling;
pub use window::Window;
