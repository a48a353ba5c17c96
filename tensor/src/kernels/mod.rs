//! The compute kernels. The only modules of the workspace that may hold `unsafe`, each block
//! behind a safe function that checks what the block relies on.

pub(crate) mod append_rows;
mod blocked;
mod buffer;
mod columns;
pub mod counter;
#[cfg(feature = "rayon")]
pub(crate) mod distance;
pub mod functions;
mod grid;
mod matrix;
mod panels;
pub mod peak;
pub(crate) mod pool;
pub mod product;
pub mod recurrent;
pub(crate) mod shifted;
pub mod simd;
mod soon;
pub(crate) mod taps;
#[cfg(feature = "rayon")]
pub(crate) mod team;
mod tile;
mod tiles;
pub mod update;
mod vector;
