//! The Rust half of `nn/benches/conv_torch.py`: for each layer that it is given, prints the times of
//! a forward pass, and of a forward and a backward pass, in microseconds.
//!
//! `cargo run --release -p refrain-nn --example conv_step -- Conv2d,16,32,3,1,1,1,1,16,56,56`
//!
//! A layer is given as its kind, input channels, output channels, kernel size, stride, padding, dilation,
//! groups, and then the batch and the sizes of the input. Of the numbers between the input channels and
//! the batch, `MaxPool2d` and `AvgPool2d` have kernel size, stride and padding.

use std::{error::Error, time::Instant};

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_nn::{AvgPool2d, Conv1d, Conv2d, MaxPool2d};
use refrain_tensor::{Shape, Tensor};

type Output<'t> = Result<Var<'t, f32>, refrain_nn::Error>;

fn main() -> Result<(), Box<dyn Error>> {
    for layer in std::env::args().skip(1) {
        let (kind, numbers) = layer.split_once(',').unwrap_or((&layer, ""));
        let numbers = numbers.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        let [inputs, outputs, kernel, stride, padding, dilation, groups, batch, ref sizes @ ..] = numbers[..]
        else {
            return Err(format!("expected a kind and at least 9 numbers, found {layer}").into());
        };
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let shape = Shape::new(&[&[batch, inputs], sizes].concat())?;
        let x = Tensor::normal(shape, 0.0, 1.0, &mut rng)?;
        macro_rules! time_convolution {
            ($layer:ident) => {{
                let conv = $layer::builder(inputs, outputs, kernel).stride(stride).padding(padding);
                let conv = conv.dilation(dilation).groups(groups).build(&mut rng)?;
                time(&x, |x| conv.forward(x))?;
            }};
        }
        macro_rules! time_pooling {
            ($layer:ident) => {{
                let pool = $layer::builder(kernel).stride(stride).padding(padding).build()?;
                time(&x, |x| pool.forward(x))?;
            }};
        }
        match kind {
            "Conv1d" => time_convolution!(Conv1d),
            "Conv2d" => time_convolution!(Conv2d),
            "MaxPool2d" => time_pooling!(MaxPool2d),
            "AvgPool2d" => time_pooling!(AvgPool2d),
            _ => return Err(format!("expected Conv1d, Conv2d, MaxPool2d or AvgPool2d, found {kind}").into()),
        }
    }
    Ok(())
}

/// Prints both times of a layer, each the median of some rounds.
fn time(
    x: &Tensor<f32>,
    forward: impl for<'t> Fn(&Var<'t, f32>) -> Output<'t>,
) -> Result<(), Box<dyn Error>> {
    let there = || -> Result<(), Box<dyn Error>> {
        let tape = Tape::inference();
        std::hint::black_box(forward(&tape.constant(x.clone()))?);
        Ok(())
    };
    let cotangent = Tensor::ones(forward(&Tape::inference().constant(x.clone()))?.shape())?;
    let back = || -> Result<(), Box<dyn Error>> {
        let tape = Tape::new();
        let y = forward(&tape.variable(x.clone()))?;
        std::hint::black_box(y.backward_with(cotangent.clone())?);
        Ok(())
    };
    println!("{:.1} {:.1}", median(there)?, median(back)?);
    Ok(())
}

fn median(step: impl Fn() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut rounds = Vec::new();
    for _ in 0..11 {
        let steps = 10;
        let start = Instant::now();
        for _ in 0..steps {
            step()?;
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(steps));
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[rounds.len() / 2])
}
