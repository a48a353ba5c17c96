//! One row, in a process of its own: what an earlier run leaves behind does not count.

use std::{
    env,
    process::Command,
    time::{Duration, Instant},
};

use refrain_train::budget::{Plan, StepCosts};
use serde_json::{Value, json};

use crate::{
    Fallible, pair,
    task::{Prepared, Subject, Task},
};

/// What a process found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// The most bytes at any time of the first run, beside weights and data, and beside the
    /// outputs of a layer.
    pub(crate) bytes: usize,
    /// The fastest run.
    pub(crate) seconds: f64,
    /// How far the gradients are from the plain ones, by their norm.
    pub(crate) difference: f64,
}

/// Steps of the two runs that tell what a step of the model takes.
const CALIBRATION: [usize; 2] = [64, 192];

/// What a step takes: for a layer its own figures, for a model the slope of its memory.
pub(crate) fn costs(task: &Task) -> Fallible<StepCosts> {
    let of_layer = Prepared::new(&Task { steps: 1, ..*task })?.step_costs(task.batch);
    if task.subject == Subject::Layer {
        return Ok(of_layer);
    }
    let [short, long] = CALIBRATION.map(|steps| run(&Task { steps, ..*task }, None, 0));
    let more = long?.bytes.saturating_sub(short?.bytes);
    Ok(StepCosts { step: (more / (CALIBRATION[1] - CALIBRATION[0])).max(1), ..of_layer })
}

/// Measures a task in a new process.
pub(crate) fn run(task: &Task, within: Option<(StepCosts, usize)>, rounds: u64) -> Fallible<Found> {
    let Task { subject, steps, batch, hidden } = *task;
    let within = within.map(|(costs, budget)| json!({ "costs": pair(costs), "budget": budget }));
    let order = json!({
        "subject": subject.name(), "steps": steps, "batch": batch, "hidden": hidden,
        "within": within, "rounds": rounds,
    });
    let found = start(&["--worker", &order.to_string()], &[])?;
    Ok(Found {
        bytes: number(&found, "bytes")? as usize,
        seconds: number(&found, "seconds")?,
        difference: number(&found, "difference")?,
    })
}

/// Runs this program once more, and reads what it prints as JSON.
pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Fallible<Value> {
    let output =
        Command::new(env::current_exe()?).args(arguments).envs(variables.iter().copied()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The number of that name.
pub(crate) fn number(value: &Value, name: &str) -> Fallible<f64> {
    value[name].as_f64().ok_or_else(|| format!("a worker was given or gave no {name}").into())
}

/// The side of the new process.
pub(crate) fn work(order: &Value) -> Fallible<Value> {
    let size = |name: &str| number(order, name).map(|size| size as usize);
    let subject = Subject::ALL.into_iter().find(|subject| order["subject"] == subject.name());
    let subject = subject.ok_or("a worker was given no subject")?;
    let task = Task { subject, steps: size("steps")?, batch: size("batch")?, hidden: size("hidden")? };
    let prepared = Prepared::new(&task)?;
    let within = match &order["within"] {
        Value::Null => None,
        within => {
            let budget = number(within, "budget")? as usize;
            let cost = |k: usize| within["costs"][k].as_u64().unwrap_or(1) as usize;
            let costs = StepCosts { state: cost(0), step: cost(1) };
            Some((Plan::new(task.steps, costs, budget)?, budget))
        }
    };
    let within = within.as_ref().map(|(plan, budget)| (plan, *budget));

    let mut gradients = None;
    let counted = allocation_counter::measure(|| gradients = Some(prepared.gradients(within)));
    let gradients = gradients.ok_or("nothing was measured")??;
    let mut fastest = Duration::MAX;
    for _ in 0..size("rounds")? {
        let before = Instant::now();
        prepared.gradients(within)?;
        fastest = fastest.min(before.elapsed());
    }
    let (mut apart, mut norm) = (0.0, 0.0);
    if within.is_some() {
        let plain = prepared.gradients(None)?;
        for parameter in prepared.parameters() {
            let pair = (gradients.get(parameter), plain.get(parameter));
            let (Some(a), Some(b)) = pair else { return Err("a parameter has no gradient".into()) };
            for (a, b) in a.iter().zip(b.iter()) {
                apart += f64::from(a - b).powi(2);
                norm += f64::from(b).powi(2);
            }
        }
    }
    let difference = if norm > 0.0 { f64::sqrt(apart / norm) } else { 0.0 };
    let bytes = (counted.bytes_max as usize).saturating_sub(prepared.outputs());
    Ok(json!({ "bytes": bytes, "seconds": fastest.as_secs_f64(), "difference": difference }))
}
