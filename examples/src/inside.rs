//! What goes on inside a recurrent layer, for a terminal and for a plot: states as bars, and the norms
//! of gradients by step.

use refrain_tensor::{Real, Tensor};

use crate::{
    Result,
    plot::{Axis, Panel, Series, Shape, colors},
    text_table::TextTable,
};

/// A number from −1 to 1 as a bar from a middle line to the left or to the right, nine characters wide.
///
/// ```
/// use refrain_examples::inside::bar;
/// assert_eq!([bar(-0.5), bar(0.125), bar(1.0)], ["  ██|    ", "    |▌   ", "    |████"]);
/// ```
pub fn bar(value: f64) -> String {
    let halves = (value.abs().clamp(0.0, 1.0) * 8.0).round() as usize;
    let full = "█".repeat(halves / 2);
    if value < 0.0 {
        let half = if halves % 2 == 1 { "▐" } else { "" };
        format!("{:>4}|    ", format!("{half}{full}"))
    } else {
        let half = if halves % 2 == 1 { "▌" } else { "" };
        format!("    |{:<4}", format!("{full}{half}"))
    }
}

/// A table of states `[seq, size]`: a row for each step, and for each unit its number and its bar.
///
/// # Errors
/// [`Error::Tensor`](crate::Error::Tensor) where `values` does not have two axes.
pub fn states<T: Real>(steps: &[String], units: &[String], values: &Tensor<T>) -> Result<TextTable> {
    let mut table =
        TextTable::new(["".to_owned()].into_iter().chain(units.iter().map(|unit| format!("{unit}    "))));
    for (t, step) in steps.iter().enumerate() {
        let row = values.select(0, t)?.to_vec();
        let cells = row.into_iter().map(|x| format!("{:+.2} {}", Real::to_f64(x), bar(Real::to_f64(x))));
        table.row([step.clone()].into_iter().chain(cells));
    }
    Ok(table)
}

/// A table of norms: a row for each step, with a bar in proportion to the largest.
pub fn norms(steps: &[String], norms: &[f64]) -> TextTable {
    const WIDTH: f64 = 24.0;
    let largest = norms.iter().copied().fold(0.0, f64::max);
    let mut table = TextTable::new(["", "norm", ""]);
    for (step, norm) in steps.iter().zip(norms) {
        let length = if largest > 0.0 { (norm / largest * WIDTH).round() as usize } else { 0 };
        table.row([step.clone(), format!("{norm:.2e}"), format!("{:<24}", "█".repeat(length))]);
    }
    table
}

/// A line for each unit of states `[seq, size]`.
///
/// # Errors
/// [`Error::Tensor`](crate::Error::Tensor) where `values` does not have two axes.
pub fn states_panel<T: Real>(
    title: impl Into<String>,
    steps: &[String],
    units: &[String],
    values: &Tensor<T>,
) -> Result<Panel> {
    let line = |(k, unit): (usize, &String)| -> Result<Series> {
        let of_unit = values.select(1, k)?;
        let points = of_unit.iter().enumerate().map(|(t, x)| (t as f64, Real::to_f64(x))).collect();
        Ok(Series { label: unit.clone(), color: colors::of(k), shape: Shape::Line, points })
    };
    Ok(Panel {
        title: title.into(),
        x: step_axis(steps),
        y: Axis::new("state", -1.0, 1.0),
        series: units.iter().enumerate().map(line).collect::<Result<_>>()?,
    })
}

/// Norms by step on a logarithmic scale, a line for each row of `lines`: what the legend calls it, and
/// its norms. A norm that has no logarithm is left out.
pub fn norms_panel(title: impl Into<String>, steps: &[String], lines: &[(String, Vec<f64>)]) -> Panel {
    let line = |(k, (label, norms)): (usize, &(String, Vec<f64>))| {
        let logarithms = norms.iter().enumerate().map(|(t, norm)| (t as f64, norm.log10()));
        let points = logarithms.filter(|(_, y)| y.is_finite()).collect();
        Series { label: label.clone(), color: colors::of(k), shape: Shape::Line, points }
    };
    let series: Vec<Series> = lines.iter().enumerate().map(line).collect();
    let exponents = || series.iter().flat_map(|series| &series.points).map(|&(_, y)| y);
    let (low, high) =
        (exponents().fold(f64::INFINITY, f64::min), exponents().fold(f64::NEG_INFINITY, f64::max));
    // Where no norm has a logarithm, there is nothing to scale to.
    let (low, high) = if low <= high { (low, high) } else { (-1.0, 0.0) };
    Panel { title: title.into(), x: step_axis(steps), y: Axis::powers_of_ten("norm", low, high), series }
}

/// An axis with a tick for each step, or for some of many.
fn step_axis(steps: &[String]) -> Axis {
    let every = steps.len().div_ceil(16).max(1);
    let ticks = steps.iter().enumerate().step_by(every).map(|(t, step)| (t as f64, step.clone()));
    Axis::new("step", 0.0, steps.len().saturating_sub(1) as f64).ticks(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn bars_are_nine_wide_and_stop_at_their_ends() {
        for (value, expected) in [
            (0.0, "    |    "),
            (-0.0, "    |    "),
            (0.05, "    |    "),
            (-0.07, "   ▐|    "),
            (0.7, "    |███ "),
            (-0.63, " ▐██|    "),
            (-7.0, "████|    "),
            (f64::NAN, "    |    "),
        ] {
            assert_eq!(bar(value), expected, "{value}");
        }
    }

    #[test]
    fn tables_have_a_row_for_each_step() {
        let steps = names(&["h", "e"]);
        let values = Tensor::from([[0.5, -1.0], [0.0, 0.25]]);
        let table = states(&steps, &names(&["a", "b"]), &values).unwrap().to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[2], "h  +0.50     |██    -1.00 ████|");
        assert_eq!(lines[3], "e  +0.00     |      +0.25     |█");
        let table = norms(&steps, &[1.0, 0.25]).to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!((lines[2].matches('█').count(), lines[3].matches('█').count()), (24, 6));
        assert!(lines[3].starts_with("e  2.50e-1"), "{table}");
        assert!(!norms(&steps, &[0.0, 0.0]).to_string().contains('█'));
    }

    #[test]
    fn panels_show_units_by_step_and_norms_by_their_logarithm() {
        let steps = names(&["h", "e"]);
        let values = Tensor::from([[0.5f32, -1.0], [0.0, 0.25]]);
        let panel = states_panel("states", &steps, &names(&["a", "b"]), &values).unwrap();
        assert_eq!(panel.series[1].points, [(0.0, -1.0), (1.0, 0.25)]);
        assert_eq!(panel.x.ticks, [(0.0, "h".to_owned()), (1.0, "e".to_owned())]);

        let panel = norms_panel("norms", &steps, &[("a".to_owned(), vec![1e-3, 0.0])]);
        assert_eq!(panel.series[0].points, [(0.0, -3.0)]);
        let panel = norms_panel("none", &steps, &[("a".to_owned(), vec![0.0, f64::INFINITY])]);
        assert!(panel.series[0].points.is_empty() && panel.y.low < panel.y.high);
    }
}
