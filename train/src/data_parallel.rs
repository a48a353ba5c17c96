//! Data-parallel steps: the gradients of a batch, found by threads that have a part of it each.

use std::{io, ops::Range, panic::resume_unwind, thread};

use refrain_autograd::{Error, Gradients, Tape, Var};
use refrain_tensor::{Real, Tensor};

/// The loss of a batch, and its gradients.
#[derive(Debug)]
pub struct BatchGradients<T: Real> {
    /// The mean over the batch.
    pub loss: f64,
    /// The gradients of the parameters.
    pub gradients: Gradients<T>,
}

/// The loss and the gradients of `batch` items that `shards` threads share.
///
/// Each shard is a range of items, `batch / shards` of them or one more. `loss` gets a tape of the
/// shard's own and the range, and returns the mean loss over it: one number. The sum of the shards'
/// losses, each weighted by its share of the items, is the mean over the batch, and so for the
/// gradients. Shard 0 runs on the calling thread, each other one on a
/// [scoped](std::thread::scope) thread of its own; where the system has no more threads to give, the
/// calling thread runs the shards that are left. Where there are fewer items than shards, each item is
/// a shard; no batch is [`Error::NothingRecorded`].
///
/// The shards' gradients are added in the order of the shards, so the result depends, to the last
/// bit, on the number of shards and not on the threads' timing. It differs from that of the whole
/// batch by the rounding of sums in another order: in f32 by about 1e-6 of the norm, in f64 by
/// 1e-15.
///
/// A loss that is not a mean over items, such as one with weights of classes or ignored targets, has
/// other weights than these; let each shard return a sum divided by what the whole batch is divided
/// by, times `batch / range.len()`. Randomness, for dropout, comes from a generator that `loss`
/// seeds by the range.
///
/// The kernels have threads of their own, which share the work of a large layer already. A team of
/// them works for one caller at a time, and the other shards compute on their own thread meanwhile;
/// with `RAYON_NUM_THREADS=1` the shards have all cores to themselves. Which way is faster depends
/// on the model: `cargo run --release --example budget -- --threads` measures both, and the README
/// of this crate has its figures.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::{Linear, MSELoss};
/// use refrain_tensor::Tensor;
/// use refrain_train::data_parallel;
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
/// let model = Linear::<f32>::new(3, 1, rng)?;
/// let inputs = Tensor::normal([10, 3], 0.0, 1.0, rng)?;
/// let targets = Tensor::normal([10, 1], 0.0, 1.0, rng)?;
/// let found = data_parallel::gradients(10, 4, |tape, items| {
///     let part = |of: &Tensor<f32>| of.narrow(0, items.start, items.len());
///     let answers = model.forward(&tape.constant(part(&inputs)?))?;
///     MSELoss::default().forward(&answers, &part(&targets)?)
/// })?;
/// assert!(found.loss > 0.0 && found.gradients.get(&model.weight).is_some());
/// # Ok::<(), refrain_nn::Error>(())
/// ```
///
/// # Errors
/// The error of the first shard that has one; those of [`Var::backward`].
///
/// # Panics
/// Where `loss` panics, with its message.
pub fn gradients<T: Real, E: From<Error> + Send>(
    batch: usize,
    shards: usize,
    loss: impl for<'t> Fn(&'t Tape<T>, Range<usize>) -> Result<Var<'t, T>, E> + Sync,
) -> Result<BatchGradients<T>, E> {
    gradients_on(thread::Builder::new, batch, shards, loss)
}

/// [`gradients`] on threads that these builders spawn.
fn gradients_on<T: Real, E: From<Error> + Send>(
    builder: impl Fn() -> thread::Builder,
    batch: usize,
    shards: usize,
    loss: impl for<'t> Fn(&'t Tape<T>, Range<usize>) -> Result<Var<'t, T>, E> + Sync,
) -> Result<BatchGradients<T>, E> {
    let shards = shards.clamp(1, batch.max(1));
    let items = |shard: usize| batch * shard / shards..batch * (shard + 1) / shards;
    let run = |shard: usize| of_shard(items(shard), batch, &loss);
    let found: Vec<_> = thread::scope(|scope| {
        let spawn = |shard: usize| builder().spawn_scoped(scope, move || run(shard));
        let others: Vec<_> = (1..shards).map(spawn).collect();
        let first = run(0);
        let join = |(other, shard): (io::Result<thread::ScopedJoinHandle<'_, _>>, usize)| match other {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => run(shard),
        };
        let others = others.into_iter().zip(1..).map(join);
        std::iter::once(first).chain(others).collect()
    });
    let mut sum = BatchGradients { loss: 0.0, gradients: Gradients::default() };
    for shard in found {
        let BatchGradients { loss, gradients } = shard?;
        sum.loss += loss;
        sum.gradients.merge(gradients)?;
    }
    Ok(sum)
}

/// A shard's share of the loss and of the gradients.
fn of_shard<T: Real, E: From<Error>>(
    items: Range<usize>,
    batch: usize,
    loss: impl for<'t> Fn(&'t Tape<T>, Range<usize>) -> Result<Var<'t, T>, E>,
) -> Result<BatchGradients<T>, E> {
    let share = items.len() as f64 / batch.max(1) as f64;
    let tape = Tape::new();
    let loss = loss(&tape, items)?;
    if loss.value().numel() != 1 {
        return Err(Error::NotScalar { shape: (*loss.shape()).into() }.into());
    }
    let weight = Tensor::full(loss.shape(), T::from_f64(share)).map_err(Error::from)?;
    let gradients = loss.backward_with(weight)?;
    let value = loss.value().item().map_err(Error::from)?;
    Ok(BatchGradients { loss: share * Real::to_f64(value), gradients })
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::Parameter;

    #[test]
    fn without_threads_the_shards_run_on_the_calling_one() {
        let weight = Parameter::new(Tensor::from(3.0));
        let here = thread::current().id();
        let run = |builder: fn() -> thread::Builder, alone: bool| {
            let found = gradients_on::<f64, Error>(builder, 10, 4, |tape, items| {
                assert!(!alone || thread::current().id() == here);
                let weight = tape.parameter(&weight);
                Ok(weight.mul(&weight)?.mul_scalar(items.start as f64 + 0.1))
            });
            let found = found.unwrap();
            (found.loss, found.gradients.get(&weight).unwrap().item().unwrap())
        };
        // No system has room for a stack of 2⁶⁰ bytes.
        let none = || thread::Builder::new().stack_size(1 << 60);
        assert_eq!(run(none, true), run(thread::Builder::new, false));
    }
}
