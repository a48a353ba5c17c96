//! What training is made of: kinds optim, clip_grad_norm and schedule.

use refrain_autograd::{Gradients, Parameter};
use refrain_optim::{
    Adagrad, Adam, AdamW, Annealing, CosineAnnealingLR, ExponentialLR, LinearLR, OneCycleLR, Optimizer,
    RMSprop, SGD, Schedule, StepLR, clip_grad_norm as clip,
};
use refrain_tensor::Tensor;

use crate::{
    case_file::Case, compare::Results, error::Result, module_case::widened, options::Options, tensors::Scalar,
};

/// Steps an optimizer with the gradients of the file, however many steps it has.
pub(crate) fn optim<T: Scalar>(case: &mut Case) -> Result<Results> {
    let step = optimizer::<T>(&mut case.options)?;
    let mut parameters = Vec::new();
    for name in case.given.names_under("param.") {
        let value = case.given.required(&format!("param.{name}"))?;
        parameters.push((name, Parameter::<T>::new(value)));
    }
    step(case, &mut parameters)
}

/// Runs an optimizer over all steps of a case.
type Stepping<T> = Box<dyn FnOnce(&mut Case, &mut [(String, Parameter<T>)]) -> Result<Results>>;

/// The optimizer that the options describe; defaults are PyTorch's.
fn optimizer<T: Scalar>(options: &mut Options) -> Result<Stepping<T>> {
    type Maker<T> = fn(&mut Options) -> Result<Stepping<T>>;
    let makers: [(&str, Maker<T>); 5] =
        [("sgd", sgd), ("adam", adam), ("adamw", adamw), ("rmsprop", rmsprop), ("adagrad", adagrad)];
    options.name("sgd, adam, adamw, rmsprop or adagrad", &makers)?(options)
}

fn sgd<T: Scalar>(options: &mut Options) -> Result<Stepping<T>> {
    stepping(
        SGD::new(options.number_or("lr", 1e-3)?)
            .momentum(options.number_or("momentum", 0.0)?)
            .dampening(options.number_or("dampening", 0.0)?)
            .weight_decay(options.number_or("weight_decay", 0.0)?)
            .nesterov(options.flag_or("nesterov", false)?),
    )
}

fn adam<T: Scalar>(options: &mut Options) -> Result<Stepping<T>> {
    let (beta1, beta2) = options.pair_or("betas", (0.9, 0.999))?;
    stepping(
        Adam::new(options.number_or("lr", 1e-3)?)
            .betas(beta1, beta2)
            .eps(options.number_or("eps", 1e-8)?)
            .weight_decay(options.number_or("weight_decay", 0.0)?)
            .amsgrad(options.flag_or("amsgrad", false)?),
    )
}

fn adamw<T: Scalar>(options: &mut Options) -> Result<Stepping<T>> {
    let (beta1, beta2) = options.pair_or("betas", (0.9, 0.999))?;
    stepping(
        AdamW::new(options.number_or("lr", 1e-3)?)
            .betas(beta1, beta2)
            .eps(options.number_or("eps", 1e-8)?)
            .weight_decay(options.number_or("weight_decay", 1e-2)?)
            .amsgrad(options.flag_or("amsgrad", false)?),
    )
}

fn rmsprop<T: Scalar>(options: &mut Options) -> Result<Stepping<T>> {
    stepping(
        RMSprop::new(options.number_or("lr", 1e-2)?)
            .alpha(options.number_or("alpha", 0.99)?)
            .eps(options.number_or("eps", 1e-8)?)
            .weight_decay(options.number_or("weight_decay", 0.0)?)
            .momentum(options.number_or("momentum", 0.0)?)
            .centered(options.flag_or("centered", false)?),
    )
}

fn adagrad<T: Scalar>(options: &mut Options) -> Result<Stepping<T>> {
    stepping(
        Adagrad::new(options.number_or("lr", 1e-2)?)
            .lr_decay(options.number_or("lr_decay", 0.0)?)
            .weight_decay(options.number_or("weight_decay", 0.0)?)
            .initial_accumulator_value(options.number_or("initial_accumulator_value", 0.0)?)
            .eps(options.number_or("eps", 1e-10)?),
    )
}

fn stepping<T: Scalar>(mut optimizer: impl Optimizer<T> + 'static) -> Result<Stepping<T>> {
    Ok(Box::new(move |case, parameters| {
        let mut results = Results::new();
        for step in 0.. {
            let fed = |name: &str| format!("step.{step}.grad.{name}");
            if !parameters.iter().any(|(name, _)| case.given.contains(&fed(name))) {
                break;
            }
            let mut gradients = Gradients::default();
            for (name, parameter) in parameters.iter() {
                let gradient = case.given.of_shape(&fed(name), parameter.value().shape())?;
                gradients.insert(parameter, gradient)?;
            }
            optimizer.step(parameters.iter_mut().map(|(_, parameter)| parameter), &gradients)?;
            for (name, parameter) in parameters.iter() {
                results.insert(format!("step.{step}.param.{name}"), widened(parameter.value()));
            }
        }
        Ok(results)
    }))
}

/// The inputs are gradients; out come the norm before, as a tensor of one element, and the
/// gradients after.
pub(crate) fn clip_grad_norm<T: Scalar>(case: &mut Case) -> Result<Results> {
    let max_norm = case.options.number("max_norm")?;
    let norm_type = case.options.number_or("norm_type", 2.0)?;
    let (mut parameters, mut gradients) = (Vec::new(), Gradients::default());
    for name in case.given.names_under("input.") {
        let gradient: Tensor<T> = case.given.required(&format!("input.{name}"))?;
        let parameter = Parameter::new(Tensor::zeros(gradient.shape())?);
        gradients.insert(&parameter, gradient)?;
        parameters.push((name, parameter));
    }
    let norm = clip(&mut gradients, max_norm, norm_type)?;
    let mut results = Results::from([("output.norm".to_owned(), widened(&Tensor::from([norm])))]);
    for (name, parameter) in &parameters {
        let clipped = gradients.get(parameter);
        results.extend(clipped.map(|gradient| (format!("output.{name}"), widened(gradient))));
    }
    Ok(results)
}

/// One learning rate for each step that the file has.
pub(crate) fn schedule(case: &mut Case) -> Result<Results> {
    type Maker = fn(&mut Options, f64) -> Result<Box<dyn Schedule>>;
    let makers: [(&str, Maker); 5] = [
        ("step", step),
        ("exponential", exponential),
        ("cosine", cosine),
        ("linear", linear),
        ("one_cycle", one_cycle),
    ];
    let make = case.options.name("step, exponential, cosine, linear or one_cycle", &makers)?;
    let learning_rate = case.options.number("lr")?;
    let schedule = make(&mut case.options, learning_rate)?;
    let mut results = Results::new();
    if let Some(expected) = case.expected.get("step.lr") {
        let shape = *expected.value.shape();
        let rates = (0..shape.numel()).map(|step| schedule.learning_rate(step)).collect();
        results.insert("step.lr".to_owned(), Tensor::from_vec(rates, shape)?);
    }
    Ok(results)
}

fn step(options: &mut Options, learning_rate: f64) -> Result<Box<dyn Schedule>> {
    let schedule = StepLR::new(learning_rate, options.size("step_size")?)?;
    Ok(Box::new(schedule.gamma(options.number_or("gamma", 0.1)?)?))
}

fn exponential(options: &mut Options, learning_rate: f64) -> Result<Box<dyn Schedule>> {
    Ok(Box::new(ExponentialLR::new(learning_rate, options.number("gamma")?)?))
}

fn cosine(options: &mut Options, learning_rate: f64) -> Result<Box<dyn Schedule>> {
    let schedule = CosineAnnealingLR::new(learning_rate, options.size("T_max")?)?;
    Ok(Box::new(schedule.eta_min(options.number_or("eta_min", 0.0)?)?))
}

fn linear(options: &mut Options, learning_rate: f64) -> Result<Box<dyn Schedule>> {
    let schedule = LinearLR::new(learning_rate)?
        .start_factor(options.number_or("start_factor", 1.0 / 3.0)?)?
        .end_factor(options.number_or("end_factor", 1.0)?)?
        .total_iters(options.size_or("total_iters", 5)?)?;
    Ok(Box::new(schedule))
}

/// A cycle begins and ends where `max_lr` says, whatever the learning rate was before.
fn one_cycle(options: &mut Options, _: f64) -> Result<Box<dyn Schedule>> {
    let strategies = [("cos", Annealing::Cos), ("linear", Annealing::Linear)];
    let schedule = OneCycleLR::new(options.number("max_lr")?, options.size("total_steps")?)?
        .pct_start(options.number_or("pct_start", 0.3)?)?
        .annealing(options.word("anneal_strategy", "cos or linear", &strategies)?)
        .div_factor(options.number_or("div_factor", 25.0)?)?
        .final_div_factor(options.number_or("final_div_factor", 1e4)?)?
        .three_phase(options.flag_or("three_phase", false)?);
    Ok(Box::new(schedule))
}
