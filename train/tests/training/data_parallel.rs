//! Data-parallel steps: the gradients of the whole batch, the same bits whatever the timing, and
//! errors and panics that reach the caller.

use std::{ops::Range, time::Duration};

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Gradients, Tape, Var};
use refrain_nn::{CrossEntropyLoss, Error, LSTM, Linear, Module, module};
use refrain_tensor::{Real, Tensor};
use refrain_train::data_parallel;

struct Model<T: Real> {
    lstm: LSTM<T>,
    head: Linear<T>,
}
module!(Model { lstm, head });

struct Batch<T: Real> {
    /// `[seq, batch, features]`.
    inputs: Tensor<T>,
    /// `[batch]`.
    targets: Tensor<usize>,
}

impl<T: Real> Model<T> {
    fn random(rng: &mut Xoshiro256PlusPlus) -> Self {
        Self { lstm: LSTM::new(4, 9, rng).unwrap(), head: Linear::new(9, 3, rng).unwrap() }
    }

    fn loss<'t>(
        &self,
        tape: &'t Tape<T>,
        batch: &Batch<T>,
        items: Range<usize>,
    ) -> Result<Var<'t, T>, Error> {
        let inputs = tape.constant(batch.inputs.narrow(1, items.start, items.len())?);
        let last = self.lstm.forward(&inputs, None)?.1.h.select(0, 0)?;
        let targets = batch.targets.narrow(0, items.start, items.len())?;
        CrossEntropyLoss::default().forward(&self.head.forward(&last)?, &targets)
    }

    fn numbers(&self, gradients: &Gradients<T>) -> Vec<f64> {
        let mut numbers = Vec::new();
        self.visit(&mut |_, parameter| {
            numbers.extend(gradients.get(parameter).unwrap().iter().map(Real::to_f64));
        });
        numbers
    }
}

fn batch_of<T: Real>(items: usize, rng: &mut Xoshiro256PlusPlus) -> Batch<T> {
    Batch {
        inputs: Tensor::normal([6, items, 4], T::zero(), T::one(), rng).unwrap(),
        targets: Tensor::from_vec((0..items).map(|k| k * k % 3).collect(), [items]).unwrap(),
    }
}

fn check<T: Real>(items: usize, shards: usize, seed: u64, tolerance: f64) -> Result<(), TestCaseError> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let model = Model::<T>::random(rng);
    let batch = batch_of::<T>(items, rng);
    let run = |delayed: usize| {
        data_parallel::gradients(items, shards, |tape, range| {
            if range.start % 3 == delayed {
                std::thread::sleep(Duration::from_micros(300));
            }
            model.loss(tape, &batch, range)
        })
        .unwrap()
    };
    let found = run(0);
    let (again, numbers) = (run(1), model.numbers(&found.gradients));
    prop_assert_eq!(&numbers, &model.numbers(&again.gradients));
    prop_assert_eq!(found.loss.to_bits(), again.loss.to_bits());

    let tape = Tape::new();
    let loss = model.loss(&tape, &batch, 0..items).unwrap();
    let of_loss = found.loss - Real::to_f64(loss.value().item().unwrap());
    prop_assert!(of_loss.abs() <= tolerance * found.loss);
    let whole = model.numbers(&loss.backward().unwrap());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let apart = norm(&mut numbers.iter().zip(&whole).map(|(a, b)| a - b)) / norm(&mut whole.iter().copied());
    prop_assert!(apart <= tolerance, "gradients are {apart:.1e} of their norm apart");
    Ok(())
}

proptest! {
    #[test]
    fn gradients_are_those_of_the_whole_batch(items in 1usize..20, shards in 0usize..8, seed in any::<u64>()) {
        check::<f32>(items, shards, seed, 1e-6)?;
        check::<f64>(items, shards, seed, 2e-15)?;
    }
}

#[test]
fn the_error_of_the_first_shard_that_has_one_is_returned() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
    let model = Model::<f32>::random(rng);
    let batch = batch_of::<f32>(4, rng);
    let run = |items: usize| {
        let found = data_parallel::gradients(items, 4, |tape, range| {
            let [wrong, late] = [range.start == 2, range.start == 3];
            // The third item has a target that is none, the fourth one is not there, and fails first.
            if wrong {
                std::thread::sleep(Duration::from_millis(5));
                return Err(Error::ZeroOption { op: "third", option: "item" });
            }
            if late {
                return Err(Error::ZeroOption { op: "fourth", option: "item" });
            }
            model.loss(tape, &batch, range)
        });
        found.unwrap_err().to_string()
    };
    assert_eq!(run(4), "third: item is 0, expected at least 1");
    let whole =
        data_parallel::gradients(4, 2, |tape, _| Ok::<_, Error>(tape.variable(Tensor::from([1.0f32, 2.0]))));
    assert!(whole.unwrap_err().to_string().starts_with("backward: expected one element to start from"));
}

#[test]
#[should_panic(expected = "the second shard gives up")]
fn a_panic_reaches_the_caller() {
    let _ = data_parallel::gradients(4, 2, |tape, range| {
        assert!(range.start == 0, "the second shard gives up");
        Ok::<_, Error>(tape.variable(Tensor::from(1.0f32)))
    });
}
