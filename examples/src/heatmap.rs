//! A table of counts as a picture, an SVG file.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{Result, plot::colors};

/// Counts in rows and columns that have names, drawn as squares: the larger a count's share of its
/// row, the darker its square.
#[derive(Clone, Debug)]
pub struct Heatmap<'a> {
    /// What the picture shows.
    pub title: String,
    /// What the rows are.
    pub rows: &'a str,
    /// What the columns are.
    pub columns: &'a str,
    /// The names of the rows, and of the columns.
    pub names: &'a [String],
    /// The counts, row after row.
    pub counts: Vec<&'a [u64]>,
}

/// The side of a square in pixels, where there are few; of many, all together have [`ALL`].
const SIDE: i32 = 76;

/// The width of all squares, where there are many.
const ALL: i32 = 900;

/// The least side of a square with a number in it.
const WITH_NUMBERS: i32 = 44;

/// The height of the title and the label above the names.
const HEAD: i32 = 78;

/// The width of a letter of a name.
const LETTER: i32 = 8;

impl Heatmap<'_> {
    /// The picture, as the text of an SVG file.
    ///
    /// # Errors
    /// [`Error::Draw`](crate::Error::Draw).
    pub fn svg(&self) -> Result<String> {
        let count = self.names.len() as i32;
        let side = SIDE.min(ALL / count.max(1)).max(14);
        let longest = self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as i32 * LETTER;
        // Names that are wider than a square stand upright above it.
        let upright = longest > side;
        let (left, top) = (50 + longest, HEAD + if upright { longest + 14 } else { 26 });
        let squares = side * count;
        let width = (left + squares + 24).max(LETTER * self.title.chars().count() as i32 + 60);
        let mut text = String::new();
        {
            let size = (width as u32, (top + squares + 24) as u32);
            let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
            area.fill(&WHITE)?;
            let write = |text: &str, size: i32, color: RGBColor, place: (i32, i32), across: HPos| {
                let style = TextStyle::from(("sans-serif", size)).color(&color);
                area.draw_text(text, &style.pos(Pos::new(across, VPos::Center)), place)
            };
            let write_up = |text: &str, size: i32, place: (i32, i32), across: HPos| {
                let font = ("sans-serif", size).into_font().transform(FontTransform::Rotate270);
                let style = TextStyle::from(font).color(&INK);
                area.draw_text(text, &style.pos(Pos::new(across, VPos::Center)), place)
            };
            write(&self.title, 19, INK, (22, 24), HPos::Left)?;
            write(self.columns, 15, INK, (left + squares / 2, 58), HPos::Center)?;
            write_up(self.rows, 15, (22, top + squares / 2), HPos::Center)?;
            for (place, name) in self.names.iter().enumerate() {
                let middle = side * place as i32 + side / 2;
                if upright {
                    write_up(name, 14, (left + middle, top - 8), HPos::Left)?;
                } else {
                    write(name, 14, INK, (left + middle, top - 16), HPos::Center)?;
                }
                write(name, 14, INK, (left - 10, top + middle), HPos::Right)?;
            }
            for (row, counts) in self.counts.iter().enumerate() {
                let all = counts.iter().sum::<u64>().max(1) as f64;
                for (column, &count) in counts.iter().enumerate() {
                    let share = count as f64 / all;
                    let (x, y) = (left + side * column as i32, top + side * row as i32);
                    let square = [(x + 1, y + 1), (x + side - 1, y + side - 1)];
                    area.draw(&Rectangle::new(square, shade(share).filled()))?;
                    if side < WITH_NUMBERS {
                        continue;
                    }
                    let ink = if share > 0.5 { WHITE } else { INK };
                    let (middle, percent) = (x + side / 2, format!("{:.1} %", 100.0 * share));
                    write(&count.to_string(), side / 4, ink, (middle, y + side / 2 - 8), HPos::Center)?;
                    write(&percent, 12, ink, (middle, y + side / 2 + 14), HPos::Center)?;
                }
            }
            area.present()?;
        }
        Ok(text)
    }
}

/// The color of titles and names.
const INK: RGBColor = RGBColor(40, 40, 40);

/// From almost white for nothing to blue for all. The root shows small shares, which are the errors.
fn shade(share: f64) -> RGBColor {
    let mix = |pale: u8, strong: u8| {
        (f64::from(pale) + (f64::from(strong) - f64::from(pale)) * share.sqrt()).round() as u8
    };
    let RGBColor(red, green, blue) = colors::BLUE;
    RGBColor(mix(246, red), mix(249, green), mix(252, blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_shares_stand_in_the_squares() {
        let names = ["ant".to_owned(), "bee & co".to_owned()];
        let counts: Vec<&[u64]> = vec![&[3, 1], &[0, 0]];
        let heatmap = Heatmap {
            title: "Who is who".to_owned(),
            rows: "was",
            columns: "foretold",
            names: &names,
            counts,
        };
        let text = heatmap.svg().unwrap();
        assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"));
        for word in ["Who is who", "was", "foretold", "3", "75.0 %", "25.0 %"] {
            assert_eq!(text.matches(&format!("\n{word}\n")).count(), 1, "{word} in {text}");
        }
        assert_eq!(text.matches("\nbee &amp; co\n").count(), 2);
        assert_eq!(text.matches("\n0.0 %\n").count(), 2, "a row without counts has no shares");
        assert_eq!((shade(0.0), shade(1.0)), (RGBColor(246, 249, 252), colors::BLUE));
    }
}
