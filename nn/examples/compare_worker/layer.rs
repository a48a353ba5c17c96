//! [`Layer`]: RNN, LSTM and GRU under one name.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Var;
use refrain_nn::{GRU, LSTM, Module, PackedSequence, RNN, Stream};

use crate::{
    Result,
    job::{Job, Kind},
    tensor_file::NamedTensors,
};

/// A layer of the kind that was asked for.
pub(crate) enum Layer {
    RNN(RNN<f32>),
    LSTM(LSTM<f32>),
    GRU(GRU<f32>),
}

/// The states after the last step.
pub(crate) struct Last<'t> {
    h: Var<'t, f32>,
    c: Option<Var<'t, f32>>,
}

impl Layer {
    /// The layer with random parameters, and the generator for the inputs.
    pub(crate) fn random(job: &Job) -> Result<(Self, Xoshiro256PlusPlus)> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(job.seed);
        macro_rules! build {
            ($layer:ident) => {{
                let builder = $layer::builder(job.input, job.hidden).num_layers(job.layers);
                Layer::$layer(builder.bidirectional(job.bidirectional).build(&mut rng)?)
            }};
        }
        let layer = match job.kind {
            Kind::RNN => build!(RNN),
            Kind::LSTM => build!(LSTM),
            Kind::GRU => build!(GRU),
        };
        Ok((layer, rng))
    }

    /// The parameters, each as `param.` and its name.
    pub(crate) fn named_parameters(&self) -> NamedTensors {
        let mut tensors = NamedTensors::default();
        for (name, parameter) in self.module().named_parameters() {
            tensors.add(format!("param.{name}"), parameter.value());
        }
        tensors
    }

    /// The layer as the owner of its parameters.
    pub(crate) fn module(&self) -> &dyn Module<f32> {
        match self {
            Layer::RNN(rnn) => rnn,
            Layer::LSTM(lstm) => lstm,
            Layer::GRU(gru) => gru,
        }
    }

    /// The layer one step at a time.
    pub(crate) fn stream(&self, batch: usize) -> Result<Stream<f32>> {
        Ok(match self {
            Layer::RNN(rnn) => rnn.stream(batch)?,
            Layer::LSTM(lstm) => lstm.stream(batch)?,
            Layer::GRU(gru) => gru.stream(batch)?,
        })
    }

    /// From `[seq, batch, input]` to the outputs of all steps and the last states.
    pub(crate) fn forward<'t>(&self, x: &Var<'t, f32>) -> Result<(Var<'t, f32>, Last<'t>)> {
        Ok(match self {
            Layer::RNN(rnn) => {
                let (out, h) = rnn.forward(x, None)?;
                (out, Last { h, c: None })
            }
            Layer::LSTM(lstm) => {
                let (out, last) = lstm.forward(x, None)?;
                (out, Last { h: last.h, c: Some(last.c) })
            }
            Layer::GRU(gru) => {
                let (out, h) = gru.forward(x, None)?;
                (out, Last { h, c: None })
            }
        })
    }

    /// The same for packed sequences; the outputs are packed rows.
    pub(crate) fn forward_packed<'t>(&self, x: &PackedSequence<'t, f32>) -> Result<(Var<'t, f32>, Last<'t>)> {
        Ok(match self {
            Layer::RNN(rnn) => {
                let (out, h) = rnn.forward_packed(x, None)?;
                (out.data().clone(), Last { h, c: None })
            }
            Layer::LSTM(lstm) => {
                let (out, last) = lstm.forward_packed(x, None)?;
                (out.data().clone(), Last { h: last.h, c: Some(last.c) })
            }
            Layer::GRU(gru) => {
                let (out, h) = gru.forward_packed(x, None)?;
                (out.data().clone(), Last { h, c: None })
            }
        })
    }
}

impl Last<'_> {
    /// The states under PyTorch's names.
    pub(crate) fn named(&self) -> NamedTensors {
        let mut tensors = NamedTensors::default();
        tensors.add("h_n", self.h.value());
        if let Some(c) = &self.c {
            tensors.add("c_n", c.value());
        }
        tensors
    }
}
