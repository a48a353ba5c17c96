//! Tensors by name in two files: an index in words, and the numbers.
//!
//! Of `STEM.txt` each line has a name and the sizes of the axes; `STEM.f32` has the elements of all,
//! in that order, as little-endian f32.

use std::{fs, io, path::Path};

use refrain_tensor::Tensor;

/// Tensors by name, ready to be written.
#[derive(Default)]
pub(crate) struct NamedTensors {
    index: String,
    numbers: Vec<u8>,
}

impl NamedTensors {
    pub(crate) fn add(&mut self, name: impl AsRef<str>, tensor: &Tensor<f32>) {
        self.add_line(name.as_ref(), tensor.shape());
        self.numbers.extend(tensor.iter().flat_map(f32::to_le_bytes));
    }

    /// Adds whole numbers, as f32 like all the others.
    pub(crate) fn add_numbers(&mut self, name: &str, values: &[usize]) {
        self.add_line(name, &[values.len()]);
        self.numbers.extend(values.iter().flat_map(|&value| (value as f32).to_le_bytes()));
    }

    pub(crate) fn write(&self, stem: &Path) -> io::Result<()> {
        fs::write(stem.with_extension("txt"), &self.index)?;
        fs::write(stem.with_extension("f32"), &self.numbers)
    }

    fn add_line(&mut self, name: &str, shape: &[usize]) {
        self.index.push_str(name);
        for size in shape {
            self.index.push_str(&format!(" {size}"));
        }
        self.index.push('\n');
    }
}
