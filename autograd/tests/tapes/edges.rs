//! Gradients where central differences say nothing: at kinks, poles and NaN. The expected numbers
//! are those of PyTorch 2.15.

use refrain_autograd::{Tape, Var};
use refrain_tensor::Tensor;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

fn tell<const N: usize>(op: &str, which: &str, found: Option<&Tensor<f64>>, expected: [f64; N]) {
    let found = found.map(Tensor::to_vec);
    assert_eq!(format!("{found:?}"), format!("{:?}", Some(expected.to_vec())), "{op}, {which}");
}

#[test]
fn functions_of_one_variable() {
    type Function = for<'t> fn(&Var<'t, f64>) -> Var<'t, f64>;
    let cases: [(&str, Function, [f64; 4], [f64; 4]); 9] = [
        ("relu", |x| x.relu(), [NAN, -1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]),
        ("leaky_relu", |x| x.leaky_relu(0.01), [NAN, -1.0, 0.0, 1.0], [0.01, 0.01, 0.01, 1.0]),
        ("elu", |x| x.elu(2.0), [NAN, 0.0, 1.0, 2.0], [1.0, 2.0, 1.0, 1.0]),
        ("clamp", |x| x.clamp(-1.0, 1.0).unwrap(), [NAN, -1.0, 1.0, 0.5], [0.0, 0.0, 0.0, 1.0]),
        ("powf(0)", |x| x.powf(0.0), [0.0, NAN, -1.0, INF], [0.0; 4]),
        ("powf(1)", |x| x.powf(1.0), [0.0, NAN, -1.0, INF], [1.0; 4]),
        ("powf(-1)", |x| x.powf(-1.0), [0.0, NAN, 2.0, -1.0], [-INF, NAN, -0.25, -1.0]),
        ("std of equals", |x| x.std(.., 1).unwrap(), [2.0; 4], [0.0; 4]),
        ("max with NaN", |x| x.max(..).unwrap(), [NAN, 1.0, 2.0, 3.0], [NAN; 4]),
    ];
    for (op, function, x, expected) in cases {
        let tape = Tape::new();
        let x = tape.variable(Tensor::from(x));
        let gradients = function(&x).sum(..).unwrap().backward().unwrap();
        tell(op, "x", gradients.of(&x), expected);
    }
}

#[test]
fn functions_of_two_variables() {
    type Function = for<'t> fn(&Var<'t, f64>, &Var<'t, f64>) -> Var<'t, f64>;
    type Pair = [[f64; 6]; 2];
    let extremes = [[NAN, 1.0, NAN, 1.0, 1.0, 2.0], [1.0, NAN, NAN, 1.0, 2.0, 1.0]];
    let cases: [(&str, Function, Pair, Pair); 3] = [
        (
            "maximum",
            |x, z| x.maximum(z).unwrap(),
            extremes,
            [[1.0, 1.0, 1.0, 0.5, 0.0, 1.0], [1.0, 1.0, 1.0, 0.5, 1.0, 0.0]],
        ),
        (
            "minimum",
            |x, z| x.minimum(z).unwrap(),
            extremes,
            [[1.0, 1.0, 1.0, 0.5, 1.0, 0.0], [1.0, 1.0, 1.0, 0.5, 0.0, 1.0]],
        ),
        (
            "pow",
            |x, e| x.pow(e).unwrap(),
            [[0.0, 0.0, 0.0, 0.0, NAN, -1.0], [0.0, 2.0, -1.0, 0.5, 0.0, 2.0]],
            [[0.0, 0.0, -INF, INF, 0.0, -2.0], [0.0, 0.0, -INF, 0.0, NAN, NAN]],
        ),
    ];
    for (op, function, [x, z], [by_x, by_z]) in cases {
        let tape = Tape::new();
        let (x, z) = (tape.variable(Tensor::from(x)), tape.variable(Tensor::from(z)));
        let gradients = function(&x, &z).sum(..).unwrap().backward().unwrap();
        tell(op, "left", gradients.of(&x), by_x);
        tell(op, "right", gradients.of(&z), by_z);
    }
}

#[test]
fn rows_without_variance_leave_the_others_their_gradient() {
    let tape = Tape::new();
    let x = tape.variable(Tensor::from([[1.0, 1.0], [1.0, 3.0]]));
    let gradients = x.std(1, 0).unwrap().sum(..).unwrap().backward().unwrap();
    assert_eq!(gradients.of(&x), Some(&Tensor::from([[0.0, 0.0], [-0.5, 0.5]])));
}
