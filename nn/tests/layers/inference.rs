//! What a layer keeps from one inference to the next.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{LSTM, Module, StateDict};
use refrain_tensor::Tensor;

fn inferred(layer: &LSTM<f32>, x: &Tensor<f32>) -> Vec<f32> {
    let tape = Tape::inference();
    let (y, _) = layer.forward(&tape.constant(x.clone()), None).unwrap();
    y.value().to_vec()
}

/// A layer of its own with the weights of another, which has packed nothing yet.
fn fresh(layer: &LSTM<f32>) -> LSTM<f32> {
    let mut other =
        LSTM::builder(20, 30).num_layers(2).build(&mut Xoshiro256PlusPlus::seed_from_u64(9)).unwrap();
    StateDict::of(layer).load_into(&mut other).unwrap();
    other
}

#[test]
fn weights_that_change_are_packed_anew() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut layer = LSTM::<f32>::builder(20, 30).num_layers(2).build(&mut rng).unwrap();
    let x = Tensor::normal([5, 3, 20], 0.0, 1.0, &mut rng).unwrap();
    let mut before = inferred(&layer, &x);
    assert_eq!(inferred(&layer, &x), before);
    for change in 0..4 {
        let copy = layer.clone();
        match change {
            // In place, as an optimizer does; alone and shared with the copy.
            0 => layer.visit_mut(&mut |_, parameter| parameter.as_mut_slice()[0] += 0.5),
            1 => layer.visit_mut(&mut |_, parameter| parameter.as_mut_slice()[1] -= 0.5),
            // As a whole.
            2 => layer.visit_mut(&mut |_, parameter| {
                let value = parameter.value().map(|x| x * 0.9);
                parameter.set(value).unwrap();
            }),
            // After a pass that trains.
            _ => {
                let tape = Tape::new();
                let (y, _) = layer.forward(&tape.constant(x.clone()), None).unwrap();
                y.sum(..).unwrap().backward().unwrap();
                drop(y);
                layer.visit_mut(&mut |_, parameter| {
                    parameter.as_mut_slice().iter_mut().for_each(|x| *x += 0.1)
                });
            }
        }
        let after = inferred(&layer, &x);
        assert_ne!(after, before, "change {change}");
        assert_eq!(after, inferred(&fresh(&layer), &x), "change {change}");
        assert_eq!(inferred(&copy, &x), before, "the copy of change {change}");
        before = after;
    }
}

#[test]
fn the_second_inference_packs_nothing() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let layer = LSTM::<f32>::new(200, 100, &mut rng).unwrap();
    let x = Tensor::normal([1, 1, 200], 0.0, 1.0, &mut rng).unwrap();
    let bytes = || allocation_counter::measure(|| drop(inferred(&layer, &x))).bytes_total;
    let (first, second) = (bytes(), bytes());
    let weights = 4 * 100 * (200 + 100) * size_of::<f32>() as u64;
    assert!(first >= weights && second < weights / 10, "{first} and {second} bytes, of weights {weights}");
}
