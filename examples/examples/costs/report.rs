//! What came of it: tables, a figure's bars, and JSON.

use refrain_examples::{
    bars::{Group, Measure, Row},
    plot::colors,
    text_table::TextTable,
};
use refrain_nn::Summary;
use serde_json::{Value, json};

use crate::measure::Times;

/// A network with its costs and its times.
pub(crate) struct Counted {
    pub(crate) name: &'static str,
    pub(crate) costs: Summary,
    pub(crate) times: Times,
}

impl Counted {
    /// The share of each part in the multiply-accumulates of a pass forward, and in its time.
    fn shares(&self) -> Vec<[f64; 2]> {
        let all: f64 = self.times.parts.iter().sum();
        let macs = self.costs.total.macs_forward as f64;
        let parts = self.costs.parts.iter().zip(&self.times.parts);
        parts.map(|(part, time)| [part.macs_forward as f64 / macs, time / all]).collect()
    }

    /// The parts of one network.
    pub(crate) fn table(&self) -> TextTable {
        let mut table = TextTable::new([
            self.name,
            "kind",
            "output",
            "parameters",
            "MACs",
            "share of MACs",
            "µs",
            "share of time",
        ]);
        let parts = self.costs.parts.iter().zip(&self.times.parts).zip(self.shares());
        for ((part, time), [of_macs, of_time]) in parts {
            table.row([
                part.name.clone(),
                part.kind.to_owned(),
                part.output.to_string(),
                or_dash(part.parameters),
                or_dash(part.macs_forward),
                if part.macs_forward == 0 { "–".to_owned() } else { percent(of_macs) },
                format!("{time:.1}"),
                percent(of_time),
            ]);
        }
        table
    }
}

/// The networks beside each other.
pub(crate) fn comparison(networks: &[Counted]) -> TextTable {
    let mut table = TextTable::new([
        "network",
        "parameters",
        "MACs forward",
        "MACs backward",
        "MACs a weight",
        "BPTT keeps, B",
        "forward, µs",
        "training, µs",
        "MACs a ns",
    ]);
    for Counted { name, costs, times } in networks {
        let total = &costs.total;
        table.row([
            (*name).to_owned(),
            or_dash(total.parameters),
            or_dash(total.macs_forward),
            or_dash(total.macs_backward),
            format!("{:.1}", total.macs_forward as f64 / total.parameters as f64),
            or_dash(total.bptt_bytes),
            format!("{:.1}", times.forward),
            format!("{:.1}", times.training),
            format!("{:.1}", total.macs_forward as f64 / (1000.0 * times.forward)),
        ]);
    }
    table
}

/// For each convolution, what one position costs, the number of positions, and the product.
pub(crate) fn positions(network: &Counted, batch: u64) -> TextTable {
    let mut table = TextTable::new(["convolution", "in · out · k · k", "positions", "an image", "the batch"]);
    for part in network.costs.parts.iter().filter(|part| part.kind == "Conv2d") {
        let places = part.output[2..].iter().product::<usize>() as u64;
        let an_image = part.macs_forward / batch;
        table.row([
            part.name.clone(),
            or_dash(an_image / places),
            or_dash(places),
            or_dash(an_image),
            or_dash(part.macs_forward),
        ]);
    }
    table
}

/// The bars of the figure: the shares of each part.
pub(crate) fn bars(networks: &[Counted]) -> (Vec<Measure>, Vec<Group>) {
    let measure = |label: &str, color| Measure { label: label.to_owned(), color, full: 1.0 };
    let measures = vec![
        measure("share of the multiply-accumulates", colors::BLUE),
        measure("share of the time, forward", colors::VERMILION),
    ];
    let group = |network: &Counted| Group {
        title: format!(
            "{}: {} parameters, {} MACs, {:.0} µs forward",
            network.name,
            or_dash(network.costs.total.parameters),
            or_dash(network.costs.total.macs_forward),
            network.times.forward
        ),
        rows: network.costs.parts.iter().zip(network.shares()).map(row).collect(),
    };
    fn row((part, shares): (&refrain_nn::Cost, [f64; 2])) -> Row {
        let bars = shares.map(|share| (share, percent(share)));
        Row { label: format!("{} {}", part.name, part.kind), bars: bars.into() }
    }
    (measures, networks.iter().map(group).collect())
}

/// All figures.
pub(crate) fn json(networks: &[Counted], batch: u64) -> Value {
    let network = |network: &Counted| {
        let parts = network.costs.parts.iter().zip(&network.times.parts).zip(network.shares());
        let parts: Vec<Value> = parts
            .map(|((part, time), [of_macs, of_time])| {
                json!({
                    "name": part.name,
                    "kind": part.kind,
                    "output": part.output[..],
                    "parameters": part.parameters,
                    "macs_forward": part.macs_forward,
                    "macs_backward": part.macs_backward,
                    "weight_bytes": part.weight_bytes,
                    "activation_bytes": part.activation_bytes,
                    "bptt_bytes": part.bptt_bytes,
                    "forward_microseconds": time,
                    "share_of_macs": of_macs,
                    "share_of_time": of_time,
                })
            })
            .collect();
        let total = &network.costs.total;
        json!({
            "name": network.name,
            "parameters": total.parameters,
            "macs_forward": total.macs_forward,
            "macs_backward": total.macs_backward,
            "weight_bytes": total.weight_bytes,
            "activation_bytes": total.activation_bytes,
            "bptt_bytes": total.bptt_bytes,
            "forward_microseconds": network.times.forward,
            "training_microseconds": network.times.training,
            "parts": parts,
        })
    };
    json!({ "batch": batch, "networks": networks.iter().map(network).collect::<Vec<Value>>() })
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `1,234,567`, or a dash for nothing.
fn or_dash(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number == 0 { "–".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::{SIDE, convolutional};
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_nn::summary;

    fn counted() -> Counted {
        let network = convolutional(&mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap();
        let costs = summary(&network, [2, 1, SIDE, SIDE]).unwrap();
        let parts = (1..=costs.parts.len()).map(|k| k as f64).collect();
        Counted { name: "convolutional", costs, times: Times { parts, forward: 80.0, training: 200.0 } }
    }

    #[test]
    fn the_short_formula_and_the_full_one() {
        let text = positions(&counted(), 2).to_string();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[2], ["0", "150", "784", "117,600", "235,200"]);
        assert_eq!(rows[3], ["3", "2,400", "100", "240,000", "480,000"]);
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        let counted = counted();
        for measure in 0..2 {
            let sum: f64 = counted.shares().iter().map(|shares| shares[measure]).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
        let (measures, groups) = bars(&[counted]);
        assert!(groups[0].rows.iter().all(|row| row.bars.len() == measures.len()));
        assert_eq!(groups[0].rows[3].bars[0].1, "57.6 %"); // 240,000 of 416,520
    }

    #[test]
    fn json_holds_what_the_tables_hold() {
        let all = json(&[counted()], 2);
        let network = &all["networks"][0];
        assert_eq!(network["parameters"], 61_706);
        assert_eq!(network["macs_forward"], 2 * 416_520);
        assert_eq!(network["parts"][3]["output"], json!([2, 16, 10, 10]));
    }
}
