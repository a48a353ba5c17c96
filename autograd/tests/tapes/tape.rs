//! What the tape promises about size, threads and memory.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Gradients, Parameter, Tape, Var};
use refrain_tensor::Tensor;

#[test]
fn a_million_nodes_run_backward_and_drop_on_a_small_stack() {
    let run = || {
        let p = Parameter::new(Tensor::from(1.0f64));
        let tape = Tape::new();
        let start = tape.parameter(&p);
        let end = (0..1_000_000).fold(start, |x, _| x.add_scalar(1e-6).mul_scalar(1.0));
        assert_eq!(tape.len(), 2_000_001);
        let gradients = end.backward().unwrap();
        assert_eq!(gradients.get(&p), Some(&Tensor::from(1.0)));
        // And once more without going back, so that the drop finds every closure in place.
        let tape = Tape::new();
        let start = tape.parameter(&p);
        let _ = (0..1_000_000).fold(start, |x, _| x.tanh());
        assert_eq!(tape.len(), 1_000_001);
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

fn forward<'t>(tape: &'t Tape<f64>, w: &Parameter<f64>, b: &Parameter<f64>, x: &Tensor<f64>) -> Var<'t, f64> {
    let hidden = tape.constant(x.clone()).matmul(&tape.parameter(w)).unwrap() + tape.parameter(b);
    hidden.tanh().square().sum(..).unwrap()
}

#[test]
fn four_threads_with_a_tape_each_find_the_gradients_of_the_whole_batch() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut normal = |shape: [usize; 2]| Tensor::normal(shape, 0.0, 1.0, &mut rng).unwrap();
    let (w, b, batch) = (Parameter::new(normal([5, 3])), Parameter::new(normal([1, 3])), normal([40, 5]));
    let whole = {
        let tape = Tape::new();
        forward(&tape, &w, &b, &batch).backward().unwrap()
    };
    let parts = batch.chunk(4, 0).unwrap();
    let merged = std::thread::scope(|scope| {
        let workers: Vec<_> = parts
            .iter()
            .map(|part| {
                let (w, b) = (&w, &b);
                scope.spawn(move || {
                    let tape = Tape::new();
                    forward(&tape, w, b, part).backward().unwrap()
                })
            })
            .collect();
        workers.into_iter().fold(Gradients::default(), |mut sum, worker| {
            sum.merge(worker.join().unwrap()).unwrap();
            sum
        })
    });
    for p in [&w, &b] {
        let (merged, whole) = (merged.get(p).unwrap(), whole.get(p).unwrap());
        assert!(merged.iter().zip(whole.iter()).all(|(a, b)| (a - b).abs() <= 1e-12 * (1.0 + b.abs())));
    }
}

#[test]
fn slices_of_a_sequence_go_back_in_linear_time_and_memory() {
    // A quadratic backward would add 20,000 tensors of 20,000 numbers: minutes and gigabytes.
    let steps = 20_000;
    let x = Parameter::new(Tensor::<f64>::ones([steps, 1]).unwrap());
    let tape = Tape::new();
    let sequence = tape.parameter(&x);
    let sum =
        (0..steps).fold(tape.constant(Tensor::from([0.0])), |sum, t| sum + sequence.select(0, t).unwrap());
    let gradients = sum.backward().unwrap();
    assert!(gradients.get(&x).unwrap().iter().all(|g| g == 1.0));
}

#[test]
fn an_inference_tape_holds_nothing() {
    let p = Parameter::new(Tensor::<f64>::ones([100]).unwrap());
    let tape = Tape::inference();
    let mut y = tape.parameter(&p);
    for _ in 0..1000 {
        y = y.tanh();
    }
    assert!(tape.is_empty() && !y.requires_grad());
}
