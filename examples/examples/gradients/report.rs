//! What came of the networks, as a table and as JSON.

use refrain_examples::text_table::TextTable;
use serde_json::{Value, json};

use crate::{
    experiment::Outcome,
    networks::{NETWORKS, Named},
};

/// The norms in units of the last.
pub(crate) fn beside_the_last(norms: &[f64]) -> Vec<f64> {
    let last = norms[norms.len() - 1];
    norms.iter().map(|norm| norm / last).collect()
}

/// What the gradient is multiplied by on its way to the first step, and the mean factor of a step.
fn to_the_start(norms: &[f64]) -> (f64, f64) {
    let whole = beside_the_last(norms)[0];
    (whole, whole.powf(1.0 / (norms.len() - 1) as f64))
}

pub(crate) fn table(outcomes: &[Outcome]) -> TextTable {
    let headings = ["", "a step back", "to the start", "after training", "to the start", "accuracy"];
    let mut table = TextTable::new(headings);
    for ((name, _), outcome) in NETWORKS.iter().zip(outcomes) {
        let [(whole, each), (whole_after, each_after)] =
            [&outcome.before, &outcome.after].map(|norms| to_the_start(norms));
        table.row([
            (*name).to_owned(),
            format!("{each:.3}"),
            format!("{whole:.1e}"),
            format!("{each_after:.3}"),
            format!("{whole_after:.1e}"),
            format!("{:.1} %", 100.0 * outcome.accuracy),
        ]);
    }
    table
}

/// `{"network": {"before": [norm of each step], "after": […], "accuracy": …}, …}`.
pub(crate) fn json(outcomes: &[Outcome]) -> Value {
    let of = |((name, _), outcome): (&Named, &Outcome)| {
        let Outcome { before, after, accuracy } = outcome;
        ((*name).to_owned(), json!({ "before": before, "after": after, "accuracy": accuracy }))
    };
    Value::Object(NETWORKS.iter().zip(outcomes).map(of).collect())
}
