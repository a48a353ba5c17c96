//! What the recurrent layers refuse, and in which words; and the names of their parameters.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_nn::{GRU, LSTM, LSTMState, Module, RNN, pack_padded_sequence};
use refrain_tensor::{Shape, Tensor};

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(2)
}

fn zeros<'t>(tape: &'t Tape<f32>, sizes: &[usize]) -> Var<'t, f32> {
    tape.constant(Tensor::zeros(Shape::new(sizes).unwrap()).unwrap())
}

#[test]
fn inputs_and_states_of_wrong_shapes() {
    let rnn = RNN::<f32>::builder(4, 3).num_layers(2).build(&mut rng()).unwrap();
    let first = RNN::<f32>::builder(4, 3).batch_first(true).build(&mut rng()).unwrap();
    let tape = Tape::new();
    let fail = |rnn: &RNN<f32>, x: &[usize], h: Option<&[usize]>| {
        let h = h.map(|h| zeros(&tape, h));
        rnn.forward(&zeros(&tape, x), h.as_ref()).unwrap_err().to_string()
    };
    let cases = [
        (
            fail(&rnn, &[9, 2, 5], None),
            "rnn: input has 5 features, the layer was built for 4 (input shape [9, 2, 5] = [seq, batch, features])",
        ),
        (
            fail(&first, &[9, 2, 5], None),
            "rnn: input has 5 features, the layer was built for 4 (input shape [9, 2, 5] = [batch, seq, features])",
        ),
        (
            fail(&rnn, &[4], None),
            "rnn: input has shape [4], expected [seq, batch, features] or [seq, features]",
        ),
        (
            fail(&first, &[4], None),
            "rnn: input has shape [4], expected [batch, seq, features] or [seq, features]",
        ),
        (
            fail(&rnn, &[9, 2, 4], Some(&[1, 2, 3])),
            "rnn: h_0 has shape [1, 2, 3], expected [2, 2, 3] = [num_layers · directions, batch, size]",
        ),
        (
            fail(&rnn, &[9, 4], Some(&[2, 1, 3])),
            "rnn: h_0 has shape [2, 1, 3], expected [2, 3] = [num_layers · directions, size]",
        ),
        (
            fail(&rnn, &[0, 2, 4], None),
            "rnn: the sequence is empty (input shape [0, 2, 4] = [seq, batch, features])",
        ),
        (
            fail(&first, &[0, 2, 4], None),
            "rnn: the batch is empty (input shape [0, 2, 4] = [batch, seq, features])",
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(message, expected);
    }
    let lstm = LSTM::<f32>::builder(4, 3).proj_size(2).build(&mut rng()).unwrap();
    let state = |h: &[usize], c: &[usize]| LSTMState { h: zeros(&tape, h), c: zeros(&tape, c) };
    let fail = |state| lstm.forward(&zeros(&tape, &[5, 1, 4]), Some(&state)).unwrap_err().to_string();
    assert_eq!(
        fail(state(&[1, 1, 3], &[1, 1, 3])),
        "lstm: h_0 has shape [1, 1, 3], expected [1, 1, 2] = [num_layers · directions, batch, size]"
    );
    assert_eq!(
        fail(state(&[1, 1, 2], &[1, 1, 2])),
        "lstm: c_0 has shape [1, 1, 2], expected [1, 1, 3] = [num_layers · directions, batch, size]"
    );
}

#[test]
fn options_that_make_no_layer() {
    let cases = [
        (RNN::<f32>::new(0, 3, &mut rng()).unwrap_err(), "rnn: input_size is 0, expected at least 1"),
        (GRU::<f32>::new(4, 0, &mut rng()).unwrap_err(), "gru: hidden_size is 0, expected at least 1"),
        (
            LSTM::<f32>::builder(4, 3).num_layers(0).build(&mut rng()).unwrap_err(),
            "lstm: num_layers is 0, expected at least 1",
        ),
        (
            GRU::<f32>::builder(4, 3).dropout(1.5).build(&mut rng()).unwrap_err(),
            "gru: dropout is 1.5, expected a number from 0 to 1",
        ),
        (
            RNN::<f32>::builder(4, 3).dropout(f64::NAN).build(&mut rng()).unwrap_err(),
            "rnn: dropout is NaN, expected a number from 0 to 1",
        ),
        (
            LSTM::<f32>::builder(4, 3).proj_size(3).build(&mut rng()).unwrap_err(),
            "lstm: proj_size is 3, expected less than hidden_size, which is 3",
        ),
    ];
    for (error, message) in cases {
        assert_eq!(error.to_string(), message);
    }
    let message = GRU::<f32>::new(1, usize::MAX, &mut rng()).unwrap_err().to_string();
    assert!(message.contains("too large"), "{message}");
}

#[test]
fn lengths_that_no_batch_has() {
    let gru = GRU::<f32>::new(4, 3, &mut rng()).unwrap();
    let tape = Tape::new();
    let x = zeros(&tape, &[5, 2, 4]);
    let fail = |lengths: &[usize]| gru.forward_padded(&x, lengths, None).unwrap_err().to_string();
    assert_eq!(fail(&[5, 0]), "gru: length 0 of sequence 1 is not from 1 to 5");
    assert_eq!(fail(&[6, 1]), "gru: length 6 of sequence 0 is not from 1 to 5");
    assert_eq!(fail(&[5]), "gru: 1 lengths for a batch of 2 sequences");
    let message = gru.forward_padded(&zeros(&tape, &[5, 4]), &[5], None).unwrap_err().to_string();
    assert_eq!(message, "gru: input has shape [5, 4], expected [seq, batch, features]");
    let packed = pack_padded_sequence(&zeros(&tape, &[5, 2, 3]), &[5, 1], false).unwrap();
    assert_eq!(
        gru.forward_packed(&packed, None).unwrap_err().to_string(),
        "gru: input has 3 features, the layer was built for 4 (input shape [6, 3] = [rows, features])"
    );
}

#[test]
fn dropout_needs_a_generator_where_it_acts() {
    let rnn = RNN::<f32>::builder(4, 3).num_layers(2).dropout(1.0).build(&mut rng()).unwrap();
    let tape = Tape::new();
    let message = rnn.forward(&zeros(&tape, &[5, 2, 4]), None).unwrap_err().to_string();
    assert_eq!(
        message,
        "rnn: the layer has a dropout of 1 and the tape records, but there is no random generator; run it with layer.training(&mut rng)"
    );
    // With everything dropped between the layers, the input does not reach the output.
    let x = tape.variable(Tensor::ones([5, 2, 4]).unwrap());
    let (y, _) = rnn.training(&mut rng()).forward(&x, None).unwrap();
    let gradients = y.sum(..).unwrap().backward().unwrap();
    assert!(gradients.of(&x).unwrap().iter().all(|g| g == 0.0));
    // On an inference tape nothing is dropped and no generator is asked for.
    let inference = Tape::inference();
    let x = inference.constant(Tensor::ones([5, 2, 4]).unwrap());
    let (y, _) = rnn.forward(&x, None).unwrap();
    let (same, _) = rnn.training(&mut rng()).forward(&x, None).unwrap();
    assert_eq!(y.value(), same.value());
}

#[test]
fn parameters_have_pytorchs_names_order_and_shapes() {
    let list = |names: Vec<(String, &refrain_nn::Parameter<f32>)>| -> Vec<String> {
        names.iter().map(|(name, p)| format!("{name} {}", p.value().shape())).collect()
    };
    let lstm = LSTM::<f32>::builder(4, 3)
        .num_layers(2)
        .bidirectional(true)
        .proj_size(2)
        .bias(false)
        .build(&mut rng())
        .unwrap();
    let expected = [
        "weight_ih_l0 [12, 4]",
        "weight_hh_l0 [12, 2]",
        "weight_hr_l0 [2, 3]",
        "weight_ih_l0_reverse [12, 4]",
        "weight_hh_l0_reverse [12, 2]",
        "weight_hr_l0_reverse [2, 3]",
        "weight_ih_l1 [12, 4]",
        "weight_hh_l1 [12, 2]",
        "weight_hr_l1 [2, 3]",
        "weight_ih_l1_reverse [12, 4]",
        "weight_hh_l1_reverse [12, 2]",
        "weight_hr_l1_reverse [2, 3]",
    ];
    assert_eq!(list(lstm.named_parameters()), expected);
    let gru = GRU::<f32>::new(4, 3, &mut rng()).unwrap();
    let expected = ["weight_ih_l0 [9, 4]", "weight_hh_l0 [9, 3]", "bias_ih_l0 [9]", "bias_hh_l0 [9]"];
    assert_eq!(list(gru.named_parameters()), expected);
}

#[test]
fn a_layer_prints_its_options() {
    let plain = RNN::<f32>::new(4, 3, &mut rng()).unwrap();
    assert_eq!(format!("{plain:?}"), "RNN(4, 3)");
    let builder = LSTM::<f32>::builder(4, 3).num_layers(2).bidirectional(true).dropout(0.5).proj_size(2);
    let lstm = builder.bias(false).batch_first(true).build(&mut rng()).unwrap();
    let expected = "LSTM(4, 3, num_layers=2, proj_size=2, dropout=0.5, bias=false, batch_first=true, bidirectional=true)";
    assert_eq!(format!("{lstm:?}"), expected);
}

#[test]
fn one_node_whatever_the_length() {
    let lstm = LSTM::<f32>::new(4, 3, &mut rng()).unwrap();
    let nodes = |steps| {
        let tape = Tape::new();
        lstm.forward(&zeros(&tape, &[steps, 2, 4]), None).unwrap();
        tape.ops().iter().filter(|&&op| op == "lstm").count()
    };
    assert_eq!((nodes(1), nodes(100)), (1, 1));
}
