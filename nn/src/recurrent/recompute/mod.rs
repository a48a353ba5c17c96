//! Back-propagation through time within a budget of memory: what to keep, and what to compute
//! again (Gruslys et al. 2016, arXiv 1606.03401).
//!
//! To go back through a step, what its forward computed must be there. Plain back-propagation keeps
//! it for all steps. A state is far smaller: from a state that was kept, the steps behind it can be
//! run once more when they are needed. With less memory, steps are run more often.
//!
//! A [`Plan`] says which states to keep, and which steps to run when, so that as few steps as
//! possible are run. [`GRU::forward_within`](crate::GRU::forward_within) and its like make one for each
//! call, [`GRU::forward_planned`](crate::GRU::forward_planned) follows one that was made before; so does
//! `refrain_train::budget`, for whole models.
//!
//! ```
//! use refrain_nn::recompute::{StepCosts, Plan};
//! // A thousand steps; a state takes 1 kB, a step with all that its way back needs 5 kB.
//! let costs = StepCosts { state: 1_000, step: 5_000 };
//! let plain = Plan::new(1_000, costs, 5_000_000)?;
//! assert_eq!(plain.forward_steps(), 1_000);
//! let twentieth = Plan::new(1_000, costs, 250_000)?;
//! assert!(twentieth.peak_bytes() <= 250_000);
//! assert!(twentieth.forward_steps() < 2_000); // each step once more, at most
//!
//! // A training makes one plan for its length and its batch.
//! use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//! use refrain_autograd::Tape;
//! use refrain_nn::{GRU, Module};
//! use refrain_tensor::Tensor;
//! let gru = GRU::<f32>::new(3, 8, &mut Xoshiro256PlusPlus::seed_from_u64(7))?;
//! let plan = Plan::new(100, gru.step_costs(4), 40_000)?; // 100 steps of 4 sequences
//! for _ in 0..2 {
//!     let tape = Tape::new();
//!     let x = tape.constant(Tensor::ones([100, 4, 3])?);
//!     let (y, _) = gru.forward_planned(&x, None, &plan)?;
//!     assert!(y.mean(..)?.backward()?.get(&gru.parameters()[0]).is_some());
//! }
//! # Ok::<(), refrain_nn::Error>(())
//! ```

mod plan;
mod policy;

pub use plan::{Action, Plan, StepCosts};
