//! Tensors printed as PyTorch prints them.

use std::fmt::{self, Write as _};

use crate::{Element, Tensor};

/// Above this many elements only the edges of each axis are printed.
const SUMMARISE_ABOVE: usize = 1000;
/// How many elements stay at each edge of a summarised axis.
const EDGE: usize = 3;
/// Where a line is broken, in characters.
const WIDTH: usize = 80;

/// How numbers of one tensor are written, so that they line up.
enum Style {
    /// Integers, and booleans as `True` and `False`.
    Plain,
    /// Floats that are all whole: `3.`.
    Whole,
    /// Floats with a fixed number of decimals: `3.1416`.
    Fixed(usize),
    /// Floats of very different sizes: `3.1416e+00`.
    Scientific(usize),
}

/// Prints as PyTorch does: rows in brackets, aligned columns, four decimals or as many as the
/// format asks for (`{:.2}`), large tensors summarised. The element type follows unless it is
/// f32, or i64 or bool and not empty.
///
/// ```
/// use refrain_tensor::Tensor;
/// let t = Tensor::from([[1.0f32, -2.5], [0.125, 3.0]]);
/// assert_eq!(t.to_string(), "tensor([[ 1.0000, -2.5000],\n        [ 0.1250,  3.0000]])");
/// assert_eq!(format!("{t:.1}"), "tensor([[ 1.0, -2.5],\n        [ 0.1,  3.0]])");
/// ```
impl<T: Element> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Shown::new(self, f.precision().unwrap_or(4));
        let mut text = String::from("tensor(");
        shown.write(&mut text, self, self.numel() > SUMMARISE_ABOVE)?;
        if self.is_empty() && *self.shape() != [0] {
            let sizes: Vec<String> = self.shape().iter().map(usize::to_string).collect();
            write!(text, ", size=({})", sizes.join(", "))?;
        }
        // Elements show whether they are numbers or booleans; an empty tensor has none to show it.
        let evident: &[&str] = if self.is_empty() { &["f32"] } else { &["f32", "i64", "bool"] };
        if !evident.contains(&T::DTYPE) {
            write!(text, ", dtype={}", T::DTYPE)?;
        }
        f.write_str(&text)?;
        f.write_str(")")
    }
}

/// The same text as `Display`, so that a failed assertion is readable.
impl<T: Element> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The style and width that the printed elements of a tensor share.
struct Shown {
    style: Style,
    width: usize,
}

impl Shown {
    fn new<T: Element>(tensor: &Tensor<T>, decimals: usize) -> Self {
        let mut elements = Vec::new();
        if !tensor.is_empty() {
            collect_shown(tensor, tensor.numel() > SUMMARISE_ABOVE, &mut elements);
        }
        let floats = elements.iter().map(as_float).collect::<Option<Vec<f64>>>();
        let style = floats.map_or(Style::Plain, |floats| float_style(&floats, decimals));
        let mut shown = Self { style, width: 1 };
        // Zeros, infinities and NaN do not widen the columns, even where they stick out of them.
        let counts = |x: &&T| as_float(*x).is_none_or(|x| x.is_finite() && x != 0.0);
        shown.width = elements.iter().filter(counts).map(|x| shown.element(x).len()).max().unwrap_or(1);
        shown
    }

    fn element<T: Element>(&self, x: &T) -> String {
        let Some(value) = as_float(x) else {
            return match as_bool(x) {
                Some(true) => "True".into(),
                Some(false) => "False".into(),
                None => format!("{x:?}"),
            };
        };
        match self.style {
            _ if value.is_nan() => "nan".into(),
            _ if value.is_infinite() => if value > 0.0 { "inf" } else { "-inf" }.into(),
            Style::Plain => format!("{x:?}"),
            Style::Whole => format!("{value:.0}."),
            Style::Fixed(decimals) => format!("{value:.decimals$}"),
            Style::Scientific(decimals) => {
                // Rust writes 1.5e-7 where C, and so PyTorch, writes 1.5e-07.
                let text = format!("{value:.decimals$e}");
                let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let exponent: i32 = exponent.parse().unwrap_or(0);
                format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
            }
        }
    }

    fn write<T: Element>(&self, text: &mut String, tensor: &Tensor<T>, summarise: bool) -> fmt::Result {
        let indent = "tensor(".len();
        match tensor.rank() {
            0 => text.push_str(&tensor.iter().map(|x| self.element(&x)).collect::<String>()),
            _ if tensor.is_empty() => text.push_str("[]"),
            rank => self.write_axis(text, tensor, indent + 1, rank, summarise)?,
        }
        Ok(())
    }

    fn write_axis<T: Element>(
        &self,
        text: &mut String,
        tensor: &Tensor<T>,
        indent: usize,
        rank: usize,
        summarise: bool,
    ) -> fmt::Result {
        let items = shown_indices(tensor.shape()[0], summarise);
        text.push('[');
        if rank == 1 {
            let a_line = ((WIDTH + 1).saturating_sub(indent) / (self.width + 2)).max(1);
            for (k, item) in items.iter().enumerate() {
                if k > 0 {
                    text.push(',');
                    text.push_str(&if k % a_line == 0 { format!("\n{:indent$}", "") } else { " ".into() });
                }
                match item.and_then(|i| tensor.get(&[i])) {
                    Some(x) => write!(text, "{:>width$}", self.element(&x), width = self.width)?,
                    None => text.push_str(" ..."),
                }
            }
        } else {
            for (k, item) in items.iter().enumerate() {
                if k > 0 {
                    write!(text, ",{:\n<1$}{2:indent$}", "", rank - 1, "")?;
                }
                match item.map(|i| tensor.select(0, i)) {
                    Some(Ok(part)) => self.write_axis(text, &part, indent + 1, rank - 1, summarise)?,
                    _ => text.push_str("..."),
                }
            }
        }
        text.push(']');
        Ok(())
    }
}

/// The indices of an axis that are printed; `None` stands for those left out.
fn shown_indices(size: usize, summarise: bool) -> Vec<Option<usize>> {
    if summarise && size > 2 * EDGE {
        (0..EDGE).map(Some).chain([None]).chain((size - EDGE..size).map(Some)).collect()
    } else {
        (0..size).map(Some).collect()
    }
}

fn collect_shown<T: Element>(tensor: &Tensor<T>, summarise: bool, into: &mut Vec<T>) {
    if tensor.rank() == 0 {
        into.extend(tensor.iter());
        return;
    }
    for i in shown_indices(tensor.shape()[0], summarise).into_iter().flatten() {
        if let Ok(part) = tensor.select(0, i) {
            collect_shown(&part, summarise, into);
        }
    }
}

/// A float's value; `None` for elements of another kind.
fn as_float<T: Element>(x: &T) -> Option<f64> {
    let x: &dyn std::any::Any = x;
    x.downcast_ref::<f32>().map(|&x| f64::from(x)).or_else(|| x.downcast_ref::<f64>().copied())
}

/// A boolean's value; `None` for elements of another kind.
fn as_bool<T: Element>(x: &T) -> Option<bool> {
    let x: &dyn std::any::Any = x;
    x.downcast_ref::<bool>().copied()
}

/// PyTorch's rule, over the values that are finite and not 0: a wide range of sizes, or an extreme
/// one, turns scientific; else whole numbers lose their decimals.
fn float_style(values: &[f64], decimals: usize) -> Style {
    let counted = || values.iter().copied().filter(|x| x.is_finite() && *x != 0.0);
    let (smallest, largest) =
        counted().map(f64::abs).fold((f64::INFINITY, 0.0f64), |(low, high), x| (low.min(x), high.max(x)));
    // Without a value that counts, both comparisons are false and the fraction is 0.
    if largest / smallest > 1000.0 || largest > 1e8 || smallest < 1e-4 {
        Style::Scientific(decimals)
    } else if counted().all(|x| x.fract() == 0.0) {
        Style::Whole
    } else {
        Style::Fixed(decimals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_styles_are_pytorchs() {
        let cases = [
            (Tensor::from([1.0f32, 2.0]).to_string(), "tensor([1., 2.])"),
            (Tensor::from([1.5f32, -10.0]).to_string(), "tensor([  1.5000, -10.0000])"),
            (Tensor::from([1e-7f32, 1.0]).to_string(), "tensor([1.0000e-07, 1.0000e+00])"),
            (Tensor::from([0.1f32, 200.0]).to_string(), "tensor([1.0000e-01, 2.0000e+02])"),
            (
                Tensor::from([f32::NAN, f32::NEG_INFINITY, 0.5]).to_string(),
                "tensor([   nan,   -inf, 0.5000])",
            ),
            (Tensor::from([1.0f32, 2000.0]).to_string(), "tensor([1.0000e+00, 2.0000e+03])"),
            (Tensor::from([1.0f32, 1000.0]).to_string(), "tensor([   1., 1000.])"),
            (Tensor::from([1e8f32]).to_string(), "tensor([100000000.])"),
            (Tensor::from([0.0f32, f32::NAN]).to_string(), "tensor([0., nan])"),
            (Tensor::from([1.0f32, f32::NAN, -200.0]).to_string(), "tensor([   1.,   nan, -200.])"),
            (Tensor::from([1e10f32, f32::INFINITY]).to_string(), "tensor([1.0000e+10,        inf])"),
            (Tensor::from([0.0f32, -0.0, 1.5]).to_string(), "tensor([0.0000, -0.0000, 1.5000])"),
            (Tensor::<f32>::zeros([1 << 40, 0]).unwrap().to_string(), "tensor([], size=(1099511627776, 0))"),
            (Tensor::from([1i64, -20]).to_string(), "tensor([  1, -20])"),
            (Tensor::from([true, false]).to_string(), "tensor([ True, False])"),
            (Tensor::from(2.5f64).to_string(), "tensor(2.5000, dtype=f64)"),
            (Tensor::from([[0usize; 0]; 3]).to_string(), "tensor([], size=(3, 0), dtype=usize)"),
            (Tensor::from([0.0f32; 0]).to_string(), "tensor([])"),
            (Tensor::from([true; 0]).to_string(), "tensor([], dtype=bool)"),
            (Tensor::from([[[1i64, 2]], [[3, 4]]]).to_string(), "tensor([[[1, 2]],\n\n        [[3, 4]]])"),
        ];
        for (text, expected) in cases {
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn large_tensors_are_summarised() {
        let row = Tensor::<i64>::arange(2000).unwrap();
        assert_eq!(row.to_string(), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])");
        let table = row.reshape([200, 10]).unwrap().to_string();
        assert!(table.starts_with("tensor([[   0,    1,    2,  ...,    7,    8,    9],\n"), "{table}");
        assert!(table.contains("],\n        ...,\n        ["), "{table}");
        assert_eq!(table.lines().count(), 7);
    }

    #[test]
    fn long_rows_break_and_stay_aligned() {
        let text = Tensor::<i64>::arange(60).unwrap().to_string();
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("        18, 19"), "{text}");
        // A line may reach the last column: 12 booleans of width 4 after 9 columns.
        let text = Tensor::from([[true; 13]]).to_string();
        assert_eq!((text.lines().next().unwrap().len(), text.lines().count()), (80, 2), "{text}");
    }
}
