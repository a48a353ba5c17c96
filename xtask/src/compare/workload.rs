//! What is timed: a layer, what is done with it, and the sizes.

use std::fmt;

/// Which layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    RNN,
    LSTM,
    GRU,
}

/// What is done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Forward and back to the gradient of every parameter; the gradient of the output is given,
    /// that of the input is not asked for.
    Train,
    /// Forward, with nothing kept for a way back.
    Infer,
    /// One step with the state carried.
    Stream,
    /// A training step with cross entropy and Adam, under the name of `hello`.
    Hello,
}

/// One row of the comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) mode: Mode,
    pub(crate) input: usize,
    pub(crate) hidden: usize,
    pub(crate) steps: usize,
    pub(crate) batch: usize,
    pub(crate) layers: usize,
    pub(crate) bidirectional: bool,
    pub(crate) packed: bool,
}

/// What a run without `--workload` compares, for each kind in turn; before all of them: hello.
const DEFAULT_SIZES: [&str; 11] = [
    "train:i32:h64:t50:b32",
    "train:i128:h256:t64:b32",
    "train:i128:h256:t64:b32:l2",
    "train:i512:h1024:t32:b64",
    "infer:i32:h64:t50:b32",
    "infer:i128:h256:t64:b32",
    "infer:i512:h1024:t32:b64",
    "train:i64:h128:t4096:b1",
    "train:i64:h128:t100:b64:packed",
    "stream:i64:h128:t1:b1",
    "stream:i128:h512:t1:b1",
];

const KINDS: [(&str, Kind); 3] = [("rnn", Kind::RNN), ("lstm", Kind::LSTM), ("gru", Kind::GRU)];
const MODES: [(&str, Mode); 3] = [("train", Mode::Train), ("infer", Mode::Infer), ("stream", Mode::Stream)];
const SIZES: [(char, &str); 5] = [
    ('i', "input size"),
    ('h', "hidden size"),
    ('t', "number of steps"),
    ('b', "batch"),
    ('l', "number of layers"),
];

/// What every complaint ends with.
const FORM: &str = "a workload is hello or KIND:MODE:iN:hN:tN:bN[:lN][:bi][:packed]";

/// The largest size: products of them still fit a float's 53 bits, so that nothing overflows.
const LARGEST: usize = 1 << 20;

impl Workload {
    /// "hello" → "ohlol": an RNN of four inputs and four units, five steps, batch 1.
    pub(crate) const HELLO: Workload = Workload {
        kind: Kind::RNN,
        mode: Mode::Hello,
        input: 4,
        hidden: 4,
        steps: 5,
        batch: 1,
        layers: 1,
        bidirectional: false,
        packed: false,
    };

    /// The rows of a run that names none.
    ///
    /// # Errors
    ///
    /// If a size of the list cannot be read.
    pub(crate) fn defaults() -> Result<Vec<Self>, String> {
        let of_each_kind =
            DEFAULT_SIZES.iter().flat_map(|sizes| KINDS.map(|(kind, _)| format!("{kind}:{sizes}")));
        ["hello".to_owned()].into_iter().chain(of_each_kind).map(|text| Workload::parse(&text)).collect()
    }

    /// Reads `KIND:MODE:iN:hN:tN:bN[:lN][:bi][:packed]`, or `hello`.
    ///
    /// # Errors
    ///
    /// A sentence that names the part and what is expected in its place.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "hello" {
            return Ok(Workload::HELLO);
        }
        Parts::read(text)
            .and_then(Parts::workload)
            .map_err(|complaint| format!("error: workload `{text}`: {complaint}; {FORM}"))
    }

    /// The floating point operations of the input and recurrent products, two for each
    /// multiply-add, where the sequences have so many steps together.
    ///
    /// Training does the products of the forward pass once more for the weights' gradients, the
    /// recurrent ones once more for the states' gradients, and above the first layer the input
    /// products once more for the gradient of the layer below.
    pub(crate) fn flops(&self, total_steps: usize) -> f64 {
        let (directions, hidden) = (self.directions(), self.hidden as f64);
        let rows = 2.0 * total_steps as f64 * directions as f64 * self.gates() as f64 * hidden;
        let trains = matches!(self.mode, Mode::Train | Mode::Hello);
        let of_layer = |layer: usize| {
            let input = if layer == 0 { self.input } else { directions * self.hidden } as f64;
            let input_products = match (trains, layer) {
                (false, _) => 1.0,
                (true, 0) => 2.0,
                (true, _) => 3.0,
            };
            let recurrent_products = if trains { 3.0 } else { 1.0 };
            rows * (input_products * input + recurrent_products * hidden)
        };
        (0..self.layers).map(of_layer).sum()
    }

    /// The steps of all sequences together, where none is shorter.
    pub(crate) fn padded_steps(&self) -> usize {
        self.steps * self.batch
    }

    /// The workload as the workers read it, with the seed of its numbers.
    pub(crate) fn request(&self, seed: u64) -> String {
        let Workload { input, hidden, steps, batch, layers, .. } = self;
        let (kind, mode) = (self.kind_name(), self.mode_name());
        let (directions, packed) = (self.directions(), u8::from(self.packed));
        format!(
            "load kind={kind} mode={mode} input={input} hidden={hidden} steps={steps} batch={batch} \
             layers={layers} directions={directions} packed={packed} seed={seed}"
        )
    }

    fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    fn gates(&self) -> usize {
        match self.kind {
            Kind::RNN => 1,
            Kind::LSTM => 4,
            Kind::GRU => 3,
        }
    }

    fn kind_name(&self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name)
    }

    fn mode_name(&self) -> &'static str {
        MODES.iter().find(|(_, mode)| *mode == self.mode).map_or("hello", |(name, _)| name)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mode == Mode::Hello {
            return formatter.pad("hello");
        }
        let Workload { input, hidden, steps, batch, layers, .. } = self;
        let (kind, mode) = (self.kind_name(), self.mode_name());
        let mut text = format!("{kind}:{mode}:i{input}:h{hidden}:t{steps}:b{batch}");
        if *layers > 1 {
            text.push_str(&format!(":l{layers}"));
        }
        if self.bidirectional {
            text.push_str(":bi");
        }
        if self.packed {
            text.push_str(":packed");
        }
        formatter.pad(&text)
    }
}

/// The parts between the colons, as far as they were given.
struct Parts {
    kind: Kind,
    mode: Mode,
    sizes: [Option<usize>; SIZES.len()],
    bidirectional: bool,
    packed: bool,
}

impl Parts {
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split(':');
        let kind = one_of(&KINDS, "kind", words.next())?;
        let mode = one_of(&MODES, "mode", words.next())?;
        let mut parts = Parts { kind, mode, sizes: [None; SIZES.len()], bidirectional: false, packed: false };
        for word in words {
            parts.take(word)?;
        }
        Ok(parts)
    }

    fn take(&mut self, word: &str) -> Result<(), String> {
        let twice = || Err(format!("`{word}` is the second of its sort; one is expected"));
        match word {
            "bi" if self.bidirectional => return twice(),
            "packed" if self.packed => return twice(),
            "bi" => self.bidirectional = true,
            "packed" => self.packed = true,
            _ => {
                let place = SIZES.iter().position(|(letter, _)| word.starts_with(*letter));
                let Some(place) = place else {
                    return Err(format!("`{word}` is no part; expected iN, hN, tN, bN, lN, bi or packed"));
                };
                if self.sizes[place].is_some() {
                    return twice();
                }
                let (letter, what) = SIZES[place];
                let size = word[1..].parse().ok().filter(|size| (1..=LARGEST).contains(size));
                self.sizes[place] = Some(size.ok_or_else(|| {
                    format!("`{word}` is no {what}; expected {letter} and a number from 1 to {LARGEST}")
                })?);
            }
        }
        Ok(())
    }

    fn workload(self) -> Result<Workload, String> {
        let missing =
            SIZES.iter().zip(self.sizes).find(|((letter, _), size)| size.is_none() && *letter != 'l');
        if let Some(((letter, what), _)) = missing {
            return Err(format!("the {what} is missing; expected a part {letter}N"));
        }
        let [input, hidden, steps, batch, layers] = self.sizes.map(|size| size.unwrap_or(1));
        let Parts { kind, mode, bidirectional, packed, .. } = self;
        if mode == Mode::Stream {
            if steps != 1 {
                return Err(format!("`t{steps}`: a stream takes one step at a time; expected t1"));
            }
            if bidirectional {
                return Err("`bi`: a stream has no end to start from; expected one direction".to_owned());
            }
            if packed {
                return Err("`packed`: a stream has no sequences to pack; expected it left out".to_owned());
            }
        }
        Ok(Workload { kind, mode, input, hidden, steps, batch, layers, bidirectional, packed })
    }
}

fn one_of<T: Copy>(known: &[(&str, T)], what: &str, word: Option<&str>) -> Result<T, String> {
    let word = word.unwrap_or("");
    let found = known.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        format!("`{word}` is no {what}; expected one of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_read_and_shown() {
        let cases = [
            ("hello", "hello"),
            ("rnn:train:i32:h64:t50:b32", "rnn:train:i32:h64:t50:b32"),
            ("lstm:infer:i8:h16:t5:b3:l2:bi", "lstm:infer:i8:h16:t5:b3:l2:bi"),
            ("gru:train:packed:bi:l3:b4:t10:h16:i8", "gru:train:i8:h16:t10:b4:l3:bi:packed"),
            ("gru:stream:i8:h16:t1:b1:l1", "gru:stream:i8:h16:t1:b1"),
        ];
        for (text, shown) in cases {
            assert_eq!(Workload::parse(text).map(|workload| workload.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_expected() {
        let cases = [
            ("", "`` is no kind; expected one of rnn, lstm, gru"),
            ("tnn:train", "`tnn` is no kind; expected one of rnn, lstm, gru"),
            ("rnn", "`` is no mode; expected one of train, infer, stream"),
            ("rnn:hello", "`hello` is no mode; expected one of train, infer, stream"),
            ("rnn:train:i4:h4:t5", "the batch is missing; expected a part bN"),
            ("rnn:train:i4:h4:t5:b", "`b` is no batch; expected b and a number from 1 to 1048576"),
            ("rnn:train:i4:h0:t5:b1", "`h0` is no hidden size; expected h and a number from 1 to 1048576"),
            ("rnn:train:i4:h-1:t5:b1", "`h-1` is no hidden size; expected h and a number from 1 to 1048576"),
            (
                "rnn:train:i4:h4:t9999999:b1",
                "`t9999999` is no number of steps; expected t and a number from 1 to 1048576",
            ),
            (
                "rnn:train:i4:h4:t5:b1:l0",
                "`l0` is no number of layers; expected l and a number from 1 to 1048576",
            ),
            ("rnn:train:i4:h4:t5:b1:x3", "`x3` is no part; expected iN, hN, tN, bN, lN, bi or packed"),
            ("rnn:train:i4:h4:t5:b1:é", "`é` is no part; expected iN, hN, tN, bN, lN, bi or packed"),
            ("rnn:train:i4:h4:t5:b1:b2", "`b2` is the second of its sort; one is expected"),
            ("rnn:train:i4:h4:t5:b1:bi:bi", "`bi` is the second of its sort; one is expected"),
            ("gru:stream:i4:h4:t5:b1", "`t5`: a stream takes one step at a time; expected t1"),
            ("gru:stream:i4:h4:t1:b1:bi", "`bi`: a stream has no end to start from; expected one direction"),
            (
                "gru:stream:i4:h4:t1:b1:packed",
                "`packed`: a stream has no sequences to pack; expected it left out",
            ),
        ];
        for (text, complaint) in cases {
            let expected = format!("error: workload `{text}`: {complaint}; {FORM}");
            assert_eq!(Workload::parse(text), Err(expected));
        }
    }

    #[test]
    fn the_default_rows_are_all_there() {
        let rows = Workload::defaults().expect("sizes that can be read");
        let shown: Vec<String> = rows.iter().map(Workload::to_string).collect();
        assert_eq!(shown.len(), 1 + 3 * 11);
        assert_eq!(shown[..3], ["hello", "rnn:train:i32:h64:t50:b32", "lstm:train:i32:h64:t50:b32"]);
        assert_eq!(shown[33], "gru:stream:i128:h512:t1:b1");
    }

    #[test]
    fn operations_are_counted() {
        // Products by hand, as multiply-adds for each step: rows of the weights times columns.
        let cases = [
            // 16 × 8 and 16 × 16.
            ("rnn:infer:i8:h16:t5:b3", 15, 16 * 8 + 16 * 16),
            ("rnn:stream:i8:h16:t1:b1", 1, 16 * 8 + 16 * 16),
            ("lstm:infer:i8:h16:t5:b3", 15, 4 * (16 * 8 + 16 * 16)),
            // The second layer gets both directions of the first.
            ("gru:infer:i8:h16:t5:b3:l2:bi", 15, 2 * 3 * (16 * 8 + 16 * 16) + 2 * 3 * (16 * 32 + 16 * 16)),
            // Forward and weights, and the gradient of the state alone.
            ("rnn:train:i8:h16:t5:b3", 15, 2 * (16 * 8 + 16 * 16) + 16 * 16),
            // And the gradient of the second layer's input.
            ("rnn:train:i8:h16:t5:b3:l2", 15, 2 * (16 * 8 + 16 * 16) + 16 * 16 + 3 * (16 * 16 + 16 * 16)),
            ("hello", 5, 2 * (4 * 4 + 4 * 4) + 4 * 4),
            // A packed batch has the steps that its lengths add up to.
            ("rnn:train:i8:h16:t5:b3:packed", 11, 2 * (16 * 8 + 16 * 16) + 16 * 16),
        ];
        for (text, steps, multiply_adds) in cases {
            let workload = Workload::parse(text).expect(text);
            assert_eq!(workload.flops(steps), f64::from(2 * steps as i32 * multiply_adds), "{text}");
        }
    }

    #[test]
    fn the_request_has_every_size() {
        let workload = Workload::parse("lstm:train:i8:h16:t5:b3:l2:bi:packed").expect("a workload");
        let expected = "load kind=lstm mode=train input=8 hidden=16 steps=5 batch=3 layers=2 directions=2 \
                        packed=1 seed=7";
        assert_eq!(workload.request(7), expected);
        assert!(Workload::HELLO.request(7).contains("mode=hello"));
    }
}
