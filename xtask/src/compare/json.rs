//! The rows as JSON.

use super::measurement::Row;

/// A list of objects, one for each row, with a time and a ratio for each peer by its key; null
/// where a peer has no such thing.
pub(crate) fn list(rows: &[Row], peers: &[&str]) -> String {
    let objects: Vec<String> = rows.iter().map(|row| format!("  {}", object(row, peers))).collect();
    if objects.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", objects.join(",\n")) }
}

fn object(row: &Row, peers: &[&str]) -> String {
    let mut fields =
        vec![("workload".to_owned(), string(&row.workload)), ("ours_us".to_owned(), number(row.ours_us))];
    for (key, peer) in peers.iter().zip(&row.peers) {
        fields.push((format!("{key}_us"), peer.map_or_else(null, |peer| number(peer.us))));
    }
    for (key, peer) in peers.iter().zip(&row.peers) {
        fields.push((format!("{key}_ratio"), peer.map_or_else(null, |peer| number(peer.ratio))));
    }
    fields.push(("peak_share".to_owned(), number(row.peak_share)));
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{}: {value}", string(key))).collect();
    format!("{{{}}}", fields.join(", "))
}

fn null() -> String {
    "null".to_owned()
}

/// JSON has no number for what is not finite.
fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:.6}") } else { null() }
}

fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::measurement::Peer;

    #[test]
    fn rows_are_objects() {
        let row = |workload: &str, onnxruntime| Row {
            workload: workload.to_owned(),
            ours_us: 2.5,
            peers: vec![Some(Peer { us: 500.0, ratio: 200.0 }), onnxruntime],
            peak_share: 0.25,
        };
        let rows = [row("hello", None), row("x", Some(Peer { us: 1.0, ratio: f64::NAN }))];
        let expected = "[\n  \
            {\"workload\": \"hello\", \"ours_us\": 2.500000, \"torch_us\": 500.000000, \"onnxruntime_us\": null, \
            \"torch_ratio\": 200.000000, \"onnxruntime_ratio\": null, \"peak_share\": 0.250000},\n  \
            {\"workload\": \"x\", \"ours_us\": 2.500000, \"torch_us\": 500.000000, \"onnxruntime_us\": 1.000000, \
            \"torch_ratio\": 200.000000, \"onnxruntime_ratio\": null, \"peak_share\": 0.250000}\n]\n";
        assert_eq!(list(&rows, &["torch", "onnxruntime"]), expected);
        assert_eq!(list(&[], &["torch"]), "[]\n");
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(string("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000ad\"");
    }
}
