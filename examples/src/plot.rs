//! Panels of lines and marks, as an SVG file.
//!
//! A [`Panel`] is data: two axes and some series. [`svg`] draws panels below each other, each with
//! its title and its legend above it, where they hide nothing. [`write()`] puts a file in its place
//! at once, so that nobody ever sees half of it.

use std::{ops::Range, path::Path};

use plotters::{
    coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use refrain_weights::write_atomically;

use crate::{Error, Result};

/// Colors that people with any kind of color vision tell apart (Okabe and Ito, 2008), and pale ones
/// for the background.
pub mod colors {
    use plotters::style::RGBColor;

    /// A strong blue.
    pub const BLUE: RGBColor = RGBColor(0, 114, 178);
    /// An orange red.
    pub const VERMILION: RGBColor = RGBColor(213, 94, 0);
    /// A bluish green.
    pub const GREEN: RGBColor = RGBColor(0, 158, 115);
    /// A reddish purple.
    pub const PURPLE: RGBColor = RGBColor(204, 121, 167);
    /// An orange.
    pub const ORANGE: RGBColor = RGBColor(230, 159, 0);
    /// A light blue.
    pub const SKY: RGBColor = RGBColor(86, 180, 233);
    /// For what only stands beside the rest.
    pub const GRAY: RGBColor = RGBColor(110, 110, 110);
    /// For bands behind lines.
    pub const PALE_BLUE: RGBColor = RGBColor(205, 227, 243);

    /// The color of the k-th of several lines; they repeat after seven.
    pub fn of(k: usize) -> RGBColor {
        [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GRAY][k % 7]
    }
}

/// A coordinate system with a title, and what is drawn in it.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What the panel shows.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, from the back to the front.
    pub series: Vec<Series>,
}

/// One axis: its range, and where it is marked.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// Where it starts.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// The places with a grid line, and what is written there.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis from `low` to `high` with four to ten ticks at round numbers.
    pub fn new(label: impl Into<String>, low: f64, high: f64) -> Self {
        // A range of nothing still needs a width to be drawn in.
        let high = if high > low { high } else { low + 1.0 };
        let (step, decimals) = round_step(high - low);
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let tick = |k: i64| (k as f64 * step, format!("{:.decimals$}", k as f64 * step));
        Self { label: label.into(), low, high, ticks: (first..=last).map(tick).collect() }
    }

    /// A logarithmic axis: places on it are logarithms to the base 10, and at most nine ticks stand at
    /// whole powers. It begins and ends at one.
    pub fn powers_of_ten(label: impl Into<String>, low: f64, high: f64) -> Self {
        let (low, high) = (low.floor(), high.ceil().max(low.floor() + 1.0));
        let every = ((high - low) / 8.0).ceil() as usize;
        let ticks = (low as i64..=high as i64).filter(|k| k.rem_euclid(every as i64) == 0);
        let ticks = ticks.map(|k| (k as f64, format!("1e{k}"))).collect();
        Self { label: label.into(), low, high, ticks }
    }

    /// The same axis with other ticks.
    pub fn ticks(self, ticks: impl IntoIterator<Item = (f64, String)>) -> Self {
        Self { ticks: ticks.into_iter().collect(), ..self }
    }
}

/// An axis tells the plotting library where its ticks are, and what is written there.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (start, end): (i32, i32)) -> i32 {
        let part = (place - self.low) / (self.high - self.low);
        start + (part * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == place).map_or_else(String::new, |(_, text)| text.clone())
    }
}

/// One, two or five of a power of ten, four to ten of which fit into `range`; and the decimals that
/// show it.
fn round_step(range: f64) -> (f64, usize) {
    let power = (range / 4.0).log10().floor();
    let factor =
        [5.0, 2.0].into_iter().find(|factor| factor * 10f64.powf(power) <= range / 4.0).unwrap_or(1.0);
    (factor * 10f64.powf(power), (-power).max(0.0) as usize)
}

/// Something drawn into a panel.
#[derive(Clone, Debug)]
pub struct Series {
    /// What the legend calls it.
    pub label: String,
    /// Its color.
    pub color: RGBColor,
    /// What its points mean.
    pub shape: Shape,
    /// Its points, (x, y).
    pub points: Vec<(f64, f64)>,
}

/// What the points of a series mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A line through the points.
    Line,
    /// A thin, broken line through the points.
    Dashes,
    /// The area that the points go round.
    Area,
    /// A band from the foot to the top of the panel for each point, from its x to x + 1.
    Bands,
}

/// The height of the title and the legend of a panel, in pixels.
const HEAD: u32 = 62;

/// The size of a panel that has a file to itself, in pixels.
const ALONE: (u32, u32) = (900, 420);

/// The color of titles and labels.
pub(crate) const INK: RGBColor = RGBColor(40, 40, 40);

/// The panels below each other, each `size` = (width, height) pixels, as the text of an SVG file.
///
/// # Errors
/// [`Error::Draw`].
pub fn svg(panels: &[Panel], size: (u32, u32)) -> Result<String> {
    let mut text = String::new();
    {
        let rows = panels.len().max(1);
        let root = SVGBackend::with_string(&mut text, (size.0, size.1 * rows as u32)).into_drawing_area();
        root.fill(&WHITE)?;
        for (panel, area) in panels.iter().zip(root.split_evenly((rows, 1))) {
            panel.draw(&area)?;
        }
        root.present()?;
    }
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

impl Panel {
    fn draw(&self, area: &Area<'_>) -> Result<()> {
        let (head, body) = area.split_vertically(HEAD);
        let title = TextStyle::from(("sans-serif", 19)).color(&INK).pos(Pos::new(HPos::Left, VPos::Top));
        head.draw_text(&self.title, &title, (22, 12))?;
        self.draw_legend(&head)?;

        let mut chart = ChartBuilder::on(&body)
            .margin_left(12)
            .margin_right(26)
            .margin_bottom(12)
            .margin_top(4)
            .x_label_area_size(46)
            .y_label_area_size(58)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let (first, last): (Vec<&Series>, Vec<&Series>) =
            self.series.iter().partition(|series| matches!(series.shape, Shape::Bands | Shape::Area));
        for behind in first {
            if behind.shape == Shape::Area {
                let area = Polygon::new(behind.points.clone(), behind.color.filled());
                chart.draw_series([area])?;
                continue;
            }
            let (low, high) = (self.y.low, self.y.high);
            let band =
                |&(x, _): &(f64, f64)| Rectangle::new([(x, low), (x + 1.0, high)], behind.color.filled());
            chart.draw_series(behind.points.iter().map(band))?;
        }
        chart
            .configure_mesh()
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .label_style(("sans-serif", 14).into_font().color(&INK))
            .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
            .bold_line_style(RGBColor(90, 90, 90).mix(0.18))
            .light_line_style(TRANSPARENT)
            .axis_style(RGBColor(90, 90, 90))
            .draw()?;
        for line in last {
            let points = line.points.iter().copied();
            if line.shape == Shape::Dashes {
                chart.draw_series(DashedLineSeries::new(points, 6, 4, line.color.stroke_width(1)))?;
            } else {
                chart.draw_series(LineSeries::new(points, line.color.stroke_width(2)))?;
            }
        }
        Ok(())
    }

    fn draw_legend(&self, head: &Area<'_>) -> Result<()> {
        let style = TextStyle::from(("sans-serif", 14)).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let (mut x, y) = (22, HEAD as i32 - 16);
        for Series { label, color, shape, .. } in &self.series {
            let end = x + 24;
            match shape {
                Shape::Line => head.draw(&PathElement::new([(x, y), (end, y)], color.stroke_width(3)))?,
                Shape::Dashes => {
                    for k in 0..3 {
                        let dash = [(x + 9 * k, y), (x + 9 * k + 6, y)];
                        head.draw(&PathElement::new(dash, color.stroke_width(2)))?;
                    }
                }
                Shape::Bands | Shape::Area => {
                    head.draw(&Rectangle::new([(x, y - 7), (end, y + 7)], color.filled()))?
                }
            }
            head.draw_text(label, &style, (end + 7, y))?;
            x = end + 34 + 13 * label.chars().count() as i32 / 2;
        }
        Ok(())
    }
}

/// Writes a file that shows one panel alone, as [`write()`] does.
///
/// # Errors
/// [`Error::Draw`] and [`Error::File`].
pub fn write_panel(path: &Path, panel: Panel) -> Result<()> {
    write(path, &svg(&[panel], ALONE)?)
}

/// Writes a text to a file in a folder that is there, as an
/// [`OutputFolder`](crate::program::OutputFolder) is. The file appears whole or not at all, as
/// [`refrain_weights::write_atomically`] says.
///
/// # Errors
/// [`Error::File`].
pub fn write(path: &Path, text: &str) -> Result<()> {
    write_atomically(path, text.as_bytes()).map_err(|error| Error::File(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn ticks_are_round_numbers_within_the_axis() {
        let cases: [(f64, f64, &[&str]); 5] = [
            (0.0, 1.0, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (0.53, 0.69, &["0.54", "0.56", "0.58", "0.60", "0.62", "0.64", "0.66", "0.68"]),
            (1.0, 60.0, &["10", "20", "30", "40", "50", "60"]),
            (-3.0, 3.0, &["-3", "-2", "-1", "0", "1", "2", "3"]),
            (0.0, 20000.0, &["0", "5000", "10000", "15000", "20000"]),
        ];
        for (low, high, expected) in cases {
            let axis = Axis::new("", low, high);
            let texts: Vec<&str> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, expected, "{low} to {high}");
        }
        assert!(Axis::new("", 2.0, 2.0).high > 2.0);
    }

    #[test]
    fn a_logarithmic_axis_is_marked_at_whole_powers() {
        let cases: [(f64, f64, &[&str]); 3] = [
            (-2.5, 0.4, &["1e-3", "1e-2", "1e-1", "1e0", "1e1"]),
            (2.0, 2.0, &["1e2", "1e3"]),
            (-18.2, 9.9, &["1e-16", "1e-12", "1e-8", "1e-4", "1e0", "1e4", "1e8"]),
        ];
        for (low, high, expected) in cases {
            let axis = Axis::powers_of_ten("", low, high);
            let texts: Vec<&str> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, expected, "{low} to {high}");
            assert!(axis.low <= low && high <= axis.high && axis.low < axis.high);
        }
    }

    fn panel() -> Panel {
        let points = vec![(0.0, 0.5), (1.0, 0.25)];
        let series = |label: &str, shape| Series {
            label: label.to_owned(),
            color: colors::BLUE,
            shape,
            points: points.clone(),
        };
        Panel {
            title: "Rain & shine".to_owned(),
            x: Axis::new("day", 0.0, 2.0).ticks([(0.0, "first".to_owned())]),
            y: Axis::new("probability", 0.0, 1.0),
            series: vec![
                series("wet", Shape::Bands),
                series("likely", Shape::Area),
                series("guess", Shape::Line),
                series("month", Shape::Dashes),
            ],
        }
    }

    #[test]
    fn an_svg_shows_what_the_panels_say() {
        let text = svg(&[panel(), panel()], (400, 300)).unwrap();
        assert!(text.starts_with("<svg width=\"400\" height=\"600\""), "{}", &text[..60]);
        assert!(text.trim_end().ends_with("</svg>"));
        for word in ["Rain &amp; shine", "first", "day", "probability", "wet", "likely", "guess", "month"] {
            assert_eq!(text.matches(&format!("\n{word}\n")).count(), 2, "{word} in {text}");
        }
        assert_eq!(text, svg(&[panel(), panel()], (400, 300)).unwrap());
    }

    #[test]
    fn a_file_is_there_in_full_with_nothing_beside_it() {
        let folder = std::env::temp_dir().join(format!("refrain-plot-{}", std::process::id()));
        let path = folder.join("deep/plot.svg");
        fs::create_dir_all(folder.join("deep")).unwrap();
        for text in ["first", "second"] {
            write(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.join("deep")).unwrap().count(), 1);
        // A folder stands where the file should go, then a file where the folder should.
        assert!(write(&folder.join("deep"), "x").unwrap_err().to_string().starts_with("cannot write "));
        assert!(write(&path.join("below.svg"), "x").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
