//! The gradients of every operation, and what the tape promises.

mod edges;
mod gradients;
mod tape;
