//! The weather day by day, as a CSV file tells it.

use refrain_data::Table;
use refrain_examples::calendar::Date;
use refrain_tensor::Tensor;

/// Consecutive days. The last calendar year is the one to be foretold, the years before it are
/// there to learn from.
pub(crate) struct Days {
    /// Each day's date.
    pub(crate) dates: Vec<Date>,
    /// Whether there was precipitation on the day.
    pub(crate) wet: Vec<bool>,
    /// What is known of each day: `[days, FEATURES]`, in its own units.
    pub(crate) features: Tensor<f32>,
    /// The first day of the last year.
    pub(crate) test_start: usize,
}

/// The features of a day: the logarithm of 1 + precipitation in mm, wet or dry (1 or 0), the highest
/// and the lowest temperature, the wind, and the sine and cosine of the season.
pub(crate) const FEATURES: usize = 7;

/// What a file of weather can do wrong, beyond what any table can.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaysError {
    /// What any table can do wrong.
    #[error(transparent)]
    Data(#[from] refrain_data::Error),

    /// There are no days.
    #[error("{file}: no days under the header")]
    NoDays { file: String },

    /// A field of the column `date` that is no date.
    #[error("{file}:{line}: column \"date\": {cause}")]
    Date { file: String, line: usize, cause: refrain_examples::Error },

    /// A day is missing or comes twice, so that the next row is not the next day.
    #[error("{file}:{line}: column \"date\": {found} comes after {previous}, expected {}", previous.next())]
    NotTheNextDay { file: String, line: usize, found: Date, previous: Date },

    /// Less rain than none.
    #[error("{file}:{line}: column \"precipitation\": {value} is below 0")]
    Negative { file: String, line: usize, value: f32 },

    /// There is no year to learn from.
    #[error(
        "{file}: all days are of {year}; the last year is the one to be foretold, and there is none before it to learn from"
    )]
    OneYear { file: String, year: u16 },
}

impl Days {
    /// Reads the columns `date`, `precipitation`, `temp_max`, `temp_min` and `wind` of a CSV file;
    /// other columns are not used. Errors call the file `file`.
    pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Self, DaysError> {
        let table = Table::from_reader(file, bytes)?;
        let name = || file.to_owned();
        let mut dates: Vec<Date> = Vec::with_capacity(table.rows());
        for (row, text) in table.text("date")?.iter().enumerate() {
            let line = || table.line(row).unwrap_or_default();
            let found =
                text.parse().map_err(|cause| DaysError::Date { file: name(), line: line(), cause })?;
            if let Some(&previous) = dates.last().filter(|previous| previous.next() != found) {
                return Err(DaysError::NotTheNextDay { file: name(), line: line(), found, previous });
            }
            dates.push(found);
        }
        let rain = table.numbers::<f32>("precipitation")?.to_vec();
        if let Some((row, &value)) = rain.iter().enumerate().find(|(_, rain)| **rain < 0.0) {
            let line = table.line(row).unwrap_or_default();
            return Err(DaysError::Negative { file: name(), line, value });
        }
        let measured = table.matrix::<f32>(&["temp_max", "temp_min", "wind"])?;
        let Some(year) = dates.last().map(|date| date.year()) else {
            return Err(DaysError::NoDays { file: name() });
        };
        let test_start = dates.partition_point(|date| date.year() < year);
        if test_start == 0 {
            return Err(DaysError::OneYear { file: name(), year });
        }
        let wet: Vec<bool> = rain.iter().map(|&mm| mm > 0.0).collect();
        let mut features = Vec::with_capacity(FEATURES * dates.len());
        for (day, measured) in measured.to_slice().chunks_exact(3).enumerate() {
            let (sin, cos) = dates[day].season();
            features.extend([rain[day].ln_1p(), f32::from(u8::from(wet[day]))]);
            features.extend(measured);
            features.extend([sin as f32, cos as f32]);
        }
        let features =
            Tensor::from_vec(features, [dates.len(), FEATURES]).map_err(refrain_data::Error::from)?;
        Ok(Self { dates, wet, features, test_start })
    }

    /// The number of days.
    pub(crate) fn len(&self) -> usize {
        self.dates.len()
    }

    /// The year to be foretold.
    pub(crate) fn test_year(&self) -> u16 {
        self.dates[self.test_start].year()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file of the days from `start` on that are said to be wet (1) or dry (0).
    pub(crate) fn days(start: &str, wet: impl IntoIterator<Item = u8>) -> Days {
        Days::read("toy.csv", csv(start, wet).as_bytes()).unwrap()
    }

    fn csv(start: &str, wet: impl IntoIterator<Item = u8>) -> String {
        let mut text = "date,precipitation,temp_max,temp_min,wind,weather\n".to_owned();
        let mut date: Date = start.parse().unwrap();
        for (k, wet) in wet.into_iter().enumerate() {
            text += &format!("{date},{},{},{},{},any\n", f32::from(wet) * 3.0, k + 5, k, 2 + k % 3);
            date = date.next();
        }
        text
    }

    #[test]
    fn a_day_has_its_features() {
        let days = days("2012-12-30", [1, 0, 0]);
        assert_eq!((days.len(), days.test_start, days.test_year()), (3, 2, 2013));
        assert_eq!(days.wet, [true, false, false]);
        let day = days.features.select(0, 2).unwrap().to_vec();
        assert_eq!(day, [0.0, 0.0, 7.0, 2.0, 4.0, 0.0, 1.0]);
        assert_eq!(days.features[[0, 0]], 4f32.ln());
        assert_eq!(days.features[[0, 1]], 1.0);
    }

    #[test]
    fn errors_name_file_line_and_column() {
        let good = csv("2012-12-30", [1, 0, 0]);
        let cases = [
            (
                good.replace("2012-12-31", "31.12.2012"),
                r#"toy.csv:3: column "date": "31.12.2012" is not a date, expected YYYY/MM/DD or YYYY-MM-DD"#,
            ),
            (
                good.replace("2012-12-31", "2013-01-01").replace('\n', "\r\n\r\n"),
                r#"toy.csv:5: column "date": 2013-01-01 comes after 2012-12-30, expected 2012-12-31"#,
            ),
            (good.replace("-31,0", "-31,-0.5"), r#"toy.csv:3: column "precipitation": -0.5 is below 0"#),
            (good.replace("-31,0", "-31,x"), r#"toy.csv:3: column "precipitation": "x" is not a number"#),
            (good.replace(",7,2,", ",7,,"), r#"toy.csv:4: column "temp_min": the value is missing"#),
            (csv("2012-12-30", []), "toy.csv: no days under the header"),
            (
                csv("2012-12-30", [1, 0]),
                "toy.csv: all days are of 2012; the last year is the one to be foretold, and there is none \
                 before it to learn from",
            ),
            (String::new(), "toy.csv: no header row"),
        ];
        for (text, expected) in cases {
            let error = Days::read("toy.csv", text.as_bytes()).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), Some(expected));
        }
        let error = Days::read("toy.csv", good.replace("wind", "gust").as_bytes()).err().unwrap();
        assert!(error.to_string().starts_with(r#"toy.csv: no column "wind"; the columns are date,"#));
    }
}
