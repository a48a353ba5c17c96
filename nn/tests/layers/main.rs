//! The layers and losses as their users see them: values, gradients, costs and refusals. One program,
//! for each takes its time to compile and to link.

mod convolution;
mod convolution_refusals;
mod costs;
mod gradients;
mod inference;
mod many_sequences;
mod pytorch_values;
mod recurrent;
mod refusals;
mod stream;
mod trace;
mod within;
