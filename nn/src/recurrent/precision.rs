//! In which precision a sequence is computed: that of its tensors, or double.

use refrain_tensor::{Real, Shape, Tensor, kernels::recurrent::StateRows};

use crate::Result;

/// Layers of at most this many hidden units, with at most sixteen times as many inputs, compute in
/// double precision whatever the element type.
///
/// Sums of few terms can cancel to almost nothing, and then single precision shows. Where a layer
/// is tiny, double precision is free, and one rounding at the end is all there is.
const TINY: usize = 4;

/// Whether a layer of such sizes computes in double precision.
pub(crate) fn computes_in_double(input: usize, hidden: usize) -> bool {
    hidden <= TINY && input <= 16 * TINY
}

/// The way of numbers from tensors of T into a computation, and back.
pub(crate) trait Precision<T: Real>: 'static {
    /// The numbers of the computation.
    type A: Real;

    fn enter<'a>(tensors: impl ExactSizeIterator<Item = &'a Tensor<T>>) -> Operands<Self::A>
    where
        T: 'a;

    fn leave(values: Vec<Self::A>) -> Vec<T>;

    /// Computed states as a tensor, and for the computation itself.
    fn share(states: StateRows<Self::A>, shape: Shape) -> Result<(Tensor<T>, Operands<Self::A>)>;
}

/// Several lists of numbers.
pub(crate) enum Operands<A> {
    Tensors(Vec<Tensor<A>>),
    /// One after another, and where each ends.
    Row(Vec<A>, Vec<usize>),
}

impl<A: Real> Operands<A> {
    pub(crate) fn get(&self, k: usize) -> &[A] {
        match self {
            Self::Tensors(tensors) => tensors[k].as_slice().unwrap_or_default(),
            Self::Row(values, ends) => &values[if k == 0 { 0 } else { ends[k - 1] }..ends[k]],
        }
    }

    /// The lists as tensors of these shapes.
    pub(crate) fn into_tensors(self, shapes: &[Shape]) -> Result<Vec<Tensor<A>>> {
        match self {
            Self::Tensors(tensors) => Ok(tensors),
            Self::Row(..) => {
                let list = |(k, shape)| Tensor::from_vec(self.get(k).to_vec(), shape);
                Ok(shapes.iter().enumerate().map(list).collect::<std::result::Result<_, _>>()?)
            }
        }
    }
}

/// The precision of the tensors.
pub(crate) struct Same;

impl<T: Real> Precision<T> for Same {
    type A = T;

    fn enter<'a>(tensors: impl ExactSizeIterator<Item = &'a Tensor<T>>) -> Operands<T> {
        Operands::Tensors(tensors.map(Tensor::contiguous).collect())
    }

    fn leave(values: Vec<T>) -> Vec<T> {
        values
    }

    fn share(states: StateRows<T>, shape: Shape) -> Result<(Tensor<T>, Operands<T>)> {
        let tensor = states.into_tensor(shape)?;
        Ok((tensor.clone(), Operands::Tensors(vec![tensor])))
    }
}

/// Double precision, rounded once at the end.
pub(crate) struct Double;

impl<T: Real> Precision<T> for Double {
    type A = f64;

    fn enter<'a>(tensors: impl ExactSizeIterator<Item = &'a Tensor<T>>) -> Operands<f64> {
        let (mut values, mut ends) = (Vec::with_capacity(128), Vec::with_capacity(tensors.len()));
        for tensor in tensors {
            match tensor.as_slice() {
                Some(numbers) => values.extend(numbers.iter().map(|&x| Real::to_f64(x))),
                None => values.extend(tensor.iter().map(Real::to_f64)),
            }
            ends.push(values.len());
        }
        Operands::Row(values, ends)
    }

    fn leave(values: Vec<f64>) -> Vec<T> {
        values.into_iter().map(T::from_f64).collect()
    }

    fn share(states: StateRows<f64>, shape: Shape) -> Result<(Tensor<T>, Operands<f64>)> {
        let values = states.into_vec();
        let rounded = values.iter().map(|&x| T::from_f64(x)).collect();
        let count = values.len();
        Ok((Tensor::from_vec(rounded, shape)?, Operands::Row(values, vec![count])))
    }
}
