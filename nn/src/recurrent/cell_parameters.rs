//! [`CellParameters`]: the weights of one layer in one direction.

use rand::Rng;
use refrain_autograd::{Parameter, Var};
use refrain_tensor::{Real, Shape, Tensor};

use super::shape::check_state;
use crate::{Error, Result, init::uniform_by_fan, module};

/// The weights of one recurrent layer in one direction, whatever its kind: G gates, H hidden units,
/// I input features.
///
/// All start uniformly in ±1/√H, as in PyTorch. The gates follow each other in PyTorch's order:
/// i, f, g, o for an LSTM, r, z, n for a GRU.
#[derive(Clone, Debug)]
pub struct CellParameters<T: Real> {
    /// W_ih: `[G·H, I]`.
    pub weight_ih: Parameter<T>,
    /// W_hh: `[G·H, H]`, or `[G·H, proj_size]` with a projection.
    pub weight_hh: Parameter<T>,
    /// b_ih: `[G·H]`.
    pub bias_ih: Option<Parameter<T>>,
    /// b_hh: `[G·H]`.
    pub bias_hh: Option<Parameter<T>>,
    /// The projection of an LSTM: `[proj_size, H]`.
    pub weight_hr: Option<Parameter<T>>,
}
module!(CellParameters { weight_ih, weight_hh, bias_ih, bias_hh, weight_hr });

/// The sizes that a cell's parameters follow from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellSizes {
    pub(crate) input: usize,
    pub(crate) hidden: usize,
    pub(crate) gates: usize,
    /// 0 for none.
    pub(crate) projection: usize,
    pub(crate) bias: bool,
}

impl<T: Real> CellParameters<T> {
    /// Random parameters.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0, [`Error::Tensor`] where there is no memory.
    pub(crate) fn random(op: &'static str, sizes: CellSizes, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        let CellSizes { input, hidden, gates, projection, bias } = sizes;
        for (option, size) in [("input_size", input), ("hidden_size", hidden)] {
            if size == 0 {
                return Err(Error::ZeroOption { op, option });
            }
        }
        let state = if projection > 0 { projection } else { hidden };
        let wide = hidden.saturating_mul(gates);
        Ok(Self {
            weight_ih: uniform_by_fan([wide, input], hidden, rng)?,
            weight_hh: uniform_by_fan([wide, state], hidden, rng)?,
            bias_ih: bias.then(|| uniform_by_fan([wide], hidden, rng)).transpose()?,
            bias_hh: bias.then(|| uniform_by_fan([wide], hidden, rng)).transpose()?,
            weight_hr: (projection > 0)
                .then(|| uniform_by_fan([projection, hidden], hidden, rng))
                .transpose()?,
        })
    }

    /// I: the size of the input's last axis.
    pub fn input_size(&self) -> usize {
        self.weight_ih.value().shape()[1]
    }

    /// The size of the state that is carried: H, or that of the projection.
    pub fn state_size(&self) -> usize {
        self.weight_hh.value().shape()[1]
    }

    /// Checks the input of one step, `[batch, features]` or `[features]`.
    pub(crate) fn check_input(&self, op: &'static str, shape: Shape) -> Result<StepShape> {
        let axes = "[batch, features] or [features]";
        if shape.rank() != 1 && shape.rank() != 2 {
            return Err(Error::Rank { op, shape: shape.into(), axes });
        }
        let (found, expected) = (shape[shape.rank() - 1], self.input_size());
        if found != expected {
            return Err(Error::Features { op, found, expected, shape: shape.into(), axes });
        }
        if shape.contains(&0) {
            return Err(Error::Empty { op, what: "batch", shape: shape.into(), axes });
        }
        Ok(StepShape { state: shape.with(shape.rank() - 1, self.state_size()) })
    }

    /// The state before a step, checked, or 0 where it is not given.
    pub(crate) fn state<'t>(
        &self,
        op: &'static str,
        name: &'static str,
        input: &Var<'t, T>,
        state: Option<&Var<'t, T>>,
        expected: Shape,
    ) -> Result<Var<'t, T>> {
        let axes = if expected.rank() == 2 { "[batch, hidden_size]" } else { "[hidden_size]" };
        match state {
            Some(state) => check_state(op, name, state.shape(), expected, axes).map(|()| state.clone()),
            None => Ok(input.tape().constant(Tensor::zeros(expected)?)),
        }
    }

    /// W_ih x + b_ih.
    pub(crate) fn input_sum<'t>(&self, input: &Var<'t, T>) -> Result<Var<'t, T>> {
        affine(input, &self.weight_ih, self.bias_ih.as_ref())
    }

    /// W_hh h + b_hh.
    pub(crate) fn hidden_sum<'t>(&self, hidden: &Var<'t, T>) -> Result<Var<'t, T>> {
        affine(hidden, &self.weight_hh, self.bias_hh.as_ref())
    }
}

/// What the shape of one step's input says.
#[derive(Clone, Copy)]
pub(crate) struct StepShape {
    /// The shape of the state that goes with it.
    pub(crate) state: Shape,
}

fn affine<'t, T: Real>(
    x: &Var<'t, T>,
    weight: &Parameter<T>,
    bias: Option<&Parameter<T>>,
) -> Result<Var<'t, T>> {
    let tape = x.tape();
    let product = x.matmul(&tape.parameter(weight).transpose(0, 1)?)?;
    Ok(bias.map_or(Ok(product.clone()), |bias| product.add(&tape.parameter(bias)))?)
}

/// What every cell has: sizes, and its parameters under their own names.
macro_rules! cell_methods {
    ($cell:ident) => {
        impl<T: Real> $cell<T> {
            /// The size of the input's last axis.
            pub fn input_size(&self) -> usize {
                self.parameters.input_size()
            }

            /// The size of the state.
            pub fn hidden_size(&self) -> usize {
                self.parameters.state_size()
            }
        }

        impl<T: Real> crate::Module<T> for $cell<T> {
            fn visit<'m>(
                &'m self,
                visitor: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m refrain_autograd::Parameter<T>),
            ) {
                crate::Module::visit(&self.parameters, visitor);
            }

            fn visit_mut<'m>(
                &'m mut self,
                visitor: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m mut refrain_autograd::Parameter<T>),
            ) {
                crate::Module::visit_mut(&mut self.parameters, visitor);
            }
        }
    };
}
pub(crate) use cell_methods;
