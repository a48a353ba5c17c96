//! Matrix products of tensors: plain, batched and broadcast.

use crate::{
    Error, Layout, MAX_RANK, Number, Result, Shape, Tensor,
    create::filled,
    kernels::product::{Matrix, Product},
    parallel::fill_rows,
};

impl<T: Number> Tensor<T> {
    /// The matrix product, as `torch.matmul` defines it:
    ///
    /// | left | right | result |
    /// | --- | --- | --- |
    /// | `[m, k]` | `[k, n]` | `[m, n]` |
    /// | `[.., m, k]` | `[.., k, n]` | `[.., m, n]`, the leading axes broadcast |
    /// | `[k]` | `[.., k, n]` | `[.., n]` |
    /// | `[.., m, k]` | `[k]` | `[.., m]` |
    /// | `[k]` | `[k]` | `[]` |
    ///
    /// Transposed and strided operands are multiplied where they lie, without a copy. An inner
    /// size of 0 gives zeros.
    ///
    /// # Errors
    /// [`Error::Matmul`] where the inner sizes differ, an operand has rank 0, or the leading axes
    /// do not broadcast.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let a = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// let x = Tensor::from([1.0, 10.0]);
    /// assert_eq!(a.matmul(&x)?.to_vec(), [21.0, 43.0]);
    /// assert_eq!(a.matmul(&a.transpose(0, 1)?)?, Tensor::from([[5.0, 11.0], [11.0, 25.0]]));
    /// let error = a.matmul(&Tensor::from([1.0, 2.0, 3.0])).unwrap_err();
    /// assert!(error.to_string().starts_with("matmul: shapes [2, 2] and [3] do not multiply"));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn matmul(&self, right: &Self) -> Result<Self> {
        let mismatch = || Error::Matmul { left: (*self.shape()).into(), right: (*right.shape()).into() };
        let (left_is_vector, right_is_vector) = (self.rank() == 1, right.rank() == 1);
        if self.rank() == 0 || right.rank() == 0 {
            return Err(mismatch());
        }
        let a = if left_is_vector { self.unsqueeze(0)? } else { self.clone() };
        let b = if right_is_vector { right.unsqueeze(1)? } else { right.clone() };
        let (m, k) = last_two(a.shape());
        let (inner, n) = last_two(b.shape());
        let leading = |shape: &Shape| Shape::from_slice(&shape[..shape.rank() - 2]);
        let Ok(batch) = leading(a.shape()).broadcast("matmul", leading(b.shape())) else {
            return Err(mismatch());
        };
        if k != inner {
            return Err(mismatch());
        }
        let rank = batch.rank();
        let with_matrix = |rows, columns| -> Result<Shape> {
            batch.inserted("matmul", rank, rows)?.inserted("matmul", rank + 1, columns)
        };
        let product = batched(&a, &b, with_matrix(m, k)?, with_matrix(k, n)?, with_matrix(m, n)?)?;
        let product = if right_is_vector { product.squeeze(-1)? } else { product };
        if left_is_vector { product.squeeze(if right_is_vector { -1 } else { -2 }) } else { Ok(product) }
    }
}

fn last_two(shape: &Shape) -> (usize, usize) {
    (shape[shape.rank() - 2], shape[shape.rank() - 1])
}

fn batched<T: Number>(
    a: &Tensor<T>,
    b: &Tensor<T>,
    a_shape: Shape,
    b_shape: Shape,
    shape: Shape,
) -> Result<Tensor<T>> {
    let mut out = filled("matmul", shape, T::ZERO)?;
    let ((m, k), (_, n)) = (last_two(&a_shape), last_two(&b_shape));
    if out.is_empty() || k == 0 {
        return Ok(Tensor::computed(out, shape));
    }
    // One product instead of many where the right operand is a single matrix: the leading axes of
    // the left one are then only more rows.
    if b.rank() == 2
        && a.rank() > 2
        && let Some(rows) = a.layout().reshape(Shape::from([a.numel() / k.max(1), k]))?.filter(|_| k > 0)
    {
        multiply(a, &rows, b, b.layout(), &mut out);
        return Ok(Tensor::computed(out, shape));
    }
    let (a_layout, b_layout) = (a.layout().broadcast_to(a_shape)?, b.layout().broadcast_to(b_shape)?);
    let matrices = shape.rank() - 2;
    fill_rows(&mut out, m * n, m * n * k, |first, chunk| {
        for (batch, out) in chunk.chunks_exact_mut(m * n).enumerate() {
            let index = unravel(first + batch, &shape[..matrices]);
            let index = &index[..matrices];
            multiply(a, &matrix_at(&a_layout, index), b, &matrix_at(&b_layout, index), out);
        }
    });
    Ok(Tensor::computed(out, shape))
}

/// The index of the `n`-th element of a row-major shape, in its first places.
fn unravel(mut n: usize, shape: &[usize]) -> [usize; MAX_RANK] {
    let mut index = [0; MAX_RANK];
    for (i, &size) in index[..shape.len()].iter_mut().zip(shape).rev() {
        *i = n % size;
        n /= size;
    }
    index
}

/// The last two axes of a layout at an index of the leading ones.
fn matrix_at(layout: &Layout, index: &[usize]) -> Layout {
    index.iter().fold(*layout, |view, &i| view.select(0, i).unwrap_or(view))
}

fn multiply<T: Number>(a: &Tensor<T>, a_layout: &Layout, b: &Tensor<T>, b_layout: &Layout, out: &mut [T]) {
    let matrix = |tensor, layout: &Layout| {
        let ((rows, columns), strides) = (last_two(layout.shape()), layout.strides());
        Matrix::strided(Tensor::storage(tensor), layout.offset(), [rows, columns], [strides[0], strides[1]])
    };
    Product::new(matrix(a, a_layout), matrix(b, b_layout), T::ZERO, out).run();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, one element at a time, for operands of equal rank ≥ 2.
    fn by_definition(a: &Tensor<i64>, b: &Tensor<i64>, shape: Shape) -> Vec<i64> {
        let (matrices, k) = (shape.rank() - 2, a.shape()[a.rank() - 1]);
        let pick = |t: &Tensor<i64>, index: &[usize], i: usize, j: usize| {
            let place: Vec<usize> =
                index.iter().zip(&t.shape()[..]).map(|(&i, &n)| i.min(n - 1)).chain([i, j]).collect();
            t.get(&place).unwrap()
        };
        (0..shape.numel())
            .map(|flat| {
                let index = unravel(flat, &shape);
                let (lead, i, j) = (&index[..matrices], index[matrices], index[matrices + 1]);
                (0..k).map(|p| pick(a, lead, i, p) * pick(b, lead, p, j)).sum()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn products_equal_their_definition(
            lead in prop::collection::vec((1usize..4, 0u8..3), 0..=2),
            m in 0usize..5, k in 0usize..5, n in 0usize..5, turn_a: bool, turn_b: bool,
        ) {
            let make = |bit: u8, rows: usize, columns: usize, turn: bool| {
                let mut sizes: Vec<usize> = lead.iter().map(|&(n, one)| if one == bit { 1 } else { n }).collect();
                sizes.extend(if turn { [columns, rows] } else { [rows, columns] });
                let shape = Shape::new(&sizes).unwrap();
                let t = Tensor::from_vec((0..shape.numel() as i64).map(|x| x % 7 - 3).collect(), shape).unwrap();
                if turn { t.transpose(-1, -2).unwrap() } else { t }
            };
            let (a, b) = (make(1, m, k, turn_a), make(2, k, n, turn_b));
            let product = a.matmul(&b).unwrap();
            prop_assert_eq!(last_two(product.shape()), (m, n));
            prop_assert_eq!(product.to_vec(), by_definition(&a, &b, *product.shape()));
            // Floats go through other kernels; these values are exact in them.
            let real = a.cast::<f32>().matmul(&b.cast::<f32>()).unwrap();
            prop_assert_eq!(real, product.cast::<f32>());
        }
    }

    #[test]
    fn vectors_lose_their_axis_again() {
        let a = Tensor::<f64>::ones([3, 2, 4]).unwrap();
        let v = Tensor::<f64>::ones([4]).unwrap();
        assert_eq!(*a.matmul(&v).unwrap().shape(), [3, 2]);
        assert_eq!(*v.matmul(&a.transpose(1, 2).unwrap()).unwrap().shape(), [3, 2]);
        assert_eq!(v.matmul(&v).unwrap().item(), Ok(4.0));
    }

    #[test]
    fn an_empty_inner_axis_gives_zeros_wherever_the_view_starts() {
        let a = Tensor::<f32>::zeros([0, 5]).unwrap().narrow(1, 3, 2).unwrap();
        let product = a.transpose(0, 1).unwrap().matmul(&Tensor::zeros([0, 3]).unwrap()).unwrap();
        assert_eq!(product, Tensor::zeros([2, 3]).unwrap());
    }

    #[test]
    fn mismatches_are_named() {
        let cases: [(&[usize], &[usize]); 4] =
            [(&[], &[2]), (&[2, 3], &[2, 3]), (&[2, 2, 3], &[3, 3, 4]), (&[2], &[])];
        for (a, b) in cases {
            let make = |sizes| Tensor::<f32>::zeros(Shape::new(sizes).unwrap()).unwrap();
            let message = make(a).matmul(&make(b)).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("matmul: shapes {a:?} and {b:?} do not multiply")),
                "{message}"
            );
        }
    }
}
