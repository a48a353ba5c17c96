//! [`Series`]: the rows of a CSV file, made regular: one for each step of time.

use std::collections::BTreeMap;

use crate::{moment::Moment, program::Fallible};
use refrain_data::{Missing, Table};

/// Rows at equal distances.
#[derive(Clone, Debug)]
pub struct Series {
    /// The columns; the first is the target.
    pub columns: Vec<String>,
    /// Their values, row after row.
    pub values: Vec<f32>,
    /// Where the rows have times: when they were.
    pub clock: Option<Clock>,
    /// How many rows were missing.
    pub filled_rows: usize,
    /// How many rows came again, as hours do when clocks are put back.
    pub repeated_rows: usize,
    /// How many fields were empty.
    pub filled_fields: usize,
}

/// When the first row was, and how many minutes lie between two.
pub type Clock = (Moment, u64);

/// Which columns to read.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The target; where it is not named, the only column of numbers.
    pub target: Option<&'a str>,
    /// The columns beside the target; where they are not named, all others of numbers.
    pub others: Option<&'a [String]>,
    /// The column of times; where it is not named, `date`, and where there is none of that name, rows
    /// are taken to be equally far apart.
    pub time: Option<&'a str>,
}

/// What a column of times is called where nobody says otherwise.
const DATE: &str = "date";

/// A row that is this many minutes behind the last one, or less, belongs to an hour that came twice
/// when clocks were put back. A row further behind is out of order.
const CLOCKS_GO_BACK: u64 = 60;

/// A year of hourly temperatures of Seattle in °F, in the columns `date` and `temp`; `data/README.md`
/// says where they are from.
pub const SEATTLE: &str = include_str!("../../data/seattle-temps.csv");

impl Series {
    /// Reads a CSV file; errors call it `file`.
    ///
    /// # Errors
    /// A sentence that names the file and, where there is one, the line.
    pub fn read(file: &str, bytes: &[u8], choice: &Choice<'_>) -> Fallible<Self> {
        let table = Table::from_reader(file, bytes)?;
        let columns = columns(&table, choice)?;
        if table.rows() == 0 {
            return Err(format!("{file}: no rows under the header").into());
        }
        let mut filled_fields = 0;
        let mut by_column = Vec::with_capacity(columns.len());
        for name in &columns {
            let values = table.numbers_with::<f32>(name, Missing::Previous)?;
            let with_gaps = table.numbers_with(name, Missing::Value(f32::NAN))?;
            filled_fields += with_gaps.iter().filter(|value| value.is_nan()).count();
            by_column.push(values.to_vec());
        }
        let time = choice.time.unwrap_or(DATE);
        let has_times = choice.time.is_some() || table.columns().iter().any(|name| name == DATE);
        let times = if has_times { times(&table, time)? } else { Vec::new() };
        let (rows, clock) =
            if has_times { regular(&table, &times)? } else { ((0..table.rows()).collect(), None) };
        let values = rows.iter().flat_map(|&row| by_column.iter().map(move |column| column[row])).collect();
        let own = rows.iter().zip(rows.iter().skip(1)).filter(|(row, next)| row != next).count() + 1;
        Ok(Self {
            columns,
            values,
            clock,
            filled_rows: rows.len() - own,
            repeated_rows: table.rows() - own,
            filled_fields,
        })
    }

    /// The number of rows, at least 1.
    pub fn row_count(&self) -> usize {
        self.values.len() / self.columns.len()
    }

    /// The target's values.
    pub fn target(&self) -> Vec<f32> {
        self.values.iter().step_by(self.columns.len()).copied().collect()
    }

    /// What a row is called, also one after the last: its time, or its number from 1.
    pub fn name_of(&self, row: usize) -> String {
        let time = self.clock.and_then(|(first, step)| first.plus(step.checked_mul(row as u64)?));
        let days = self.clock.is_some_and(|(_, step)| step.is_multiple_of(1440));
        let text = |time: Moment| if days { time.date().to_string() } else { time.to_string() };
        time.map_or_else(|| format!("row {}", row + 1), text)
    }

    /// What a number of rows is called.
    pub fn span(&self, rows: usize) -> String {
        let (unit, count) = match self.clock {
            Some((_, 60)) => ("hour", rows),
            Some((_, 1440)) => ("day", rows),
            Some((_, minutes)) if minutes < 60 => ("minute", rows * minutes as usize),
            _ => ("row", rows),
        };
        if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
    }
}

/// The target and the columns beside it.
fn columns(table: &Table, choice: &Choice<'_>) -> Fallible<Vec<String>> {
    let is_number = |name: &&String| {
        name.as_str() != choice.time.unwrap_or(DATE)
            && table.numbers_with(name, Missing::Previous::<f32>).is_ok()
    };
    let numbers: Vec<&String> = table.columns().iter().filter(is_number).collect();
    let target = match (choice.target, numbers.as_slice()) {
        (Some(target), _) => target.to_owned(),
        (None, [only]) => (*only).clone(),
        (None, []) => return Err(format!("{}: no column holds numbers alone", table.name()).into()),
        (None, _) => {
            let names: Vec<&str> = numbers.iter().map(|name| name.as_str()).collect();
            let (file, names) = (table.name(), names.join(", "));
            return Err(format!(
                "{file}: name the column to be foretold with --target; numbers are in {names}"
            )
            .into());
        }
    };
    let others: Vec<String> = match choice.others {
        Some(others) => others.to_vec(),
        None => numbers.into_iter().cloned().collect(),
    };
    let others = others.into_iter().filter(|name| *name != target);
    Ok([target.clone()].into_iter().chain(others).collect())
}

fn times(table: &Table, column: &str) -> Fallible<Vec<Moment>> {
    let parse = |(row, text): (usize, &String)| {
        text.parse().map_err(|error| format!("{}: column {column:?}: {error}", place(table, row)).into())
    };
    table.text(column)?.iter().enumerate().map(parse).collect()
}

/// For each step of time the row that holds its values: its own, or where that is missing, the one
/// before.
fn regular(table: &Table, times: &[Moment]) -> Fallible<(Vec<usize>, Option<Clock>)> {
    let minutes: Vec<u64> = times.iter().map(|time| time.minutes()).collect();
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for pair in minutes.windows(2).filter(|pair| pair[0] < pair[1]) {
        *counts.entry(pair[1] - pair[0]).or_default() += 1;
    }
    // The most frequent distance; of several, the smallest.
    let Some((&step, _)) = counts.iter().rev().max_by_key(|(_, count)| **count) else {
        return without_steps(table, times);
    };
    let mut rows = vec![0];
    for (row, &now) in minutes.iter().enumerate().skip(1) {
        let last = minutes[0] + step * (rows.len() as u64 - 1);
        let previous = || times[row - 1];
        if now <= last {
            if last - now > CLOCKS_GO_BACK {
                let (place, found) = (place(table, row), times[row]);
                return Err(
                    format!("{place}: {found} comes after {}; sort the rows by time", previous()).into()
                );
            }
            continue;
        }
        let steps = (now - last) / step;
        if !(now - last).is_multiple_of(step) {
            let (place, found) = (place(table, row), times[row]);
            return Err(format!(
                "{place}: {found} comes after {}, which is no multiple of the {step} minutes between most rows",
                previous()
            )
            .into());
        }
        if rows.len() as u64 + steps > 2 * minutes.len() as u64 {
            let place = place(table, row);
            return Err(format!("{place}: more than half of the rows are missing up to here; cut the file to a part without such gaps").into());
        }
        let before = rows[rows.len() - 1];
        rows.extend((1..steps).map(|_| before));
        rows.push(row);
    }
    Ok((rows, Some((times[0], step))))
}

/// The rows where no time comes after the one before: right for a row alone.
fn without_steps(table: &Table, times: &[Moment]) -> Fallible<(Vec<usize>, Option<Clock>)> {
    if times.len() == 1 {
        return Ok((vec![0], None));
    }
    if let Some(row) = (1..times.len()).find(|&row| times[row].minutes() < times[row - 1].minutes()) {
        let (place, found, before) = (place(table, row), times[row], times[row - 1]);
        return Err(format!("{place}: {found} comes after {before}; sort the rows by time").into());
    }
    let (file, count) = (table.name(), times.len());
    Err(format!(
        "{file}: all {count} rows have the same time, {}; name a column whose times differ with --time",
        times[0]
    )
    .into())
}

fn place(table: &Table, row: usize) -> String {
    format!("{}:{}", table.name(), table.line(row).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, target: Option<&str>, others: Option<&[String]>) -> Fallible<Series> {
        Series::read("t.csv", text.as_bytes(), &Choice { target, others, time: None })
    }

    #[test]
    fn gaps_are_filled_and_repeats_left_out() {
        let text = "date,t\n2010-03-14 00:00,1\n2010-03-14 01:00,2\n2010-03-14 03:00,4\n2010-03-14 04:00,\n\
                    2010-03-14 04:00,9\n2010-03-14 03:30,8\n2010-03-14 05:00,6\n";
        let series = read(text, None, None).unwrap();
        assert_eq!(series.values, [1.0, 2.0, 2.0, 4.0, 4.0, 6.0]);
        assert_eq!((series.filled_rows, series.repeated_rows, series.filled_fields), (1, 2, 1));
        assert_eq!(series.name_of(6), "2010-03-14 06:00");
        assert_eq!((series.span(24), series.span(1)), ("24 hours".to_owned(), "1 hour".to_owned()));
        let daily = read("date,t\n2010-12-30,1\n2010-12-31,2\n", None, None).unwrap();
        assert_eq!((daily.name_of(2), daily.span(7)), ("2011-01-01".to_owned(), "7 days".to_owned()));
    }

    #[test]
    fn columns_are_chosen() {
        let text = "a,note,b,c\n1,x,2,3\n4,y,5,6\n";
        let of = |target, others: Option<&[String]>| read(text, target, others).unwrap().columns;
        assert_eq!(of(Some("b"), None), ["b", "a", "c"]);
        assert_eq!(of(Some("b"), Some(&[])), ["b"]);
        assert_eq!(of(Some("b"), Some(&["c".to_owned(), "b".to_owned()])), ["b", "c"]);
        let series = read(text, Some("c"), Some(&["a".to_owned()])).unwrap();
        assert_eq!((series.values.as_slice(), series.target()), (&[3.0, 1.0, 6.0, 4.0][..], vec![3.0, 6.0]));
        assert_eq!((series.name_of(2), series.span(2)), ("row 3".to_owned(), "2 rows".to_owned()));
    }

    #[test]
    fn errors_name_file_line_and_what_to_do() {
        let cases = [
            ("a,b\n1,2\n", None, "t.csv: name the column to be foretold with --target; numbers are in a, b"),
            ("a,b\n1,2\n", Some("c"), "t.csv: no column \"c\"; the columns are a, b"),
            ("a\nx\n", None, "t.csv: no column holds numbers alone"),
            ("a\nx\n", Some("a"), "t.csv:2: column \"a\": \"x\" is not a number"),
            ("a\n", Some("a"), "t.csv: no rows under the header"),
            ("", None, "t.csv: no header row"),
            (
                "date,a\n2010-01-02,1\n2010-01-01,2\n2010-01-02,3\n",
                None,
                "t.csv:3: 2010-01-01 00:00 comes after 2010-01-02 00:00; sort the rows by time",
            ),
            (
                "date,a\n2010-01-01 00:00,1\n2010-01-01 01:00,2\n2010-01-01 02:00,2\n2010-01-01 03:30,3\n",
                None,
                "t.csv:5: 2010-01-01 03:30 comes after 2010-01-01 02:00, which is no multiple of the 60 minutes \
                 between most rows",
            ),
            (
                "date,a\n0001-01-01 00:00,1\n0001-01-01 00:01,2\n9999-01-01 00:00,2\n",
                None,
                "t.csv:4: more than half of the rows are missing up to here; cut the file to a part without such gaps",
            ),
            (
                "date,a\n2010-01-01,1\n2010-01-01,2\n",
                None,
                "t.csv: all 2 rows have the same time, 2010-01-01 00:00; name a column whose times differ with --time",
            ),
            (
                "date,a\n2010-01-02,1\n2010-01-02,2\n2010-01-01,2\n",
                None,
                "t.csv:4: 2010-01-01 00:00 comes after 2010-01-02 00:00; sort the rows by time",
            ),
            (
                "date,a\nyesterday,1\n",
                None,
                "t.csv:2: column \"date\": \"yesterday\" is not a time, expected YYYY-MM-DD or YYYY-MM-DD HH:MM \
                 (/ and T will do)",
            ),
        ];
        for (text, target, expected) in cases {
            assert_eq!(read(text, target, None).unwrap_err().to_string(), expected);
        }
    }
}
