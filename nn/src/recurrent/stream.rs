//! [`Stream`]: inference one step at a time.

use std::fmt;

use refrain_tensor::{
    Real, Tensor,
    kernels::recurrent::{Layer, Scratch, Sizes},
};

use super::{
    precision::{Double, Precision, Same, computes_in_double},
    stack::Stack,
};
use crate::{Error, Result};

/// A recurrent layer that takes its input one step at a time and carries its state along.
///
/// Made by the `stream` method of [`RNN`](crate::RNN), [`LSTM`](crate::LSTM) and
/// [`GRU`](crate::GRU), with any number of layers, in one direction. Making it packs the weights
/// once and takes all the memory it needs, so that a step allocates nothing. It is a copy: later changes
/// to the layer's parameters do not reach it.
///
/// The steps give, bit for bit, what `forward` gives for the whole sequence.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::GRU;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let gru = GRU::<f32>::builder(3, 8).num_layers(2).build(&mut rng)?;
/// let sequence = Tensor::normal([5, 1, 3], 0.0, 1.0, &mut rng)?; // [seq, batch, features]
///
/// let mut stream = gru.stream(1)?;
/// let mut outputs = Vec::new();
/// let mut output = [0.0; 8];
/// for input in sequence.to_vec().chunks_exact(3) {
///     stream.step(input, &mut output)?;
///     outputs.extend(output);
/// }
/// let tape = Tape::inference();
/// let (whole, last) = gru.forward(&tape.constant(sequence), None)?;
/// assert_eq!(outputs, whole.value().to_vec());
/// assert_eq!(&stream.h()?, last.value());
/// # Ok::<(), refrain_nn::Error>(())
/// ```
pub struct Stream<T: Real> {
    op: &'static str,
    batch: usize,
    layers: Layers<T>,
}

/// The layers in the precision that `forward` computes in.
enum Layers<T: Real> {
    Same(Cells<T>),
    Double { cells: Cells<f64>, input: Vec<f64> },
}

/// Layers and their states.
struct Cells<A: Real> {
    cells: Vec<Cell<A>>,
}

struct Cell<A: Real> {
    layer: Layer<A>,
    scratch: Scratch<A>,
    h: Vec<A>,
    next: Vec<A>,
    c: Vec<A>,
}

impl<A: Real> Cell<A> {
    fn step(&mut self, x: &[A]) {
        self.layer.step(&mut self.scratch, x, &self.h, &mut self.next, &mut self.c);
        std::mem::swap(&mut self.h, &mut self.next);
    }
}

impl<A: Real> Cells<A> {
    fn new<T: Real, P: Precision<T, A = A>>(stack: &Stack<T>, batch: usize) -> Self {
        let cells = stack.packed_layers::<P>().into_iter().map(|layer| {
            let Sizes { hidden, state, .. } = layer.sizes();
            let c = if layer.cell().has_cell_state() { batch * hidden } else { 0 };
            let zeros = |count: usize| vec![A::zero(); count];
            let scratch = layer.scratch(batch);
            Cell { layer, scratch, h: zeros(batch * state), next: zeros(batch * state), c: zeros(c) }
        });
        Self { cells: cells.collect() }
    }

    /// One step of all layers; the new state of the top one.
    fn step(&mut self, input: &[A]) -> &[A] {
        for k in 0..self.cells.len() {
            let (below, rest) = self.cells.split_at_mut(k);
            rest[0].step(below.last().map_or(input, |below| &below.h));
        }
        self.cells.last().map_or(&[], |top| &top.h)
    }
}

impl<T: Real> Stream<T> {
    pub(crate) fn new(stack: &Stack<T>, batch: usize) -> Result<Self> {
        let op = stack.kind.op();
        if stack.options.bidirectional {
            return Err(Error::Bidirectional { op });
        }
        if batch == 0 {
            return Err(Error::ZeroOption { op, option: "batch" });
        }
        let input = stack.options.input_size;
        let layers = if computes_in_double(input, stack.options.hidden_size) {
            let cells = Cells::new::<T, Double>(stack, batch);
            Layers::Double { cells, input: vec![0.0; batch * input] }
        } else {
            Layers::Same(Cells::new::<T, Same>(stack, batch))
        };
        Ok(Self { op, batch, layers })
    }

    /// One step: reads `input`, `[batch, input_size]`, moves the state on, and writes the new state
    /// of the top layer to `output`, `[batch, hidden_size]` (or `proj_size`), both row-major.
    ///
    /// # Errors
    /// [`Error::StepLength`] where a slice has another length; the state is as it was.
    pub fn step(&mut self, input: &[T], output: &mut [T]) -> Result<()> {
        let (inputs, outputs) = (self.input_size(), self.output_size());
        for (what, found, features) in [("input", input.len(), inputs), ("output", output.len(), outputs)] {
            if found != self.batch * features {
                return Err(Error::StepLength { op: self.op, what, found, batch: self.batch, features });
            }
        }
        match &mut self.layers {
            Layers::Same(cells) => output.copy_from_slice(cells.step(input)),
            Layers::Double { cells, input: wide } => {
                wide.iter_mut().zip(input).for_each(|(wide, x)| *wide = Real::to_f64(*x));
                output.iter_mut().zip(cells.step(wide)).for_each(|(y, &h)| *y = T::from_f64(h));
            }
        }
        Ok(())
    }

    /// The states h of all layers, `[num_layers, batch, hidden_size]` (or `proj_size`).
    ///
    /// # Errors
    /// [`Error::Tensor`] where there is no memory.
    pub fn h(&self) -> Result<Tensor<T>> {
        match &self.layers {
            Layers::Same(cells) => stacked(cells, self.batch, |cell| &cell.h, |x| x),
            Layers::Double { cells, .. } => stacked(cells, self.batch, |cell| &cell.h, T::from_f64),
        }
    }

    /// The cell states c of all layers of an LSTM, `[num_layers, batch, hidden_size]`, and `None`
    /// for other layers.
    ///
    /// # Errors
    /// [`Error::Tensor`] where there is no memory.
    pub fn c(&self) -> Result<Option<Tensor<T>>> {
        let c = match &self.layers {
            Layers::Same(cells) => stacked(cells, self.batch, |cell| &cell.c, |x| x),
            Layers::Double { cells, .. } => stacked(cells, self.batch, |cell| &cell.c, T::from_f64),
        }?;
        Ok(Some(c).filter(|c| !c.is_empty()))
    }

    /// Goes on from these states, in the shapes of [`Stream::h`] and [`Stream::c`]; without `c`, an
    /// LSTM goes on from 0.
    ///
    /// # Errors
    /// [`Error::State`] for another shape, or for a `c` where there is none; the states are as they
    /// were.
    pub fn set_state(&mut self, h: &Tensor<T>, c: Option<&Tensor<T>>) -> Result<()> {
        for (state, axes, found, expected) in [
            ("h", "[num_layers, batch, hidden_size]", Some(h), Some(self.h()?)),
            ("c", "[num_layers, batch, hidden_size]", c, self.c()?),
        ] {
            let Some(found) = found.map(|found| *found.shape()) else { continue };
            let expected = expected.map_or(refrain_tensor::Shape::from([0, 0, 0]), |state| *state.shape());
            if found != expected {
                let (found, expected) = (found.into(), expected.into());
                return Err(Error::State { op: self.op, state, found, expected, axes });
            }
        }
        match &mut self.layers {
            Layers::Same(cells) => cells.set(h, c, |x| x),
            Layers::Double { cells, .. } => cells.set(h, c, Real::to_f64),
        }
        Ok(())
    }

    /// Goes on from states of 0, as at the start.
    pub fn reset(&mut self) {
        match &mut self.layers {
            Layers::Same(cells) => cells.reset(),
            Layers::Double { cells, .. } => cells.reset(),
        }
    }

    /// The number of sequences that go on side by side.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The number of features of the input.
    pub fn input_size(&self) -> usize {
        self.sizes().0
    }

    /// The number of features of the output.
    pub fn output_size(&self) -> usize {
        self.sizes().1
    }

    fn sizes(&self) -> (usize, usize) {
        fn of<A: Real>(cells: &Cells<A>) -> (usize, usize) {
            let size = |cell: Option<&Cell<A>>| cell.map(|cell| cell.layer.sizes());
            let (first, last) = (size(cells.cells.first()), size(cells.cells.last()));
            (first.map_or(0, |sizes| sizes.input), last.map_or(0, |sizes| sizes.state))
        }
        match &self.layers {
            Layers::Same(cells) => of(cells),
            Layers::Double { cells, .. } => of(cells),
        }
    }
}

impl<A: Real> Cells<A> {
    fn set<T: Real>(&mut self, h: &Tensor<T>, c: Option<&Tensor<T>>, enter: impl Fn(T) -> A) {
        let (mut h, mut c) = (h.iter(), c.map(Tensor::iter));
        for cell in &mut self.cells {
            cell.h.iter_mut().zip(&mut h).for_each(|(to, x)| *to = enter(x));
            match &mut c {
                Some(c) => cell.c.iter_mut().zip(c).for_each(|(to, x)| *to = enter(x)),
                None => cell.c.fill(A::zero()),
            }
        }
    }

    fn reset(&mut self) {
        for cell in &mut self.cells {
            cell.h.fill(A::zero());
            cell.c.fill(A::zero());
        }
    }
}

/// One of the states of all layers.
fn stacked<T: Real, A: Real>(
    cells: &Cells<A>,
    batch: usize,
    state: impl Fn(&Cell<A>) -> &Vec<A>,
    leave: impl Fn(A) -> T,
) -> Result<Tensor<T>> {
    let all: Vec<T> = cells.cells.iter().flat_map(&state).map(|&x| leave(x)).collect();
    let layers = cells.cells.len();
    let size = all.len() / (layers * batch);
    Ok(Tensor::from_vec(all, [layers, batch, size])?)
}

impl<T: Real> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, batch, .. } = self;
        let (input, output) = self.sizes();
        write!(f, "Stream({op}, input_size={input}, output_size={output}, batch={batch})")
    }
}
