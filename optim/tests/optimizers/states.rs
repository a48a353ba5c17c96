//! The state of an optimizer: another one that takes it goes on with the same bits, and one that
//! does not fit is refused by name.

use refrain_autograd::{Gradients, Parameter};
use refrain_optim::{Adagrad, Adam, AdamW, Optimizer, OptimizerState, RMSprop, SGD};
use refrain_tensor::Tensor;

/// A vector, a matrix, something without elements, and something frozen.
fn parameters() -> Vec<(String, Parameter<f32>)> {
    let values = [
        ("bias", Tensor::from([0.25, -3.0, 1e-3])),
        ("weight", Tensor::from([[1.0, 2.0], [-0.5, 7.0]])),
        ("nothing", Tensor::zeros([0, 2]).unwrap()),
        ("frozen", Tensor::from([5.0])),
    ];
    let mut all: Vec<_> =
        values.into_iter().map(|(name, value)| (name.to_owned(), Parameter::new(value))).collect();
    all[3].1.set_requires_grad(false);
    all
}

fn named(parameters: &[(String, Parameter<f32>)]) -> impl Iterator<Item = (&str, &Parameter<f32>)> {
    parameters.iter().map(|(name, parameter)| (name.as_str(), parameter))
}

/// A step with gradients that differ from step to step.
fn step(optimizer: &mut impl Optimizer<f32>, parameters: &mut [(String, Parameter<f32>)], number: u32) {
    let mut gradients = Gradients::default();
    for (_, parameter) in &*parameters {
        let wave = |x: f32| (x * 1.7 + number as f32).sin();
        gradients.insert(parameter, parameter.value().map(wave)).unwrap();
    }
    optimizer.step(parameters.iter_mut().map(|(_, parameter)| parameter), &gradients).unwrap();
}

fn bits(parameters: &[(String, Parameter<f32>)]) -> Vec<u32> {
    parameters.iter().flat_map(|(_, p)| p.value().to_vec()).map(f32::to_bits).collect()
}

/// Steps before and after the state has moved to another optimizer, against steps without a break.
fn resumes<O: Optimizer<f32> + Clone>(fresh: &O, names: &[&str]) {
    for before in [0, 1, 3] {
        let (mut whole, mut first) = (parameters(), parameters());
        let (mut unbroken, mut optimizer) = (fresh.clone(), fresh.clone());
        for number in 0..before + 3 {
            step(&mut unbroken, &mut whole, number);
        }
        for number in 0..before {
            step(&mut optimizer, &mut first, number);
        }
        optimizer.set_learning_rate(0.01);
        let state = optimizer.state(named(&first)).unwrap();
        let kept: Vec<&str> = state.parameters["weight"].tensors.keys().map(String::as_str).collect();
        assert_eq!(kept, if before > 0 { names } else { &[] });
        assert!(state.parameters["nothing"].tensors.is_empty());
        assert!(state.parameters["frozen"].tensors.is_empty());

        // Clones of parameters are others, with other ids, as in another process; and in another order.
        let mut second = first.clone();
        let mut resumed = fresh.clone();
        step(&mut resumed, &mut second, 9); // what it remembers is replaced
        second.clone_from(&first);
        resumed.load_state(named(&second).collect::<Vec<_>>().into_iter().rev(), &state).unwrap();
        assert_eq!(resumed.learning_rate(), 0.01);
        assert_eq!(resumed.state(named(&second)).unwrap(), state);
        resumed.set_learning_rate(fresh.learning_rate());
        for number in before..before + 3 {
            step(&mut resumed, &mut second, number);
        }
        assert_eq!(bits(&second), bits(&whole));
    }
}

#[test]
fn an_optimizer_that_takes_the_state_goes_on_with_the_same_bits() {
    resumes(&SGD::new(0.1), &[]);
    resumes(&SGD::new(0.1).momentum(0.9).dampening(0.1), &["momentum_buffer"]);
    resumes(&SGD::new(0.1).momentum(0.9).nesterov(true), &["momentum_buffer"]);
    resumes(&Adam::new(0.1).weight_decay(0.1), &["exp_avg", "exp_avg_sq"]);
    resumes(&Adam::new(0.1).amsgrad(true), &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"]);
    resumes(&AdamW::new(0.1), &["exp_avg", "exp_avg_sq"]);
    resumes(&RMSprop::new(0.1), &["square_avg"]);
    resumes(&RMSprop::new(0.1).centered(true), &["grad_avg", "square_avg"]);
    resumes(&RMSprop::new(0.1).centered(true).momentum(0.5), &["grad_avg", "momentum_buffer", "square_avg"]);
    resumes(&Adagrad::new(0.1).lr_decay(0.3).initial_accumulator_value(0.5), &["sum"]);
}

#[test]
fn a_state_that_does_not_fit_is_refused_by_name_and_changes_nothing() {
    let mut parameters = parameters();
    let mut adam = Adam::new(0.1);
    step(&mut adam, &mut parameters, 0);
    let whole = adam.state(named(&parameters)).unwrap();
    let refused = |change: &dyn Fn(&mut OptimizerState<f32>)| {
        let mut state = whole.clone();
        change(&mut state);
        let mut other = adam.clone();
        let message = other.load_state(named(&parameters), &state).unwrap_err().to_string();
        assert_eq!(other.state(named(&parameters)).unwrap(), whole);
        message
    };
    assert_eq!(
        refused(&|state| state.optimizer = "sgd".to_owned()),
        "load_state: the state is that of sgd, expected that of adam"
    );
    let rename = |state: &mut OptimizerState<f32>| {
        let weight = state.parameters.remove("weight").unwrap();
        state.parameters.insert("wait".to_owned(), weight);
    };
    assert_eq!(
        refused(&rename),
        "load_state: there is no state for weight; there is state for wait, which the optimizer does not keep"
    );
    let rename = |state: &mut OptimizerState<f32>| {
        let tensors = &mut state.parameters.get_mut("weight").unwrap().tensors;
        let largest = tensors.remove("exp_avg").unwrap();
        tensors.insert("max_exp_avg_sq".to_owned(), largest);
    };
    assert_eq!(
        refused(&rename),
        "load_state: there is no state for weight.exp_avg; there is state for weight.max_exp_avg_sq, which the optimizer does not keep"
    );
    let reshape = |state: &mut OptimizerState<f32>| {
        let tensors = &mut state.parameters.get_mut("weight").unwrap().tensors;
        tensors.insert("exp_avg".to_owned(), Tensor::from([0.0; 4]));
    };
    assert_eq!(refused(&reshape), "load_state: weight.exp_avg has shape [4], the parameter [2, 2]");
    let twice = [("w", &parameters[0].1), ("w", &parameters[1].1)];
    assert_eq!(adam.state(twice).unwrap_err().to_string(), "state: two parameters are named w");
    assert_eq!(
        Adam::<f32>::new(0.1).amsgrad(true).load_state(named(&parameters), &whole).unwrap_err().to_string(),
        "load_state: there is no state for bias.max_exp_avg_sq, weight.max_exp_avg_sq"
    );
}
