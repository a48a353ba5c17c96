//! [`TextTable`].

use std::fmt;

/// A table of text whose columns are aligned: the first to the left, the others to the right.
///
/// ```
/// use refrain_examples::text_table::TextTable;
/// let mut table = TextTable::new(["", "mm"]);
/// table.row(["January", "142.2"]);
/// table.row(["July", "15.5"]);
/// let expected = "
///             mm
/// --------------
/// January  142.2
/// July      15.5";
/// assert_eq!(table.to_string(), expected.trim_start_matches('\n'));
/// ```
#[derive(Clone, Debug)]
pub struct TextTable {
    rows: Vec<Vec<String>>,
}

/// What stands between two columns.
const GAP: &str = "  ";

impl TextTable {
    /// A table with these headings and no rows yet.
    pub fn new<C: Into<String>>(headings: impl IntoIterator<Item = C>) -> Self {
        Self { rows: vec![headings.into_iter().map(Into::into).collect()] }
    }

    /// Adds a row. Cells that are missing at its end stay empty.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The width of each column: that of its widest cell, in characters.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
        (0..columns).map(|column| self.rows.iter().map(|row| width(row, column)).max().unwrap_or(0)).collect()
    }
}

/// Lines without a break at the end.
impl fmt::Display for TextTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            if number == 1 {
                let gaps = GAP.len() * widths.len().saturating_sub(1);
                write!(f, "\n{}", "-".repeat(widths.iter().sum::<usize>() + gaps))?;
            }
            let cell = |(column, &width): (usize, &usize)| {
                let text = row.get(column).map_or("", String::as_str);
                if column == 0 { format!("{text:<width$}") } else { format!("{text:>width$}") }
            };
            let line = widths.iter().enumerate().map(cell).collect::<Vec<_>>().join(GAP);
            write!(f, "{}{}", if number == 0 { "" } else { "\n" }, line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_by_character() {
        let mut table = TextTable::new(["model", "loss", "±"]);
        table.row(["a", "1.5 ± –", "é"]);
        table.row(["longer", "10"]);
        let expected = ["model      loss  ±", "------------------", "a       1.5 ± –  é", "longer       10"];
        assert_eq!(table.to_string().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_table_of_headings_or_of_nothing() {
        assert_eq!(TextTable::new(["a", "b"]).to_string(), "a  b");
        assert_eq!(TextTable::new(Vec::<String>::new()).to_string(), "");
    }
}
