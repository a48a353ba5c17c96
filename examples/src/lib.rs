//! What the examples share: models and their files, trainings, dates, text tables, plots and progress bars.
//!
//! Each example is one idea, run as `cargo run --release --example NAME`. Whatever is not that idea
//! stands here, so that the example reads as its own story.
//!
//! | module | holds |
//! | --- | --- |
//! | [`answers`] | what a saved model says to the lines that it is fed |
//! | [`apart`] | that no file of a program takes the place of another one |
//! | [`bars`] | groups of horizontal bars, as an SVG file |
//! | [`calendar`] | dates, leap years, the day of the year |
//! | [`checkpoint_file`] | where the checkpoint of a training goes, and how the training goes on from it |
//! | [`char_model`] | a network that foretells characters, and its file |
//! | [`classifier`] | a network that says of which class a word is, and its file |
//! | [`curve`] | how a training went |
//! | [`identity`] | what a training is told from others by, in its checkpoint |
//! | [`inside`] | states and gradient norms of a recurrent layer, as tables and panels |
//! | [`interrupt`] | Ctrl-C as a wish to end |
//! | [`latencies`] | how long answers took: percentiles and a histogram |
//! | [`lines`] | those of an input, as they come |
//! | [`memory`] | the most memory that this process has had |
//! | [`parallel`] | independent runs on several threads, their results in order |
//! | [`forecaster`] | a network that foretells a series, and its file |
//! | [`heatmap`] | a table of counts, as an SVG file |
//! | [`model_file`] | what the models have in common in their files |
//! | [`moment`] | times of day on dates |
//! | [`plot`] | panels of lines and marks, as an SVG file |
//! | [`program`] | how an example reads, writes and ends |
//! | [`progress`] | a progress bar on a terminal, and nothing elsewhere |
//! | [`sampling`] | draws by temperature among the likeliest |
//! | [`screen`] | text on standard output, whose reader may leave early |
//! | [`text_table`] | an aligned table |
//! | [`training`] | epochs until it no longer gets better |
//! | [`training_files`] | where a program that trains a model leaves its files |
#![forbid(unsafe_code)]

pub mod answers;
pub mod apart;
pub mod bars;
pub mod calendar;
pub mod char_model;
pub mod checkpoint_file;
pub mod classifier;
pub mod curve;
mod error;
pub mod forecaster;
pub mod heatmap;
pub mod identity;
pub mod inside;
pub mod interrupt;
pub mod latencies;
pub mod lines;
pub mod memory;
pub mod model_file;
pub mod moment;
pub mod parallel;
pub mod plot;
pub mod program;
pub mod progress;
pub mod sampling;
pub mod screen;
pub mod text_table;
pub mod training;
pub mod training_files;

pub use error::{Error, Result};

/// The code in the workspace's documents, run as tests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/recurrent.md")]
    struct Recurrent;
    #[doc = include_str!("../../docs/lecture.md")]
    struct Lecture;
    #[doc = include_str!("../../docs/lecture.zh.md")]
    struct LectureInChinese;
    #[doc = include_str!("../../docs/cookbook.md")]
    struct Cookbook;
    #[doc = include_str!("../../docs/from-pytorch.md")]
    struct FromPyTorch;
}
