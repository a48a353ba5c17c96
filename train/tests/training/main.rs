//! Long trainings: bounded memory, checkpoints, several threads.

mod budget;
mod checkpoint;
mod data_parallel;
