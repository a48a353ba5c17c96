//! The rows on the screen, each as soon as it is there.

use super::measurement::Row;

/// The widths and titles of the columns.
pub(crate) struct Table {
    workload_width: usize,
    titles: Vec<String>,
}

impl Table {
    /// A table of these workloads and peers.
    pub(crate) fn new<'a>(workloads: impl Iterator<Item = &'a str>, peers: &[&str]) -> Self {
        let workload_width = workloads.map(str::len).chain(["workload".len()]).max().unwrap_or(0);
        let times = peers.iter().map(|peer| format!("{peer} µs"));
        let ratios = peers.iter().map(|peer| format!("{peer}/ours"));
        let titles = ["ours µs".to_owned()].into_iter().chain(times).chain(ratios);
        Table { workload_width, titles: titles.chain(["of peak".to_owned()]).collect() }
    }

    /// The titles.
    pub(crate) fn head(&self) -> String {
        self.line("workload", &self.titles)
    }

    /// A row; what a peer has not is a dash.
    pub(crate) fn row(&self, row: &Row) -> String {
        let dash = || "-".to_owned();
        let mut cells = vec![microseconds(row.ours_us)];
        cells.extend(row.peers.iter().map(|peer| peer.map_or_else(dash, |peer| microseconds(peer.us))));
        cells
            .extend(row.peers.iter().map(|peer| peer.map_or_else(dash, |peer| format!("{:.2}", peer.ratio))));
        cells.push(format!("{:.1} %", 100.0 * row.peak_share));
        self.line(&row.workload, &cells)
    }

    fn line(&self, workload: &str, cells: &[String]) -> String {
        let mut line = format!("{workload:width$}", width = self.workload_width);
        for (cell, title) in cells.iter().zip(&self.titles) {
            // Seven characters hold the time of a second.
            let width = title.chars().count().max("999,999".len());
            line.push_str(&format!("  {cell:>width$}"));
        }
        line
    }
}

/// A time with three digits that count, or all before the point, in groups of three.
fn microseconds(us: f64) -> String {
    match us {
        us if us < 9.995 => format!("{us:.2}"),
        us if us < 99.95 => format!("{us:.1}"),
        us => grouped(&format!("{us:.0}")),
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::measurement::Peer;

    #[test]
    fn times_have_the_digits_that_count() {
        let cases = [
            (0.123, "0.12"),
            (9.994, "9.99"),
            (9.996, "10.0"),
            (99.94, "99.9"),
            (99.96, "100"),
            (999.6, "1,000"),
            (12_345.6, "12,346"),
            (1_234_567.0, "1,234,567"),
        ];
        for (us, expected) in cases {
            assert_eq!(microseconds(us), expected, "{us}");
        }
    }

    #[test]
    fn columns_are_aligned() {
        let peers = [Some(Peer { us: 516.2, ratio: 201.4 }), None];
        let short =
            Row { workload: "hello".to_owned(), ours_us: 2.5634, peers: peers.to_vec(), peak_share: 0.0017 };
        let long = Row {
            workload: "lstm:infer:i8:h16:t5:b3:l2:bi".to_owned(),
            ours_us: 123_456.0,
            peers: vec![Some(Peer { us: 234_567.0, ratio: 1.9 }), Some(Peer { us: 61_728.0, ratio: 0.5 })],
            peak_share: 0.9712,
        };
        let names = [short.workload.as_str(), long.workload.as_str()];
        let table = Table::new(names.into_iter(), &["PyTorch", "onnxruntime"]);
        let expected = [
            "workload                       ours µs  PyTorch µs  onnxruntime µs  PyTorch/ours  onnxruntime/ours  of peak",
            "hello                             2.56         516               -        201.40                 -    0.2 %",
            "lstm:infer:i8:h16:t5:b3:l2:bi  123,456     234,567          61,728          1.90              0.50   97.1 %",
        ];
        assert_eq!([table.head(), table.row(&short), table.row(&long)], expected);
    }
}
