//! The table, the JSON and the picture.

use refrain_examples::{
    plot::{Axis, Panel, Series, Shape, colors},
    text_table::TextTable,
};
use refrain_train::budget::Plan;
use serde_json::{Value, json};

use crate::{
    task::{Subject, Task},
    worker::Found,
};

/// One measured run beside the plain one.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    subject: Subject,
    steps: usize,
    /// The budget in percent of what all steps take; `None` for the plain way.
    percent: Option<u8>,
    budget: usize,
    states: usize,
    chunks: usize,
    /// How often a step is run forward, on the average.
    runs: f64,
    found: Found,
    /// The memory and the time by the plain ones.
    memory: f64,
    time: f64,
}

impl Row {
    pub(crate) fn plain(task: &Task, found: &Found) -> Self {
        Self {
            subject: task.subject,
            steps: task.steps,
            percent: None,
            budget: 0,
            states: 0,
            chunks: 1,
            runs: 1.0,
            found: *found,
            memory: 1.0,
            time: 1.0,
        }
    }

    pub(crate) fn within(
        task: &Task,
        percent: u8,
        (budget, plan): (usize, &Plan),
        found: &Found,
        plain: &Found,
    ) -> Self {
        Self {
            percent: Some(percent),
            budget,
            states: plan.most_states(),
            chunks: plan.chunks().len(),
            runs: plan.forward_steps() as f64 / task.steps as f64,
            memory: found.bytes as f64 / plain.bytes as f64,
            time: found.seconds / plain.seconds,
            ..Self::plain(task, found)
        }
    }

    /// The time by the plain one that the plan foretells, if the way back through a step takes twice
    /// as long as the way forward, as the paper counts.
    fn foretold(&self) -> f64 {
        (self.runs + 2.0) / 3.0
    }
}

const ABOUT: [(Subject, &str); 2] = [
    (
        Subject::Model,
        "A model: Embedding, GRU, Linear and cross entropy at every step (refrain_train::budget)",
    ),
    (Subject::Layer, "A layer: LSTM of two layers, one node on the tape (LSTM::forward_within)"),
];

const NOTES: &str = "\
Memory is the most that was allocated at any time of a step of training, beside weights and data,
and beside the layer's outputs. It includes gradients, packed weights and what the pool of memory
keeps for the next use: some MB that no budget makes smaller.
Foretold is the time if the way back through a step takes as long as two ways forward.
Apart is the norm of the gradients' difference from the plain ones, by their norm.
Gruslys et al. 2016 (abstract): T = 1000 in 5 % of the memory takes 1.33 of the time.
";

pub(crate) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    for (subject, about) in ABOUT {
        let headings = [
            "steps",
            "budget",
            "MB",
            "states",
            "chunks",
            "runs a step",
            "measured MB",
            "of plain",
            "s",
            "of plain",
            "foretold",
            "apart",
        ];
        let mut table = TextTable::new(headings);
        for row in rows.iter().filter(|row| row.subject == subject) {
            let plain = row.percent.is_none();
            let or_none = |text: String| if plain { String::new() } else { text };
            table.row([
                row.steps.to_string(),
                row.percent.map_or_else(|| "plain".to_owned(), |percent| format!("{percent} %")),
                or_none(format!("{:.2}", row.budget as f64 / 1e6)),
                or_none(row.states.to_string()),
                or_none(row.chunks.to_string()),
                format!("{:.2}", row.runs),
                format!("{:.2}", row.found.bytes as f64 / 1e6),
                format!("{:.1} %", 100.0 * row.memory),
                format!("{:.3}", row.found.seconds),
                format!("{:.2}", row.time),
                format!("{:.2}", row.foretold()),
                or_none(format!("{:.0e}", row.found.difference)),
            ]);
        }
        text += &format!("{about}\n\n{table}\n\n");
    }
    text + NOTES
}

pub(crate) fn json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "subject": row.subject.name(),
            "steps": row.steps,
            "percent": row.percent,
            "budget_bytes": row.percent.map(|_| row.budget),
            "states": row.states,
            "chunks": row.chunks,
            "runs": row.runs,
            "bytes": row.found.bytes,
            "memory_of_plain": row.memory,
            "seconds": row.found.seconds,
            "time_of_plain": row.time,
            "time_foretold": row.foretold(),
            "difference": row.found.difference,
        })
    };
    rows.iter().map(row).collect()
}

/// Time against memory, a panel for each subject.
pub(crate) fn panels(rows: &[Row]) -> Vec<Panel> {
    let mut lengths: Vec<usize> = rows.iter().map(|row| row.steps).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let most = rows.iter().map(|row| row.time.max(row.foretold())).fold(1.5, f64::max);
    let panel = |(subject, about): (Subject, &str)| {
        let curve = |steps: usize, label: String, color, shape, time: fn(&Row) -> f64| {
            let of_curve = rows.iter().filter(|row| row.subject == subject && row.steps == steps);
            let place = |row: &Row| (f64::log10(100.0 * row.memory), time(row));
            let mut points: Vec<_> = of_curve.map(place).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Series { label, color, shape, points }
        };
        let colors = [colors::BLUE, colors::VERMILION, colors::GREEN, colors::GRAY];
        let series = lengths.iter().zip(colors.into_iter().cycle()).flat_map(|(&steps, color)| {
            let label = |what: &str| format!("T = {steps}, {what}");
            [
                curve(steps, label("measured"), color, Shape::Line, |row| row.time),
                curve(steps, label("foretold"), color, Shape::Dashes, Row::foretold),
            ]
        });
        let ticks = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
        let memory = Axis::new("measured memory, % of plain", 0.0, 2.0);
        Panel {
            title: about.split(" (").next().unwrap_or(about).to_owned(),
            x: memory.ticks(ticks.map(|percent: f64| (percent.log10(), format!("{percent}")))),
            y: Axis::new("time of plain", 0.5, (most * 5.0).ceil() / 5.0),
            series: series.collect(),
        }
    };
    ABOUT.into_iter().map(panel).collect()
}

#[cfg(test)]
mod tests {
    use refrain_train::budget::StepCosts;

    use super::*;

    fn rows() -> Vec<Row> {
        let task = Task { subject: Subject::Model, steps: 100, batch: 1, hidden: 8 };
        let plain = Found { bytes: 1000, seconds: 2.0, difference: 0.0 };
        let found = Found { bytes: 250, seconds: 3.0, difference: 2e-7 };
        let plan = Plan::new(100, StepCosts { state: 1, step: 10 }, 200).unwrap();
        vec![Row::plain(&task, &plain), Row::within(&task, 20, (200, &plan), &found, &plain)]
    }

    #[test]
    fn table_and_json_carry_the_same_figures() {
        let (text, json) = (text(&rows()), json(&rows()));
        let row = text.lines().find(|line| line.contains("20 %")).unwrap();
        for figure in ["25.0 %", "1.50", "2e-7"] {
            assert!(row.contains(figure), "{figure} in {row}");
        }
        assert_eq!(json[1]["memory_of_plain"], 0.25);
        assert_eq!(json[1]["time_of_plain"], 1.5);
        assert_eq!(json[0]["percent"], Value::Null);
    }

    #[test]
    fn the_picture_has_a_panel_for_each_subject_and_all_points() {
        let panels = panels(&rows());
        assert_eq!(panels.len(), 2);
        assert_eq!(panels[0].series[0].points, [(25f64.log10(), 1.5), (2.0, 1.0)]);
    }
}
