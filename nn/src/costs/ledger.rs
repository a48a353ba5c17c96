//! [`Ledger`]: the costs of the parts of a model, entered one after another.

use std::fmt::Display;

use refrain_tensor::Real;

use super::{Cost, Costs, Signal};
use crate::Result;

/// Where the parts of a model enter their costs.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The name of the part that is being told, with those of the parts that it lies in.
    path: String,
    costs: Vec<Cost>,
}

impl Ledger {
    /// The costs of a part on this input, under its name; returns its output.
    ///
    /// A part that a model runs twice is entered twice. Its parameters count once in the total.
    ///
    /// # Errors
    /// Those of the part.
    pub fn part<T: Real>(
        &mut self,
        name: impl Display,
        part: &(impl Costs<T> + ?Sized),
        input: &Signal,
    ) -> Result<Signal> {
        let outside = self.path.len();
        let dot = if self.path.is_empty() { "" } else { "." };
        self.path.push_str(&format!("{dot}{name}"));
        let output = part.costs(input, self);
        self.path.truncate(outside);
        output
    }

    /// A layer that is no sum of parts enters its own costs. It gets the name of the part that it is.
    pub fn enter(&mut self, cost: Cost) {
        self.costs.push(Cost { name: self.path.clone(), ..cost });
    }

    pub(super) fn into_costs(self) -> Vec<Cost> {
        self.costs
    }
}
