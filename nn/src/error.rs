//! What can go wrong in a layer or a loss.

use refrain_tensor::Shape;

/// The error of every fallible operation in this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// A tensor operation cannot take its arguments.
    #[error(transparent)]
    Tensor(#[from] refrain_tensor::Error),

    /// The tape refused an operation.
    #[error(transparent)]
    Autograd(#[from] refrain_autograd::Error),

    /// The last axis does not have the size that the layer was built for.
    #[error(
        "{op}: input has {found} features, the layer was built for {expected} (input shape {shape} = {axes})"
    )]
    Features { op: &'static str, found: usize, expected: usize, shape: Box<Shape>, axes: &'static str },

    /// An input with another number of channels than the layer was built for.
    #[error(
        "{op}: input has {found} channels, the layer was built for {expected} (input shape {shape} = {axes})"
    )]
    Channels { op: &'static str, found: usize, expected: usize, shape: Box<Shape>, axes: &'static str },

    /// A window that is larger than the padded input.
    #[error(
        "{op}: the window spans {span} elements of the {axis}, which has {padded} with its padding (input shape {shape} = {axes})"
    )]
    Window {
        op: &'static str,
        span: usize,
        padded: usize,
        axis: &'static str,
        shape: Box<Shape>,
        axes: &'static str,
    },

    /// Channels that do not fall into equal groups.
    #[error("{op}: {option} is {channels}, expected a multiple of groups, which is {groups}")]
    Groups { op: &'static str, groups: usize, option: &'static str, channels: usize },

    /// An output as large as the input, asked for with a stride.
    #[error("{op}: padding is `same` and stride {stride}, expected a stride of 1 with this padding")]
    SamePadding { op: &'static str, stride: String },

    /// Padding that whole windows of a pooling could lie in.
    #[error(
        "{op}: padding is {padding}, expected at most {}, half of kernel_size, which is {kernel_size}",
        kernel_size / 2
    )]
    PoolPadding { op: &'static str, padding: usize, kernel_size: usize },

    /// An input with the wrong number of axes.
    #[error("{op}: input has shape {shape}, expected {axes}")]
    Rank { op: &'static str, shape: Box<Shape>, axes: &'static str },

    /// A state of another shape than the layer and the batch ask for.
    #[error("{op}: {state} has shape {found}, expected {expected} = {axes}")]
    State {
        op: &'static str,
        state: &'static str,
        found: Box<Shape>,
        expected: Box<Shape>,
        axes: &'static str,
    },

    /// A batch or a sequence of length 0.
    #[error("{op}: the {what} is empty (input shape {shape} = {axes})")]
    Empty { op: &'static str, what: &'static str, shape: Box<Shape>, axes: &'static str },

    /// A size in a layer's options that must be at least 1.
    #[error("{op}: {option} is 0, expected at least 1")]
    ZeroOption { op: &'static str, option: &'static str },

    /// A probability outside 0..=1.
    #[error("{op}: {option} is {value}, expected a number from 0 to 1")]
    Probability { op: &'static str, option: &'static str, value: f64 },

    /// A projection that does not make the state smaller.
    #[error("{op}: proj_size is {proj_size}, expected less than hidden_size, which is {hidden_size}")]
    Projection { op: &'static str, proj_size: usize, hidden_size: usize },

    /// A stream of a layer that reads its sequences from both ends.
    #[error("{op}: a bidirectional layer cannot be streamed, for its second direction begins at the end")]
    Bidirectional { op: &'static str },

    /// A budget of memory in which not even one step can be gone back through.
    #[error(
        "{op}: a budget of {budget} bytes holds not even one of {steps} steps, expected at least {least}"
    )]
    Budget { op: &'static str, steps: usize, budget: usize, least: usize },

    /// A plan for sequences of another length.
    #[error("{op}: the plan is for {planned} steps, the input has {found}; make one for each length")]
    PlannedSteps { op: &'static str, planned: usize, found: usize },

    /// More steps than a plan can count.
    #[error("{op}: found {steps} steps, expected less than 2^32")]
    TooManySteps { op: &'static str, steps: usize },

    /// A layer that cannot run within a budget of memory.
    #[error("{op}: {what}; use forward, which keeps all steps")]
    NoBudget { op: &'static str, what: &'static str },

    /// A step's input or output that does not hold a row for each sequence.
    #[error("{op}: {what} holds {found} numbers, expected {} = {batch} sequences of {features}", batch * features)]
    StepLength { op: &'static str, what: &'static str, found: usize, batch: usize, features: usize },

    /// A slice that does not hold whole rows, or not as many as there are.
    #[error(
        "{op}: {what} holds {found} numbers, expected {} = {rows} row{} of {features}",
        rows.saturating_mul(*features),
        if *rows == 1 { "" } else { "s" }
    )]
    Rows { op: &'static str, what: &'static str, found: usize, rows: usize, features: usize },

    /// Dropout that would act, without a random generator.
    #[error(
        "{op}: the layer has a dropout of {dropout} and the tape records, but there is no random generator; run it with layer.training(&mut rng)"
    )]
    NoGenerator { op: &'static str, dropout: f64 },

    /// Not one length for each sequence.
    #[error("{op}: {found} lengths for a batch of {expected} sequences")]
    LengthCount { op: &'static str, found: usize, expected: usize },

    /// A padded length that cuts off a sequence.
    #[error("{op}: total_length is {total_length}, but the longest sequence has {longest} steps")]
    TotalLength { op: &'static str, total_length: usize, longest: usize },

    /// A length that no sequence of the batch can have.
    #[error("{op}: length {length} of sequence {position} is not from 1 to {longest}")]
    Length { op: &'static str, length: usize, position: usize, longest: usize },

    /// Names that a model and a state dict do not share.
    #[error("load: {}", names(missing, unexpected))]
    Names { missing: Vec<String>, unexpected: Vec<String> },

    /// A name that comes twice.
    #[error("state dict: there are two values for {name}")]
    DuplicateName { name: String },

    /// A value of another shape than its parameter.
    #[error("load: the value for {name} has shape {found}, the parameter {expected}")]
    ValueShape { name: String, found: Box<Shape>, expected: Box<Shape> },

    /// A class that is not among the classes.
    #[error(
        "{op}: target {class} at position {position} is not a class; there are {classes}, counted from 0"
    )]
    Class { op: &'static str, class: i64, position: usize, classes: usize },

    /// An index that an embedding has no row for.
    #[error("{op}: {what} {index} is not among the {size} rows")]
    Row { op: &'static str, what: &'static str, index: i64, size: usize },

    /// A target or a weight of a shape that does not go with the input.
    #[error("{op}: {what} has shape {found}, expected {expected} for an input of shape {input}")]
    Target {
        op: &'static str,
        what: &'static str,
        found: Box<Shape>,
        expected: Box<Shape>,
        input: Box<Shape>,
    },
}

/// The result of a fallible operation of a layer or a loss.
pub type Result<T> = std::result::Result<T, Error>;

/// What is missing and what is too much, in one sentence.
fn names(missing: &[String], unexpected: &[String]) -> String {
    let missing = (!missing.is_empty())
        .then(|| format!("the model has {}, for which there is no value", missing.join(", ")));
    let unexpected = (!unexpected.is_empty())
        .then(|| format!("there are values for {}, which the model does not have", unexpected.join(", ")));
    missing.into_iter().chain(unexpected).collect::<Vec<_>>().join("; ")
}
