//! [`Layer`]: the weights of one direction of one layer, packed once for as many steps as follow.

use super::{
    Cell, Sizes, Weights, arithmetic::Arithmetic, gru::GatedUnit, lstm::LongShortTermMemory, rnn::Simple,
};
use crate::{
    Real,
    kernels::{
        matrix::Matrix,
        panels::Panels,
        simd::{Path, Simd, Work},
    },
};

/// The weights of one direction of one layer, packed for the way forward.
pub struct Layer<T: Real> {
    pub(super) cell: Cell,
    pub(super) sizes: Sizes,
    pub(super) path: Path,
    /// W_ihᵀ and W_hhᵀ: a panel holds all gates of its units.
    pub(super) ih: Panels<T>,
    pub(super) hh: Panels<T>,
    /// What the sums of W_ih x start from: a row as wide as all panels.
    pub(super) bias: Vec<T>,
    /// What the sum of W_hh h starts from where it is apart; a row as wide as a gate.
    pub(super) bias_apart: Vec<T>,
    /// W_hrᵀ, where there is a projection.
    pub(super) hr: Option<Panels<T>>,
}

impl<T: Real> Layer<T> {
    /// Packs the weights.
    ///
    /// # Panics
    /// Where a slice has not the size that its role asks for.
    pub fn new(cell: Cell, sizes: Sizes, weights: Weights<'_, T>) -> Self {
        Self::on(Path::of_this_machine(), cell, sizes, weights)
    }

    /// [`Layer::new`] for a path of choice.
    pub(crate) fn on(path: Path, cell: Cell, sizes: Sizes, weights: Weights<'_, T>) -> Self {
        let (wide, Sizes { input, hidden, state }) = (cell.gates() * sizes.hidden, sizes);
        assert_eq!(weights.ih.len(), wide * input, "the size of W_ih");
        assert_eq!(weights.hh.len(), wide * state, "the size of W_hh");
        for bias in [weights.bias_ih, weights.bias_hh] {
            assert!(bias.is_empty() || bias.len() == wide, "the size of a bias");
        }
        let projected = if weights.hr.is_empty() { hidden } else { weights.hr.len() / hidden };
        assert_eq!(projected, state, "the size of the state");
        assert!(weights.hr.is_empty() || cell.has_cell_state(), "a projection belongs to an LSTM");
        T::pack(Pack { path, cell, sizes, weights })
    }

    /// The sizes.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Which arithmetic the cell has.
    pub fn cell(&self) -> Cell {
        self.cell
    }
}

/// A layer to be packed.
pub struct Pack<'a, T> {
    path: Path,
    cell: Cell,
    sizes: Sizes,
    weights: Weights<'a, T>,
}

pub(super) fn pack<T: Real>(pack: Pack<'_, T>) -> Layer<T> {
    let path = pack.path;
    match pack.cell {
        Cell::Tanh => T::dispatch(path, PackFor(pack, Simple::Tanh)),
        Cell::ReLU => T::dispatch(path, PackFor(pack, Simple::ReLU)),
        Cell::LSTM => T::dispatch(path, PackFor(pack, LongShortTermMemory)),
        Cell::GRU => T::dispatch(path, PackFor(pack, GatedUnit)),
    }
}

struct PackFor<'a, T, A>(Pack<'a, T>, A);

impl<T: Real, A: Arithmetic> Work<T> for PackFor<'_, T, A> {
    type Output = Layer<T>;

    fn run<S: Simd<T = T>>(self, s: S) -> Layer<T> {
        let Pack { path, cell, sizes, weights } = self.0;
        let Sizes { input, hidden, state } = sizes;
        let wide = A::GATES * hidden;
        let count = hidden.div_ceil(A::GROUPS * S::LANES) * A::PANELS;
        // Which row of W, or number of b, a place of a panel's row belongs to.
        let of = move |panel: usize, place: usize| {
            let (vector, lane) = (panel % A::PANELS * A::C + place / S::LANES, place % S::LANES);
            let unit = (panel / A::PANELS * A::GROUPS + vector / A::GATES) * S::LANES + lane;
            (unit < hidden).then(|| vector % A::GATES * hidden + unit)
        };
        let transposed = |values, columns, rows| Matrix::row_major(values, columns, rows).transposed();
        let width = A::C * S::LANES;
        let pack = |w, columns| Panels::pack(s, transposed(w, wide, columns), width, count, of);
        let apart = if A::APART { wide - hidden } else { wide };
        let number = |bias: &[T], k: usize| bias.get(k).copied().unwrap_or(T::ZERO);
        let bias = |k: usize| {
            let of_x = number(weights.bias_ih, k);
            if k < apart { of_x + number(weights.bias_hh, k) } else { of_x }
        };
        let places = (0..count).flat_map(|panel| (0..width).map(move |place| of(panel, place)));
        Layer {
            cell,
            sizes,
            path,
            ih: pack(weights.ih, input),
            hh: pack(weights.hh, state),
            bias: places.map(|k| k.map_or(T::ZERO, bias)).collect(),
            bias_apart: (apart..wide).map(|k| number(weights.bias_hh, k)).collect(),
            hr: (!weights.hr.is_empty())
                .then(|| Panels::pack_columns(s, transposed(weights.hr, state, hidden), 2 * S::LANES)),
        }
    }
}
