//! [`Table`]: the columns of a CSV file.

use std::{io::Read, path::Path};

use refrain_tensor::{Real, Tensor};

use crate::{Error, Result};

/// The columns of a CSV file with a header row, kept as text and read as numbers on request.
///
/// - The first row names the columns. Space around a name is dropped; no name may come twice.
/// - Every other row has one field for each column. Empty lines are skipped.
/// - Fields may be quoted, and then hold commas and line breaks (RFC 4180).
/// - A number is what Rust reads as a finite `f64`, with space around it allowed. An infinity is
///   not a number here.
/// - A field is missing where it is empty or says `NA` or `NaN`, in capitals or not.
///   [`Missing`] says what becomes of it.
///
/// Errors name the file, the line, counted from 1, and the column. For a row of several lines
/// that is the line it begins on.
///
/// ```
/// use refrain_data::{Missing, Table};
/// use refrain_tensor::Tensor;
/// let table = Table::from_str("seattle.csv", "date,temp,wind\n01-01,12.8,4.7\n01-02,10.6,\n")?;
/// assert_eq!(table.columns(), ["date", "temp", "wind"]);
/// assert_eq!(table.text("date")?, ["01-01", "01-02"]);
/// assert_eq!(table.numbers::<f32>("temp")?, Tensor::from([12.8, 10.6]));
/// let error = table.numbers::<f32>("wind").unwrap_err();
/// assert_eq!(error.to_string(), r#"seattle.csv:3: column "wind": the value is missing"#);
/// let filled = table.matrix_with(&["temp", "wind"], Missing::Previous)?;
/// assert_eq!(filled, Tensor::from([[12.8, 4.7], [10.6, 4.7]]));
/// # Ok::<(), refrain_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    name: String,
    columns: Vec<String>,
    /// The fields of each column.
    fields: Vec<Vec<String>>,
    /// The line on which each row begins.
    lines: Vec<usize>,
}

/// What becomes of a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Missing<T> {
    /// It is an error.
    #[default]
    Error,
    /// It becomes this number.
    Value(T),
    /// It becomes the number before it in its column. It is an error where there is none.
    Previous,
}

impl Table {
    /// The table in a file. Errors name it as `path` does.
    ///
    /// # Errors
    /// [`Error::Read`], and those of [`Table::from_str`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let file = path.as_ref().display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => Self::from_bytes(file, &bytes),
            Err(cause) => Err(Error::Read { file, cause }),
        }
    }

    /// The table in a stream of bytes, to its end. Errors call it `name`.
    ///
    /// # Errors
    /// [`Error::Read`], and those of [`Table::from_str`].
    pub fn from_reader(name: impl Into<String>, mut reader: impl Read) -> Result<Self> {
        let (file, mut bytes) = (name.into(), Vec::new());
        match reader.read_to_end(&mut bytes) {
            Ok(_) => Self::from_bytes(file, &bytes),
            Err(cause) => Err(Error::Read { file, cause }),
        }
    }

    /// The table in a text. Errors call it `name`.
    ///
    /// # Errors
    /// [`Error::NoHeader`], [`Error::DuplicateColumn`], [`Error::RaggedRow`]; from bytes also
    /// [`Error::InvalidUtf8`].
    pub fn from_str(name: impl Into<String>, text: &str) -> Result<Self> {
        let file = name.into();
        // Spreadsheet programs begin a UTF-8 file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rows = Rows::new(&file, text);
        let Some((header, header_line)) = rows.next_row()? else {
            return Err(Error::NoHeader { file });
        };
        let mut columns: Vec<String> = Vec::with_capacity(header.len());
        for column in header.iter().map(str::trim) {
            if columns.iter().any(|earlier| earlier == column) {
                let column = column.to_owned();
                return Err(Error::DuplicateColumn { file, line: header_line, column });
            }
            columns.push(column.to_owned());
        }
        let (mut fields, mut lines) = (vec![Vec::new(); columns.len()], Vec::new());
        while let Some((row, line)) = rows.next_row()? {
            if row.len() != columns.len() {
                return Err(Error::RaggedRow { file, line, found: row.len(), expected: columns.len() });
            }
            for (column, field) in fields.iter_mut().zip(&row) {
                column.push(field.to_owned());
            }
            lines.push(line);
        }
        Ok(Self { name: file, columns, fields, lines })
    }

    fn from_bytes(file: String, bytes: &[u8]) -> Result<Self> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::from_str(file, text),
            Err(error) => {
                let line = 1 + line_breaks(&bytes[..error.valid_up_to()]);
                Err(Error::InvalidUtf8 { file, line })
            }
        }
    }

    /// The names of the columns, from left to right.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows under the header.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The name of the file or text, as errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line of the file on which a row begins, counted from 1, or `None` where there is no such
    /// row. Rows are counted from 0, under the header.
    pub fn line(&self, row: usize) -> Option<usize> {
        self.lines.get(row).copied()
    }

    /// The fields of a column as they stand in the file, without their quotes.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`].
    pub fn text(&self, column: &str) -> Result<&[String]> {
        let unknown = || Error::UnknownColumn {
            file: self.name.clone(),
            column: column.to_owned(),
            columns: self.columns.clone(),
        };
        let index = self.columns.iter().position(|name| name == column).ok_or_else(unknown)?;
        Ok(&self.fields[index])
    }

    /// A column as numbers: `[rows]`. No value may be missing.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`], [`Error::MissingValue`], [`Error::NotANumber`],
    /// [`Error::NumberOutOfRange`].
    pub fn numbers<T: Real>(&self, column: &str) -> Result<Tensor<T>> {
        self.numbers_with(column, Missing::Error)
    }

    /// A column as numbers, `[rows]`, with missing values treated as `missing` says.
    ///
    /// # Errors
    /// Those of [`Table::numbers`]; [`Error::NothingToCarry`] where the first value is missing
    /// under [`Missing::Previous`].
    pub fn numbers_with<T: Real>(&self, column: &str, missing: Missing<T>) -> Result<Tensor<T>> {
        let fields = self.text(column)?;
        let mut values: Vec<T> = Vec::with_capacity(fields.len());
        for (field, &line) in fields.iter().zip(&self.lines) {
            let place = || (self.name.clone(), column.to_owned());
            let value = if !is_missing(field) {
                self.number(field, line, column)?
            } else {
                match (missing, values.last()) {
                    (Missing::Value(value), _) => value,
                    (Missing::Previous, Some(&value)) => value,
                    (Missing::Previous, None) => {
                        let (file, column) = place();
                        return Err(Error::NothingToCarry { file, line, column });
                    }
                    (Missing::Error, _) => {
                        let (file, column) = place();
                        return Err(Error::MissingValue { file, line, column });
                    }
                }
            };
            values.push(value);
        }
        Ok(Tensor::from_vec(values, [self.rows()])?)
    }

    /// Columns as numbers, side by side in the order asked for: `[rows, columns]`. No value may
    /// be missing.
    ///
    /// # Errors
    /// Those of [`Table::numbers`]; [`Error::Tensor`] where no column is named.
    pub fn matrix<T: Real>(&self, columns: &[&str]) -> Result<Tensor<T>> {
        self.matrix_with(columns, Missing::Error)
    }

    /// Columns as numbers, `[rows, columns]`, with missing values treated as `missing` says.
    ///
    /// # Errors
    /// Those of [`Table::numbers_with`]; [`Error::Tensor`] where no column is named.
    pub fn matrix_with<T: Real>(&self, columns: &[&str], missing: Missing<T>) -> Result<Tensor<T>> {
        let columns: Vec<_> =
            columns.iter().map(|column| self.numbers_with(column, missing)).collect::<Result<_>>()?;
        Ok(Tensor::stack(&columns, 1)?)
    }

    fn number<T: Real>(&self, field: &str, line: usize, column: &str) -> Result<T> {
        let (file, column, text) = (self.name.clone(), column.to_owned(), field.to_owned());
        match field.trim().parse::<f64>() {
            // Rust reads digits beyond the range of f64 as an infinity, and so it reads "inf".
            Ok(x) if !x.is_finite() && field.contains(|c: char| c.is_ascii_digit()) => {
                Err(Error::NumberOutOfRange { file, line, column, text, dtype: "f64" })
            }
            Ok(x) if x.is_finite() => {
                let value = T::from_f64(x);
                if value.is_finite() {
                    Ok(value)
                } else {
                    Err(Error::NumberOutOfRange { file, line, column, text, dtype: T::DTYPE })
                }
            }
            _ => Err(Error::NotANumber { file, line, column, text }),
        }
    }
}

fn is_missing(field: &str) -> bool {
    let field = field.trim();
    field.is_empty() || field.eq_ignore_ascii_case("NA") || field.eq_ignore_ascii_case("NaN")
}

fn line_breaks(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// The rows of a text, each with the line it begins on.
struct Rows<'a> {
    file: &'a str,
    text: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    /// How many bytes have been looked through for line breaks, and the line reached there.
    seen: usize,
    line: usize,
}

impl<'a> Rows<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        let text = text.as_bytes();
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        Self { file, text, reader, seen: 0, line: 1 }
    }

    fn next_row(&mut self) -> Result<Option<(csv::StringRecord, usize)>> {
        let mut row = csv::StringRecord::new();
        match self.reader.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(Error::Read { file: self.file.to_owned(), cause: error.into() }),
        }
        // The reader takes a row to begin where the last one ended, before any line breaks that
        // lie between them; the line to name is the one where the first field stands.
        let end_of_last = row.position().map_or(self.seen, |position| position.byte() as usize);
        let between = self.text[end_of_last..].iter().take_while(|byte| b"\r\n".contains(byte)).count();
        let start = end_of_last + between;
        self.line += line_breaks(&self.text[self.seen..start]);
        self.seen = start;
        Ok(Some((row, self.line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(text: &str) -> Table {
        Table::from_str("t.csv", text).unwrap()
    }

    proptest! {
        #[test]
        fn numbers_round_trip(
            values in prop::collection::vec((proptest::num::f64::NORMAL, -1e30f32..1e30), 0..20),
            line_end in prop::sample::select(vec!["\n", "\r\n", "\n\n"]),
        ) {
            let mut text = format!("wide,narrow{line_end}");
            for (wide, narrow) in &values {
                text.push_str(&format!("{wide:?},{narrow}{line_end}"));
            }
            let table = table(&text);
            prop_assert_eq!(table.rows(), values.len());
            let (wide, narrow): (Vec<f64>, Vec<f32>) = values.into_iter().unzip();
            prop_assert_eq!(table.numbers::<f64>("wide").unwrap().to_vec(), wide);
            prop_assert_eq!(table.numbers::<f32>("narrow").unwrap().to_vec(), narrow);
        }

        #[test]
        fn no_text_panics(text in "[a-c0-9,.\"\r\n \u{feff}é-]{0,60}") {
            if let Ok(table) = Table::from_str("t.csv", &text) {
                for column in table.columns() {
                    prop_assert_eq!(table.text(column).unwrap().len(), table.rows());
                    if let Ok(numbers) = table.numbers_with(column, Missing::Value(0.0f32)) {
                        prop_assert!(numbers.iter().all(f32::is_finite));
                    }
                }
            }
        }
    }

    #[test]
    fn fields_are_text_until_numbers_are_asked_for() {
        let table =
            table("\u{feff}date, temp ,note\n2012-01-01, 1.5 ,\"rain, then\nsun\"\n2012-01-02,-2e1,\n");
        assert_eq!(table.columns(), ["date", "temp", "note"]);
        assert_eq!(table.rows(), 2);
        assert_eq!(table.text("note").unwrap(), ["rain, then\nsun", ""]);
        assert_eq!(table.text("temp").unwrap(), [" 1.5 ", "-2e1"]);
        assert_eq!(table.numbers::<f64>("temp").unwrap(), Tensor::from([1.5, -20.0]));
        let matrix = table.matrix::<f32>(&["temp", "temp"]).unwrap();
        assert_eq!(matrix, Tensor::from([[1.5, 1.5], [-20.0, -20.0]]));
        assert_eq!(*Table::from_str("", "a,b").unwrap().matrix::<f32>(&["b"]).unwrap().shape(), [0, 1]);
    }

    #[test]
    fn missing_values_follow_the_policy() {
        let table = table("a,b\n1,\n,2\nNA,3\n nan ,4\n5,NaN\n");
        let a = |missing| table.numbers_with::<f32>("a", missing).map(|t| t.to_vec());
        assert_eq!(a(Missing::Previous).unwrap(), [1.0, 1.0, 1.0, 1.0, 5.0]);
        assert_eq!(a(Missing::Value(-1.0)).unwrap(), [1.0, -1.0, -1.0, -1.0, 5.0]);
        let message = a(Missing::default()).unwrap_err().to_string();
        assert_eq!(message, r#"t.csv:3: column "a": the value is missing"#);
        let message = table.matrix_with::<f32>(&["a", "b"], Missing::Previous).unwrap_err().to_string();
        assert_eq!(
            message,
            r#"t.csv:2: column "b": the value is missing, and no earlier row has one to carry on"#
        );
    }

    #[test]
    fn the_line_is_the_one_an_editor_shows() {
        let cases = [
            ("a\n1\nx\n", 3),
            ("a\r\n1\r\nx\r\n", 3),
            ("\n\na\n\n1\n\n\nx", 8),
            ("\r\na\r\n\r\nx", 4),
            ("a,b\n1,\"two\nlines\"\nx,3\n", 4),
            ("a,b\n1,\"two\r\nlines\"\r\n\r\nx,3\r\n", 5),
            ("\u{feff}a\nx\n", 2),
            ("\"a\nb\",a\n0,x\n", 3),
        ];
        assert_eq!((table("a\n\n1").line(0), table("a\n\n1").line(1)), (Some(3), None));
        for (text, expected) in cases {
            match table(text).numbers::<f32>("a").unwrap_err() {
                Error::NotANumber { line, text: field, .. } => {
                    assert_eq!((line, field.as_str()), (expected, "x"), "{text:?}")
                }
                error => panic!("{text:?}: {error}"),
            }
        }
    }

    #[test]
    fn errors_name_file_line_and_column() {
        let parse = |text| Table::from_str("t.csv", text).unwrap_err();
        let number = |field: &str| table(&format!("a,wind\n0,{field}\n")).numbers::<f32>("wind").unwrap_err();
        let cases = [
            (parse(""), "t.csv: no header row"),
            (parse("\n\n"), "t.csv: no header row"),
            (parse("\na,b, a\n"), "t.csv:2: column \"a\" is named twice"),
            (parse("a,b\n1,2\n\n1,2,3\n"), "t.csv:4: 3 fields, the header has 2"),
            (parse("a,b\n1\n"), "t.csv:2: 1 fields, the header has 2"),
            (number("abc"), "t.csv:2: column \"wind\": \"abc\" is not a number"),
            (number("1.5 m"), "t.csv:2: column \"wind\": \"1.5 m\" is not a number"),
            (number("-inf"), "t.csv:2: column \"wind\": \"-inf\" is not a number"),
            (number("1e39"), "t.csv:2: column \"wind\": \"1e39\" is out of range for f32"),
            (number("1e999"), "t.csv:2: column \"wind\": \"1e999\" is out of range for f64"),
            (table("a,b\n").text("c").unwrap_err(), "t.csv: no column \"c\"; the columns are a, b"),
            (
                Table::from_reader("t.csv", &b"a,b\n1,2\n3,\xff\n"[..]).unwrap_err(),
                "t.csv:3: not valid UTF-8",
            ),
            (table("a\n").matrix::<f32>(&[]).unwrap_err(), "stack: expected at least one tensor"),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn files_readers_and_texts_give_the_same_table() {
        let path = std::env::temp_dir().join(format!("refrain-data-{}.csv", std::process::id()));
        let text = "a,b\n1,2\n";
        std::fs::write(&path, text).unwrap();
        let from_path = Table::from_path(&path);
        std::fs::remove_file(&path).unwrap();
        let name = path.display().to_string();
        assert_eq!(from_path.unwrap(), Table::from_str(&name, text).unwrap());
        assert_eq!(
            Table::from_reader(&name, text.as_bytes()).unwrap(),
            Table::from_str(&name, text).unwrap()
        );
        let message = Table::from_path(&path).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{name}: ")), "{message}");
    }

    #[test]
    fn a_reader_that_fails_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("the line went dead"))
            }
        }
        let message = Table::from_reader("radio", Broken).unwrap_err().to_string();
        assert_eq!(message, "radio: the line went dead");
    }
}
