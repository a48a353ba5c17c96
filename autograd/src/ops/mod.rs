//! The differentiable operations of [`crate::Var`], each with its derivative beside it.
//!
//! An operation computes its value with the tensor crate and records a closure that turns the
//! gradient `g` of its value into the gradients of its inputs. What the closure needs it keeps:
//! the inputs (`x`) or the value (`y`), whichever makes the formula shorter. None handles
//! broadcasting; the tape does that once, for all.

mod arithmetic;
mod functions;
mod indexing;
mod join;
mod matmul;
mod operators;
mod reduce;
mod softmax;
mod views;
