//! [`Curve`]: how a training went, in its checkpoint and as a picture.

use refrain_train::Checkpoint;

use crate::{
    plot::{Axis, Panel, Series, Shape, colors},
    program::Fallible,
};

/// What a validation found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// After how many steps or epochs.
    pub at: u64,
    /// The loss while the model learned, since the validation before.
    pub training: f64,
    /// The metric on the validation part.
    pub validation: f64,
}

/// All validations of a training, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve(pub Vec<Point>);

/// Where a checkpoint keeps it.
const CURVE: &str = "curve";

impl Curve {
    /// Keeps it in a checkpoint.
    pub fn save(&self, checkpoint: &mut Checkpoint<f32>) {
        let line = |point: &Point| format!("{} {} {}\n", point.at, point.training, point.validation);
        checkpoint.set_entry(CURVE, self.0.iter().map(line).collect::<String>());
    }

    /// The curve in a checkpoint, with the same bits.
    ///
    /// # Errors
    /// Where there is none.
    pub fn load(checkpoint: &Checkpoint<f32>) -> Fallible<Self> {
        let text: String = checkpoint.entry(CURVE)?;
        let points = text.lines().map(point).collect::<Option<_>>();
        Ok(Self(points.ok_or("the checkpoint's curve is no curve")?))
    }

    /// Both lines in a panel, over what `x` counts. Points that are no numbers are left out.
    pub fn panel(&self, title: &str, x: &str, y: &str) -> Panel {
        self.lines(title, (x, y), &[("training", |point| point.training), VALIDATION])
    }

    /// The line of the validation alone, for a metric that is no loss.
    pub fn validation_panel(&self, title: &str, x: &str, y: &str) -> Panel {
        self.lines(title, (x, y), &[VALIDATION])
    }

    fn lines(&self, title: &str, (x, y): (&str, &str), lines: &[Line]) -> Panel {
        let series = |&(label, value): &Line| {
            let points = self.0.iter().map(|point| (point.at as f64, value(point)));
            let color = if label == VALIDATION.0 { colors::BLUE } else { colors::GRAY };
            let points = points.filter(|(_, height)| height.is_finite()).collect();
            Series { label: label.to_owned(), color, shape: Shape::Line, points }
        };
        let series: Vec<Series> = lines.iter().map(series).collect();
        let heights = series.iter().flat_map(|line| line.points.iter().map(|&(_, height)| height));
        let (low, high) =
            heights.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), y| (low.min(y), high.max(y)));
        let low = if low.is_finite() { 0.9 * low } else { 0.0 };
        let last = self.0.last().map_or(1.0, |point| point.at as f64);
        Panel {
            title: title.to_owned(),
            x: Axis::new(x, 0.0, last),
            y: Axis::new(y, low, 1.05 * high),
            series,
        }
    }
}

/// A line's label, and its height at a point.
type Line = (&'static str, fn(&Point) -> f64);

const VALIDATION: Line = ("validation", |point| point.validation);

fn point(line: &str) -> Option<Point> {
    let mut numbers = line.split(' ');
    let at = numbers.next()?.parse().ok()?;
    let [training, validation] = [numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?];
    Some(Point { at, training, validation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::Parameter;
    use refrain_tensor::Tensor;

    #[test]
    fn a_curve_comes_back_with_its_bits_and_is_drawn_where_it_is_finite() {
        let mut checkpoint = Checkpoint::new("one number", &Parameter::new(Tensor::from([0f32])));
        assert!(Curve::load(&checkpoint).is_err());
        let numbers = [(1, 0.1 + 0.2, 1e-300), (2, f64::INFINITY, 2.5), (4, 0.5, 2.0)];
        let points = numbers.map(|(at, training, validation)| Point { at, training, validation });
        let curve = Curve(points.to_vec());
        curve.save(&mut checkpoint);
        let checkpoint = Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap();
        assert_eq!(Curve::load(&checkpoint).unwrap(), curve);
        let Panel { x, y, series, .. } = curve.panel("how it went", "epochs", "loss");
        assert_eq!((x.high, y.high), (4.0, 1.05 * 2.5));
        assert_eq!(series.iter().map(|line| line.points.len()).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(curve.validation_panel("", "", "").series.len(), 1);
        assert_eq!(point("1 2"), None);
    }
}
