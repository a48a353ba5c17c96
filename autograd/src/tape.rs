//! [`Tape`]: what was computed, in order, and how to go back.

use std::{
    cell::RefCell,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use refrain_tensor::{Layout, Real, Shape, Tensor};

use crate::{
    Error, Parameter, Result, Var,
    by_parameter::ByParameter,
    list::{BackwardOfOutputs, CONSTANT, List, Node, Sink, Way},
    reach::lies_in,
};

type TensorResult<T> = std::result::Result<T, refrain_tensor::Error>;

/// A list of computations, each with the way back.
///
/// A tape is made for one step of training: record the forward computation, call
/// [`Var::backward`], drop the tape or [`reset`](Tape::reset) it. Nodes are stored in the order
/// in which they were computed, which is a topological order, so that going back is a loop over
/// a list and not a walk over a graph: it needs no recursion whatever the length.
///
/// Only what a gradient flows through is recorded. [Constants](Tape::constant), and everything
/// computed from constants alone, have no node; on an [inference tape](Tape::inference) that is
/// everything.
///
/// A tape belongs to one thread:
///
/// ```compile_fail,E0277
/// let tape = refrain_autograd::Tape::<f32>::new();
/// std::thread::scope(|scope| { scope.spawn(|| tape.len()); });
/// ```
///
/// A model does not; see [`Parameter`].
///
/// # Panics
/// Recording panics where a tape would hold 2³² − 1 nodes or inputs of nodes: hundreds of
/// gigabytes of them.
pub struct Tape<T> {
    id: u64,
    records: bool,
    list: RefCell<List<T>>,
}

/// What a value of a computation of several is called.
const OUTPUT: &str = "output";

impl<T: Real> Tape<T> {
    /// An empty tape that records.
    pub fn new() -> Self {
        Self::with_recording(true)
    }

    /// A tape that records nothing: parameters are constants on it, and nothing but what the
    /// caller holds stays in memory. [`Var::backward`] is an error on it, and layers that act in
    /// training alone, such as dropout, do nothing.
    ///
    /// ```
    /// use refrain_autograd::{Parameter, Tape};
    /// use refrain_tensor::Tensor;
    /// let w = Parameter::new(Tensor::from(2.0));
    /// let tape = Tape::inference();
    /// let y = tape.parameter(&w).square();
    /// assert_eq!((y.value().item()?, tape.len()), (4.0, 0));
    /// # Ok::<(), refrain_autograd::Error>(())
    /// ```
    pub fn inference() -> Self {
        Self::with_recording(false)
    }

    fn with_recording(records: bool) -> Self {
        let room = if records { 16 } else { 0 };
        let (nodes, inputs) = (Vec::with_capacity(room), Vec::with_capacity(2 * room));
        let list = List { nodes, inputs, constants: Vec::new(), parameters: ByParameter::new() };
        Self { id: fresh_id(), records, list: RefCell::new(list) }
    }

    /// Whether this tape records: true for [`Tape::new`], false for [`Tape::inference`].
    pub fn records(&self) -> bool {
        self.records
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.list.borrow().nodes.len()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything recorded and keeps the memory for the next step.
    pub fn reset(&mut self) {
        self.id = fresh_id();
        let list = self.list.get_mut();
        list.nodes.clear();
        list.inputs.clear();
        list.constants.clear();
        list.parameters.clear();
    }

    /// A value that no gradient flows to: data, targets, masks.
    pub fn constant(&self, value: Tensor<T>) -> Var<'_, T> {
        Var::new(self, value, None)
    }

    /// A value whose gradient is wanted but that training does not change: an input, an initial
    /// state. [`crate::Gradients::of`] finds the gradient.
    pub fn variable(&self, value: Tensor<T>) -> Var<'_, T> {
        self.leaf("variable", value, Way::Variable)
    }

    /// The value of a parameter. Costs a reference count, not a copy; the same parameter asked
    /// for again is the same node, so shared weights need no care.
    pub fn parameter(&self, parameter: &Parameter<T>) -> Var<'_, T> {
        let value = parameter.value().clone();
        if !self.records || !parameter.requires_grad() {
            return self.constant(value);
        }
        let known = self.list.borrow().parameters.get(parameter.id()).copied();
        if known.is_some() {
            return Var::new(self, value, known);
        }
        let leaf = self.leaf("parameter", value, Way::Parameter(parameter.id()));
        if let Some(node) = leaf.node() {
            self.list.borrow_mut().parameters.insert(parameter.id(), node);
        }
        leaf
    }

    /// Records one computation: its inputs, its value, and the way back.
    ///
    /// `backward` gets the gradient of the value and, for each input, whether its gradient is
    /// needed; it returns the gradients of those inputs. `None` for an input whose gradient is
    /// needed means zero. It is an error for it to fail. A gradient may have the shape that the input was broadcast to: the tape sums it down, so no
    /// backward handles broadcasting. `op` is what errors call the computation.
    ///
    /// # Errors
    /// [`Error::OtherTape`] where an input is of another tape.
    ///
    /// ```
    /// use refrain_autograd::{Error, Tape};
    /// use refrain_tensor::Tensor;
    /// let tape = Tape::new();
    /// let x = tape.variable(Tensor::from([1.0, 2.0]));
    /// let (kept, cube) = (x.value().clone(), x.value().map(|x: f64| x.powi(3)));
    /// let y = tape.record("cube", [&x], cube, move |g, [_]| Ok([Some(g.mul(&kept.map(|x| 3.0 * x * x))?)]))?;
    /// let gradients = y.backward_with(Tensor::from([1.0, 1.0]))?;
    /// assert_eq!(gradients.of(&x), Some(&Tensor::from([3.0, 12.0])));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn record<const N: usize>(
        &self,
        op: &'static str,
        inputs: [&Var<'_, T>; N],
        value: Tensor<T>,
        backward: impl FnOnce(&Tensor<T>, [bool; N]) -> TensorResult<[Option<Tensor<T>>; N]> + 'static,
    ) -> Result<Var<'_, T>> {
        self.check(op, &inputs)?;
        Ok(self.push(op, &inputs, value, || {
            Way::Op(Box::new(move |gradient, needs, sink| {
                let needs = std::array::from_fn(|k| needs[k]);
                let gradients = backward(gradient, needs).map_err(|cause| Error::Backward { op, cause })?;
                send(gradients, sink)
            }))
        }))
    }

    /// [`Tape::record`] for a number of inputs that only run time knows. `backward` returns a
    /// gradient or `None` for each of them, or [`Var::backward`] fails with
    /// [`Error::GradientCount`].
    ///
    /// # Errors
    /// [`Error::OtherTape`] where an input is of another tape.
    pub fn record_list(
        &self,
        op: &'static str,
        inputs: &[&Var<'_, T>],
        value: Tensor<T>,
        backward: impl FnOnce(&Tensor<T>, &[bool]) -> TensorResult<Vec<Option<Tensor<T>>>> + 'static,
    ) -> Result<Var<'_, T>> {
        self.check(op, inputs)?;
        Ok(self.push(op, inputs, value, || {
            Way::Op(Box::new(move |gradient, needs, sink| {
                let gradients = backward(gradient, needs).map_err(|cause| Error::Backward { op, cause })?;
                if gradients.len() != needs.len() {
                    return Err(Error::GradientCount { op, found: gradients.len(), expected: needs.len() });
                }
                send(gradients, sink)
            }))
        }))
    }

    /// [`Tape::record_list`] for a computation of several values. `backward` gets a gradient for each
    /// value that a result depends on, and `None` for the others.
    ///
    /// # Errors
    /// [`Error::OtherTape`] where an input is of another tape.
    ///
    /// ```
    /// use refrain_autograd::{Error, Tape};
    /// use refrain_tensor::Tensor;
    /// let tape = Tape::new();
    /// let x = tape.variable(Tensor::from(0.5f64));
    /// let (sin, cos) = (x.value().sin(), x.value().cos());
    /// let values = vec![sin.clone(), cos.clone()];
    /// let both = tape.record_outputs("sin_cos", &[&x], values, move |g, _| {
    ///     let zero = Tensor::from(0.0);
    ///     let (of_sin, of_cos) = (g[0].as_ref().unwrap_or(&zero), g[1].as_ref().unwrap_or(&zero));
    ///     Ok(vec![Some(of_sin.mul(&cos)?.sub(&of_cos.mul(&sin)?)?)])
    /// })?;
    /// let gradients = both[1].backward()?;
    /// assert_eq!(gradients.of(&x), Some(&Tensor::from(-(0.5f64.sin()))));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn record_outputs(
        &self,
        op: &'static str,
        inputs: &[&Var<'_, T>],
        values: Vec<Tensor<T>>,
        backward: impl FnOnce(Vec<Option<Tensor<T>>>, &[bool]) -> TensorResult<Vec<Option<Tensor<T>>>> + 'static,
    ) -> Result<Vec<Var<'_, T>>> {
        self.check(op, inputs)?;
        if inputs.iter().all(|input| input.node().is_none()) {
            return Ok(values.into_iter().map(|value| self.constant(value)).collect());
        }
        let back: BackwardOfOutputs<T> = Box::new(move |gradients, needs, sink| {
            let gradients = backward(gradients, needs).map_err(|cause| Error::Backward { op, cause })?;
            if gradients.len() != needs.len() {
                return Err(Error::GradientCount { op, found: gradients.len(), expected: needs.len() });
            }
            send(gradients, sink)
        });
        // The node of the computation has no value of its own.
        let way = Way::Outputs(values.len(), back);
        let of_whole = Shape::from([0]);
        let whole = self.append(op, of_whole, nodes_of(inputs), way);
        let output = |(k, value): (usize, Tensor<T>)| {
            let node = self.append(OUTPUT, *value.shape(), [(whole, of_whole)], Way::Output(k));
            Var::new(self, value, Some(node))
        };
        Ok(values.into_iter().enumerate().map(output).collect())
    }

    /// Records a part of a variable: a view that `layout` makes of it. The gradient is added
    /// through the view, without a tensor of the whole size for each part, so that going back
    /// through all T slices of a sequence costs as much as the sequence, not T times that.
    ///
    /// `layout` is asked twice: for the view of the value as it is stored, and for the place in a
    /// gradient, which lies in row-major order.
    ///
    /// # Errors
    /// Those of `layout`; [`Error::NotAPart`] where its result reads outside what it was given, or
    /// its two results have different shapes; [`Error::OtherTape`].
    pub fn record_part(
        &self,
        op: &'static str,
        input: &Var<'_, T>,
        layout: impl Fn(Layout) -> TensorResult<Layout>,
    ) -> Result<Var<'_, T>> {
        self.check(op, &[input])?;
        let (stored, in_order) = (*input.value().layout(), Layout::contiguous(op, *input.shape())?);
        let (view, part) = (layout(stored)?, layout(in_order)?);
        if view.shape() != part.shape() || !lies_in(&view, &stored) || !lies_in(&part, &in_order) {
            let (part, input) = (*view.shape(), *input.shape());
            return Err(Error::NotAPart { op, part: part.into(), input: input.into() });
        }
        let value = input.value().view(|_| Ok(view))?;
        Ok(self.push(op, &[input], value, || Way::Part(Box::new(part))))
    }

    fn check(&self, op: &'static str, inputs: &[&Var<'_, T>]) -> Result<()> {
        let known = inputs.iter().all(|input| input.tape().id == self.id);
        if known { Ok(()) } else { Err(Error::OtherTape { op }) }
    }

    fn leaf(&self, op: &'static str, value: Tensor<T>, way: Way<T>) -> Var<'_, T> {
        let node = self.records.then(|| self.append(op, *value.shape(), [], way));
        Var::new(self, value, node)
    }

    /// Adds a node where one of the inputs, which are of this tape, needs a gradient.
    pub(crate) fn push(
        &self,
        op: &'static str,
        inputs: &[&Var<'_, T>],
        value: Tensor<T>,
        way: impl FnOnce() -> Way<T>,
    ) -> Var<'_, T> {
        let needed = inputs.iter().any(|input| input.node().is_some());
        let node = needed.then(|| self.append(op, *value.shape(), nodes_of(inputs), way()));
        Var::new(self, value, node)
    }

    fn append(
        &self,
        op: &'static str,
        shape: Shape,
        inputs: impl IntoIterator<Item = (u32, Shape)>,
        way: Way<T>,
    ) -> u32 {
        let mut list = self.list.borrow_mut();
        let index = list.nodes.len();
        assert!(index < CONSTANT as usize, "a tape holds at most {CONSTANT} nodes");
        let first_input = u32::try_from(list.inputs.len()).expect("a tape holds at most 2^32 - 1 inputs");
        for (input, shape) in inputs {
            if input == CONSTANT {
                let place = list.inputs.len() as u32;
                list.constants.push((place, shape));
            }
            list.inputs.push(input);
        }
        list.nodes.push(Node { op, shape, first_input, way });
        index as u32
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn list(&self) -> &RefCell<List<T>> {
        &self.list
    }

    /// The operations on the tape, in order, as the names they were recorded under.
    pub fn ops(&self) -> Vec<&'static str> {
        self.list.borrow().nodes.iter().map(|node| node.op).collect()
    }
}

/// The nodes of some variables, and their shapes.
fn nodes_of<T: Real>(inputs: &[&Var<'_, T>]) -> impl Iterator<Item = (u32, Shape)> {
    inputs.iter().map(|input| (input.node().unwrap_or(CONSTANT), *input.shape()))
}

fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn send<T>(gradients: impl IntoIterator<Item = Option<Tensor<T>>>, sink: &mut Sink<'_, T>) -> Result<()> {
    gradients.into_iter().enumerate().try_for_each(|(k, gradient)| gradient.map_or(Ok(()), |g| sink(k, g)))
}

impl<T: Real> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tape {{ records: {}, nodes: {} }}", self.records, self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_a_gradient_is_recorded() {
        let tape = Tape::new();
        let (a, b) = (tape.constant(Tensor::from(1.0)), tape.constant(Tensor::from(2.0)));
        let c = a.add(&b).unwrap().exp();
        assert_eq!(tape.len(), 0);
        let mut frozen = Parameter::new(Tensor::from(3.0));
        frozen.set_requires_grad(false);
        let d = tape.parameter(&frozen).mul(&c).unwrap();
        assert_eq!(tape.len(), 0);
        assert_eq!(d.backward().unwrap_err(), Error::NothingRecorded);
        let p = Parameter::new(Tensor::from(3.0));
        let _ = tape.parameter(&p).mul(&tape.parameter(&p)).unwrap();
        assert_eq!(tape.ops(), ["parameter", "mul"]);
    }

    #[test]
    fn a_reset_tape_starts_anew() {
        let p = Parameter::new(Tensor::from(3.0));
        let mut tape = Tape::new();
        for _ in 0..3 {
            let gradients = tape.parameter(&p).square().backward().unwrap();
            assert_eq!(gradients.get(&p), Some(&Tensor::from(6.0)));
            assert_eq!(tape.len(), 2);
            tape.reset();
            assert!(tape.is_empty());
        }
    }

    #[test]
    fn variables_of_another_tape_are_refused() {
        let (a, b) = (Tape::new(), Tape::new());
        let (x, y) = (a.variable(Tensor::from(1.0)), b.constant(Tensor::from(1.0)));
        let message = x.add(&y).unwrap_err().to_string();
        assert_eq!(
            message,
            "add: the variables come from different tapes; a tape knows only what was recorded on it"
        );
    }

    #[test]
    fn a_backward_of_another_count_of_gradients_is_refused() {
        for found in [0, 1, 3] {
            let tape = Tape::<f64>::new();
            let (x, y) = (tape.variable(Tensor::from(1.0)), tape.constant(Tensor::from(1.0)));
            let odd = tape
                .record_list("odd", &[&x, &y], Tensor::from(1.0), move |g, _| {
                    Ok(vec![Some(g.clone()); found])
                })
                .unwrap();
            assert_eq!(
                odd.backward().unwrap_err().to_string(),
                format!("backward of odd: expected a gradient or None for each of 2 inputs, found {found}")
            );
        }
    }

    #[test]
    fn a_part_outside_its_input_is_refused_when_recorded() {
        let row = |size: usize| Layout::contiguous("row", Shape::from([size]));
        let tape = Tape::<f64>::new();
        let storage = Tensor::from([1.0, 2.0, 3.0, 4.0]);
        let whole = tape.variable(storage.clone());
        let middle = tape.variable(storage.narrow(0, 1, 2).unwrap());
        let repeated = tape.variable(Tensor::from(1.0).broadcast_to([3]).unwrap());
        let empty = tape.variable(Tensor::zeros([0]).unwrap());
        for (input, size) in [(&whole, 5), (&middle, 2), (&repeated, 2), (&empty, 1)] {
            let error = tape.record_part("row", input, |_| row(size)).unwrap_err();
            let (part, input) = (Shape::from([size]).into(), (*input.shape()).into());
            assert_eq!(error, Error::NotAPart { op: "row", part, input });
        }
        let stored = |l: Layout| if l.offset() == 0 { l.narrow(0, 0, 1) } else { Ok(l) };
        assert!(tape.record_part("row", &middle, stored).is_err());
        assert_eq!(tape.record_part("row", &whole, |_| row(4)).unwrap().value(), &storage);
        assert!(tape.record_part("row", &whole, |_| row(0)).is_ok());
    }
}
