//! [`Case`]: one conformance case, read from a safetensors file.

use std::collections::BTreeMap;

use refrain_tensor::{Cast, Shape, Tensor};
use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    options::Options,
    python_json,
    tensors::{Given, Stored},
};

/// What PyTorch was given, and what it answered.
#[derive(Debug)]
pub(crate) struct Case {
    /// What to build.
    pub(crate) kind: String,
    /// The arguments.
    pub(crate) options: Options,
    /// The element type to compute in.
    pub(crate) dtype: Dtype,
    /// What to compute from.
    pub(crate) given: Given,
    /// What should come out, by name.
    pub(crate) expected: BTreeMap<String, Expected>,
}

/// The element type that a case computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    F32,
    F64,
}

/// A value computed in f64, and how far PyTorch itself is from it.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) value: Tensor<f64>,
    /// The norm of PyTorch's own error over the norm of the value; 0 where the case does not say.
    pub(crate) torch_error: f64,
}

impl Case {
    /// Reads a whole file. The header is checked by the safetensors crate.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let text = metadata.metadata().as_ref().and_then(|metadata| metadata.get("case"));
        let mut description = match python_json::parse(text.ok_or(Error::NoCase)?)? {
            Value::Object(description) => description,
            _ => return Err(Error::Field { field: "kind", expected: "a string" }),
        };
        let kind = match description.remove("kind") {
            Some(Value::String(kind)) => kind,
            _ => return Err(Error::Field { field: "kind", expected: "a string" }),
        };
        let dtype = match description.get("dtype").and_then(Value::as_str) {
            Some("f32") => Dtype::F32,
            Some("f64") => Dtype::F64,
            _ => return Err(Error::Field { field: "dtype", expected: "f32 or f64" }),
        };
        let options = match description.remove("options") {
            Some(Value::Object(options)) => Options::new(options),
            None => Options::new([]),
            _ => return Err(Error::Field { field: "options", expected: "an object" }),
        };
        let errors = torch_errors(description.get("torch_error"))?;

        let (mut given, mut expected) = (Given::default(), BTreeMap::new());
        for (name, view) in SafeTensors::deserialize(bytes)?.iter() {
            let tensor = stored(name, &view)?;
            match Role::of(name) {
                Some(Role::Given) => given.insert(name.to_owned(), tensor),
                Some(Role::Expected) => {
                    let torch_error = errors.get(name).copied().unwrap_or(0.0);
                    expected.insert(name.to_owned(), Expected { value: wide(name, tensor)?, torch_error });
                }
                None => return Err(Error::UnexpectedTensor(name.to_owned())),
            }
        }
        Ok(Self { kind, options, dtype, given, expected })
    }

    /// Whether a gradient is expected, so that there has to be a backward pass.
    pub(crate) fn expects_gradients(&self) -> bool {
        self.expected.keys().any(|name| name.starts_with("grad."))
    }
}

/// What a tensor is for, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Given,
    Expected,
}

impl Role {
    fn of(name: &str) -> Option<Self> {
        let (first, rest) = name.split_once('.')?;
        match first {
            "param" | "input" | "cotangent" => Some(Self::Given),
            "output" | "grad" => Some(Self::Expected),
            "step" if rest == "lr" => Some(Self::Expected),
            "step" => {
                let (step, of_step) = rest.split_once('.')?;
                step.parse::<usize>().ok()?;
                match of_step.split_once('.')?.0 {
                    "grad" => Some(Self::Given),
                    "param" => Some(Self::Expected),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

fn torch_errors(value: Option<&Value>) -> Result<BTreeMap<String, f64>> {
    let wrong = Error::Field { field: "torch_error", expected: "an object of numbers" };
    let entries = match value {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(wrong),
    };
    let read = |(name, value): (&String, &Value)| Some((name.clone(), python_json::number(value)?));
    entries.iter().map(read).collect::<Option<_>>().ok_or(wrong)
}

fn stored(name: &str, view: &TensorView<'_>) -> Result<Stored> {
    let (shape, data) = (Shape::new(view.shape())?, view.data());
    // The crate has checked that the bytes are as many as shape and element type say.
    Ok(match view.dtype() {
        safetensors::Dtype::F32 => Stored::F32(Tensor::from_vec(values(data, f32::from_le_bytes), shape)?),
        safetensors::Dtype::F64 => Stored::F64(Tensor::from_vec(values(data, f64::from_le_bytes), shape)?),
        safetensors::Dtype::I64 => Stored::I64(Tensor::from_vec(values(data, i64::from_le_bytes), shape)?),
        other => return Err(Error::Element { tensor: name.to_owned(), found: format!("{other:?}") }),
    })
}

fn values<T, const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&chunk| read(chunk)).collect()
}

fn wide(name: &str, tensor: Stored) -> Result<Tensor<f64>> {
    match tensor {
        Stored::F32(tensor) => Ok(tensor.map(Cast::cast)),
        Stored::F64(tensor) => Ok(tensor),
        Stored::I64(_) => {
            let (tensor, found) = (name.to_owned(), tensor.dtype());
            Err(Error::ElementOfUse { tensor, found, expected: "f64" })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap; // order never observed: one entry

    use super::*;

    /// A file with this description, and one tensor of zeros for each name.
    fn file(case: &str, names: &[(&str, safetensors::Dtype, usize)]) -> Vec<u8> {
        let zeros = [0; 64];
        let views = names.iter().map(|&(name, dtype, count)| {
            let bytes = &zeros[..count * dtype.bitsize() / 8];
            (name, TensorView::new(dtype, vec![count], bytes).expect("a view"))
        });
        let metadata = HashMap::from([("case".to_owned(), case.to_owned())]); // order never observed: one entry
        safetensors::serialize(views, Some(metadata)).expect("a file")
    }

    const LINEAR: &str = r#"{"kind": "linear", "options": {"in_features": 2}, "dtype": "f32",
                             "torch_error": {"output.y": 1e-7, "grad.input.x": NaN}}"#;

    #[test]
    fn a_case_is_read() {
        use safetensors::Dtype::{F32, F64, I64};
        let bytes = file(LINEAR, &[("input.x", F32, 2), ("output.y", F64, 3), ("input.target", I64, 1)]);
        let mut case = Case::parse(&bytes).expect("a case");
        assert_eq!((case.kind.as_str(), case.dtype), ("linear", Dtype::F32));
        assert_eq!(case.options.size("in_features").expect("an option"), 2);
        assert!(case.given.holds::<f32>("input.x") && case.given.holds::<i64>("input.target"));
        assert_eq!(case.expected["output.y"].value.to_vec(), [0.0; 3]);
        assert_eq!(case.expected["output.y"].torch_error, 1e-7);
        assert!(!case.expects_gradients());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = file(LINEAR, &[("input.x", safetensors::Dtype::F32, 2)]);
        for length in 0..bytes.len() {
            assert!(Case::parse(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn what_is_wrong_with_a_description_is_said() {
        let cases = [
            ("{", "the case is not JSON"),
            ("3", "no `kind`"),
            (r#"{"dtype": "f32"}"#, "no `kind`"),
            (r#"{"kind": "rnn"}"#, "no `dtype`"),
            (r#"{"kind": "rnn", "dtype": "bf16"}"#, "no `dtype`"),
            (r#"{"kind": "rnn", "dtype": "f32", "options": []}"#, "no `options`"),
            (r#"{"kind": "rnn", "dtype": "f32", "torch_error": {"y": "x"}}"#, "no `torch_error`"),
        ];
        for (description, expected) in cases {
            let message = Case::parse(&file(description, &[])).expect_err(description).to_string();
            assert!(message.contains(expected), "{description}: {message}");
        }
    }

    #[test]
    fn tensors_of_other_kinds_are_refused() {
        use safetensors::Dtype::{BF16, F32, I64};
        let cases = [
            ("input.x", BF16, "input.x holds BF16"),
            ("output.y", I64, "output.y holds i64"),
            ("weight", F32, "unexpected tensor weight"),
        ];
        for (name, dtype, expected) in cases {
            let message = Case::parse(&file(LINEAR, &[(name, dtype, 1)])).expect_err(name).to_string();
            assert!(message.contains(expected), "{name}: {message}");
        }
    }

    #[test]
    fn a_file_without_a_description_is_an_error() {
        let bytes = safetensors::serialize::<&str, TensorView<'_>, _>([], None).expect("a file");
        assert_eq!(
            Case::parse(&bytes).expect_err("no case").to_string(),
            "the file's metadata has no key `case`"
        );
    }

    #[test]
    fn names_say_what_a_tensor_is_for() {
        let cases = [
            ("param.weight", Some(Role::Given)),
            ("input.x", Some(Role::Given)),
            ("cotangent.y", Some(Role::Given)),
            ("step.0.grad.a", Some(Role::Given)),
            ("step.12.param.a.b", Some(Role::Expected)),
            ("step.lr", Some(Role::Expected)),
            ("output.y", Some(Role::Expected)),
            ("grad.param.weight", Some(Role::Expected)),
            ("step.x.grad.a", None),
            ("step.1.lr", None),
            ("output", None),
            ("state.x", None),
        ];
        for (name, role) in cases {
            assert_eq!(Role::of(name), role, "{name}");
        }
    }
}
