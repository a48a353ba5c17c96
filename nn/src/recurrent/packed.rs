//! [`PackedSequence`]: sequences of different lengths without padding, and the ways there and back.

use refrain_autograd::Var;
use refrain_tensor::{Real, Shape, Tensor, kernels::recurrent::Steps};

use crate::{Error, Result};

/// Sequences of different lengths, step after step, without padding.
///
/// The sequences are sorted by length, longest first; a step's rows are those of the sequences that
/// reach it. Made by [`pack_padded_sequence`] or [`pack_sequence`], taken apart by
/// [`pad_packed_sequence`]. The fields are those of PyTorch's `PackedSequence`.
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::{pack_sequence, pad_packed_sequence};
/// use refrain_tensor::Tensor;
/// let tape = Tape::new();
/// let short = tape.constant(Tensor::from([[1.0]])); // [seq 1, features 1]
/// let long = tape.constant(Tensor::from([[2.0], [3.0], [4.0]])); // [seq 3, features 1]
/// let packed = pack_sequence(&[short, long])?;
/// assert_eq!(packed.data().value().to_vec(), [2.0, 1.0, 3.0, 4.0]);
/// assert_eq!(packed.batch_sizes(), [2, 1, 1]);
/// let (padded, lengths) = pad_packed_sequence(&packed, true, 0.0, None)?; // [batch, seq, features]
/// assert_eq!(padded.value(), &Tensor::from([[[1.0], [0.0], [0.0]], [[2.0], [3.0], [4.0]]]));
/// assert_eq!(lengths, [1, 3]);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PackedSequence<'t, T: Real> {
    data: Var<'t, T>,
    steps: Steps,
    sorted_indices: Vec<usize>,
    unsorted_indices: Vec<usize>,
}

impl<'t, T: Real> PackedSequence<'t, T> {
    /// The rows of all steps, `[rows, features]`.
    pub fn data(&self) -> &Var<'t, T> {
        &self.data
    }

    /// How many sequences reach each step.
    pub fn batch_sizes(&self) -> &[usize] {
        self.steps.batch_sizes()
    }

    /// For each place in the sorted order, which of the given sequences stands there.
    pub fn sorted_indices(&self) -> &[usize] {
        &self.sorted_indices
    }

    /// For each of the given sequences, its place in the sorted order.
    pub fn unsorted_indices(&self) -> &[usize] {
        &self.unsorted_indices
    }

    /// The number of sequences.
    pub fn batch_size(&self) -> usize {
        self.steps.batch()
    }

    /// The lengths of the sequences, in the order in which they were given.
    pub fn lengths(&self) -> Vec<usize> {
        let reaches = |place: usize| self.batch_sizes().iter().filter(|&&size| size > place).count();
        self.unsorted_indices.iter().map(|&place| reaches(place)).collect()
    }

    /// The same sequences with other features in their rows: `[rows, ..]`, what a layer made of
    /// them.
    ///
    /// # Errors
    /// [`Error::State`] for another number of rows.
    pub fn map(&self, f: impl FnOnce(&Var<'t, T>) -> Result<Var<'t, T>>) -> Result<Self> {
        let data = f(&self.data)?;
        let (found, expected) = (*data.shape(), *self.data.shape());
        if found.rank() != 2 || found[0] != expected[0] {
            let (found, expected) = (found.into(), expected.into());
            return Err(Error::State {
                op: "map",
                state: "the data",
                found,
                expected,
                axes: "[rows, features]",
            });
        }
        Ok(self.with_data(data))
    }

    pub(crate) fn with_data(&self, data: Var<'t, T>) -> Self {
        Self { data, ..self.clone() }
    }

    pub(crate) fn steps(&self) -> &Steps {
        &self.steps
    }

    /// For each packed row, its row in a padded batch of so many steps: `[seq, batch]`, or with
    /// `batch_first` `[batch, seq]`.
    fn padded_rows(&self, steps: usize, batch_first: bool) -> Vec<usize> {
        let batch = self.batch_size();
        let mut rows = Vec::with_capacity(self.steps.rows());
        for (step, &size) in self.batch_sizes().iter().enumerate() {
            let sequences = self.sorted_indices[..size].iter();
            rows.extend(sequences.map(|&sequence| {
                if batch_first { sequence * steps + step } else { step * batch + sequence }
            }));
        }
        rows
    }
}

/// The order of sequences by length, longest first, and the number that reach each step.
fn sorted(lengths: &[usize]) -> (Vec<usize>, Vec<usize>, Steps) {
    let mut sorted_indices: Vec<usize> = (0..lengths.len()).collect();
    sorted_indices.sort_by_key(|&k| std::cmp::Reverse(lengths[k]));
    let mut unsorted_indices = vec![0; lengths.len()];
    for (place, &k) in sorted_indices.iter().enumerate() {
        unsorted_indices[k] = place;
    }
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let sizes = (0..longest).map(|step| lengths.iter().filter(|&&length| length > step).count()).collect();
    (sorted_indices, unsorted_indices, Steps::new(sizes))
}

/// Packs a padded batch: `[seq, batch, features]`, or `[batch, seq, features]` with `batch_first`,
/// and the length of each sequence, in any order.
///
/// # Errors
/// [`Error::Rank`]; [`Error::LengthCount`] where there is not one length for each sequence;
/// [`Error::Length`] for a length of 0 or beyond the padded one.
pub fn pack_padded_sequence<'t, T: Real>(
    padded: &Var<'t, T>,
    lengths: &[usize],
    batch_first: bool,
) -> Result<PackedSequence<'t, T>> {
    packed("pack_padded_sequence", padded, lengths, batch_first)
}

/// [`pack_padded_sequence`] under the name of the function or layer that was called.
pub(crate) fn packed<'t, T: Real>(
    op: &'static str,
    padded: &Var<'t, T>,
    lengths: &[usize],
    batch_first: bool,
) -> Result<PackedSequence<'t, T>> {
    let shape = *padded.shape();
    let [steps, batch] = check_lengths(op, shape, lengths, batch_first)?;
    let (sorted_indices, unsorted_indices, steps_of) = sorted(lengths);
    let rows = padded.reshape([steps * batch, shape[2]])?;
    let mut packed = PackedSequence { data: rows.clone(), steps: steps_of, sorted_indices, unsorted_indices };
    let places = packed.padded_rows(steps, batch_first);
    let count = places.len();
    packed.data = rows.index_select(0, &Tensor::from_vec(places, [count])?)?;
    Ok(packed)
}

/// The steps and the sequences of a padded batch, for which these are fitting lengths.
pub(crate) fn check_lengths(
    op: &'static str,
    shape: Shape,
    lengths: &[usize],
    batch_first: bool,
) -> Result<[usize; 2]> {
    let axes = if batch_first { "[batch, seq, features]" } else { "[seq, batch, features]" };
    if shape.rank() != 3 {
        return Err(Error::Rank { op, shape: shape.into(), axes });
    }
    let (steps, batch) = if batch_first { (shape[1], shape[0]) } else { (shape[0], shape[1]) };
    if lengths.len() != batch {
        return Err(Error::LengthCount { op, found: lengths.len(), expected: batch });
    }
    if let Some(position) = lengths.iter().position(|&length| length == 0 || length > steps) {
        return Err(Error::Length { op, length: lengths[position], position, longest: steps });
    }
    if batch == 0 {
        return Err(Error::Empty { op, what: "batch", shape: shape.into(), axes });
    }
    Ok([steps, batch])
}

/// Packs sequences `[seq, features]` of different lengths, in any order.
///
/// # Errors
/// Those of [`pad_sequence`] and [`pack_padded_sequence`].
pub fn pack_sequence<'t, T: Real>(sequences: &[Var<'t, T>]) -> Result<PackedSequence<'t, T>> {
    if let Some(odd) = sequences.iter().find(|sequence| sequence.rank() != 2) {
        let shape = (*odd.shape()).into();
        return Err(Error::Rank { op: "pack_sequence", shape, axes: "[seq, features]" });
    }
    let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.shape()[0]).collect();
    packed("pack_sequence", &padded("pack_sequence", sequences, false, T::zero())?, &lengths, false)
}

/// Sequences `[seq, ..]` of different lengths made one batch, `[longest, batch, ..]` or with
/// `batch_first` `[batch, longest, ..]`, with `padding_value` behind the end of the shorter ones.
///
/// # Errors
/// [`refrain_tensor::Error::NoTensors`] for none; [`Error::Rank`] for a sequence without an axis;
/// [`refrain_tensor::Error::ShapeMismatch`] where the other axes differ.
pub fn pad_sequence<'t, T: Real>(
    sequences: &[Var<'t, T>],
    batch_first: bool,
    padding_value: T,
) -> Result<Var<'t, T>> {
    padded("pad_sequence", sequences, batch_first, padding_value)
}

/// [`pad_sequence`] under the name of the function that was called.
fn padded<'t, T: Real>(
    op: &'static str,
    sequences: &[Var<'t, T>],
    batch_first: bool,
    padding_value: T,
) -> Result<Var<'t, T>> {
    let first = *sequences.first().ok_or(refrain_tensor::Error::NoTensors { op })?.shape();
    for sequence in sequences {
        let found = *sequence.shape();
        if found.rank() == 0 {
            return Err(Error::Rank { op, shape: found.into(), axes: "[seq, ..]" });
        }
        if found.rank() != first.rank() || found[1..] != first[1..] {
            let expected = if first.rank() == found.rank() { first.with(0, found[0]) } else { first };
            let (found, expected) = (found.into(), expected.into());
            return Err(
                refrain_tensor::Error::ShapeMismatch { op, what: "a sequence", found, expected }.into()
            );
        }
    }
    let longest = sequences.iter().map(|sequence| sequence.shape()[0]).max().unwrap_or(0);
    let padded = sequences.iter().map(|sequence| {
        let shape = *sequence.shape();
        if shape[0] == longest {
            return Ok(sequence.clone());
        }
        let padding = Tensor::full(shape.with(0, longest - shape[0]), padding_value)?;
        Ok(Var::cat(&[sequence.clone(), sequence.tape().constant(padding)], 0)?)
    });
    Ok(Var::stack(&padded.collect::<Result<Vec<_>>>()?, if batch_first { 0 } else { 1 })?)
}

/// Takes packed sequences apart: a padded batch, `[seq, batch, features]` or with `batch_first`
/// `[batch, seq, features]`, in the order in which the sequences were given, and their lengths.
/// `total_length` makes the padded length larger than the longest sequence.
///
/// # Errors
/// [`Error::TotalLength`] where `total_length` is below the longest sequence.
pub fn pad_packed_sequence<'t, T: Real>(
    packed: &PackedSequence<'t, T>,
    batch_first: bool,
    padding_value: T,
    total_length: Option<usize>,
) -> Result<(Var<'t, T>, Vec<usize>)> {
    let (longest, batch, width) = (packed.batch_sizes().len(), packed.batch_size(), packed.data.shape()[1]);
    let steps = total_length.unwrap_or(longest);
    if steps < longest {
        return Err(Error::TotalLength { op: "pad_packed_sequence", total_length: steps, longest });
    }
    let places = packed.padded_rows(steps, batch_first);
    let mut padding = Tensor::full(Shape::from([steps * batch, width]), padding_value)?;
    for &place in &places {
        padding.as_mut_slice()[place * width..(place + 1) * width].fill(T::zero());
    }
    let count = places.len();
    let rows = packed.data.tape().constant(padding).index_add(
        0,
        &Tensor::from_vec(places, [count])?,
        &packed.data,
    )?;
    let shape = if batch_first { [batch, steps, width] } else { [steps, batch, width] };
    Ok((rows.reshape(shape)?, packed.lengths()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::Tape;

    #[test]
    fn packing_and_padding_are_inverse_and_so_are_their_gradients() {
        let tape = Tape::<f64>::new();
        let x = tape.variable(Tensor::arange(24).unwrap().reshape([4, 3, 2]).unwrap()); // [seq 4, batch 3, features 2]
        for batch_first in [false, true] {
            let x = if batch_first { x.transpose(0, 1).unwrap() } else { x.clone() };
            let packed = pack_padded_sequence(&x, &[2, 1, 4], batch_first).unwrap();
            assert_eq!(packed.batch_sizes(), [3, 2, 1, 1]);
            assert_eq!(
                (packed.sorted_indices(), packed.unsorted_indices()),
                (&[2, 0, 1][..], &[1, 2, 0][..])
            );
            assert_eq!(
                packed.data().value().select(1, 0).unwrap().to_vec(),
                [4.0, 0.0, 2.0, 10.0, 6.0, 16.0, 22.0]
            );
            let (padded, lengths) = pad_packed_sequence(&packed, batch_first, -1.0, Some(5)).unwrap();
            assert_eq!(lengths, [2, 1, 4]);
            let time = if batch_first { 1 } else { 0 };
            assert_eq!(padded.shape()[time], 5);
            let short = padded.value().select(1 - time as isize, 1).unwrap();
            assert_eq!(short.select(1, 1).unwrap().to_vec(), [3.0, -1.0, -1.0, -1.0, -1.0]);
        }
        let packed = pack_padded_sequence(&x, &[2, 4, 1], false).unwrap();
        let (padded, _) = pad_packed_sequence(&packed, false, 0.0, None).unwrap();
        let gradients = padded.sum(..).unwrap().backward().unwrap();
        let expected = Tensor::from([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]);
        assert_eq!(gradients.of(&x).unwrap().select(2, 1).unwrap(), expected);
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let tape = Tape::<f32>::new();
        let x = tape.constant(Tensor::zeros([4, 3, 2]).unwrap());
        let fail = |lengths: &[usize]| pack_padded_sequence(&x, lengths, false).unwrap_err().to_string();
        assert_eq!(fail(&[1, 2]), "pack_padded_sequence: 2 lengths for a batch of 3 sequences");
        assert_eq!(fail(&[1, 0, 2]), "pack_padded_sequence: length 0 of sequence 1 is not from 1 to 4");
        assert_eq!(fail(&[1, 2, 5]), "pack_padded_sequence: length 5 of sequence 2 is not from 1 to 4");
        let packed = pack_padded_sequence(&x, &[1, 2, 3], false).unwrap();
        let message = pad_packed_sequence(&packed, false, 0.0, Some(2)).unwrap_err().to_string();
        assert_eq!(message, "pad_packed_sequence: total_length is 2, but the longest sequence has 3 steps");
        let message = pack_sequence::<f32>(&[]).unwrap_err().to_string();
        assert_eq!(message, "pack_sequence: expected at least one tensor");
        let sequence = |shape: [usize; 2]| tape.constant(Tensor::zeros(shape).unwrap());
        let message = pack_sequence(&[sequence([2, 3]), sequence([5, 4])]).unwrap_err().to_string();
        assert_eq!(message, "pack_sequence: a sequence has shape [5, 4], expected [5, 3]");
        let flat = tape.constant(Tensor::zeros([4]).unwrap());
        let message = pack_sequence(&[flat]).unwrap_err().to_string();
        assert_eq!(message, "pack_sequence: input has shape [4], expected [seq, features]");
    }
}
