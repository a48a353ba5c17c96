//! [`Matrix`]: a matrix inside a slice, of any strides.

use crate::layout::stays_inside;

/// A matrix inside a slice: element (i, j) lies at `offset + i * row_stride + j * column_stride`, where i
/// is the row itself or the one that is picked for it.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    offset: usize,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
    picks: Option<&'a [usize]>,
}

/// Picked rows that follow each other where they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// How many there are, a stride apart.
    pub(crate) rows: usize,
    /// From where one more row would begin to where the next run does; 0 for the last.
    pub(crate) skip: isize,
}

impl<'a, T> Matrix<'a, T> {
    /// A matrix of any strides.
    ///
    /// # Panics
    /// Where an element would lie outside `data`, or, of an empty matrix, the offset does.
    pub fn strided(data: &'a [T], offset: usize, size: [usize; 2], strides: [isize; 2]) -> Self {
        let inside = if size.contains(&0) {
            offset <= data.len()
        } else {
            stays_inside(data.len(), offset, &size, &strides)
        };
        assert!(
            inside,
            "a matrix of size {size:?}, strides {strides:?} and offset {offset} leaves its {} values",
            data.len()
        );
        let ([rows, columns], [row_stride, column_stride]) = (size, strides);
        Self { data, offset, rows, columns, row_stride, column_stride, picks: None }
    }

    /// A matrix whose rows follow each other: `[rows, columns]`, row-major.
    ///
    /// # Panics
    /// Where `data` is shorter than `rows * columns`.
    pub fn row_major(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self::strided(data, 0, [rows, columns], [isize::try_from(columns).unwrap_or(isize::MAX), 1])
    }

    /// The rows with these numbers, in this order, without a copy: a matrix to stand on the right of a
    /// product.
    ///
    /// # Panics
    /// Where there is no such row, or the elements of a row do not follow each other.
    pub(crate) fn picking(self, picks: &'a [usize]) -> Self {
        assert!(picks.iter().all(|&row| row < self.rows), "a row that is not there");
        assert!(self.column_stride == 1 && self.picks.is_none(), "contiguous rows to pick from");
        Self { rows: picks.len(), picks: Some(picks), ..self }
    }

    /// Whether the rows are picked, so that no stride leads from one to the next.
    pub(crate) fn picks(&self) -> bool {
        self.picks.is_some()
    }

    /// Picked rows as runs; none where no rows are picked.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut behind = 0;
        for rows in self.picks.unwrap_or_default().chunk_by(|&row, &next| next == row + 1) {
            if let Some(before) = runs.last_mut() {
                before.skip = (rows[0] as isize - behind) * self.row_stride;
            }
            behind = (rows[0] + rows.len()) as isize;
            runs.push(Run { rows: rows.len(), skip: 0 });
        }
        runs
    }

    /// Whether the elements of a row follow each other.
    pub(crate) fn has_contiguous_rows(&self) -> bool {
        self.column_stride == 1
    }

    /// The transpose, without a copy.
    pub fn transposed(self) -> Self {
        assert!(self.picks.is_none(), "rows that are picked have no transpose");
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The elements from one stored row to the next.
    pub(crate) fn row_stride(&self) -> isize {
        self.row_stride
    }

    /// The elements from one row to the next, and from one column to the next.
    pub(crate) fn strides(&self) -> [isize; 2] {
        assert!(self.picks.is_none(), "rows that are picked have no stride");
        [self.row_stride, self.column_stride]
    }

    /// Where element (row, column) lies.
    pub(crate) fn pointer(&self, row: usize, column: usize) -> *const T {
        debug_assert!(row <= self.rows && column <= self.columns);
        self.data.as_ptr().wrapping_add(self.start(row, column))
    }

    /// The elements of a row from a column on, where they follow each other.
    pub(crate) fn row_part(&self, row: usize, columns: std::ops::Range<usize>) -> &'a [T] {
        debug_assert_eq!(self.column_stride, 1);
        let start = self.start(row, columns.start);
        &self.data[start..start + columns.len()]
    }

    /// The element at (row, column).
    pub(crate) fn at(&self, row: usize, column: usize) -> &'a T {
        &self.data[self.start(row, column)]
    }

    fn start(&self, row: usize, column: usize) -> usize {
        let row = self.picks.map_or(row, |picks| picks[row]);
        (self.offset as isize + row as isize * self.row_stride + column as isize * self.column_stride)
            as usize
    }

    /// `size` rows and columns from `first` on.
    pub(crate) fn part(self, first: [usize; 2], size: [usize; 2]) -> Self {
        let [rows, columns] = size;
        debug_assert!(first[0] + rows <= self.rows && first[1] + columns <= self.columns);
        if let Some(picks) = self.picks {
            let picks = Some(&picks[first[0]..first[0] + rows]);
            return Self { offset: self.offset + first[1], rows, columns, picks, ..self };
        }
        let offset = if size.contains(&0) { self.offset } else { self.start(first[0], first[1]) };
        Self { offset, rows, columns, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picked_rows_are_runs() {
        let all = Matrix::strided(&[0.0; 50], 0, [9, 2], [5, 1]);
        let run = |rows, skip| Run { rows, skip };
        assert_eq!(all.runs(), []);
        let picks = [2, 3, 4, 7, 8, 1, 1];
        let picked = all.picking(&picks);
        assert_eq!(picked.runs(), [run(3, 10), run(2, -40), run(1, -5), run(1, 0)]);
        assert_eq!(picked.part([1, 1], [3, 1]).runs(), [run(2, 10), run(1, 0)]);
    }
}
