//! Exact back-propagation in bounded memory: the gradients of a whole model are those of the whole
//! stream on one tape.

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Gradients, Parameter, Tape, Var};
use refrain_nn::{
    CrossEntropyLoss, Dropout, Embedding, GRU, LSTM, LSTMState, Linear, Module, Reduction, module,
};
use refrain_tensor::{Real, Tensor};
use refrain_train::budget::{BPTT, Chunk, ChunkError, Plan, StepCosts};

type Failure = Box<dyn std::error::Error>;

/// Letters in, letters out, through two kinds of layers.
struct Model<T: Real> {
    embedding: Embedding<T>,
    gru: GRU<T>,
    lstm: LSTM<T>,
    head: Linear<T>,
}
module!(Model { embedding, gru, lstm, head });

const LETTERS: usize = 7;
const HIDDEN: usize = 9;

impl<T: Real> Model<T> {
    fn random(rng: &mut Xoshiro256PlusPlus) -> Self {
        Self {
            embedding: Embedding::new(LETTERS, 5, rng).unwrap(),
            gru: GRU::builder(5, HIDDEN).num_layers(2).build(rng).unwrap(),
            lstm: LSTM::new(HIDDEN, HIDDEN, rng).unwrap(),
            head: Linear::new(HIDDEN, LETTERS, rng).unwrap(),
        }
    }

    fn start(batch: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<Tensor<T>> {
        let normal = |layers| Tensor::normal([layers, batch, HIDDEN], T::zero(), T::one(), rng).unwrap();
        [2, 1, 1].map(normal).into()
    }

    /// A chunk of the letters `[seq + 1, batch]`, with the loss divided by `total`.
    fn chunk<'t>(
        &self,
        tape: &'t Tape<T>,
        letters: &Tensor<usize>,
        steps: std::ops::Range<usize>,
        states: &[Var<'t, T>],
        total: usize,
    ) -> Result<Chunk<'t, T>, Failure> {
        let inputs = self.embedding.forward(tape, &letters.narrow(0, steps.start, steps.len())?)?;
        let (y, h_gru) = self.gru.forward(&inputs, Some(&states[0]))?;
        let before = LSTMState { h: states[1].clone(), c: states[2].clone() };
        let (y, LSTMState { h, c }) = self.lstm.forward(&y, Some(&before))?;
        let mut loss = None;
        if tape.records() {
            let targets = letters.narrow(0, steps.start + 1, steps.len())?.flatten(0, 1)?;
            let sum = CrossEntropyLoss { reduction: Reduction::Sum, ..Default::default() };
            let logits = self.head.forward(&y.flatten(0, 1)?)?;
            loss = Some(sum.forward(&logits, &targets)?.mul_scalar(T::from_f64(1.0 / total as f64)));
        }
        Ok(Chunk { loss, states: vec![h_gru, h, c] })
    }
}

/// The norm of the difference by the norm, over parameters.
fn difference<T: Real>(model: &impl Module<T>, a: &Gradients<T>, b: &Gradients<T>) -> f64 {
    let (mut apart, mut norm) = (0.0, 0.0);
    model.visit(&mut |_, parameter: &Parameter<T>| {
        let (a, b) = (a.get(parameter).unwrap(), b.get(parameter).unwrap());
        for (a, b) in a.iter().zip(b.iter()) {
            let (a, b) = (Real::to_f64(a), Real::to_f64(b));
            apart += (a - b) * (a - b);
            norm += b * b;
        }
    });
    (apart / norm).sqrt()
}

fn check<T: Real>(
    steps: usize,
    batch: usize,
    share: f64,
    seed: u64,
    tolerance: f64,
) -> Result<(), TestCaseError> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let model = Model::<T>::random(rng);
    let start = Model::start(batch, rng);
    let letters = (0..(steps + 1) * batch).map(|k| (k * k + k / 3 + seed as usize % 5) % LETTERS).collect();
    let letters = Tensor::from_vec(letters, [steps + 1, batch]).unwrap();
    let total = steps * batch;

    let tape = Tape::new();
    let states: Vec<_> = start.iter().map(|state| tape.variable(state.clone())).collect();
    let whole = model.chunk(&tape, &letters, 0..steps, &states, total).unwrap();
    let loss = whole.loss.unwrap();
    let plain = loss.backward().unwrap();

    let costs = StepCosts { state: 3, step: 7 };
    let plan = Plan::new(steps, costs, 7 + (share * (7 * steps) as f64) as usize).unwrap();
    let found = BPTT::new(&plan)
        .run(&start, |tape, steps, states| model.chunk(tape, &letters, steps, states, total))
        .unwrap();
    let of_loss = (found.loss - Real::to_f64(loss.value().item().unwrap())).abs();
    prop_assert!(of_loss <= 3.0 * tolerance * found.loss, "{of_loss:.1e} of the loss {}", found.loss);
    let apart = difference(&model, &found.gradients, &plain);
    prop_assert!(apart <= tolerance, "gradients are {apart:.1e} of their norm apart");
    for (k, (gradient, state)) in found.start.iter().zip(&states).enumerate() {
        let expected = plain.of(state).unwrap();
        for (a, b) in gradient.iter().zip(expected.iter()) {
            let (a, b) = (Real::to_f64(a), Real::to_f64(b));
            prop_assert!((a - b).abs() <= tolerance * (b.abs() + 0.1), "state {k}: {a} instead of {b}");
        }
    }
    for (after, expected) in found.last.iter().zip(&whole.states) {
        prop_assert_eq!(after, expected.value());
    }
    Ok(())
}

proptest! {
    #[test]
    fn gradients_are_those_of_the_whole_stream(
        steps in 1usize..50, batch in 1usize..4, share in 0.0f64..1.0, seed in 0u64..1000,
    ) {
        check::<f32>(steps, batch, share * share, seed, 1e-6)?;
        check::<f64>(steps, batch, share * share, seed, 2e-15)?;
    }
}

/// The gradients of the head alone, from states that do not depend on parameters: in f32 on one
/// tape, in f32 in chunks, and in f64.
#[test]
fn sums_over_chunks_are_closer_to_the_exact_ones_than_sums_over_all_steps() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
    let (steps, batch) = (3000, 8);
    let x = Tensor::<f64>::normal([steps * batch, HIDDEN], 0.5, 1.0, rng).unwrap();
    let x_single = Tensor::from_vec(x.iter().map(|x| x as f32).collect(), *x.shape()).unwrap();
    let x = Tensor::from_vec(x_single.iter().map(f64::from).collect(), *x.shape()).unwrap();
    let head = Linear::<f64>::new(HIDDEN, LETTERS, rng).unwrap();
    let mut single = Linear::<f32>::new(HIDDEN, LETTERS, rng).unwrap();
    single.weight.set(Tensor::zeros(head.weight.value().shape()).unwrap()).unwrap();
    fn of_head<'t, T: Real>(head: &Linear<T>, tape: &'t Tape<T>, x: Tensor<T>) -> Var<'t, T> {
        head.forward(&tape.constant(x)).unwrap().sum(..).unwrap()
    }
    let (tape, exact_tape) = (Tape::new(), Tape::new());
    let plain = of_head(&single, &tape, x_single.clone()).backward().unwrap();
    let exact = of_head(&head, &exact_tape, x).backward().unwrap();
    let plan = Plan::new(steps, StepCosts { state: 1, step: 1 }, 100).unwrap();
    let found = BPTT::new(&plan).run(&[], |tape, steps, _| {
        let x = x_single.narrow(0, steps.start * batch, steps.len() * batch).unwrap();
        Ok::<_, ChunkError>(Chunk { loss: Some(of_head(&single, tape, x)), states: Vec::new() })
    });
    let expected = exact.get(&head.weight).unwrap();
    let apart = |found: &Tensor<f32>| -> f64 {
        found.iter().zip(expected.iter()).map(|(a, b)| (f64::from(a) - b).powi(2)).sum::<f64>().sqrt()
    };
    let of_chunks = apart(found.unwrap().gradients.get(&single.weight).unwrap());
    let of_whole = apart(plain.get(&single.weight).unwrap());
    assert!(of_chunks < of_whole, "chunks are {of_chunks:.1e} off, the whole {of_whole:.1e}");
}

#[test]
fn dropout_that_is_seeded_by_the_chunk_is_the_same_whenever_it_runs() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
    let (first, second) = (GRU::<f64>::new(3, 6, rng).unwrap(), GRU::<f64>::new(6, 6, rng).unwrap());
    let (steps, dropout) = (40, Dropout::new(0.5).unwrap());
    let x = Tensor::normal([steps, 2, 3], 0.0, 1.0, rng).unwrap();
    let chunk = |tape: &Tape<f64>, steps: std::ops::Range<usize>| {
        assert!(tape.records());
        (
            x.narrow(0, steps.start, steps.len()).unwrap(),
            Xoshiro256PlusPlus::seed_from_u64(steps.start as u64),
        )
    };
    let plan = Plan::new(steps, StepCosts { state: 1, step: 3 }, 14).unwrap();
    let start = vec![Tensor::zeros([1, 2, 6]).unwrap(); 2];
    let found = BPTT::new(&plan).with_dropout().run(&start, |tape, steps, states| {
        let (x, mut rng) = chunk(tape, steps);
        let (y, h) = first.forward(&tape.constant(x), Some(&states[0]))?;
        let (y, c) = second.forward(&dropout.forward(&y, &mut rng)?, Some(&states[1]))?;
        Ok::<_, Failure>(Chunk { loss: Some(y.square().sum(..)?), states: vec![h, c] })
    });
    let found = found.unwrap();

    let tape = Tape::new();
    let (mut h, mut c) = (tape.constant(start[0].clone()), tape.constant(start[1].clone()));
    let mut loss = tape.constant(Tensor::from(0.0));
    for steps in plan.chunks() {
        let (x, mut rng) = chunk(&tape, steps);
        let (y, of_first) = first.forward(&tape.constant(x), Some(&h)).unwrap();
        let (y, of_second) = second.forward(&dropout.forward(&y, &mut rng).unwrap(), Some(&c)).unwrap();
        (h, c) = (of_first, of_second);
        loss = loss + y.square().sum(..).unwrap();
    }
    let plain = loss.backward().unwrap();
    assert!(plan.chunks().len() > 5);
    for layer in [&first, &second] {
        assert!(difference(layer, &found.gradients, &plain) < 1e-14);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let plan = Plan::new(10, StepCosts { state: 1, step: 1 }, 4).unwrap();
    let start = [Tensor::<f64>::zeros([2]).unwrap()];
    let run = |chunk: for<'t> fn(&'t Tape<f64>, &Var<'t, f64>) -> Chunk<'t, f64>| {
        let found =
            BPTT::new(&plan).run(&start, |tape, _, states| Ok::<_, ChunkError>(chunk(tape, &states[0])));
        found.unwrap_err().to_string()
    };
    let chunks = plan.chunks();
    let first = &chunks[0];
    assert_eq!(
        run(|_, _| Chunk { loss: None, states: Vec::new() }),
        format!("budget: the chunk of steps {first:?} returned 0 states, expected 1")
    );
    assert_eq!(
        run(|_, state| Chunk { loss: None, states: vec![state.sum(..).unwrap()] }),
        format!("budget: state 0 after steps {first:?} has shape [], expected [2] as before them")
    );
    assert_eq!(
        run(|_, state| Chunk { loss: Some(state.clone()), states: vec![state.clone()] }),
        format!("budget: the loss of steps {first:?} has shape [2], expected one number")
    );
    assert_eq!(
        run(|_, state| Chunk { loss: None, states: vec![state.clone()] }),
        "budget: no chunk returned a loss that depends on a parameter or a state"
    );
}
