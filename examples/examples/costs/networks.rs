//! Three networks that read the same image of 28 · 28 numbers and tell ten classes apart.

use rand::Rng;
use refrain_autograd::Var;
use refrain_nn::{
    Activation, Conv2d, Costs, Flatten, Ledger, Linear, MaxPool2d, Module, RNN, Result, Sequential, Signal,
    module,
};

/// The height and the width of an image.
pub(crate) const SIDE: usize = 28;
/// What there is to tell apart.
pub(crate) const CLASSES: usize = 10;

/// A network that can be watched while it runs.
pub(crate) trait Network: Costs<f32> + Module<f32> {
    /// `[batch, 1, 28, 28]` → `[batch, 10]`. Calls `after` when a part is done, in the order of the
    /// parts of [`refrain_nn::summary`].
    fn forward<'t>(&self, images: &Var<'t, f32>, after: &mut dyn FnMut()) -> Result<Var<'t, f32>>;
}

impl Network for Sequential<f32> {
    fn forward<'t>(&self, images: &Var<'t, f32>, after: &mut dyn FnMut()) -> Result<Var<'t, f32>> {
        self.layers().iter().try_fold(images.clone(), |x, layer| {
            let y = layer.forward(&x)?;
            after();
            Ok(y)
        })
    }
}

/// A network in the manner of LeNet-5 (LeCun et al. 1998, Proceedings of the IEEE 86): two
/// convolutions with pooling, and three linear layers.
pub(crate) fn convolutional(rng: &mut impl Rng) -> Result<Sequential<f32>> {
    Ok(Sequential::new()
        .push(Conv2d::builder(1, 6, 5).padding(2).build(rng)?) // [batch, 6, 28, 28]
        .push(Activation::ReLU)
        .push(MaxPool2d::new(2)?) // [batch, 6, 14, 14]
        .push(Conv2d::new(6, 16, 5, rng)?) // [batch, 16, 10, 10]
        .push(Activation::ReLU)
        .push(MaxPool2d::new(2)?) // [batch, 16, 5, 5]
        .push(Flatten::default()) // [batch, 400]
        .push(Linear::new(400, 120, rng)?)
        .push(Activation::ReLU)
        .push(Linear::new(120, 84, rng)?)
        .push(Activation::ReLU)
        .push(Linear::new(84, CLASSES, rng)?))
}

/// The image as one row of 784 numbers, through three linear layers.
pub(crate) fn dense(rng: &mut impl Rng) -> Result<Sequential<f32>> {
    Ok(Sequential::new()
        .push(Flatten::default()) // [batch, 784]
        .push(Linear::new(SIDE * SIDE, 300, rng)?)
        .push(Activation::ReLU)
        .push(Linear::new(300, 100, rng)?)
        .push(Activation::ReLU)
        .push(Linear::new(100, CLASSES, rng)?))
}

/// The image as a sequence of 28 rows; the state after the last one tells the class.
pub(crate) struct Recurrent {
    rnn: RNN<f32>,
    head: Linear<f32>,
}
module!(Recurrent: f32 { rnn, head });

impl Recurrent {
    /// A network with a state of 128 numbers.
    pub(crate) fn new(rng: &mut impl Rng) -> Result<Self> {
        let rnn = RNN::builder(SIDE, 128).batch_first(true).build(rng)?;
        Ok(Self { rnn, head: Linear::new(128, CLASSES, rng)? })
    }
}

impl Network for Recurrent {
    fn forward<'t>(&self, images: &Var<'t, f32>, after: &mut dyn FnMut()) -> Result<Var<'t, f32>> {
        let rows = images.squeeze(1)?; // [batch, seq 28, features 28]
        let (_, last) = self.rnn.forward(&rows, None)?; // [1, batch, 128]
        after();
        let classes = self.head.forward(&last.squeeze(0)?)?;
        after();
        Ok(classes)
    }
}

impl Costs<f32> for Recurrent {
    fn costs(&self, images: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let states = ledger.part("rnn", &self.rnn, &images.reshaped(images.shape().without(1)))?;
        let last = states.reshaped(states.shape().without(1)); // [batch, 128]
        ledger.part("head", &self.head, &last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_autograd::Tape;
    use refrain_nn::summary;
    use refrain_tensor::Tensor;

    #[test]
    fn costs_by_hand() {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        let networks: [(Box<dyn Network>, u64, u64); 3] = [
            (
                Box::new(convolutional(rng).unwrap()),
                (25 * 6 + 6) + (150 * 16 + 16) + (401 * 120) + (121 * 84) + (85 * 10),
                784 * 25 * 6 + 100 * 150 * 16 + 400 * 120 + 120 * 84 + 84 * 10,
            ),
            (
                Box::new(dense(rng).unwrap()),
                785 * 300 + 301 * 100 + 101 * 10,
                784 * 300 + 300 * 100 + 100 * 10,
            ),
            (
                Box::new(Recurrent::new(rng).unwrap()),
                128 * (28 + 128 + 2) + 129 * 10,
                28 * 128 * (28 + 128) + 128 * 10,
            ),
        ];
        for (network, parameters, macs) in networks {
            let costs = summary(&*network, [3, 1, SIDE, SIDE]).unwrap();
            assert_eq!(costs.total.parameters, parameters);
            assert_eq!(costs.total.macs_forward, 3 * macs);
            assert_eq!(costs.total.parameters, network.parameter_count() as u64);
            let (tape, mut parts) = (Tape::inference(), 0);
            let images = tape.constant(Tensor::ones([3, 1, SIDE, SIDE]).unwrap());
            let classes = network.forward(&images, &mut || parts += 1).unwrap();
            assert_eq!((*classes.shape(), parts), (costs.total.output, costs.parts.len()));
        }
    }
}
