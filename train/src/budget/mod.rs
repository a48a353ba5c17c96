//! Exact back-propagation through a long stream in bounded memory, for whole models.
//!
//! [`GRU::forward_within`](refrain_nn::GRU::forward_within) bounds what one layer keeps. What stands
//! around it, the outputs, logits and losses of every step, is kept nevertheless. [`BPTT`] runs
//! everything in chunks: first through the whole stream, keeping a few states; then back, chunk by
//! chunk, each on a tape of its own, from the kept state nearest before it. The gradient of the
//! state at the end of a chunk is that of the state at the beginning of the next, so nothing is
//! truncated. Which states are kept is up to a [`Plan`], with the least work for the memory
//! (Gruslys et al. 2016, arXiv 1606.03401).
//!
//! The gradients are those of the whole stream on one tape. Only the sums of the weights' gradients
//! over time are made chunk by chunk, so they differ by rounding: in f64 by about 1e-15 of their
//! norm; in f32 by 1e-6 for some hundred rows (steps times sequences), and by more for more rows, as
//! far as the sums of the whole stream are from the exact ones. A test holds that those of the
//! chunks are the closer ones.
//!
//! ```
//! use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//! use refrain_nn::{CrossEntropyLoss, Embedding, GRU, Linear, Reduction};
//! use refrain_tensor::Tensor;
//! use refrain_train::budget::{BPTT, Chunk, StepCosts, Plan};
//!
//! let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
//! let (embedding, gru) = (Embedding::<f32>::new(5, 4, rng)?, GRU::new(4, 8, rng)?);
//! let head = Linear::new(8, 5, rng)?;
//! let letters = Tensor::from_vec((0..201).map(|t| t * t % 5).collect(), [201, 1])?; // [seq + 1, batch]
//! let sum = CrossEntropyLoss { reduction: Reduction::Sum, ..Default::default() };
//!
//! // What a step takes: the layer's costs, and 100 numbers for the rest.
//! let StepCosts { state, step } = gru.step_costs(1);
//! let plan = Plan::new(200, StepCosts { state, step: step + 400 }, 20_000)?;
//! let found = BPTT::new(&plan).run(&[Tensor::zeros([1, 1, 8])?], |tape, steps, states| {
//!     let inputs = letters.narrow(0, steps.start, steps.len())?;
//!     let (y, h) = gru.forward(&embedding.forward(tape, &inputs)?, Some(&states[0]))?;
//!     let mut loss = None;
//!     if tape.records() {
//!         let targets = letters.narrow(0, steps.start + 1, steps.len())?.flatten(0, 1)?;
//!         let logits = head.forward(&y.flatten(0, 1)?)?;
//!         loss = Some(sum.forward(&logits, &targets)?.mul_scalar(1.0 / 200.0));
//!     }
//!     Ok::<_, Box<dyn std::error::Error>>(Chunk { loss, states: vec![h] })
//! })?;
//! assert!(found.loss > 0.0 && found.gradients.get(&head.weight).is_some());
//! assert!(plan.most_states() > 0 && plan.peak_bytes() <= 20_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bptt;

pub use bptt::{BPTT, Chunk, ChunkError, Outcome};
pub use refrain_nn::recompute::{Plan, StepCosts};
