//! How surprised a model of text was.

use std::f64::consts::LN_2;

/// The perplexity exp(L / N) of N tokens whose negative log likelihoods add up to L nats: a model
/// that is as unsure as if k tokens were equally likely has the perplexity k. NaN for no tokens.
///
/// L is what a cross entropy with a sum for its reduction gives; with a mean, L is the mean times N.
///
/// ```
/// use refrain_metrics::perplexity;
/// let nats = 8.0 * 27f64.ln(); // eight letters, each one of 27 that are equally likely
/// assert!((perplexity(nats, 8) - 27.0).abs() < 1e-12);
/// assert!(perplexity(0.0, 0).is_nan());
/// ```
pub fn perplexity(nats: f64, tokens: u64) -> f64 {
    (nats / tokens as f64).exp()
}

/// The bits L / (N ln 2) that a model needs for each of N characters whose negative log likelihoods
/// add up to L nats: what an arithmetic coder would write that has the model's probabilities. NaN
/// for no characters.
///
/// L may be a sum over tokens of another kind (bytes, words), as long as N counts the characters.
///
/// ```
/// use refrain_metrics::bits_per_character;
/// let nats = 8.0 * 32f64.ln(); // eight letters, each one of 32 that are equally likely
/// assert!((bits_per_character(nats, 8) - 5.0).abs() < 1e-12);
/// ```
pub fn bits_per_character(nats: f64, characters: u64) -> f64 {
    nats / (characters as f64 * LN_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_to_the_bits_is_the_perplexity() {
        for (nats, tokens) in [(3.5, 2), (0.0, 5), (1e3, 7)] {
            let (found, expected) = (bits_per_character(nats, tokens).exp2(), perplexity(nats, tokens));
            assert!((found - expected).abs() <= 1e-12 * expected, "{nats} {tokens}");
        }
        assert!(bits_per_character(0.0, 0).is_nan());
        assert_eq!(perplexity(f64::INFINITY, 3), f64::INFINITY);
    }
}
