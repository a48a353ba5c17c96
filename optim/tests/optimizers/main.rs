//! What holds for optimizers and schedules.

mod properties;
mod pytorch_optimizers;
mod pytorch_schedules;
mod states;
mod threads;
