//! Gradient clipping, by norm and by value.

use refrain_autograd::Gradients;
use refrain_tensor::{
    Real,
    kernels::update::{change, fold_chunks},
};

use crate::{Result, elements::FEW, options::check, terms::maximum};

/// Scales all gradients by one factor so that their norm, taken over all of them together, is at
/// most `max_norm`. Returns the norm before.
///
/// The norm is that of [`grad_norm`]. The factor is `max_norm / (norm + 1e-6)`, at most 1, as in
/// PyTorch: gradients never grow, and those at the limit shrink by a millionth.
/// `f64::INFINITY` as `max_norm` measures alone.
///
/// As in PyTorch with `error_if_nonfinite=False`, a norm of ∞ makes finite gradients 0 and
/// infinite ones NaN, and a norm of NaN makes all of them NaN. Whoever would rather skip such a
/// step looks at the norm that is returned.
///
/// # Errors
/// [`Error::Option`](crate::Error::Option) where `max_norm` is negative or NaN, or `norm_type` is
/// not above 0.
///
/// ```
/// use refrain_autograd::{Gradients, Parameter};
/// use refrain_optim::clip_grad_norm;
/// use refrain_tensor::Tensor;
/// let (w, b) = (Parameter::new(Tensor::from([0.0, 0.0])), Parameter::new(Tensor::from(0.0)));
/// let mut gradients = Gradients::default();
/// gradients.insert(&w, Tensor::from([1.0, -2.0]))?;
/// gradients.insert(&b, Tensor::from(2.0))?;
/// assert_eq!(clip_grad_norm(&mut gradients, 1.5, 2.0)?, 3.0);
/// assert!((gradients.get(&b).unwrap().item()? - 1.0_f64).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn clip_grad_norm<T: Real>(gradients: &mut Gradients<T>, max_norm: f64, norm_type: f64) -> Result<T> {
    check("clip_grad_norm", "max_norm", max_norm).not_negative()?;
    check("clip_grad_norm", "norm_type", norm_type).positive()?;
    let norm = norm(gradients, norm_type);
    let factor = max_norm / (norm + 1e-6);
    // A factor of NaN has to reach the gradients, so this asks what need not be scaled.
    let within = factor >= 1.0;
    if !within {
        gradients.scale(T::from_f64(factor));
    }
    Ok(T::from_f64(norm))
}

/// The p-norm of all gradients together, with p = `norm_type` above 0: (Σ |g|ᵖ)^(1/p), or the
/// largest |g| for `f64::INFINITY`. 0 without gradients.
///
/// The sum is in `f64` and its order is fixed.
///
/// # Errors
/// [`Error::Option`](crate::Error::Option) where `norm_type` is not above 0.
pub fn grad_norm<T: Real>(gradients: &Gradients<T>, norm_type: f64) -> Result<T> {
    check("grad_norm", "norm_type", norm_type).positive()?;
    Ok(T::from_f64(norm(gradients, norm_type)))
}

/// Moves every gradient that is beyond ±`limit` to the limit. NaN stays NaN.
///
/// # Errors
/// [`Error::Option`](crate::Error::Option) where `limit` is negative or NaN.
///
/// ```
/// use refrain_autograd::{Gradients, Parameter};
/// use refrain_optim::clip_grad_value;
/// use refrain_tensor::Tensor;
/// let w = Parameter::new(Tensor::from([0.0, 0.0, 0.0]));
/// let mut gradients = Gradients::default();
/// gradients.insert(&w, Tensor::from([0.5, -3.0, 7.0]))?;
/// clip_grad_value(&mut gradients, 1.0)?;
/// assert_eq!(gradients.get(&w), Some(&Tensor::from([0.5, -1.0, 1.0])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn clip_grad_value<T: Real>(gradients: &mut Gradients<T>, limit: f64) -> Result<()> {
    check("clip_grad_value", "limit", limit).not_negative()?;
    let limit = T::from_f64(limit);
    for (_, gradient) in gradients.iter_mut() {
        change(gradient.as_mut_slice(), |chunk| {
            for g in chunk {
                *g = if *g > limit {
                    limit
                } else if *g < -limit {
                    -limit
                } else {
                    *g
                };
            }
        });
    }
    Ok(())
}

fn norm<T: Real>(gradients: &Gradients<T>, p: f64) -> f64 {
    match p {
        1.0 => folded(gradients, |sum, g| sum + g, |sum, g| sum + g.abs()),
        2.0 => folded(gradients, |sum, g| sum + g, |sum, g| sum + g * g).sqrt(),
        f64::INFINITY => folded(gradients, maximum, |largest, g| maximum(largest, g.abs())),
        _ => folded(gradients, |sum, g| sum + g, |sum, g| sum + g.abs().powf(p)).powf(p.recip()),
    }
}

/// Folds all gradients from 0: chunks of them into lanes, and the lanes in order.
fn folded<T: Real>(
    gradients: &Gradients<T>,
    join: impl Fn(f64, f64) -> f64,
    fold: impl Fn(f64, f64) -> f64 + Sync,
) -> f64 {
    let mut total = 0.0;
    for (_, gradient) in gradients.iter() {
        let gradient = gradient.to_slice();
        if gradient.len() < FEW {
            total = lanes(&gradient, &fold).into_iter().fold(total, &join);
            continue;
        }
        let chunks = fold_chunks(
            &gradient,
            #[inline(always)] // into code for the widest vectors
            |chunk| lanes(chunk, &fold),
        );
        total = chunks.into_iter().flatten().fold(total, &join);
    }
    total
}

/// Folds a chunk from 0 in eight lanes side by side, so that no addition waits for the one before.
#[inline(always)]
fn lanes<T: Real>(chunk: &[T], fold: impl Fn(f64, f64) -> f64) -> [f64; 8] {
    let (rows, rest) = chunk.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for row in rows {
        lanes.iter_mut().zip(row).for_each(|(lane, &g)| *lane = fold(*lane, Real::to_f64(g)));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &g)| *lane = fold(*lane, Real::to_f64(g)));
    lanes
}

#[cfg(test)]
mod tests {
    use refrain_autograd::Parameter;
    use refrain_tensor::Tensor;

    use super::*;

    fn gradients_of(parts: &[&[f64]]) -> (Vec<Parameter<f64>>, Gradients<f64>) {
        let mut gradients = Gradients::default();
        let parameters = parts.iter().map(|part| {
            let value = Tensor::from_vec(part.to_vec(), [part.len()]).unwrap();
            let parameter = Parameter::new(value.clone());
            gradients.insert(&parameter, value).unwrap();
            parameter
        });
        (parameters.collect(), gradients)
    }

    fn values(gradients: &Gradients<f64>) -> Vec<f64> {
        gradients.iter().flat_map(|(_, g)| g.to_vec()).collect()
    }

    // torch.linalg.vector_norm(torch.tensor(g).double(), p), for each p
    #[test]
    fn norms_are_those_of_pytorch() {
        let g: Vec<f64> = (0..21).map(|i| f64::from(i * i % 11) / 8.0 - 0.75).collect();
        let cases = [
            (1.0, 7.875),
            (2.0, 1.9324531042175384),
            (3.0, 1.2741151107229207),
            (0.5, 154.1806994694543),
            (f64::INFINITY, 0.75),
        ];
        let (_, gradients) = gradients_of(&[&g[..9], &g[9..9], &g[9..11], &g[11..]]);
        for (p, expected) in cases {
            let found = grad_norm(&gradients, p).unwrap();
            assert!((found - expected).abs() < 1e-14 * expected, "{p}: {found}");
        }
    }

    #[test]
    fn gradients_within_the_limit_keep_their_bits() {
        let (_, mut gradients) = gradients_of(&[&[0.1, -0.7], &[0.3]]);
        let before = values(&gradients);
        for (max_norm, p) in [(1.0, 2.0), (f64::INFINITY, 1.0), (0.8, f64::INFINITY)] {
            clip_grad_norm(&mut gradients, max_norm, p).unwrap();
            assert_eq!(values(&gradients), before);
        }
        let (_, mut none) = gradients_of(&[]);
        assert_eq!(clip_grad_norm(&mut none, 0.0, 2.0), Ok(0.0));
    }

    #[test]
    fn a_norm_that_is_not_finite_spreads_as_in_pytorch() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for p in [1.0, 2.0, 3.0, inf] {
            let (_, mut gradients) = gradients_of(&[&[1.0], &[-inf, 2.0]]);
            assert_eq!(clip_grad_norm(&mut gradients, 1.0, p), Ok(inf));
            let found = values(&gradients);
            assert!(found[0] == 0.0 && found[1].is_nan() && found[2] == 0.0, "{p}: {found:?}");

            let (_, mut gradients) = gradients_of(&[&[1.0], &[nan, 2.0]]);
            assert!(clip_grad_norm(&mut gradients, 1.0, p).unwrap().is_nan());
            assert!(values(&gradients).iter().all(|g| g.is_nan()), "{p}");
        }
    }

    #[test]
    fn values_are_clamped_and_nan_stays() {
        let (_, mut gradients) = gradients_of(&[&[-0.5, 0.5, f64::INFINITY], &[-9.0, f64::NAN]]);
        clip_grad_value(&mut gradients, 0.5).unwrap();
        let found = values(&gradients);
        assert_eq!(found[..4], [-0.5, 0.5, 0.5, -0.5]);
        assert!(found[4].is_nan());
    }

    #[test]
    fn limits_out_of_range_are_refused() {
        let (_, mut gradients) = gradients_of(&[&[1.0]]);
        let cases = [
            (
                clip_grad_norm(&mut gradients, -1.0, 2.0).unwrap_err(),
                "clip_grad_norm: max_norm is -1, expected at least 0",
            ),
            (
                clip_grad_norm(&mut gradients, 1.0, 0.0).unwrap_err(),
                "clip_grad_norm: norm_type is 0, expected a number above 0, or infinity",
            ),
            (
                grad_norm(&gradients, f64::NAN).unwrap_err(),
                "grad_norm: norm_type is NaN, expected a number above 0, or infinity",
            ),
            (
                clip_grad_value(&mut gradients, -0.1).unwrap_err(),
                "clip_grad_value: limit is -0.1, expected at least 0",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
        assert_eq!(values(&gradients), [1.0]);
    }
}
