//! The tensors that the workers write.

use std::path::Path;

/// A tensor with its name.
#[derive(Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// Reads `STEM.txt`, with a name and the sizes of the axes on each line, and `STEM.f32`, with the
/// elements of all of them, in that order, as little-endian f32.
///
/// # Errors
///
/// If a file cannot be read, or the two do not fit each other.
pub(crate) fn read(stem: &Path) -> Result<Vec<Named>, String> {
    let cannot_read = |error: std::io::Error| format!("cannot read {}: {error}", stem.display());
    let index = std::fs::read_to_string(stem.with_extension("txt")).map_err(cannot_read)?;
    let numbers = std::fs::read(stem.with_extension("f32")).map_err(cannot_read)?;
    take_apart(&index, &numbers).map_err(|complaint| format!("{}: {complaint}", stem.display()))
}

fn take_apart(index: &str, numbers: &[u8]) -> Result<Vec<Named>, String> {
    let (numbers, rest) = numbers.as_chunks();
    let mut numbers = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let mut tensors = Vec::new();
    for line in index.lines() {
        let mut words = line.split_whitespace();
        let name = words.next().ok_or("a line without a name")?.to_owned();
        let shape: Vec<usize> =
            words.map(str::parse).collect::<Result<_, _>>().map_err(|_| format!("`{line}` has no sizes"))?;
        let length = shape.iter().product();
        let values: Vec<f32> = numbers.by_ref().take(length).collect();
        if values.len() < length {
            return Err(format!("{name} has {} elements of {length}", values.len()));
        }
        tensors.push(Named { name, shape, values });
    }
    if numbers.len() > 0 || !rest.is_empty() {
        return Err("elements that no name is given for".to_owned());
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn tensors_are_taken_apart() {
        let tensors = take_apart("x 2 1\nlengths 1\n", &bytes(&[1.0, -2.0, 3.0])).expect("two tensors");
        let named = |name: &str, shape: &[usize], values: &[f32]| Named {
            name: name.to_owned(),
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        assert_eq!(tensors, [named("x", &[2, 1], &[1.0, -2.0]), named("lengths", &[1], &[3.0])]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let cases = [
            ("x 2 2\n", "x has 3 elements of 4"),
            ("x 2\n", "elements that no name is given for"),
            ("x two\n", "`x two` has no sizes"),
            ("\n", "a line without a name"),
        ];
        for (index, expected) in cases {
            assert_eq!(take_apart(index, &bytes(&[1.0, 2.0, 3.0])), Err(expected.to_owned()), "{index}");
        }
        assert!(take_apart("x 1\n", &[0; 5]).is_err());
    }
}
