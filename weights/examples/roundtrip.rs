//! The Rust half of `weights/roundtrip.py`: loads a 2-layer bidirectional LSTM that PyTorch wrote,
//! runs it, and writes another one for PyTorch to load.
//!
//! `cargo run --release -p refrain-weights --example roundtrip -- FOLDER`, where FOLDER holds
//! `from_torch.safetensors` (the weights) and `input.safetensors` (x). It writes `output.safetensors`
//! (y of the loaded model), `from_refrain.safetensors` (weights of another model) and
//! `expected.safetensors` (y of that one).

use std::{error::Error, path::PathBuf, process::ExitCode};

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{LSTM, StateDict};
use refrain_tensor::Tensor;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: roundtrip FOLDER; run weights/roundtrip.py, which calls this");
        return ExitCode::from(2);
    };
    match run(&PathBuf::from(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let lstm = |seed| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        LSTM::<f32>::builder(13, 32).num_layers(2).bidirectional(true).build(&mut rng)
    };
    let input = refrain_weights::from_bytes::<f32>(&std::fs::read(folder.join("input.safetensors"))?)?;
    let x = input.get("x").ok_or("input.safetensors holds no x")?;

    let mut theirs = lstm(1)?;
    refrain_weights::load(folder.join("from_torch.safetensors"), &mut theirs)?;
    write(folder.join("output.safetensors"), outputs(&theirs, x)?)?;

    let ours = lstm(2)?;
    refrain_weights::save(folder.join("from_refrain.safetensors"), &ours)?;
    write(folder.join("expected.safetensors"), outputs(&ours, x)?)
}

fn outputs(lstm: &LSTM<f32>, x: &Tensor<f32>) -> Result<Tensor<f32>, Box<dyn Error>> {
    let tape = Tape::inference();
    Ok(lstm.forward(&tape.constant(x.clone()), None)?.0.into_value())
}

fn write(path: PathBuf, y: Tensor<f32>) -> Result<(), Box<dyn Error>> {
    let state = StateDict::new(vec![("y".to_owned(), y)])?;
    Ok(std::fs::write(path, refrain_weights::to_bytes(&state)?)?)
}
