//! The way back: gradients of everything that a result depends on.

use refrain_tensor::{Layout, Number, Real, Tensor};

use crate::{
    Error, Gradients, Result, Tape, Var,
    list::{CONSTANT, Way},
};

impl<T: Real> Var<'_, T> {
    /// The gradients of this single number with respect to every parameter and variable that it
    /// depends on.
    ///
    /// What a node kept for its backward is freed as it is used, so this runs once for each
    /// recorded node. A second result may use the leaves of the first, but no computation in
    /// common: that is [`Error::Spent`], found only on reaching it, when what came before on the
    /// way is spent as well. After any error from here, record the computation again.
    ///
    /// Takes a slot in memory for each node of the tape up to this one, whether or not the result
    /// depends on it: a small result late on a long tape costs a pass over the whole of it.
    ///
    /// # Errors
    /// [`Error::NotScalar`] where there is not one element, [`Error::NothingRecorded`],
    /// [`Error::Spent`] the second time; [`Error::Backward`], [`Error::GradientShape`] and
    /// [`Error::GradientCount`] from a backward that was recorded with [`Tape::record`].
    pub fn backward(&self) -> Result<Gradients<T>> {
        if self.value().numel() != 1 {
            return Err(Error::NotScalar { shape: (*self.shape()).into() });
        }
        self.backward_with(Tensor::ones(self.shape())?)
    }

    /// The gradients of Σ cotangent · self: the cotangent is the gradient of some further result
    /// with respect to this variable, and has its shape. What [`Var::backward`] says of spent
    /// nodes and memory holds here too.
    ///
    /// # Errors
    /// [`Error::Cotangent`] for another shape, [`Error::NothingRecorded`], and from the way back
    /// those of [`Var::backward`].
    ///
    /// ```
    /// use refrain_autograd::{Error, Tape};
    /// use refrain_tensor::Tensor;
    /// let tape = Tape::new();
    /// let x = tape.variable(Tensor::from([1.0, 2.0, 3.0]));
    /// let gradients = x.square().backward_with(Tensor::from([1.0, 0.0, -1.0]))?;
    /// assert_eq!(gradients.of(&x), Some(&Tensor::from([2.0, 0.0, -6.0])));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn backward_with(&self, cotangent: Tensor<T>) -> Result<Gradients<T>> {
        if cotangent.shape() != self.shape() {
            return Err(Error::Cotangent {
                found: (*cotangent.shape()).into(),
                expected: (*self.shape()).into(),
            });
        }
        let start = self.node().ok_or(Error::NothingRecorded)?;
        self.tape().go_back(start as usize, cotangent)
    }
}

/// As many inputs as most nodes have.
const FEW: usize = 8;

impl<T: Real> Tape<T> {
    /// Calls the backwards from `start` down. The list is never borrowed during such a call, so
    /// that a backward may use the tape that it is on.
    fn go_back(&self, start: usize, cotangent: Tensor<T>) -> Result<Gradients<T>> {
        let mut slots = Slots((0..=start).map(|_| Slot::Empty).collect());
        slots.0[start] = Slot::One(cotangent);
        let known = self.list().borrow().parameters.len();
        let (mut parameters, mut variables) = (Vec::with_capacity(known), Vec::new());
        let (mut inputs, mut needs) = (Vec::with_capacity(FEW), Vec::with_capacity(FEW));
        // The order of recording is a topological order: when a node's turn comes, everything
        // that uses it has had its own.
        for index in (0..=start).rev() {
            let slot = std::mem::take(&mut slots.0[index]);
            if matches!(slot, Slot::Empty) {
                continue;
            }
            let (op, way) = self.take_way(index, &mut inputs);
            needs.clear();
            needs.extend(inputs.iter().map(|&input| input != CONSTANT));
            match (slot, way) {
                (Slot::One(gradient), Way::Parameter(id)) => parameters.push((id, gradient)),
                (Slot::One(gradient), Way::Variable) => variables.push((index as u32, gradient)),
                (Slot::One(gradient), Way::Part(layout)) => {
                    let shape = self.list().borrow().nodes[inputs[0] as usize].shape;
                    slots.add_part(inputs[0], &shape, *layout, &gradient)?;
                }
                (Slot::One(gradient), Way::Output(k)) => slots.add_output(inputs[0], k, gradient)?,
                (Slot::One(gradient), Way::Op(backward)) => {
                    backward(&gradient, &needs, &mut |k, part| self.send(&mut slots, op, &inputs, k, part))?;
                }
                (Slot::Outputs(mut all), Way::Outputs(count, backward)) => {
                    all.resize(count, None);
                    backward(all, &needs, &mut |k, part| self.send(&mut slots, op, &inputs, k, part))?;
                }
                _ => return Err(Error::Spent { op }),
            }
        }
        Ok(Gradients::of_tape(self.id(), parameters, variables))
    }

    /// Adds the gradient of a node's k-th input to what has arrived there.
    fn send(
        &self,
        slots: &mut Slots<T>,
        op: &'static str,
        inputs: &[u32],
        k: usize,
        part: Tensor<T>,
    ) -> Result<()> {
        let Some(&input) = inputs.get(k).filter(|&&input| input != CONSTANT) else { return Ok(()) };
        let expected = self.list().borrow().nodes[input as usize].shape;
        let found = *part.shape();
        let part = part.sum_to(expected).map_err(|_| Error::GradientShape {
            op,
            input: k,
            found: found.into(),
            expected: expected.into(),
        })?;
        slots.add(input, part)
    }

    /// The name of a node and the way back from it, its inputs copied to `inputs`. Leaves stay, so
    /// that a second result may reach them; what is computed is spent.
    fn take_way(&self, index: usize, inputs: &mut Vec<u32>) -> (&'static str, Way<T>) {
        let mut list = self.list().borrow_mut();
        let first = list.nodes[index].first_input as usize;
        let end = list.nodes.get(index + 1).map_or(list.inputs.len(), |next| next.first_input as usize);
        inputs.clear();
        inputs.extend_from_slice(&list.inputs[first..end]);
        let node = &mut list.nodes[index];
        let way = match node.way {
            Way::Parameter(id) => Way::Parameter(id),
            Way::Variable => Way::Variable,
            _ => std::mem::replace(&mut node.way, Way::Spent),
        };
        (node.op, way)
    }
}

/// For each node, the sum of the gradients that have arrived so far.
struct Slots<T>(Vec<Slot<T>>);

#[derive(Default)]
enum Slot<T> {
    #[default]
    Empty,
    One(Tensor<T>),
    /// Those of a computation's values.
    Outputs(Vec<Option<Tensor<T>>>),
}

impl<T: Real> Slots<T> {
    fn add(&mut self, node: u32, gradient: Tensor<T>) -> Result<()> {
        match &mut self.0[node as usize] {
            Slot::One(sum) => sum.add_assign(&gradient)?,
            slot => *slot = Slot::One(gradient),
        }
        Ok(())
    }

    /// Each value of a computation is a node of its own, so its gradient comes once.
    fn add_output(&mut self, node: u32, k: usize, gradient: Tensor<T>) -> Result<()> {
        let slot = &mut self.0[node as usize];
        if !matches!(slot, Slot::Outputs(_)) {
            *slot = Slot::Outputs(Vec::new());
        }
        if let Slot::Outputs(all) = slot {
            all.resize(all.len().max(k + 1), None);
            all[k] = Some(gradient);
        }
        Ok(())
    }

    fn add_part(
        &mut self,
        node: u32,
        shape: &refrain_tensor::Shape,
        part: Layout,
        gradient: &Tensor<T>,
    ) -> Result<()> {
        let slot = &mut self.0[node as usize];
        if matches!(slot, Slot::Empty) {
            // The whole under another shape needs no tensor of zeros to be added to.
            if part.shape().numel() == shape.numel() && part.is_contiguous() && part.offset() == 0 {
                *slot = Slot::One(gradient.reshape(shape)?);
                return Ok(());
            }
            *slot = Slot::One(Tensor::zeros(shape)?);
        }
        if let Slot::One(whole) = slot {
            whole.zip_assign_at(part, gradient, Number::plus)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parameter;

    #[test]
    fn gradients_add_up_over_every_use() {
        let p = Parameter::new(Tensor::from([1.0, 2.0]));
        let tape = Tape::new();
        let x = tape.parameter(&p);
        let y = (&x * &x + &x).sum(..).unwrap();
        assert_eq!(y.backward().unwrap().get(&p), Some(&Tensor::from([3.0, 5.0])));
    }

    #[test]
    fn the_errors_say_what_to_do() {
        let tape = Tape::<f64>::new();
        let x = tape.variable(Tensor::from([1.0, 2.0]));
        let y = x.square();
        let cases = [
            (
                y.backward().unwrap_err(),
                "backward: expected one element to start from, found shape [2]; give a cotangent with backward_with, or reduce to a scalar",
            ),
            (
                y.backward_with(Tensor::from(1.0)).unwrap_err(),
                "backward: the cotangent has shape [], the variable [2]",
            ),
            (
                x.detach().sum(..).unwrap().backward().unwrap_err(),
                "backward: nothing here needs a gradient: the variable depends on no parameter or variable, or its tape is an inference tape",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
        let sum = y.sum(..).unwrap();
        sum.backward().unwrap();
        assert_eq!(
            sum.backward().unwrap_err().to_string(),
            "backward: the backward of `sum` has run already and freed what it kept; record the computation again"
        );
    }

    #[test]
    fn a_wrong_shape_from_a_backward_is_named() {
        let tape = Tape::<f64>::new();
        let x = tape.variable(Tensor::from([1.0, 2.0]));
        let odd =
            tape.record("odd", [&x], Tensor::from(1.0), |_, _| Ok([Some(Tensor::from([1.0; 3]))])).unwrap();
        assert_eq!(
            odd.backward().unwrap_err().to_string(),
            "backward of odd: the gradient of input 0 has shape [3], which [2] does not broadcast to"
        );
    }

    #[test]
    fn two_results_of_one_tape_share_their_leaves() {
        let tape = Tape::<f64>::new();
        let x = tape.variable(Tensor::from(3.0));
        let (a, b) = (x.square(), x.mul_scalar(2.0));
        assert_eq!(a.backward().unwrap().of(&x), Some(&Tensor::from(6.0)));
        assert_eq!(b.backward().unwrap().of(&x), Some(&Tensor::from(2.0)));
    }

    #[test]
    fn a_backward_may_use_the_tape_that_it_is_on() {
        let tape: &'static Tape<f64> = Box::leak(Box::default());
        let x = tape.variable(Tensor::from(3.0));
        let y = tape
            .record("curious", [&x], Tensor::from(9.0), |g, _| {
                let inner = tape.variable(Tensor::from(3.0));
                let slope = inner.square().backward().unwrap().of(&inner).unwrap().mul(g)?;
                Ok([Some(slope.add_scalar(tape.len() as f64))])
            })
            .unwrap();
        assert_eq!(y.mul_scalar(2.0).backward().unwrap().of(&x), Some(&Tensor::from(6.0 * 2.0 + 5.0)));
    }

    #[test]
    fn none_for_a_needed_input_is_zero() {
        let tape = Tape::<f64>::new();
        let (x, z) = (tape.variable(Tensor::from(3.0)), tape.variable(Tensor::from(4.0)));
        let y = tape.record("deaf", [&x], Tensor::from(9.0), |_, _| Ok([None])).unwrap() + &z;
        let gradients = y.backward().unwrap();
        assert_eq!((gradients.of(&x), gradients.of(&z)), (None, Some(&Tensor::from(1.0))));
    }
}
