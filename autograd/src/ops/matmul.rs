//! Matrix products.

use refrain_tensor::{Real, Tensor};

use crate::{Result, Var};

type TensorResult<T> = std::result::Result<T, refrain_tensor::Error>;

impl<T: Real> Var<'_, T> {
    /// The matrix product, with the shapes of [`Tensor::matmul`]. For Y = A B the gradients are
    /// G Bᵀ and Aᵀ G.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Matmul`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn matmul(&self, right: &Self) -> Result<Self> {
        let (a, b) = (self.value().clone(), right.value().clone());
        let y = a.matmul(&b)?;
        self.tape().record("matmul", [self, right], y, move |g, [to_a, to_b]| {
            // A vector is a matrix with one row (left) or one column (right), here as forward.
            let (left_is_vector, right_is_vector) = (a.rank() == 1, b.rank() == 1);
            let g = if right_is_vector { g.unsqueeze(-1)? } else { g.clone() };
            let g = if left_is_vector { g.unsqueeze(-2)? } else { g };
            let left = if left_is_vector { a.unsqueeze(0)? } else { a.clone() };
            let right = if right_is_vector { b.unsqueeze(1)? } else { b.clone() };
            let by_a = to_a.then(|| g.matmul(&right.transpose(-1, -2)?)).transpose()?;
            let by_b = to_b.then(|| transposed_product(&left, &g, right.rank())).transpose()?;
            Ok([
                if left_is_vector { by_a.map(|t| t.squeeze(-2)).transpose()? } else { by_a },
                if right_is_vector { by_b.map(|t| t.squeeze(-1)).transpose()? } else { by_b },
            ])
        })
    }
}

/// Aᵀ G. Where the right operand was one matrix for all leading axes, these are only more rows of
/// one product; a product for each and a sum over them would be as large as all together.
fn transposed_product<T: Real>(a: &Tensor<T>, g: &Tensor<T>, right_rank: usize) -> TensorResult<Tensor<T>> {
    if right_rank == 2 && a.rank() > 2 {
        let rows = |t: &Tensor<T>| t.flatten(0, -2);
        return rows(a)?.transpose(0, 1)?.matmul(&rows(g)?);
    }
    a.transpose(-1, -2)?.matmul(g)
}
