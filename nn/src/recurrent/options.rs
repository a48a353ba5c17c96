//! The options that the builders of RNN, LSTM and GRU share.

/// PyTorch's options with PyTorch's defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) input_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) num_layers: usize,
    pub(crate) bias: bool,
    pub(crate) batch_first: bool,
    pub(crate) dropout: f64,
    pub(crate) bidirectional: bool,
    pub(crate) proj_size: usize,
}

impl Options {
    pub(crate) fn new(input_size: usize, hidden_size: usize) -> Self {
        Self {
            input_size,
            hidden_size,
            num_layers: 1,
            bias: true,
            batch_first: false,
            dropout: 0.0,
            bidirectional: false,
            proj_size: 0,
        }
    }

    /// 2 where there is a second direction, else 1.
    pub(crate) fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// The size of the state that is carried.
    pub(crate) fn state_size(&self) -> usize {
        if self.proj_size > 0 { self.proj_size } else { self.hidden_size }
    }
}

impl std::fmt::Display for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.input_size, self.hidden_size)?;
        if self.num_layers != 1 {
            write!(f, ", num_layers={}", self.num_layers)?;
        }
        if self.proj_size != 0 {
            write!(f, ", proj_size={}", self.proj_size)?;
        }
        if self.dropout != 0.0 {
            write!(f, ", dropout={}", self.dropout)?;
        }
        for (name, differs) in [
            ("bias=false", !self.bias),
            ("batch_first=true", self.batch_first),
            ("bidirectional=true", self.bidirectional),
        ] {
            if differs {
                write!(f, ", {name}")?;
            }
        }
        Ok(())
    }
}

/// The setters of a builder that holds `options`.
macro_rules! option_setters {
    ($builder:ident) => {
        impl<T: refrain_tensor::Real> $builder<T> {
            /// The number of layers, each fed by the one below. Default 1.
            pub fn num_layers(mut self, num_layers: usize) -> Self {
                self.options.num_layers = num_layers;
                self
            }

            /// Whether there are biases. Default true.
            pub fn bias(mut self, bias: bool) -> Self {
                self.options.bias = bias;
                self
            }

            /// Whether inputs and outputs are `[batch, seq, features]`. Default false. States are
            /// not affected.
            pub fn batch_first(mut self, batch_first: bool) -> Self {
                self.options.batch_first = batch_first;
                self
            }

            /// The probability with which each output of every layer but the last is dropped while
            /// training. Default 0. A layer with dropout is run with `training(&mut rng)`.
            pub fn dropout(mut self, dropout: f64) -> Self {
                self.options.dropout = dropout;
                self
            }

            /// Whether a second direction runs from the end to the start; the output then has the
            /// features of both, one after the other. Default false.
            pub fn bidirectional(mut self, bidirectional: bool) -> Self {
                self.options.bidirectional = bidirectional;
                self
            }
        }
    };
}
pub(crate) use option_setters;
