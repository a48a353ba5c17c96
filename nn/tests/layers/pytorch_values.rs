//! A network small enough to follow by hand, against the values of PyTorch.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{Module, RNN};
use refrain_tensor::Tensor;

/// Values that torch.nn.RNN computes in f64 for W_ih = [[0.1, -0.2], [0.3, 0.4]],
/// W_hh = [[0.5, -0.6], [0.7, 0.8]], b_ih = [0.1, 0.2], b_hh = [-0.1, 0.05], h_0 = [0.3, -0.3] and
/// x = [[1, 2], [3, -1]], and the gradients of its output's sum.
#[test]
fn values_of_pytorch() {
    let mut model = RNN::<f64>::new(2, 2, &mut Xoshiro256PlusPlus::seed_from_u64(0)).unwrap();
    let values = [
        Tensor::from([[0.1, -0.2], [0.3, 0.4]]),
        Tensor::from([[0.5, -0.6], [0.7, 0.8]]),
        Tensor::from([0.1, 0.2]),
        Tensor::from([-0.1, 0.05]),
    ];
    for (parameter, value) in model.parameters_mut().into_iter().zip(values) {
        parameter.set(value).unwrap();
    }
    let tape = Tape::new();
    let x = tape.variable(Tensor::from([[1.0, 2.0], [3.0, -1.0]]));
    let h_0 = tape.variable(Tensor::from([[0.3, -0.3]]));
    let (out, _) = model.forward(&x, Some(&h_0)).unwrap();
    let gradients = out.sum(..).unwrap().backward().unwrap();
    let found = [
        out.value(),
        gradients.of(&x).unwrap(),
        gradients.of(&h_0).unwrap(),
        gradients.get(model.parameters()[1]).unwrap(),
    ];
    for (found, expected) in found.into_iter().zip(PYTORCH) {
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{found} {expected:?}");
        }
    }
}

/// out, x.grad, h_0.grad, weight_hh_l0.grad.
const PYTORCH: [[f64; 4]; 4] = [
    [0.02999100323882006, 0.8667839288498187, -0.005074812124714345, 0.898507814524713],
    [0.20468318961008466, -0.271554154332766, 0.1578025367995971, -0.12292136636117017],
    [0.9131661681405006, -0.8697873529532592, 0.0, 0.0],
    [0.520008797290568, 0.3767430395092696, 0.04712244515406445, 0.12567147331890172],
];
