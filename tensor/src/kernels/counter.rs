//! A count of the multiply-accumulates that the products of this process have done: what formulas of
//! costs are held to.
//!
//! It counts numbers that reach a result, not lanes of vectors: what a kernel multiplies to fill its
//! last vector, or at places that it drops, is left out. Products of matrices and recurrent sweeps count; arithmetic of single elements
//! does not. Builds without debug assertions count nothing, so that the count costs nothing where
//! speed matters.

use std::sync::atomic::{AtomicU64, Ordering};

static DONE: AtomicU64 = AtomicU64::new(0);

/// Multiply-accumulates since the process began, of all threads; 0 without debug assertions.
///
/// ```
/// use refrain_tensor::{Tensor, kernels::counter::multiply_accumulates};
/// let before = multiply_accumulates();
/// Tensor::<f32>::ones([3, 4])?.matmul(&Tensor::ones([4, 5])?)?;
/// let expected = if cfg!(debug_assertions) { 3 * 4 * 5 } else { 0 };
/// assert_eq!(multiply_accumulates() - before, expected);
/// # Ok::<(), refrain_tensor::Error>(())
/// ```
pub fn multiply_accumulates() -> u64 {
    DONE.load(Ordering::Relaxed)
}

/// Counts the product of `[rows, depth]` and `[depth, columns]`.
pub(crate) fn count(rows: usize, depth: usize, columns: usize) {
    if cfg!(debug_assertions) {
        // Whoever compares counts waits for the work to end, which orders this before the reading.
        DONE.fetch_add(rows as u64 * depth as u64 * columns as u64, Ordering::Relaxed);
    }
}
