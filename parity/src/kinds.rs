//! The kinds of cases, and the code that computes each.

use crate::{
    case_file::{Case, Dtype},
    cells,
    compare::{self, Results, Worst},
    error::{Error, Result},
    layers, losses, recurrent,
    tensors::Scalar,
    training,
};

/// Computes what a case describes and compares it with all that the case expects.
pub(crate) fn run(case: Case) -> Result<Worst> {
    match case.dtype {
        Dtype::F32 => run_in::<f32>(case),
        Dtype::F64 => run_in::<f64>(case),
    }
}

fn run_in<T: Scalar>(mut case: Case) -> Result<Worst> {
    let results = computation::<T>(&case.kind)?(&mut case)?;
    // What was not taken was not used, and a comparison that left it out would prove nothing.
    case.options.finish()?;
    case.given.finish()?;
    compare::worst(&case.expected, &results, case.dtype)
}

/// Takes from the case what it needs and computes.
type Computation = fn(&mut Case) -> Result<Results>;

/// Every kind that the generator writes.
fn computation<T: Scalar>(kind: &str) -> Result<Computation> {
    Ok(match kind {
        "rnn" => recurrent::rnn::<T>,
        "lstm" => recurrent::lstm::<T>,
        "gru" => recurrent::gru::<T>,
        "rnn_cell" => cells::rnn_cell::<T>,
        "lstm_cell" => cells::lstm_cell::<T>,
        "gru_cell" => cells::gru_cell::<T>,
        "linear" => layers::linear::<T>,
        "embedding" => layers::embedding::<T>,
        "conv1d" => layers::conv1d::<T>,
        "conv2d" => layers::conv2d::<T>,
        "cross_entropy" => losses::cross_entropy::<T>,
        "mse" => losses::mse::<T>,
        "bce_with_logits" => losses::bce_with_logits::<T>,
        "optim" => training::optim::<T>,
        "clip_grad_norm" => training::clip_grad_norm::<T>,
        "schedule" => training::schedule,
        _ => return Err(Error::UnknownKind(kind.to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use refrain_tensor::Tensor;
    use serde_json::Value;

    use super::*;
    use crate::{
        case_file::Expected,
        options::Options,
        tensors::{Given, Stored},
    };

    /// A linear layer y = 2 x₁ + 3 x₂ at x = (1, 1), with the cotangent 1.
    fn linear() -> Case {
        let mut case = Case {
            kind: "linear".to_owned(),
            options: Options::new([
                ("in_features".to_owned(), Value::from(2)),
                ("out_features".to_owned(), Value::from(1)),
                ("bias".to_owned(), Value::from(false)),
            ]),
            dtype: Dtype::F64,
            given: Given::default(),
            expected: Default::default(),
        };
        case.given.insert("param.weight".to_owned(), Stored::F64(Tensor::from([[2.0, 3.0]])));
        case.given.insert("input.x".to_owned(), Stored::F64(Tensor::from([1.0, 1.0])));
        case.given.insert("cotangent.y".to_owned(), Stored::F64(Tensor::from([1.0])));
        case
    }

    fn expect(case: &mut Case, name: &str, value: Tensor<f64>) {
        case.expected.insert(name.to_owned(), Expected { value, torch_error: 0.0 });
    }

    fn message(case: Case) -> String {
        run(case).expect_err("a case that fails").to_string()
    }

    #[test]
    fn a_right_case_passes_and_a_wrong_one_does_not() {
        let mut case = linear();
        expect(&mut case, "output.y", Tensor::from([5.0]));
        expect(&mut case, "grad.input.x", Tensor::from([2.0, 3.0]));
        expect(&mut case, "grad.param.weight", Tensor::from([[1.0, 1.0]]));
        assert_eq!(run(case).expect("a comparison").ratio, 0.0);

        let mut case = linear();
        expect(&mut case, "output.y", Tensor::from([5.0]));
        expect(&mut case, "grad.input.x", Tensor::from([2.0, 2.0]));
        let worst = run(case).expect("a comparison");
        assert!(worst.ratio > 1.0 && worst.tensor == "grad.input.x", "{worst:?}");
    }

    #[test]
    fn outputs_alone_are_enough() {
        let mut case = linear();
        case.given.required::<f64>("cotangent.y").expect("it is there");
        expect(&mut case, "output.y", Tensor::from([5.0]));
        assert_eq!(run(case).expect("a comparison").ratio, 0.0);
    }

    #[test]
    fn nothing_is_skipped_in_silence() {
        let mut case = linear();
        expect(&mut case, "output.z", Tensor::from([5.0]));
        assert_eq!(message(case), "output.z was not computed");

        assert_eq!(message(linear()), "the case expects nothing");

        let mut case = linear();
        case.given.insert("input.h_0".to_owned(), Stored::F64(Tensor::from([1.0])));
        expect(&mut case, "output.y", Tensor::from([5.0]));
        assert_eq!(message(case), "unexpected tensor input.h_0");

        let mut case = linear();
        case.given.insert("param.bias".to_owned(), Stored::F64(Tensor::from([1.0])));
        expect(&mut case, "output.y", Tensor::from([5.0]));
        assert_eq!(message(case), "unexpected tensor param.bias");

        let mut case = linear();
        case.given.required::<f64>("param.weight").expect("it is there");
        assert_eq!(message(case), "the tensor param.weight is missing");

        let mut case = linear();
        case.given.required::<f64>("cotangent.y").expect("it is there");
        expect(&mut case, "grad.input.x", Tensor::from([2.0, 3.0]));
        assert_eq!(message(case), "the tensor cotangent.* is missing");

        let mut case = linear();
        case.given.insert("cotangent.y".to_owned(), Stored::F64(Tensor::from(1.0)));
        expect(&mut case, "grad.input.x", Tensor::from([2.0, 3.0]));
        assert_eq!(message(case), "cotangent.y has shape [], expected [1]");
    }

    #[test]
    fn an_unknown_kind_is_a_failure() {
        let mut case = linear();
        case.kind = "transformer".to_owned();
        assert_eq!(message(case), "unknown kind `transformer`");
    }
}
