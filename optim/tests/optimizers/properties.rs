//! What holds whatever the numbers: the fused passes equal the formulas, clipping only shrinks,
//! losses fall, and an error changes nothing.

use proptest::prelude::*;
use refrain_autograd::{Gradients, Parameter, Tape};
use refrain_optim::{
    Adagrad, Adam, AdamW, Error, Optimizer, RMSprop, SGD, clip_grad_norm, clip_grad_value, grad_norm,
};
use refrain_tensor::Tensor;

/// Runs an optimizer on one number.
fn trail(mut optimizer: impl Optimizer<f64>, start: f64, gradients: &[f64]) -> Vec<f64> {
    let mut p = Parameter::new(Tensor::from(start));
    let mut step = |&g: &f64| {
        let mut gradients = Gradients::default();
        gradients.insert(&p, Tensor::from(g)).unwrap();
        optimizer.step([&mut p], &gradients).unwrap();
        p.value().item().unwrap()
    };
    gradients.iter().map(&mut step).collect()
}

/// The weighted sum that a running average is, with the newest gradient last.
fn average(keep: f64, gradients: &[f64], power: i32) -> f64 {
    let weights = (0..gradients.len()).rev().map(|age| (1.0 - keep) * keep.powi(age as i32));
    weights.zip(gradients).map(|(weight, g)| weight * g.powi(power)).sum()
}

fn close(found: &[f64], expected: &[f64]) -> bool {
    found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-11 * (1.0 + b.abs()))
}

fn gradient() -> impl Strategy<Value = f64> {
    prop_oneof![0.01..10.0, -10.0..-0.01]
}

proptest! {
    #[test]
    fn momentum_is_a_sum_of_past_gradients(
        start in -5.0..5.0, gradients in prop::collection::vec(gradient(), 1..12),
        momentum in 0.01..0.99f64, nesterov: bool,
    ) {
        let mut p = start;
        let expected: Vec<f64> = (1..=gradients.len()).map(|t| {
            let sum: f64 = (0..t).map(|s| momentum.powi((t - 1 - s) as i32) * gradients[s]).sum();
            p -= 0.1 * if nesterov { gradients[t - 1] + momentum * sum } else { sum };
            p
        }).collect();
        let found = trail(SGD::new(0.1).momentum(momentum).nesterov(nesterov), start, &gradients);
        prop_assert!(close(&found, &expected), "{found:?}\n{expected:?}");
    }

    #[test]
    fn adam_divides_unbiased_averages(
        start in -5.0..5.0, gradients in prop::collection::vec(gradient(), 1..12),
        beta1 in 0.0..0.99, beta2 in 0.0..0.9999, decay in 0.0..0.5,
    ) {
        let mut p = start;
        let expected: Vec<f64> = (1..=gradients.len()).map(|t| {
            let mean = average(beta1, &gradients[..t], 1) / (1.0 - beta1.powi(t as i32));
            let square = average(beta2, &gradients[..t], 2) / (1.0 - beta2.powi(t as i32));
            p = p * (1.0 - 0.1 * decay) - 0.1 * mean / (square.sqrt() + 1e-3);
            p
        }).collect();
        let adamw = AdamW::new(0.1).betas(beta1, beta2).eps(1e-3).weight_decay(decay);
        let found = trail(adamw, start, &gradients);
        prop_assert!(close(&found, &expected), "{found:?}\n{expected:?}");
        if decay == 0.0 {
            prop_assert_eq!(trail(Adam::new(0.1).betas(beta1, beta2).eps(1e-3), start, &gradients), found);
        }
    }

    #[test]
    fn amsgrad_never_divides_by_less_than_before(
        start in -5.0..5.0, gradients in prop::collection::vec(gradient(), 1..12),
        beta1 in 0.0..0.99, beta2 in 0.0..0.9999,
    ) {
        let (mut p, mut largest) = (start, 0.0f64);
        let expected: Vec<f64> = (1..=gradients.len()).map(|t| {
            largest = largest.max(average(beta2, &gradients[..t], 2));
            let mean = average(beta1, &gradients[..t], 1) / (1.0 - beta1.powi(t as i32));
            p -= 0.1 * mean / ((largest / (1.0 - beta2.powi(t as i32))).sqrt() + 1e-3);
            p
        }).collect();
        let found = trail(Adam::new(0.1).betas(beta1, beta2).eps(1e-3).amsgrad(true), start, &gradients);
        prop_assert!(close(&found, &expected), "{found:?}\n{expected:?}");
    }

    #[test]
    fn rmsprop_divides_by_size_or_spread(
        start in -5.0..5.0, gradients in prop::collection::vec(gradient(), 1..12),
        alpha in 0.1..0.99, momentum in prop_oneof![Just(0.0), 0.1..0.9], centered: bool,
    ) {
        let (mut p, mut velocity) = (start, 0.0);
        let expected: Vec<f64> = (1..=gradients.len()).map(|t| {
            let mean = if centered { average(alpha, &gradients[..t], 1) } else { 0.0 };
            let variance = average(alpha, &gradients[..t], 2) - mean * mean;
            velocity = momentum * velocity + gradients[t - 1] / (variance.sqrt() + 0.5);
            p -= 0.1 * velocity;
            p
        }).collect();
        let rmsprop = RMSprop::new(0.1).alpha(alpha).momentum(momentum).centered(centered).eps(0.5);
        let found = trail(rmsprop, start, &gradients);
        prop_assert!(close(&found, &expected), "{found:?}\n{expected:?}");
    }

    #[test]
    fn adagrad_divides_by_all_gradients_so_far(
        start in -5.0..5.0, gradients in prop::collection::vec(gradient(), 1..12),
        lr_decay in 0.0..1.0, initial in 0.0..2.0f64,
    ) {
        let mut p = start;
        let expected: Vec<f64> = (1..=gradients.len()).map(|t| {
            let sum: f64 = initial + gradients[..t].iter().map(|g| g * g).sum::<f64>();
            p -= 0.1 / (1.0 + (t - 1) as f64 * lr_decay) * gradients[t - 1] / sum.sqrt();
            p
        }).collect();
        let adagrad = Adagrad::new(0.1).lr_decay(lr_decay).initial_accumulator_value(initial).eps(0.0);
        let found = trail(adagrad, start, &gradients);
        prop_assert!(close(&found, &expected), "{found:?}\n{expected:?}");
    }

    #[test]
    fn an_element_is_updated_alike_wherever_it_stands(
        values in prop::collection::vec((-5.0..5.0, gradient()), 1..40),
    ) {
        fn together(mut optimizer: impl Optimizer<f64>, values: &[(f64, f64)]) -> Vec<f64> {
            let (start, g): (Vec<f64>, Vec<f64>) = values.iter().copied().unzip();
            let mut p = Parameter::new(Tensor::from_vec(start, [values.len()]).unwrap());
            let mut gradients = Gradients::default();
            gradients.insert(&p, Tensor::from_vec(g, [values.len()]).unwrap()).unwrap();
            for _ in 0..3 {
                optimizer.step([&mut p], &gradients).unwrap();
            }
            p.value().to_vec()
        }
        macro_rules! alike {
            ($optimizer:expr) => {
                let alone = values.iter().map(|&(p, g)| trail($optimizer, p, &[g; 3])[2]);
                prop_assert_eq!(together($optimizer, &values), alone.collect::<Vec<_>>());
            };
        }
        alike!(SGD::new(0.1).momentum(0.9).weight_decay(0.1));
        alike!(Adam::new(0.1).amsgrad(true).weight_decay(0.1));
        alike!(RMSprop::new(0.1).centered(true).momentum(0.5));
        alike!(Adagrad::new(0.1).lr_decay(0.1));
    }

    #[test]
    fn clipping_scales_down_to_the_limit_and_never_up(
        parts in prop::collection::vec(prop::collection::vec(-100.0..100.0, 1..20), 1..5),
        max_norm in 0.0..200.0, p in prop_oneof![Just(1.0), Just(2.0), Just(f64::INFINITY), 0.5..4.0],
    ) {
        let mut gradients = Gradients::default();
        for part in &parts {
            let g = Tensor::from_vec(part.clone(), [part.len()]).unwrap();
            gradients.insert(&Parameter::new(g.clone()), g).unwrap();
        }
        let before: Vec<f64> = parts.concat();
        let norm = clip_grad_norm(&mut gradients, max_norm, p).unwrap();
        let after: Vec<f64> = gradients.iter().flat_map(|(_, g)| g.to_vec()).collect();

        let clipped = grad_norm(&gradients, p).unwrap();
        prop_assert!(clipped <= norm && clipped <= max_norm * (1.0 + 1e-12));
        prop_assert!(clipped >= norm.min(max_norm) - 1e-6 * (1.0 + 1e-6));
        let factor = (max_norm / (norm + 1e-6)).min(1.0);
        prop_assert_eq!(after, before.iter().map(|g| g * factor).collect::<Vec<_>>());

        clip_grad_value(&mut gradients, max_norm / 7.0).unwrap();
        prop_assert!(grad_norm(&gradients, f64::INFINITY).unwrap() <= max_norm / 7.0);
    }
}

fn converges(name: &str, mut optimizer: impl Optimizer<f32>, steps: usize) {
    let (target, scale) = (Tensor::from([[1.0, -2.0], [0.5, 4.0]]), Tensor::from([1.0, 3.0]));
    let (mut w, mut b) = (Parameter::new(Tensor::zeros([2, 2]).unwrap()), Parameter::new(Tensor::from(3.0)));
    let mut loss_at_end = f32::INFINITY;
    for _ in 0..steps {
        let tape = Tape::new();
        let off = tape.parameter(&w).sub(&tape.constant(target.clone())).unwrap();
        let square = off.square().mul(&tape.constant(scale.clone())).unwrap().sum(..).unwrap();
        let loss = square.add(&tape.parameter(&b).square()).unwrap();
        optimizer.step([&mut w, &mut b], &loss.backward().unwrap()).unwrap();
        loss_at_end = loss.value().item().unwrap();
    }
    assert!(loss_at_end < 1e-3, "{name}: {loss_at_end}");
}

#[test]
fn every_optimizer_finds_the_bottom_of_a_bowl() {
    converges("sgd", SGD::new(0.1), 100);
    converges("momentum", SGD::new(0.02).momentum(0.9), 200);
    converges("nesterov", SGD::new(0.02).momentum(0.9).nesterov(true), 200);
    converges("adam", Adam::new(0.1), 400);
    converges("amsgrad", Adam::new(0.1).amsgrad(true), 400);
    converges("adamw", AdamW::new(0.1).weight_decay(1e-4), 400);
    converges("rmsprop", RMSprop::new(0.005), 1500);
    converges("centered", RMSprop::new(0.005).centered(true).momentum(0.5), 1500);
    converges("adagrad", Adagrad::new(1.0), 300);
}

#[test]
fn options_out_of_range_are_refused_before_anything_changes() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let mut p = Parameter::new(Tensor::from([1.0, 2.0]));
    let mut gradients = Gradients::default();
    gradients.insert(&p, Tensor::from([1.0, 1.0])).unwrap();
    macro_rules! refused {
        ($($optimizer:expr => $message:expr,)*) => {$(
            let error = $optimizer.step([&mut p], &gradients).unwrap_err();
            assert_eq!(error.to_string(), $message);
        )*};
    }
    refused! {
        SGD::new(-0.1) => "sgd: learning_rate is -0.1, expected a finite number of at least 0",
        SGD::new(0.1).momentum(-0.5) => "sgd: momentum is -0.5, expected a finite number of at least 0",
        SGD::new(0.1).dampening(nan) => "sgd: dampening is NaN, expected a finite number",
        SGD::new(0.1).weight_decay(inf) => "sgd: weight_decay is inf, expected a finite number of at least 0",
        SGD::new(0.1).nesterov(true) =>
            "sgd: nesterov needs a momentum above 0 and a dampening of 0, found momentum 0 and dampening 0",
        SGD::new(0.1).momentum(0.9).dampening(0.5).nesterov(true) =>
            "sgd: nesterov needs a momentum above 0 and a dampening of 0, found momentum 0.9 and dampening 0.5",
        Adam::new(inf) => "adam: learning_rate is inf, expected a finite number of at least 0",
        Adam::new(0.1).betas(1.0, 0.9) => "adam: betas.0 is 1, expected at least 0 and below 1",
        Adam::new(0.1).betas(0.9, nan) => "adam: betas.1 is NaN, expected at least 0 and below 1",
        Adam::new(0.1).eps(-1.0) => "adam: eps is -1, expected a finite number of at least 0",
        Adam::new(0.1).weight_decay(-1.0) => "adam: weight_decay is -1, expected a finite number of at least 0",
        AdamW::new(nan) => "adamw: learning_rate is NaN, expected a finite number of at least 0",
        RMSprop::new(nan) => "rmsprop: learning_rate is NaN, expected a finite number of at least 0",
        RMSprop::new(0.1).alpha(1.5) => "rmsprop: alpha is 1.5, expected from 0 to 1",
        RMSprop::new(0.1).eps(-1.0) => "rmsprop: eps is -1, expected a finite number of at least 0",
        RMSprop::new(0.1).weight_decay(nan) =>
            "rmsprop: weight_decay is NaN, expected a finite number of at least 0",
        RMSprop::new(0.1).momentum(-1.0) => "rmsprop: momentum is -1, expected a finite number of at least 0",
        Adagrad::new(-1.0) => "adagrad: learning_rate is -1, expected a finite number of at least 0",
        Adagrad::new(0.1).lr_decay(-1.0) => "adagrad: lr_decay is -1, expected a finite number of at least 0",
        Adagrad::new(0.1).weight_decay(-1.0) =>
            "adagrad: weight_decay is -1, expected a finite number of at least 0",
        Adagrad::new(0.1).initial_accumulator_value(-1.0) =>
            "adagrad: initial_accumulator_value is -1, expected a finite number of at least 0",
        Adagrad::new(0.1).eps(nan) => "adagrad: eps is NaN, expected a finite number of at least 0",
    }
    let mut optimizer = Adam::new(0.1);
    optimizer.set_learning_rate(-3.0);
    refused! { optimizer => "adam: learning_rate is -3, expected a finite number of at least 0", }
    assert_eq!(*p.value(), Tensor::from([1.0, 2.0]));
}

#[test]
fn a_missing_gradient_leaves_every_parameter_and_the_state_as_they_were() {
    fn check(mut optimizer: impl Optimizer<f64> + Clone) {
        let (mut p, mut q) = (Parameter::new(Tensor::from([1.0, 2.0])), Parameter::new(Tensor::from(3.0)));
        let mut gradients = Gradients::default();
        gradients.insert(&p, Tensor::from([1.0, -1.0])).unwrap();
        let mut untroubled = optimizer.clone();
        let error = optimizer.step([&mut p, &mut q], &gradients).unwrap_err();
        assert!(matches!(error, Error::NoGradient { position: 1, .. }), "{error}");
        assert_eq!((p.value(), q.value()), (&Tensor::from([1.0, 2.0]), &Tensor::from(3.0)));

        // Frozen, the parameter needs no gradient, and stays; the failed step left no trace.
        q.set_requires_grad(false);
        optimizer.step([&mut p, &mut q], &gradients).unwrap();
        assert_eq!(q.value(), &Tensor::from(3.0));
        let after = p.value().clone();
        p.set(Tensor::from([1.0, 2.0])).unwrap();
        untroubled.step([&mut p], &gradients).unwrap();
        assert_eq!(p.value(), &after);
        assert_ne!(after, Tensor::from([1.0, 2.0]));
    }
    check(SGD::new(0.1).momentum(0.9).dampening(0.5));
    check(Adam::new(0.1).amsgrad(true));
    check(AdamW::new(0.1));
    check(RMSprop::new(0.1).momentum(0.9).centered(true));
    check(Adagrad::new(0.1).lr_decay(0.5));
}

#[test]
fn a_value_held_elsewhere_stays() {
    let mut p = Parameter::new(Tensor::from([1.0, 2.0]));
    let held = p.value().clone();
    let mut gradients = Gradients::default();
    gradients.insert(&p, Tensor::from([1.0, -1.0])).unwrap();
    SGD::new(0.5).step([&mut p], &gradients).unwrap();
    assert_eq!((held, p.value()), (Tensor::from([1.0, 2.0]), &Tensor::from([0.5, 2.5])));
}

#[test]
fn options_can_change_between_steps() {
    let mut p = Parameter::new(Tensor::from([1.0, 2.0]));
    let mut gradients = Gradients::default();
    gradients.insert(&p, Tensor::from([1.0, -1.0])).unwrap();
    let mut optimizer = SGD::new(0.5);
    optimizer.step([&mut p], &gradients).unwrap();
    optimizer = optimizer.momentum(0.5);
    for _ in 0..2 {
        optimizer.step([&mut p], &gradients).unwrap();
    }
    // 0.5 without momentum, 0.5 with a buffer that starts, 0.75 with one that goes on.
    assert_eq!(*p.value(), Tensor::from([1.0 - 1.75, 2.0 + 1.75]));
}
