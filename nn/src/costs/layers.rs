//! The costs of layers that know neither windows nor steps.

use refrain_autograd::Parameter;
use refrain_tensor::Real;

use super::{Cost, Costs, Ledger, Signal, cost::product};
use crate::{Activation, Dropout, Embedding, LayerNorm, Linear, Module, Result, VariationalDropout, Zoneout};

/// Whether any parameter of a module trains.
pub(crate) fn trains<T: Real>(module: &dyn Module<T>) -> bool {
    let mut any = false;
    module.visit(&mut |_, parameter| any |= parameter.requires_grad());
    any
}

/// The multiply-accumulates of the way back through a product of an input with one weight: as many
/// as forward for each of the two gradients that is asked for.
pub(crate) fn back_through<T: Real>(forward: u64, weight: &Parameter<T>, input_needs_gradient: bool) -> u64 {
    let of_weight = if weight.requires_grad() { forward } else { 0 };
    of_weight.saturating_add(if input_needs_gradient { forward } else { 0 })
}

impl<T: Real> Costs<T> for Linear<T> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let output = self.output_shape(input.shape())?;
        let macs = product(&output).saturating_mul(self.in_features() as u64);
        let mut cost = Cost::new("Linear", output, self);
        cost.macs_forward = macs;
        cost.macs_backward = back_through(macs, &self.weight, input.needs_gradient());
        ledger.enter(cost);
        Ok(input.through(output, trains(self)))
    }
}

/// The input is a tensor of indices. A row that is looked up is no product.
impl<T: Real> Costs<T> for Embedding<T> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let output = self.output_shape(input.shape())?;
        ledger.enter(Cost::new("Embedding", output, self));
        Ok(input.through(output, trains(self)))
    }
}

impl<T: Real> Costs<T> for LayerNorm<T> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        self.check(input.shape())?;
        ledger.enter(Cost::new("LayerNorm", input.shape(), self));
        Ok(input.through(input.shape(), trains(self)))
    }
}

/// A layer without parameters that does something to each element.
fn elementwise<T: Real>(kind: &'static str, input: &Signal, ledger: &mut Ledger) -> Signal {
    ledger.enter(Cost::without_parameters::<T>(kind, input.shape()));
    input.clone()
}

impl<T: Real> Costs<T> for Activation {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let kind = match self {
            Self::ReLU => "ReLU",
            Self::Tanh => "Tanh",
            Self::Sigmoid => "Sigmoid",
            Self::LeakyReLU(_) => "LeakyReLU",
            Self::ELU(_) => "ELU",
            Self::GELU => "GELU",
            Self::SiLU => "SiLU",
            Self::Softplus => "Softplus",
        };
        Ok(elementwise::<T>(kind, input, ledger))
    }
}

/// As it is while training.
impl<T: Real> Costs<T> for Dropout {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        Ok(elementwise::<T>("Dropout", input, ledger))
    }
}

/// As it is while training.
impl<T: Real> Costs<T> for VariationalDropout {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        self.mask_shape(input.shape())?;
        Ok(elementwise::<T>("VariationalDropout", input, ledger))
    }
}

/// The input is the state, the old one or the new.
impl<T: Real> Costs<T> for Zoneout {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        Ok(elementwise::<T>("Zoneout", input, ledger))
    }
}
