//! Items made one batch.

use refrain_tensor::{Element, Tensor};

use crate::{Error, Result};

/// Pairs of tensors stacked into a pair of batches, each along a new axis of its own.
///
/// Items of inputs `[time, features]` and class numbers `[]` become, with the axes 1 and 0,
/// inputs `[time, batch, features]` and classes `[batch]`. With 0 and 0 the batch comes first.
///
/// # Errors
/// [`Error::Tensor`] where there are no items, their shapes differ, or an axis is out of range.
///
/// ```
/// use refrain_data::stack_pairs;
/// use refrain_tensor::Tensor;
/// let items = vec![
///     (Tensor::from([[1.0], [2.0], [3.0]]), Tensor::from(0usize)),
///     (Tensor::from([[4.0], [5.0], [6.0]]), Tensor::from(1usize)),
/// ];
/// let (inputs, classes) = stack_pairs(items, 1, 0)?;
/// assert_eq!(inputs, Tensor::from([[[1.0], [4.0]], [[2.0], [5.0]], [[3.0], [6.0]]]));
/// assert_eq!(classes, Tensor::from([0, 1]));
/// # Ok::<(), refrain_data::Error>(())
/// ```
pub fn stack_pairs<X: Element, Y: Element>(
    items: Vec<(Tensor<X>, Tensor<Y>)>,
    input_axis: isize,
    target_axis: isize,
) -> Result<(Tensor<X>, Tensor<Y>)> {
    let (inputs, targets): (Vec<_>, Vec<_>) = items.into_iter().unzip();
    Ok((Tensor::stack(&inputs, input_axis)?, Tensor::stack(&targets, target_axis)?))
}

/// Sequences of equal length side by side: `batch` times `[time, ..]` gives `[time, batch, ..]`,
/// the layout that recurrent layers take.
///
/// # Errors
/// [`Error::UnequalSequences`]; [`Error::Tensor`] where there are no sequences or they have no
/// axis.
///
/// ```
/// use refrain_data::time_major;
/// use refrain_tensor::Tensor;
/// let batch = time_major(&[Tensor::from([1, 2, 3]), Tensor::from([4, 5, 6])])?;
/// assert_eq!(batch, Tensor::from([[1, 4], [2, 5], [3, 6]]));
/// let error = time_major(&[Tensor::from([1, 2, 3]), Tensor::from([4, 5])]).unwrap_err();
/// assert_eq!(error.to_string(), "time_major: sequence 1 has shape [2], but the first has [3]");
/// # Ok::<(), refrain_data::Error>(())
/// ```
pub fn time_major<T: Element>(sequences: &[Tensor<T>]) -> Result<Tensor<T>> {
    let op = "time_major";
    let first = sequences.first().ok_or(refrain_tensor::Error::NoTensors { op })?;
    let expected = *first.shape();
    expected.axis(op, 0)?;
    if let Some(index) = sequences.iter().position(|sequence| *sequence.shape() != expected) {
        let found = *sequences[index].shape();
        return Err(Error::UnequalSequences { op, index, found: found.into(), expected: expected.into() });
    }
    Ok(Tensor::stack(sequences, 1)?)
}

/// Sequences of different lengths side by side: `batch` times `[time, ..]` gives
/// `[longest, batch, ..]`, with `padding` behind the end of the shorter ones, and the lengths, as
/// recurrent layers take them.
///
/// # Errors
/// [`Error::UnequalSequences`] where the axes behind the first differ; [`Error::Tensor`] where there
/// are no sequences, they have no axis, or there is no memory.
///
/// ```
/// use refrain_data::padded_time_major;
/// use refrain_tensor::Tensor;
/// let (batch, lengths) = padded_time_major(&[Tensor::from([1, 2, 3]), Tensor::from([4])], 0)?;
/// assert_eq!(batch, Tensor::from([[1, 4], [2, 0], [3, 0]]));
/// assert_eq!(lengths, [3, 1]);
/// # Ok::<(), refrain_data::Error>(())
/// ```
pub fn padded_time_major<T: Element>(sequences: &[Tensor<T>], padding: T) -> Result<(Tensor<T>, Vec<usize>)> {
    let op = "padded_time_major";
    let first = *sequences.first().ok_or(refrain_tensor::Error::NoTensors { op })?.shape();
    first.axis(op, 0)?;
    for (index, sequence) in sequences.iter().enumerate() {
        let found = *sequence.shape();
        if found.rank() != first.rank() || found[1..] != first[1..] {
            return Err(Error::UnequalSequences { op, index, found: found.into(), expected: first.into() });
        }
    }
    let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.shape()[0]).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let padded = sequences.iter().zip(&lengths).map(|(sequence, &length)| {
        let rest = Tensor::full(first.with(0, longest - length), padding)?;
        Tensor::cat(&[sequence.clone(), rest], 0)
    });
    let padded = padded.collect::<std::result::Result<Vec<_>, refrain_tensor::Error>>()?;
    Ok((Tensor::stack(&padded, 1)?, lengths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_axis_goes_where_it_is_wanted() {
        let item = |k: i64| (Tensor::from([[k; 2]; 3]), Tensor::from([k; 4]));
        let shapes = |input_axis, target_axis| {
            let (x, y) = stack_pairs((0..5).map(item).collect(), input_axis, target_axis).unwrap();
            (x.shape().to_vec(), y.shape().to_vec())
        };
        assert_eq!(shapes(0, 0), (vec![5, 3, 2], vec![5, 4]));
        assert_eq!(shapes(1, 0), (vec![3, 5, 2], vec![5, 4]));
        assert_eq!(shapes(1, 1), (vec![3, 5, 2], vec![4, 5]));
    }

    #[test]
    fn time_major_is_a_column_a_sequence() {
        let sequences: Vec<_> = (0..3).map(|k| Tensor::from([[k, k + 10], [k + 20, k + 30]])).collect();
        let batch = time_major(&sequences).unwrap();
        assert_eq!(*batch.shape(), [2, 3, 2]);
        for (k, sequence) in sequences.iter().enumerate() {
            assert_eq!(&batch.select(1, k).unwrap(), sequence);
        }
    }

    #[test]
    fn padding_stands_behind_the_end() {
        let rows = |count: usize| Tensor::full([count, 2], count).unwrap();
        let (batch, lengths) = padded_time_major(&[rows(2), rows(4), rows(0), rows(1)], 9).unwrap();
        assert_eq!((batch.shape().to_vec(), lengths.as_slice()), (vec![4, 4, 2], &[2, 4, 0, 1][..]));
        for (k, &length) in lengths.iter().enumerate() {
            let column = batch.select(1, k).unwrap();
            assert_eq!(column.narrow(0, 0, length).unwrap(), rows(length));
            assert!(column.narrow(0, length, 4 - length).unwrap().iter().all(|x| x == 9));
        }
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let (a, b) = (Tensor::from([1, 2]), Tensor::from([1]));
        let cases = [
            (time_major::<f32>(&[]).unwrap_err(), "time_major: expected at least one tensor"),
            (
                time_major(&[Tensor::scalar(1)]).unwrap_err(),
                "time_major: axis 0 is out of range for shape [] of rank 0",
            ),
            (
                time_major(&[a.clone(), a.clone(), b.clone()]).unwrap_err(),
                "time_major: sequence 2 has shape [1], but the first has [2]",
            ),
            (
                stack_pairs(vec![(a.clone(), b.clone()), (b.clone(), b)], 0, 0).unwrap_err(),
                "stack: a tensor has shape [1], expected [2]",
            ),
            (
                padded_time_major::<f32>(&[], 0.0).unwrap_err(),
                "padded_time_major: expected at least one tensor",
            ),
            (
                padded_time_major(&[Tensor::from([[1, 2]]), Tensor::from([[1], [2]])], 0).unwrap_err(),
                "padded_time_major: sequence 1 has shape [2, 1], but the first has [1, 2]",
            ),
            (
                padded_time_major(&[Tensor::scalar(1)], 0).unwrap_err(),
                "padded_time_major: axis 0 is out of range for shape [] of rank 0",
            ),
            (stack_pairs::<f32, f32>(vec![], 0, 0).unwrap_err(), "stack: expected at least one tensor"),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
