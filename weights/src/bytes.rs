//! State dicts as the bytes of a safetensors file, and back.

use half::{bf16, f16};
use refrain_nn::{Real, StateDict};
use refrain_tensor::{Shape, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{Error, Metadata, Result, metadata};

/// The state dict as the bytes of a safetensors file, which PyTorch's `safetensors.torch.load_file`
/// reads: every value under its name, as F32 or F64, little-endian.
///
/// # Errors
/// [`Error::Format`] where the format cannot hold the values.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::{LSTM, StateDict};
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let lstm = LSTM::<f32>::new(4, 8, &mut rng)?;
/// let bytes = refrain_weights::to_bytes(&StateDict::of(&lstm))?;
/// assert_eq!(refrain_weights::from_bytes::<f32>(&bytes)?.get("weight_ih_l0").unwrap().shape()[..], [32, 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_bytes<T: Real>(state: &StateDict<T>) -> Result<Vec<u8>> {
    let dtype = if T::DTYPE == "f64" { Dtype::F64 } else { Dtype::F32 };
    let contents: Vec<(String, Vec<usize>, Vec<u8>)> = state
        .iter()
        .map(|(name, value)| {
            let values = value.iter().map(Real::to_f64);
            let bytes = match dtype {
                Dtype::F64 => values.flat_map(f64::to_le_bytes).collect(),
                _ => values.flat_map(|x| (x as f32).to_le_bytes()).collect(),
            };
            (name.to_owned(), value.shape().to_vec(), bytes)
        })
        .collect();
    let views = contents.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(dtype, shape.clone(), bytes);
        view.map(|view| (name.as_str(), view)).map_err(|error| Error::Format(error.to_string()))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, None).map_err(|error| Error::Format(error.to_string()))
}

/// [`to_bytes`], with metadata in the header, sorted by name: the same values and metadata always
/// make the same bytes.
///
/// # Errors
/// [`Error::Format`], also for metadata that make the header longer than 100 MB.
pub fn to_bytes_with<T: Real>(state: &StateDict<T>, metadata: &Metadata) -> Result<Vec<u8>> {
    metadata::insert(&to_bytes(state)?, metadata)
}

/// The state dict in the bytes of a safetensors file, converted to `T` from whatever float type the
/// file has. The bytes may be a file read into memory, one compiled in with `include_bytes!`, or a
/// memory map.
///
/// The header is checked against the length of the bytes before anything is allocated.
///
/// # Errors
/// [`Error::Format`] for bytes that are cut off or have a header that is not one;
/// [`Error::ElementType`] and [`Error::Shape`] name the tensor.
pub fn from_bytes<T: Real>(bytes: &[u8]) -> Result<StateDict<T>> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| Error::Format(error.to_string()))?;
    let mut entries = Vec::with_capacity(file.len());
    for (name, view) in file.iter() {
        let shape = |cause| Error::Shape { name: name.to_owned(), cause };
        let values = values::<T>(name, &view)?;
        let size = Shape::new(view.shape()).map_err(shape)?;
        entries.push((name.to_owned(), Tensor::from_vec(values, size).map_err(shape)?));
    }
    // The file's own order is that of a hash map; by name is the same every time.
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(StateDict::new(entries)?)
}

fn values<T: Real>(name: &str, view: &TensorView<'_>) -> Result<Vec<T>> {
    let bytes = view.data();
    Ok(match view.dtype() {
        Dtype::F64 => floats(bytes, |b| T::from_f64(f64::from_le_bytes(b))),
        Dtype::F32 => floats(bytes, |b| T::from_f64(f64::from(f32::from_le_bytes(b)))),
        Dtype::F16 => floats(bytes, |b| T::from_f64(f64::from(f16::from_le_bytes(b)))),
        Dtype::BF16 => floats(bytes, |b| T::from_f64(f64::from(bf16::from_le_bytes(b)))),
        other => {
            return Err(Error::ElementType { name: name.to_owned(), found: format!("{other:?}") });
        }
    })
}

fn floats<T, const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|chunk| read(*chunk)).collect()
}
