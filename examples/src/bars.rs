//! Groups of horizontal bars, as an SVG file.
//!
//! A [`Group`] is a heading and some rows; each row has a label and a bar for each of the
//! [`Measure`]s, which all groups share. The longest bar of a measure is as long as there is room,
//! unless its [`Measure::full`] is more.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{Result, plot::INK};

/// What a bar shows.
#[derive(Clone, Debug)]
pub struct Measure {
    /// What the legend calls it.
    pub label: String,
    /// The color of its bars.
    pub color: RGBColor,
    /// The value whose bar is as long as there is room.
    pub full: f64,
}

/// Rows under a heading.
#[derive(Clone, Debug)]
pub struct Group {
    /// The heading.
    pub title: String,
    /// The rows, from the top.
    pub rows: Vec<Row>,
}

/// A label and its bars.
#[derive(Clone, Debug)]
pub struct Row {
    /// What the bars belong to.
    pub label: String,
    /// For each measure a value from 0, and what is written behind its bar.
    pub bars: Vec<(f64, String)>,
}

const BAR: i32 = 13;
const GAP: i32 = 9;
const HEADING: i32 = 36;
const HEAD: i32 = 78;
const LABELS: i32 = 190;
/// Room behind the longest bar for what is written there.
const VALUES: i32 = 110;
const MARGIN: i32 = 22;

/// The groups below each other under one title, `width` pixels wide, as the text of an SVG file.
///
/// # Errors
/// [`Error::Draw`](crate::Error::Draw).
pub fn svg(title: &str, measures: &[Measure], groups: &[Group], width: u32) -> Result<String> {
    let row_height = measures.len() as i32 * BAR + GAP;
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
    let height = HEAD + groups.len() as i32 * HEADING + rows as i32 * row_height + MARGIN;
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (width, height as u32)).into_drawing_area();
        root.fill(&WHITE)?;
        let style = |size: i32, across| {
            TextStyle::from(("sans-serif", size)).color(&INK).pos(Pos::new(across, VPos::Center))
        };
        root.draw_text(title, &style(19, HPos::Left), (MARGIN, 24))?;
        let mut x = MARGIN;
        for Measure { label, color, .. } in measures {
            root.draw(&Rectangle::new([(x, 47), (x + 24, 47 + BAR)], color.filled()))?;
            root.draw_text(label, &style(14, HPos::Left), (x + 31, 47 + BAR / 2))?;
            x += 60 + 13 * label.chars().count() as i32 / 2;
        }
        let room = f64::from(width as i32 - 2 * MARGIN - LABELS - VALUES);
        let (left, mut y) = (MARGIN + LABELS, HEAD);
        for Group { title, rows } in groups {
            root.draw_text(title, &style(16, HPos::Left), (MARGIN, y + HEADING / 2 - 2))?;
            y += HEADING;
            for Row { label, bars } in rows {
                let middle = y + (row_height - GAP) / 2;
                root.draw_text(label, &style(14, HPos::Right), (left - 9, middle))?;
                for (k, ((value, written), measure)) in bars.iter().zip(measures).enumerate() {
                    let top = y + k as i32 * BAR;
                    let part = if measure.full > 0.0 { (value / measure.full).clamp(0.0, 1.0) } else { 0.0 };
                    let end = left + (room * part).round() as i32;
                    root.draw(&Rectangle::new([(left, top), (end, top + BAR - 2)], measure.color.filled()))?;
                    root.draw_text(written, &style(12, HPos::Left), (end + 6, top + BAR / 2 - 1))?;
                }
                y += row_height;
            }
        }
        root.present()?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::colors;

    #[test]
    fn bars_are_as_long_as_their_values() {
        let measures = [("work", colors::BLUE, 1.0), ("time", colors::VERMILION, 0.0)]
            .map(|(label, color, full)| Measure { label: label.to_owned(), color, full });
        let row = |label: &str, value: f64| Row {
            label: label.to_owned(),
            bars: vec![(value, format!("{value} of it")), (value, "no scale".to_owned())],
        };
        let group =
            Group { title: "small & large".to_owned(), rows: vec![row("half", 0.5), row("all", 1.0)] };
        let text = svg("Bars", &measures, &[group], 554).unwrap();
        for word in ["Bars", "work", "time", "small &amp; large", "half", "all", "0.5 of it", "1 of it"] {
            assert_eq!(text.matches(&format!("\n{word}\n")).count(), 1, "{word} in {text}");
        }
        // 554 − 2 · 22 − 190 − 110 pixels are left for a full bar.
        assert_eq!(text.matches("width=\"105\" height=\"11\"").count(), 1, "{text}");
        assert_eq!(text.matches("width=\"210\" height=\"11\"").count(), 1, "{text}");
        assert!(text.trim_end().ends_with("</svg>"));
    }
}
