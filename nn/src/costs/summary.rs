//! [`Summary`]: the costs of a model, as data and as a table.

use std::{collections::BTreeSet, fmt};

use refrain_tensor::Shape;

use super::{
    Cost, Signal,
    cost::{Owned, sums},
};

/// What a model costs on one input, made by [`summary`](crate::summary).
///
/// It prints as an aligned table. In a row of the table, `-` is nothing; bytes are in B, kB, MB, …
/// of powers of 1000.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The input that was asked about.
    pub input: Signal,
    /// The layers, in the order in which the input reaches them.
    pub parts: Vec<Cost>,
    /// All of them. A parameter that several parts share counts once; activations and what BPTT
    /// keeps are added up, as they lie in memory together until the way back.
    pub total: Cost,
}

impl Summary {
    pub(super) fn new(input: Signal, parts: Vec<Cost>, output: Shape) -> Self {
        let mut known = BTreeSet::new();
        let all = parts.iter().flat_map(|part| &part.owned).copied();
        let owned: Vec<Owned> = all.filter(|owned| known.insert(owned.id)).collect();
        let (parameters, trainable, weight_bytes) = sums(&owned);
        let sum = |of: fn(&Cost) -> u64| parts.iter().map(of).fold(0, u64::saturating_add);
        let total = Cost {
            name: "total".to_owned(),
            kind: "",
            output,
            parameters,
            trainable,
            macs_forward: sum(|part| part.macs_forward),
            macs_backward: sum(|part| part.macs_backward),
            weight_bytes,
            activation_bytes: sum(|part| part.activation_bytes),
            bptt_bytes: sum(|part| part.bptt_bytes),
            owned,
        };
        Self { input, parts, total }
    }
}

const HEADINGS: [&str; 9] = [
    "layer",
    "kind",
    "output",
    "parameters",
    "MACs forward",
    "MACs backward",
    "weights",
    "activations",
    "BPTT keeps",
];
/// Columns of words, which begin at the left; numbers end at the right.
const WORDS: usize = 3;

/// Lines without a break at the end.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(self.parts.iter().chain([&self.total]).map(cells));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 9] = std::array::from_fn(width);
        let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1));
        writeln!(f, "input {}", self.input.shape())?;
        for (k, row) in rows.iter().enumerate() {
            if k == 1 || k + 1 == rows.len() {
                writeln!(f, "{rule}")?;
            }
            let cell = |column: usize| {
                let (text, width) = (&row[column], widths[column]);
                if column < WORDS { format!("{text:<width$}") } else { format!("{text:>width$}") }
            };
            let line = (0..widths.len()).map(cell).collect::<Vec<_>>().join("  ");
            write!(f, "{}{}", line.trim_end(), if k + 1 == rows.len() { "" } else { "\n" })?;
        }
        if self.total.trainable < self.total.parameters {
            let [trainable, all] = [self.total.trainable, self.total.parameters].map(count);
            write!(f, "\n{trainable} of {all} parameters train")?;
        }
        Ok(())
    }
}

fn cells(cost: &Cost) -> [String; 9] {
    [
        if cost.name.is_empty() { "model".to_owned() } else { cost.name.clone() },
        cost.kind.to_owned(),
        cost.output.to_string(),
        count(cost.parameters),
        count(cost.macs_forward),
        count(cost.macs_backward),
        bytes(cost.weight_bytes),
        bytes(cost.activation_bytes),
        bytes(cost.bptt_bytes),
    ]
}

/// `1,234,567`, or a dash for nothing.
fn count(number: u64) -> String {
    if number == 0 {
        return "-".to_owned();
    }
    let digits = number.to_string();
    let groups: Vec<&str> = (0..digits.len().div_ceil(3))
        .rev()
        .map(|k| {
            let end = digits.len() - 3 * k;
            &digits[end.saturating_sub(3)..end]
        })
        .collect();
    groups.join(",")
}

/// `999 B`, `1.2 kB`, …, or a dash for nothing.
fn bytes(number: u64) -> String {
    match number {
        0 => "-".to_owned(),
        1..1000 => format!("{number} B"),
        _ => {
            let mut size = number as f64 / 1000.0;
            let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].into_iter();
            let mut unit = units.next().unwrap_or_default();
            // What would be written as 1000.0 is written as 1.0 of the next unit.
            while size >= 999.95
                && let Some(next) = units.next()
            {
                (size, unit) = (size / 1000.0, next);
            }
            format!("{size:.1} {unit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_are_short() {
        for (number, text) in
            [(0, "-"), (7, "7"), (1234, "1,234"), (100_000, "100,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(number), text);
        }
        for (number, text) in [
            (0, "-"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1250, "1.2 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }
}
