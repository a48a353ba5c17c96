//! Where an operator's panic points. The hook is the whole process's, so this test has one to itself.

use std::{
    panic,
    sync::{Arc, Mutex},
};

use refrain_tensor::Tensor;

#[test]
fn operators_panic_at_the_line_of_their_caller() {
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        *note.lock().unwrap() = info.location().map(|location| (location.file().to_owned(), location.line()));
    }));
    let (a, b) = (Tensor::from([1.0, 2.0]), Tensor::from([1.0, 2.0, 3.0]));
    let line = line!() + 1;
    let result = panic::catch_unwind(|| &a * &b);
    panic::set_hook(before);
    assert!(result.is_err());
    let (file, found) = seen.lock().unwrap().clone().unwrap();
    assert!(file.ends_with("caller_line.rs") && found == line, "{file}:{found}");
}
