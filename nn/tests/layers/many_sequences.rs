//! Outputs so large that they are laid out otherwise than small ones.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::LSTM;
use refrain_tensor::Tensor;

/// A large output begins with a cache line, and leaves out a few numbers before it; a small one does not.
#[test]
fn many_sequences_are_as_each_alone() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
    let layer = LSTM::<f32>::builder(6, 40).num_layers(2).bidirectional(true).build(rng).unwrap();
    let x = Tensor::<f32>::normal([15, 12, 6], 0.0, 1.0, rng).unwrap();
    let bits = |x: &Tensor<f32>| x.iter().map(f32::to_bits).collect::<Vec<_>>();
    let run = |x: Tensor<f32>| {
        let tape = Tape::new();
        let x = tape.variable(x);
        let (y, _) = layer.forward(&x, None).unwrap();
        let part = y.narrow(0, 2, 9).unwrap().narrow(-1, 30, 25).unwrap();
        let gradients = part.square().sum(..).unwrap().backward().unwrap();
        [y.value().clone(), gradients.of(&x).unwrap().clone()]
    };
    let all = run(x.clone());
    for sequence in 0..12 {
        let alone = run(x.narrow(1, sequence, 1).unwrap());
        for (all, alone) in all.iter().zip(&alone) {
            assert_eq!(bits(&all.narrow(1, sequence, 1).unwrap()), bits(alone), "sequence {sequence}");
        }
    }
}
