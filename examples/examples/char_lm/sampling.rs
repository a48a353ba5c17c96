//! Text that the model writes.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_data::Vocabulary;
use refrain_examples::{char_model::CharModel, program::Fallible, sampling::draw};

use crate::options::SampleOptions;

/// How many characters a message holds.
const MOST_SHOWN: usize = 200;

/// Gives `show` the prompt, and then each character as it is drawn, until that says no.
pub(crate) fn sample(
    model: &CharModel,
    vocabulary: &Vocabulary,
    options: &SampleOptions,
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
