//! What a sequence within a budget of memory really takes. Alone in its process, for the memory that
//! kernels keep for the next one is shared by all threads.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_nn::{GRU, LSTM, Module, RNN, Result, recompute::StepCosts};
use refrain_tensor::Tensor;

const SIZES: [usize; 3] = [1000, 8, 64];

/// The most bytes that a training step takes at any time.
fn peak(forward: impl for<'t> Fn(&Var<'t, f32>) -> Result<Var<'t, f32>>, x: &Tensor<f32>) -> usize {
    let measured = allocation_counter::measure(|| {
        let tape = Tape::new();
        let last = forward(&tape.constant(x.clone())).unwrap();
        last.sum(..).unwrap().backward().unwrap();
    });
    measured.bytes_max as usize
}

#[test]
fn the_way_back_stays_within_the_budget() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
    let [steps, batch, size] = SIZES;
    let x = Tensor::normal(SIZES, 0.0, 1.0, rng).unwrap();
    let rnn = RNN::<f32>::builder(size, size).num_layers(2).build(rng).unwrap();
    let lstm = LSTM::<f32>::builder(size, size).num_layers(2).build(rng).unwrap();
    let projected = LSTM::<f32>::builder(size, size).proj_size(size / 2).build(rng).unwrap();
    let gru = GRU::<f32>::builder(size, size).num_layers(2).build(rng).unwrap();
    let check = |name: &str, costs: StepCosts, module: &dyn Module<f32>, run: &dyn Fn(usize) -> usize| {
        let mut weights = 0;
        module.visit(&mut |_, parameter| weights += parameter.value().numel());
        // The outputs, the weights as they are packed and their gradients, and some room that
        // kernels use while they run.
        let beside = 4 * (steps * batch * size + 3 * weights) + (1 << 18);
        for percent in [5, 10, 20, 40] {
            let budget = steps * costs.step * percent / 100;
            let found = run(budget);
            assert!(found <= budget + beside, "{name}, {percent} %: {found} bytes in {budget} + {beside}");
        }
    };
    check("rnn", rnn.step_costs(batch), &rnn, &|budget| {
        peak(|x| Ok(rnn.forward_within(x, None, budget)?.1), &x)
    });
    check("lstm", lstm.step_costs(batch), &lstm, &|budget| {
        peak(|x| Ok(lstm.forward_within(x, None, budget)?.1.h), &x)
    });
    check("projected lstm", projected.step_costs(batch), &projected, &|budget| {
        peak(|x| Ok(projected.forward_within(x, None, budget)?.1.h), &x)
    });
    check("gru", gru.step_costs(batch), &gru, &|budget| {
        peak(|x| Ok(gru.forward_within(x, None, budget)?.1), &x)
    });
}
