//! [`Given`]: the tensors that a case starts from.

use std::collections::BTreeMap;

use refrain_tensor::{Element, Real, Shape, Tensor};

use crate::error::{Error, Result};

/// A tensor of one of the element types that a case can hold.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    F32(Tensor<f32>),
    F64(Tensor<f64>),
    I64(Tensor<i64>),
}

impl Stored {
    /// The tensor's element type, as the library names it.
    pub(crate) fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) => f32::DTYPE,
            Self::F64(_) => f64::DTYPE,
            Self::I64(_) => i64::DTYPE,
        }
    }
}

/// An element type that a case can hold.
pub(crate) trait Kept: Element {
    /// The tensor, if it has this element type.
    fn of(stored: &Stored) -> Option<&Tensor<Self>>;
}

impl Kept for f32 {
    fn of(stored: &Stored) -> Option<&Tensor<Self>> {
        if let Stored::F32(tensor) = stored { Some(tensor) } else { None }
    }
}

impl Kept for f64 {
    fn of(stored: &Stored) -> Option<&Tensor<Self>> {
        if let Stored::F64(tensor) = stored { Some(tensor) } else { None }
    }
}

impl Kept for i64 {
    fn of(stored: &Stored) -> Option<&Tensor<Self>> {
        if let Stored::I64(tensor) = stored { Some(tensor) } else { None }
    }
}

/// An element type to compute in.
pub(crate) trait Scalar: Real + Kept {}
impl<T: Real + Kept> Scalar for T {}

/// The parameters, inputs, cotangents and fed gradients that nobody has taken yet. As with the
/// options, what is left at the end is a failure.
#[derive(Debug, Default)]
pub(crate) struct Given(BTreeMap<String, Stored>);

impl Given {
    /// Adds a tensor.
    pub(crate) fn insert(&mut self, name: String, tensor: Stored) {
        self.0.insert(name, tensor);
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the tensor of this name is there and has this element type.
    pub(crate) fn holds<T: Kept>(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|stored| T::of(stored).is_some())
    }

    /// What follows `prefix` in the names that start with it, in alphabetical order.
    pub(crate) fn names_under(&self, prefix: &str) -> Vec<String> {
        self.0.keys().filter_map(|name| name.strip_prefix(prefix)).map(str::to_owned).collect()
    }

    /// Takes the tensor of this name, if it is there.
    pub(crate) fn optional<T: Kept>(&mut self, name: &str) -> Result<Option<Tensor<T>>> {
        let Some(stored) = self.0.remove(name) else { return Ok(None) };
        match T::of(&stored) {
            Some(tensor) => Ok(Some(tensor.clone())),
            None => Err(Error::ElementOfUse {
                tensor: name.to_owned(),
                found: stored.dtype(),
                expected: T::DTYPE,
            }),
        }
    }

    /// Takes the tensor of this name.
    pub(crate) fn required<T: Kept>(&mut self, name: &str) -> Result<Tensor<T>> {
        self.optional(name)?.ok_or_else(|| Error::MissingTensor(name.to_owned()))
    }

    /// Takes the tensor of this name, which must have this shape.
    pub(crate) fn of_shape<T: Kept>(&mut self, name: &str, expected: &Shape) -> Result<Tensor<T>> {
        let tensor = self.required::<T>(name)?;
        check_shape(name, tensor.shape(), expected)?;
        Ok(tensor)
    }

    /// # Errors
    /// [`Error::UnexpectedTensor`] where a tensor was not taken.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.into_keys().next().map_or(Ok(()), |name| Err(Error::UnexpectedTensor(name)))
    }
}

/// # Errors
/// [`Error::TensorShape`] where the shapes differ.
pub(crate) fn check_shape(name: &str, found: &Shape, expected: &Shape) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (Box::new(*found), Box::new(*expected));
    Err(Error::TensorShape { tensor: name.to_owned(), found, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Given {
        let mut given = Given::default();
        given.insert("input.x".to_owned(), Stored::F32(Tensor::from([1.0, 2.0])));
        given.insert("param.a".to_owned(), Stored::I64(Tensor::from([1, 2, 3])));
        given
    }

    #[test]
    fn what_was_not_taken_is_unexpected() {
        let mut given = given();
        assert_eq!(given.required::<f32>("input.x").expect("x").to_vec(), [1.0, 2.0]);
        assert_eq!(given.finish().expect_err("a leftover").to_string(), "unexpected tensor param.a");
    }

    #[test]
    fn names_types_and_shapes_are_checked() {
        let messages = [
            given().required::<f32>("input.h_0").err(),
            given().required::<f64>("input.x").err(),
            given().of_shape::<i64>("param.a", &Shape::from([2])).err(),
        ];
        let messages: Vec<String> = messages.into_iter().flatten().map(|error| error.to_string()).collect();
        let expected = [
            "the tensor input.h_0 is missing",
            "input.x holds f32, expected f64",
            "param.a has shape [3], expected [2]",
        ];
        assert_eq!(messages, expected);
        assert_eq!(given().optional::<f32>("input.h_0").expect("may be missing"), None);
        assert_eq!(given().names_under("param."), ["a"]);
    }
}
