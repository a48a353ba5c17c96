//! The bits of a step and of a norm: the same for any number of threads, and in large parameters as
//! in small ones.

use refrain_autograd::{Gradients, Parameter};
use refrain_optim::{
    Adagrad, Adam, AdamW, Optimizer, RMSprop, SGD, clip_grad_norm, clip_grad_value, grad_norm,
};
use refrain_tensor::Tensor;

const COUNT: usize = 200_000;

/// Parameters of `length` elements each, `COUNT` together, and gradients; the numbers do not depend
/// on the length.
fn model(length: usize) -> (Vec<Parameter<f32>>, Gradients<f32>) {
    let number = |k: usize, salt: usize| (k * salt % 2003) as f32 / 777.0 - 1.3;
    let tensor = |first: usize, salt| {
        Tensor::from_vec((first..first + length).map(|k| number(k, salt)).collect(), [length]).unwrap()
    };
    let mut gradients = Gradients::default();
    let parameters = (0..COUNT).step_by(length).map(|first| {
        let parameter = Parameter::new(tensor(first, 911));
        gradients.insert(&parameter, tensor(first, 389)).unwrap();
        parameter
    });
    (parameters.collect(), gradients)
}

fn bits<'a>(tensors: impl IntoIterator<Item = &'a Tensor<f32>>) -> Vec<u32> {
    tensors.into_iter().flat_map(Tensor::to_vec).map(f32::to_bits).collect()
}

fn within_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn a_step_has_the_same_bits_for_any_number_of_threads_and_any_size_of_parameter() {
    fn after_steps(mut optimizer: impl Optimizer<f32>, length: usize) -> Vec<u32> {
        let (mut parameters, gradients) = model(length);
        for _ in 0..3 {
            optimizer.step(&mut parameters, &gradients).unwrap();
        }
        bits(parameters.iter().map(Parameter::value))
    }
    fn check(name: &str, optimizer: impl Optimizer<f32> + Clone + Send) {
        let expected = after_steps(optimizer.clone(), 100);
        assert_ne!(expected, bits(model(COUNT).0.iter().map(Parameter::value)), "{name} moves nothing");
        for threads in [1, 2, 7] {
            let optimizer = optimizer.clone();
            let found = within_threads(threads, || after_steps(optimizer, COUNT));
            assert!(found == expected, "{name} with {threads} threads");
        }
    }
    check("sgd", SGD::new(0.1).weight_decay(0.1));
    check("momentum", SGD::new(0.1).momentum(0.9).dampening(0.3));
    check("nesterov", SGD::new(0.1).momentum(0.9).nesterov(true));
    check("adam", Adam::new(0.1).weight_decay(0.1));
    check("amsgrad", Adam::new(0.1).amsgrad(true));
    check("adamw", AdamW::new(0.1));
    check("rmsprop", RMSprop::new(0.1));
    check("rmsprop with momentum", RMSprop::new(0.1).momentum(0.9));
    check("rmsprop, centered", RMSprop::new(0.1).centered(true));
    check("rmsprop, centered, with momentum", RMSprop::new(0.1).centered(true).momentum(0.9));
    check("adagrad", Adagrad::new(0.1).lr_decay(0.1));
}

#[test]
fn norms_and_clipped_gradients_have_the_same_bits_for_any_number_of_threads() {
    let clipped = |p: f64| {
        let mut gradients = model(COUNT).1;
        let norm = clip_grad_norm(&mut gradients, 0.5, p).unwrap();
        clip_grad_value(&mut gradients, 1e-3).unwrap();
        (norm.to_bits(), bits(gradients.iter().map(|(_, g)| g)))
    };
    for p in [1.0, 2.0, 3.0, f64::INFINITY] {
        let expected = within_threads(1, || clipped(p));
        for threads in [2, 7] {
            assert!(within_threads(threads, || clipped(p)) == expected, "norm {p} with {threads} threads");
        }
        let (whole, parts) = (model(COUNT).1, model(100).1);
        let [whole, parts] = [whole, parts].map(|gradients| grad_norm(&gradients, p).unwrap());
        assert!((whole / parts - 1.0).abs() < 1e-6, "norm {p}: {whole} of a whole, {parts} of its parts");
    }
}
