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

/// Two layers, in two directions or projected.
fn random(bidirectional: bool, seed: u64) -> LSTM<f32> {
    let builder = LSTM::builder(20, 30).num_layers(2).bidirectional(bidirectional);
    let builder = builder.proj_size(if bidirectional { 0 } else { 7 });
    builder.build(&mut Xoshiro256PlusPlus::seed_from_u64(seed)).unwrap()
}

#[test]
fn weights_that_change_are_packed_anew() {
    for bidirectional in [false, true] {
        let mut layer = random(bidirectional, 1);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let x = Tensor::normal([5, 3, 20], 0.0, 1.0, &mut rng).unwrap();
        let mut before = inferred(&layer, &x);
        assert_eq!(inferred(&layer, &x), before);
        for change in 0..4 {
            let mut copy = None;
            match change {
                // In place, as an optimizer does: alone, and where a copy shares the values.
                0 => layer.visit_mut(&mut |_, parameter| parameter.as_mut_slice()[0] += 0.5),
                1 => {
                    copy = Some(layer.clone());
                    layer.visit_mut(&mut |_, parameter| parameter.as_mut_slice()[1] -= 0.5);
                }
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
                        parameter.as_mut_slice().iter_mut().for_each(|x| *x += 0.1);
                    });
                }
            }
            let after = inferred(&layer, &x);
            assert_ne!(after, before, "change {change}");
            // A layer of its own with the same weights, which has packed nothing yet.
            let mut fresh = random(bidirectional, 9);
            StateDict::of(&layer).load_into(&mut fresh).unwrap();
            assert_eq!(after, inferred(&fresh, &x), "change {change}");
            if let Some(copy) = copy {
                assert_eq!(inferred(&copy, &x), before, "the copy of change {change}");
            }
            before = after;
        }
    }
}
