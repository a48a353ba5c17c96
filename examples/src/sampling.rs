//! Draws from what a model says of the next class.

/// A class by its probability softmax(logits / temperature) among the `top_k` likeliest, or all: the one at
/// which the sum of the probabilities, from the likeliest on, passes `chance`, a number of at least 0 and
/// below 1. A temperature of 0 takes the likeliest. `None` where there are no classes.
///
/// ```
/// use refrain_examples::sampling::draw;
/// let logits = [0.0, 1.0, -2.0];
/// assert_eq!(draw(&logits, 1.0, None, 0.0), Some(1));
/// assert_eq!(draw(&logits, 1.0, Some(2), 0.99), Some(0));
/// ```
pub fn draw(logits: &[f32], temperature: f64, top_k: Option<usize>, chance: f64) -> Option<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a])); // stable: equal ones stay in order
    let count = if temperature == 0.0 { 1 } else { top_k.unwrap_or(order.len()) };
    order.truncate(count);
    let (last, others) = order.split_last()?;
    let largest = f64::from(logits[order[0]]);
    let weight = |&class: &usize| ((f64::from(logits[class]) - largest) / temperature).exp();
    let mut left = chance * order.iter().map(weight).sum::<f64>();
    for class in others {
        left -= weight(class);
        if left < 0.0 {
            return Some(*class);
        }
    }
    Some(*last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_follows_the_probabilities() {
        let logits = [0.0, 2f32.ln(), f32::NEG_INFINITY, 0.0]; // 1/4, 1/2, 0, 1/4
        let cases = [
            (1.0, None, 0.0, 1),
            (1.0, None, 0.49, 1),
            (1.0, None, 0.51, 0),
            (1.0, None, 0.76, 3),
            (1.0, Some(2), 0.66, 1),
            (1.0, Some(2), 0.99, 0),
            (0.0, None, 0.99, 1),
            (0.5, None, 0.66, 1), // 1/6, 4/6, 0, 1/6
            (0.5, None, 0.67, 0),
            (1.0, Some(99), 0.76, 3),
        ];
        for (temperature, top_k, chance, expected) in cases {
            let found = draw(&logits, temperature, top_k, chance);
            assert_eq!(found, Some(expected), "{temperature} {top_k:?} {chance}");
        }
        assert_eq!(draw(&[], 1.0, None, 0.5), None);
    }
}
