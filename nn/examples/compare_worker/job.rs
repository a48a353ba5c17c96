//! What a `load` request asks for.

use std::collections::BTreeMap;

use crate::Result;

/// Which layer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    RNN,
    LSTM,
    GRU,
}

/// What is done with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Forward, and back to the gradient of every parameter.
    Train,
    /// Forward, with nothing recorded.
    Infer,
    /// One step with the state carried.
    Stream,
    /// A training step with cross entropy and Adam.
    Hello,
}

/// A workload, and the seed of its numbers.
pub(crate) struct Job {
    pub(crate) kind: Kind,
    pub(crate) mode: Mode,
    pub(crate) input: usize,
    pub(crate) hidden: usize,
    pub(crate) steps: usize,
    pub(crate) batch: usize,
    pub(crate) layers: usize,
    pub(crate) bidirectional: bool,
    pub(crate) packed: bool,
    pub(crate) seed: u64,
}

impl Job {
    /// Reads `kind=lstm mode=train input=32 …`; all keys must be there, in any order.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let fields: BTreeMap<&str, &str> =
            text.split_whitespace().filter_map(|word| word.split_once('=')).collect();
        let word = |key: &str| fields.get(key).copied().ok_or_else(|| format!("load: there is no {key}="));
        let number = |key: &str| -> Result<usize> { Ok(word(key)?.parse()?) };
        Ok(Job {
            kind: match word("kind")? {
                "rnn" => Kind::RNN,
                "lstm" => Kind::LSTM,
                "gru" => Kind::GRU,
                other => return Err(format!("load: there is no kind {other}").into()),
            },
            mode: match word("mode")? {
                "train" => Mode::Train,
                "infer" => Mode::Infer,
                "stream" => Mode::Stream,
                "hello" => Mode::Hello,
                other => return Err(format!("load: there is no mode {other}").into()),
            },
            input: number("input")?,
            hidden: number("hidden")?,
            steps: number("steps")?,
            batch: number("batch")?,
            layers: number("layers")?,
            bidirectional: number("directions")? == 2,
            packed: number("packed")? == 1,
            seed: word("seed")?.parse()?,
        })
    }
}
