//! The compute kernels. The only modules of the workspace that may hold `unsafe`, each block
//! behind a safe function that checks what the block relies on.

pub mod product;
