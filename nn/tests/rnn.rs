//! The recurrent layers against their definitions, over random options.

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var, gradcheck};
use refrain_nn::{Error, Module, Nonlinearity, RNN, gradcheck_module};
use refrain_tensor::{Shape, Tensor};

/// The options of a random case.
#[derive(Clone, Debug)]
struct Case {
    input_size: usize,
    hidden_size: usize,
    num_layers: usize,
    steps: usize,
    batch: Option<usize>,
    bias: bool,
    batch_first: bool,
    relu: bool,
    with_state: bool,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    (
        1usize..5,
        1usize..6,
        1usize..4,
        1usize..6,
        prop::option::of(1usize..4),
        any::<[bool; 4]>(),
        any::<u64>(),
    )
        .prop_map(
            |(
                input_size,
                hidden_size,
                num_layers,
                steps,
                batch,
                [bias, batch_first, relu, with_state],
                seed,
            )| Case {
                input_size,
                hidden_size,
                num_layers,
                steps,
                batch,
                bias,
                batch_first,
                relu,
                with_state,
                seed,
            },
        )
}

impl Case {
    fn model(&self) -> RNN<f64> {
        let nonlinearity = if self.relu { Nonlinearity::ReLU } else { Nonlinearity::Tanh };
        RNN::builder(self.input_size, self.hidden_size)
            .num_layers(self.num_layers)
            .nonlinearity(nonlinearity)
            .bias(self.bias)
            .batch_first(self.batch_first)
            .build(&mut self.rng())
            .unwrap()
    }

    fn rng(&self) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed)
    }

    /// The input, and the initial state where there is one.
    fn inputs(&self) -> Vec<Tensor<f64>> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(!self.seed);
        let mut normal =
            |sizes: &[usize]| Tensor::normal(Shape::new(sizes).unwrap(), 0.0, 1.0, &mut rng).unwrap();
        let x = match (self.batch, self.batch_first) {
            (None, _) => normal(&[self.steps, self.input_size]),
            (Some(b), false) => normal(&[self.steps, b, self.input_size]),
            (Some(b), true) => normal(&[b, self.steps, self.input_size]),
        };
        let state: Vec<usize> =
            [self.num_layers].into_iter().chain(self.batch).chain([self.hidden_size]).collect();
        if self.with_state { vec![x, normal(&state)] } else { vec![x] }
    }
}

/// Output and last state in one row, so that both take part in a gradient.
fn fused<'t>(model: &RNN<f64>, x: &[Var<'t, f64>]) -> Result<Var<'t, f64>, Error> {
    let (out, h_n) = model.forward(&x[0], x.get(1))?;
    Ok(Var::cat(&[out.flatten(0, -1)?, h_n.flatten(0, -1)?], 0)?)
}

/// The same, cell by cell: layer after layer, step after step.
fn step_by_step<'t>(case: &Case, model: &RNN<f64>, x: &[Var<'t, f64>]) -> Result<Var<'t, f64>, Error> {
    let time = if case.batch.is_some() && case.batch_first { 1 } else { 0 };
    let mut steps = (0..case.steps).map(|t| x[0].select(time, t)).collect::<Result<Vec<_>, _>>()?;
    let mut last = Vec::new();
    for (layer, cell) in model.cells().iter().enumerate() {
        let mut hidden = x.get(1).map(|h_0| h_0.select(0, layer)).transpose()?;
        for step in &mut steps {
            *step = cell.forward(step, hidden.as_ref())?;
            hidden = Some(step.clone());
        }
        last.extend(hidden);
    }
    let out = Var::stack(&steps, time)?;
    Ok(Var::cat(&[out.flatten(0, -1)?, Var::stack(&last, 0)?.flatten(0, -1)?], 0)?)
}

fn close(a: &Tensor<f64>, b: &Tensor<f64>) -> bool {
    a.shape() == b.shape() && a.iter().zip(b.iter()).all(|(a, b)| (a - b).abs() <= 1e-12 * (1.0 + b.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fused_equals_cell_by_cell_in_values_and_gradients(case in cases()) {
        let model = case.model();
        let run = |fuse: bool| {
            let tape = Tape::new();
            let inputs: Vec<_> = case.inputs().into_iter().map(|x| tape.variable(x)).collect();
            let y = if fuse { fused(&model, &inputs) } else { step_by_step(&case, &model, &inputs) }.unwrap();
            let cotangent = Tensor::linspace(-1.0, 1.0, y.value().numel()).unwrap();
            let gradients = y.backward_with(cotangent).unwrap();
            let of_inputs = inputs.iter().map(|x| gradients.of(x).unwrap().clone());
            let of_parameters = model.parameters().into_iter().map(|p| gradients.get(p).unwrap().clone());
            (y.value().clone(), of_inputs.chain(of_parameters).collect::<Vec<_>>())
        };
        let ((y, gradients), (expected, expected_gradients)) = (run(true), run(false));
        prop_assert!(close(&y, &expected), "{y}\n{expected}");
        for (k, (g, e)) in gradients.iter().zip(&expected_gradients).enumerate() {
            prop_assert!(close(g, e), "gradient {k}: {g}\n{e}");
        }
    }

    #[test]
    fn gradients_are_slopes(case in cases()) {
        // A relu has a kink; a difference across it is not a slope.
        let case = Case { relu: false, ..case };
        let mut model = case.model();
        gradcheck(|_, x| fused(&model, x), &case.inputs()).unwrap();
        let inputs = case.inputs();
        gradcheck_module(&mut model, |model, tape| {
            let inputs: Vec<_> = inputs.iter().map(|x| tape.constant(x.clone())).collect();
            Ok::<_, Error>(fused(model, &inputs)?.square().sum(..)?)
        }).unwrap();
    }

    #[test]
    fn rows_of_a_batch_do_not_see_each_other(case in cases()) {
        let case = Case { batch: Some(3), ..case };
        let (model, inputs, tape) = (case.model(), case.inputs(), Tape::inference());
        let whole: Vec<_> = inputs.iter().map(|x| tape.constant(x.clone())).collect();
        let (out, h_n) = model.forward(&whole[0], whole.get(1)).unwrap();
        let axis = if case.batch_first { 0 } else { 1 };
        for row in 0..3 {
            let x = tape.constant(inputs[0].select(axis, row).unwrap());
            let h_0 = inputs.get(1).map(|h| tape.constant(h.select(1, row).unwrap()));
            let (alone, h_alone) = model.forward(&x, h_0.as_ref()).unwrap();
            prop_assert!(close(alone.value(), &out.value().select(axis, row).unwrap()));
            prop_assert!(close(h_alone.value(), &h_n.value().select(1, row).unwrap()));
        }
    }

    #[test]
    fn a_sequence_in_two_parts_with_the_state_carried_is_the_whole(case in cases(), cut in 1usize..5) {
        prop_assume!(cut < case.steps);
        let (model, inputs, tape) = (case.model(), case.inputs(), Tape::inference());
        let time = if case.batch.is_some() && case.batch_first { 1 } else { 0 };
        let inputs: Vec<_> = inputs.into_iter().map(|x| tape.constant(x)).collect();
        let (out, h_n) = model.forward(&inputs[0], inputs.get(1)).unwrap();
        let parts = inputs[0].split(&[cut, case.steps - cut], time).unwrap();
        let (first, carried) = model.forward(&parts[0], inputs.get(1)).unwrap();
        let (second, last) = model.forward(&parts[1], Some(&carried)).unwrap();
        let joined = Var::cat(&[first, second], time).unwrap();
        prop_assert!(close(joined.value(), out.value()) && close(last.value(), h_n.value()));
    }
}

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
