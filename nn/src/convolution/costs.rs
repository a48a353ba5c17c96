//! The costs of convolutions and pooling.

use refrain_tensor::Real;

use super::{
    AvgPool, Conv, Flatten, MaxPool, avg_pool::OPS as AVG_POOL, max_pool::OPS as MAX_POOL,
    pool_options::PoolOptions,
};
use crate::{
    Cost, Costs, Ledger, Result, Signal,
    costs::{back_through, product, trains},
};

/// At each position of the output, each of its channels costs a product with each tap of the kernel in
/// each input channel of the group: batch · positions · out_channels · in_channels / groups · taps.
impl<T: Real, const N: usize> Costs<T> for Conv<T, N> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let (loops, output) = self.loops(input.shape())?;
        let weights_of_a_channel = product(&loops.weight_shape()[1..]);
        let macs = product(&output).saturating_mul(weights_of_a_channel);
        let mut cost = Cost::new(["Conv1d", "Conv2d"][N - 1], output, self);
        cost.macs_forward = macs;
        cost.macs_backward = back_through(macs, &self.weight, input.needs_gradient());
        ledger.enter(cost);
        Ok(input.through(output, trains(self)))
    }
}

impl<T: Real, const N: usize> Costs<T> for MaxPool<N> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        pooled::<T, N>(["MaxPool1d", "MaxPool2d"][N - 1], MAX_POOL[N - 1], &self.options, input, ledger)
    }
}

impl<T: Real, const N: usize> Costs<T> for AvgPool<N> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        pooled::<T, N>(["AvgPool1d", "AvgPool2d"][N - 1], AVG_POOL[N - 1], &self.options, input, ledger)
    }
}

fn pooled<T: Real, const N: usize>(
    kind: &'static str,
    op: &'static str,
    options: &PoolOptions<N>,
    input: &Signal,
    ledger: &mut Ledger,
) -> Result<Signal> {
    let (_, output) = options.loops(op, input.shape())?;
    ledger.enter(Cost::without_parameters::<T>(kind, output));
    Ok(input.through(output, false))
}

/// The same elements in the same memory.
impl<T: Real> Costs<T> for Flatten {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let output = input.shape().flattened(self.start_dim, self.end_dim)?;
        let mut cost = Cost::without_parameters::<T>("Flatten", output);
        cost.activation_bytes = 0;
        ledger.enter(cost);
        Ok(input.through(output, false))
    }
}
