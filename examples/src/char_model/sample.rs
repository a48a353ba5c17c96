//! Text that the model writes.

use clap::Args;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_data::Vocabulary;

use super::CharModel;
use crate::{
    program::{Fallible, positive},
    sampling::draw,
};

/// How many characters a message holds.
const MOST_SHOWN: usize = 200;

/// What to write.
#[derive(Args, Clone, Debug)]
pub struct Sampling {
    /// What the model is to continue [default: a new line, or the model's first character]
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// How many characters it writes
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub length: usize,
    /// 0 takes the likeliest character, 1 draws as the model says, more is bolder
    #[arg(long, value_name = "X", default_value_t = 0.8, allow_negative_numbers = true)]
    pub temperature: f64,
    /// Draw from the K likeliest characters alone [default: from all]
    #[arg(long, value_name = "K", value_parser = positive())]
    pub top_k: Option<usize>,
    /// The seed of the draws
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
}

/// Gives `show` the prompt, and then each character as it is drawn, until that says no.
///
/// # Errors
/// A temperature or a prompt that will not do, and those of `show`.
pub fn sample(
    model: &CharModel,
    vocabulary: &Vocabulary,
    options: &Sampling,
    mut show: impl FnMut(char) -> Fallible<bool>,
) -> Fallible<()> {
    if !options.temperature.is_finite() || options.temperature < 0.0 {
        return Err(
            format!("--temperature is {}, expected a number of at least 0", options.temperature).into()
        );
    }
    // A text of one line has no new line to begin with.
    let first = if vocabulary.index(&'\n').is_ok() { Some(&'\n') } else { vocabulary.tokens().first() };
    let prompt = options.prompt.clone().unwrap_or_else(|| first.into_iter().collect());
    if prompt.is_empty() {
        return Err("--prompt is empty: the model needs a character to continue".into());
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
    let mut writer = model.writer()?;
    let mut logits: &[f32] = &[];
    for letter in prompt.chars() {
        let unknown = |_| {
            let known: String = vocabulary.tokens().iter().take(MOST_SHOWN).collect();
            let more = if vocabulary.len() > MOST_SHOWN { " and more" } else { "" };
            format!("--prompt: {letter:?} is not a character of the model, which knows {known:?}{more}")
        };
        logits = writer.read(vocabulary.index(&letter).map_err(unknown)?)?;
    }
    for letter in prompt.chars() {
        if !show(letter)? {
            return Ok(());
        }
    }
    for _ in 0..options.length {
        let chance = rng.random();
        let letter = draw(logits, options.temperature, options.top_k, chance)
            .ok_or("the model knows no characters")?;
        if !show(*vocabulary.token(letter)?)? {
            break;
        }
        logits = writer.read(letter)?;
    }
    Ok(())
}
