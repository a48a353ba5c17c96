//! Convolution and pooling of sequences and images, and what leads from them to a linear layer.
//!
//! One and two axes share all code: `N` is the number of axes that a window slides along, and a
//! sequence is run as an image of height 1.

mod avg_pool;
mod conv;
mod conv_options;
mod costs;
mod flatten;
mod frame;
mod max_pool;
mod padding;
mod per_axis;
mod pool_options;

pub use avg_pool::{AvgPool, AvgPool1d, AvgPool2d, AvgPoolBuilder};
pub use conv::{Conv, Conv1d, Conv2d};
pub use conv_options::ConvBuilder;
pub use flatten::Flatten;
pub use max_pool::{MaxPool, MaxPool1d, MaxPool2d, MaxPoolBuilder};
pub use padding::Padding;
pub use per_axis::PerAxis;
