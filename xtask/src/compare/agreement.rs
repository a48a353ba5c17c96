//! Whether two sides computed the same.

use super::tensor_file::Named;

/// How far an element may be off, as a part of the largest magnitude in its tensor. A gradient is a
/// sum over thousands of steps in f32, and each side adds up in an order of its own.
pub(crate) const TOLERANCE: f32 = 1e-4;

/// Compares what came out of this library with what came out of a peer.
///
/// # Errors
///
/// The tensor that differs most beyond the tolerance, and by how much; or the tensors that only
/// one side has, or that differ in shape.
pub(crate) fn check(ours: &[Named], theirs: &[Named]) -> Result<(), String> {
    let missing = |some: &[Named], others: &[Named]| {
        let alone = some.iter().find(|one| others.iter().all(|other| other.name != one.name));
        alone.map(|one| one.name.clone())
    };
    if let Some(name) = missing(ours, theirs) {
        return Err(format!("the peer has no {name}"));
    }
    if let Some(name) = missing(theirs, ours) {
        return Err(format!("only the peer has {name}"));
    }
    if ours.is_empty() {
        return Err("there is nothing to compare".to_owned());
    }
    let pairs =
        ours.iter().filter_map(|our| Some((our, theirs.iter().find(|their| their.name == our.name)?)));
    let mut worst: Option<(f32, String)> = None;
    for (our, their) in pairs {
        if our.shape != their.shape {
            return Err(format!("{} is {:?} here and {:?} there", our.name, our.shape, their.shape));
        }
        let Some((excess, complaint)) = difference(our, their) else { continue };
        if worst.as_ref().is_none_or(|(most, _)| excess > *most) {
            worst = Some((excess, complaint));
        }
    }
    worst.map_or(Ok(()), |(_, complaint)| Err(complaint))
}

/// The largest difference, as a part of the largest magnitude, where that is beyond the tolerance.
fn difference(ours: &Named, theirs: &Named) -> Option<(f32, String)> {
    let largest = theirs.values.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    let off = ours.values.iter().zip(&theirs.values).map(|(our, their)| {
        let off = (our - their).abs();
        if off.is_nan() { f32::INFINITY } else { off }
    });
    let (place, most) = off.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    if most <= TOLERANCE * largest {
        return None;
    }
    let (name, our, their) = (&ours.name, ours.values[place], theirs.values[place]);
    let complaint = format!(
        "{name} differs by {most:e} at element {place} ({our:e} here, {their:e} there), and {TOLERANCE:e} of its \
         largest magnitude {largest:e} is allowed"
    );
    Some((most / largest, complaint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, values: &[f32]) -> Named {
        Named { name: name.to_owned(), shape: vec![values.len()], values: values.to_vec() }
    }

    #[test]
    fn differences_are_measured_by_the_largest_magnitude() {
        let cases: [(&[f32], &[f32], bool); 7] = [
            (&[1.0, 0.0], &[1.0, 0.0], true),
            (&[100.0, 0.005], &[100.0, 0.0], true),
            (&[100.0, 0.05], &[100.0, 0.0], false),
            (&[0.0, 0.0], &[0.0, 0.0], true),
            (&[1e-20, 0.0], &[0.0, 0.0], false),
            (&[f32::NAN], &[1.0], false),
            (&[1.0], &[f32::NAN], false),
        ];
        for (ours, theirs, agree) in cases {
            let result = check(&[named("output", ours)], &[named("output", theirs)]);
            assert_eq!(result.is_ok(), agree, "{ours:?} and {theirs:?}: {result:?}");
        }
    }

    #[test]
    fn the_worst_tensor_is_named_with_its_place() {
        let ours =
            [named("output", &[1.0, 1.1]), named("grad.weight", &[1.0, 2.0, 5.0]), named("h_n", &[1.0])];
        let theirs =
            [named("h_n", &[1.0]), named("grad.weight", &[1.0, 2.0, 4.0]), named("output", &[1.0, 1.0])];
        let complaint = check(&ours, &theirs).expect_err("two differ");
        assert!(
            complaint.starts_with("grad.weight differs by 1e0 at element 2 (5e0 here, 4e0 there)"),
            "{complaint}"
        );
    }

    #[test]
    fn both_sides_must_have_the_same_tensors() {
        let (one, two) = (named("output", &[1.0]), named("h_n", &[1.0]));
        let twice = named("output", &[1.0, 1.0]);
        let cases = [
            (vec![&one, &two], vec![&one], "the peer has no h_n"),
            (vec![&one], vec![&one, &two], "only the peer has h_n"),
            (vec![&one], vec![&twice], "output is [1] here and [2] there"),
            (vec![], vec![], "there is nothing to compare"),
        ];
        let owned =
            |some: Vec<&Named>| some.iter().map(|one| named(&one.name, &one.values)).collect::<Vec<_>>();
        for (ours, theirs, expected) in cases {
            assert_eq!(check(&owned(ours), &owned(theirs)), Err(expected.to_owned()));
        }
    }
}
