//! Streams: the same bits as the whole sequence, states in and out, no allocation, clear errors.

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{Embedding, Error, GRU, LSTM, LSTMState, Linear, Nonlinearity, RNN, Stream};
use refrain_tensor::{Real, Tensor};

/// Any of the family, with any number of layers.
enum Layer<T: Real> {
    RNN(RNN<T>),
    LSTM(LSTM<T>),
    GRU(GRU<T>),
}

#[derive(Clone, Copy, Debug)]
struct Sizes {
    kind: usize,
    input: usize,
    hidden: usize,
    layers: usize,
    steps: usize,
    batch: usize,
    seed: u64,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let hidden = prop_oneof![1usize..8, 9usize..40, 60usize..70];
    (0usize..5, 1usize..20, hidden, 1usize..4, 1usize..7, 1usize..4, any::<u64>()).prop_map(
        |(kind, input, hidden, layers, steps, batch, seed)| Sizes {
            kind,
            input,
            hidden,
            layers,
            steps,
            batch,
            seed,
        },
    )
}

impl<T: Real> Layer<T> {
    fn random(s: Sizes, rng: &mut Xoshiro256PlusPlus) -> Self {
        match s.kind {
            0 => Self::RNN(RNN::builder(s.input, s.hidden).num_layers(s.layers).build(rng).unwrap()),
            1 => {
                let builder = RNN::builder(s.input, s.hidden).nonlinearity(Nonlinearity::ReLU);
                Self::RNN(builder.num_layers(s.layers).bias(false).build(rng).unwrap())
            }
            2 => Self::LSTM(LSTM::builder(s.input, s.hidden).num_layers(s.layers).build(rng).unwrap()),
            3 => {
                let projection = if s.hidden > 1 { s.hidden / 2 } else { 0 };
                let builder = LSTM::builder(s.input, s.hidden).proj_size(projection);
                Self::LSTM(builder.num_layers(s.layers).build(rng).unwrap())
            }
            _ => Self::GRU(GRU::builder(s.input, s.hidden).num_layers(s.layers).build(rng).unwrap()),
        }
    }

    fn stream(&self, batch: usize) -> Result<Stream<T>, Error> {
        match self {
            Self::RNN(rnn) => rnn.stream(batch),
            Self::LSTM(lstm) => lstm.stream(batch),
            Self::GRU(gru) => gru.stream(batch),
        }
    }

    /// Outputs, last h and last c of the whole sequence, from states that may be given.
    fn whole(
        &self,
        x: &Tensor<T>,
        start: Option<(&Tensor<T>, Option<&Tensor<T>>)>,
    ) -> (Vec<T>, Tensor<T>, Option<Tensor<T>>) {
        let tape = Tape::inference();
        let x = tape.constant(x.clone());
        let h_0 = start.map(|(h, _)| tape.constant(h.clone()));
        match self {
            Self::RNN(rnn) => {
                let (y, h) = rnn.forward(&x, h_0.as_ref()).unwrap();
                (y.value().to_vec(), h.into_value(), None)
            }
            Self::GRU(gru) => {
                let (y, h) = gru.forward(&x, h_0.as_ref()).unwrap();
                (y.value().to_vec(), h.into_value(), None)
            }
            Self::LSTM(lstm) => {
                let start = h_0.zip(start.and_then(|(_, c)| c));
                let start = start.map(|(h, c)| LSTMState { h, c: tape.constant(c.clone()) });
                let (y, last) = lstm.forward(&x, start.as_ref()).unwrap();
                (y.value().to_vec(), last.h.into_value(), Some(last.c.into_value()))
            }
        }
    }
}

fn streamed<T: Real>(stream: &mut Stream<T>, x: &Tensor<T>) -> Vec<T> {
    let mut output = vec![T::ZERO; stream.batch() * stream.output_size()];
    let x = x.to_vec();
    let steps = x.chunks_exact(stream.batch() * stream.input_size());
    steps
        .flat_map(|x| {
            stream.step(x, &mut output).unwrap();
            output.clone()
        })
        .collect()
}

fn check<T: Real>(s: Sizes) -> Result<(), TestCaseError> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(s.seed);
    let layer = Layer::<T>::random(s, &mut rng);
    let x = Tensor::<T>::normal([s.steps, s.batch, s.input], T::ZERO, T::ONE, &mut rng).unwrap();
    let mut stream = layer.stream(s.batch).unwrap();
    let (y, h, c) = layer.whole(&x, None);
    prop_assert_eq!(streamed(&mut stream, &x), y.clone());
    prop_assert_eq!((&stream.h().unwrap(), &stream.c().unwrap()), (&h, &c));

    // From the state read out, in another stream, and from the start again after a reset.
    let mut second = layer.stream(s.batch).unwrap();
    second.set_state(&h, c.as_ref()).unwrap();
    let (from_last, ..) = layer.whole(&x, Some((&h, c.as_ref())));
    prop_assert_eq!(streamed(&mut second, &x), from_last);
    second.reset();
    prop_assert_eq!(streamed(&mut second, &x), y);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn steps_have_the_bits_of_the_whole(s in sizes()) {
        check::<f32>(s)?;
        check::<f64>(s)?;
    }
}

/// The largest call another thread for help, which was started at the first step.
#[test]
fn a_step_allocates_nothing() {
    for kind in 0..5 {
        for (hidden, batch) in [(3, 2), (64, 2), (100, 1), (512, 1), (300, 5)] {
            let s = Sizes { kind, input: 64, hidden, layers: 2, steps: 1, batch, seed: 3 };
            let layer = Layer::<f32>::random(s, &mut Xoshiro256PlusPlus::seed_from_u64(7));
            let mut stream = layer.stream(s.batch).unwrap();
            let (input, mut output) = (vec![0.5; batch * 64], vec![0.0; batch * stream.output_size()]);
            stream.step(&input, &mut output).unwrap();
            let counted = allocation_counter::measure(|| {
                for _ in 0..100 {
                    stream.step(&input, &mut output).unwrap();
                }
            });
            assert_eq!(counted.count_total, 0, "kind {kind}, {hidden} units");
        }
    }
}

/// From a word to the scores of the next one.
#[test]
fn a_model_of_words_allocates_nothing() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    for (words, hidden) in [(30, 16), (2000, 300)] {
        let embedding = Embedding::<f32>::new(words, 24, &mut rng).unwrap();
        let gru = GRU::new(24, hidden, &mut rng).unwrap();
        let head = Linear::new(hidden, words, &mut rng).unwrap();
        let mut stream = gru.stream(1).unwrap();
        let (mut state, mut scores) = (vec![0.0; hidden], vec![0.0; words]);
        let mut read = |word: usize| {
            stream.step(&embedding.row(word).unwrap(), &mut state).unwrap();
            head.apply(&state, &mut scores).unwrap();
        };
        read(3);
        let counted = allocation_counter::measure(|| (0..30).for_each(&mut read));
        assert_eq!(counted.count_total, 0, "{words} words");
    }
}

#[test]
fn what_a_stream_refuses() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let both = GRU::<f32>::builder(3, 4).bidirectional(true).build(&mut rng).unwrap();
    let gru = GRU::<f32>::new(3, 4, &mut rng).unwrap();
    let mut stream = gru.stream(2).unwrap();
    let mut output = [0.0; 8];
    stream.step(&[1.0; 6], &mut output).unwrap();
    let h = stream.h().unwrap();
    let cases = [
        (
            both.stream(1).unwrap_err(),
            "gru: a bidirectional layer cannot be streamed, for its second direction begins at the end",
        ),
        (gru.stream(0).unwrap_err(), "gru: batch is 0, expected at least 1"),
        (
            stream.step(&[0.0; 5], &mut output).unwrap_err(),
            "gru: input holds 5 numbers, expected 6 = 2 sequences of 3",
        ),
        (
            stream.step(&[0.0; 6], &mut output[..4]).unwrap_err(),
            "gru: output holds 4 numbers, expected 8 = 2 sequences of 4",
        ),
        (
            stream.set_state(&Tensor::zeros([1, 1, 4]).unwrap(), None).unwrap_err(),
            "gru: h has shape [1, 1, 4], expected [1, 2, 4] = [num_layers, batch, hidden_size]",
        ),
    ];
    for (error, message) in cases {
        assert_eq!(error.to_string(), message);
    }
    let of_c = stream.set_state(&h, Some(&h)).unwrap_err().to_string();
    assert!(of_c.starts_with("gru: c has shape [1, 2, 4]"), "{of_c}");
    assert_eq!(stream.h().unwrap(), h, "the state is as it was");
}
