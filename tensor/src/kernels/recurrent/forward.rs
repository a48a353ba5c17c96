//! Forward through time.

#![allow(unsafe_code)] // threads write rows and columns of their own in shared memory

use std::ops::Range;

use super::{
    Cell, Columns, Layer, Start, Steps,
    arithmetic::{Arithmetic, ForwardUnits},
    gru::GatedUnit,
    lstm::LongShortTermMemory,
    plan::Plan,
    rnn::{ReLU, Tanh},
};
use crate::{
    Number, Real,
    kernels::{
        panels::Panels,
        pool::Buffer,
        simd::{Simd, Work},
        tile::{Grid, Left, Place, Product, Term, cover, into_room, most_rows, no_sums},
    },
    parallel,
};

/// What a sweep needs beside the weights.
pub struct Forward<'a, T> {
    /// Which rows are which.
    pub steps: &'a Steps,
    /// Whether to go from the last step to the first.
    pub reverse: bool,
    /// The input, [N, I].
    pub x: &'a [T],
    /// The initial states.
    pub start: Start<'a, T>,
    /// Whether to keep what backward needs.
    pub keep: bool,
}

/// What a sweep keeps beside its output.
#[derive(Debug)]
pub struct Kept<T: Real> {
    /// Four numbers a unit for LSTM and GRU, [N, 4·H].
    pub(super) gates: Buffer<T>,
    /// The cell states: those of all rows, [N, H], if kept, else the last ones, [B, H].
    pub(super) c: Buffer<T>,
    /// The states before the projection, [N, H], where there is one.
    pub(super) unprojected: Buffer<T>,
}

impl<T: Real> Kept<T> {
    /// The cell states: those of all rows, [N, H], if kept, else the last ones, [B, H].
    pub fn c(&self) -> &[T] {
        &self.c
    }
}

impl<T: Real> Layer<T> {
    /// Runs all steps and writes the states of all rows to `h`, a matrix of N rows, in `columns`.
    /// `h` may be empty: it grows, and columns that are not these are 0.
    ///
    /// # Panics
    /// Where a slice has not the size that its role asks for.
    pub fn forward(&self, sweep: Forward<'_, T>, h: &mut Vec<T>, columns: Columns) -> Kept<T> {
        let (sizes, rows, batch) = (self.sizes, sweep.steps.rows(), sweep.steps.batch());
        assert_eq!(sweep.x.len(), rows * sizes.input, "the size of the input");
        let size = rows * columns.width;
        assert!(h.is_empty() || h.len() == size, "the size of the output");
        assert!(columns.first + sizes.state <= columns.width, "the columns of the output");
        for (state, size) in [(sweep.start.h, sizes.state), (sweep.start.c, sizes.hidden)] {
            assert!(state.is_empty() || state.len() == batch * size, "the size of an initial state");
        }
        if columns.width == sizes.state {
            // Every number is written below.
            h.clear();
            match T::room(size) {
                Ok(room) if h.capacity() < size => *h = room,
                _ => h.reserve(size),
            }
        } else {
            h.resize(size, T::ZERO);
        }
        let output = Output { h: h.as_mut_ptr().wrapping_add(columns.first), h_step: columns.width };
        let kept = T::forward(self, sweep, output);
        // SAFETY: there is room for `size` numbers; those of these columns were written by the
        // sweep, and others, if there are any, before.
        unsafe { h.set_len(size) };
        kept
    }
}

pub(super) fn forward<T: Real>(layer: &Layer<T>, sweep: Forward<'_, T>, output: Output<T>) -> Kept<T> {
    let path = layer.path;
    match layer.cell {
        Cell::Tanh => T::dispatch(path, Task { layer, sweep, output, cell: Tanh }),
        Cell::ReLU => T::dispatch(path, Task { layer, sweep, output, cell: ReLU }),
        Cell::LSTM => T::dispatch(path, Task { layer, sweep, output, cell: LongShortTermMemory }),
        Cell::GRU => T::dispatch(path, Task { layer, sweep, output, cell: GatedUnit }),
    }
}

/// Where the states go.
#[derive(Clone, Copy)]
pub struct Output<T> {
    pub(super) h: *mut T,
    pub(super) h_step: usize,
}

struct Task<'a, T: Real, A> {
    layer: &'a Layer<T>,
    sweep: Forward<'a, T>,
    output: Output<T>,
    cell: A,
}

impl<T: Real, A: Arithmetic> Work<T> for Task<'_, T, A> {
    type Output = Kept<T>;

    fn run<S: Simd<T = T>>(self, s: S) -> Kept<T> {
        let Self { layer, sweep, output, cell } = self;
        let (sizes, rows, batch) = (layer.sizes, sweep.steps.rows(), sweep.steps.batch());
        let (hidden, wide) = (sizes.hidden, A::GATES * sizes.hidden);
        let weights = wide * sizes.state;
        let plan = Plan::new(sweep.steps, wide * sizes.input + weights, weights);
        // Every number that is read is written before, so none is set to 0 first.
        let mut gates = Buffer::<T>::with_room(if sweep.keep { rows * hidden * A::KEPT } else { 0 });
        let c_rows = if sweep.keep { rows } else { batch };
        let mut c = Buffer::<T>::with_room(if A::CELL { c_rows * hidden } else { 0 });
        let mut unprojected = Buffer::<T>::with_room(if layer.hr.is_some() { rows * hidden } else { 0 });
        let run = Run {
            s,
            cell,
            layer,
            sweep: &sweep,
            output,
            gates: gates.start(),
            c: c.start(),
            unprojected: unprojected.start(),
            pieces: plan.pieces,
            // Enough rows a step make good use of W_ih; few make better use of it together.
            in_one: !A::APART && batch / plan.parts.len() >= ENOUGH_ROWS,
        };
        parallel::share(plan.parts.len(), |part| run.part(plan.parts[part].clone()));
        // SAFETY: the parts cover all sequences, and each wrote the numbers of all its rows.
        unsafe {
            gates.set_len(if sweep.keep { rows * hidden * A::KEPT } else { 0 });
            c.set_len(if A::CELL { c_rows * hidden } else { 0 });
            unprojected.set_len(if layer.hr.is_some() { rows * hidden } else { 0 });
        }
        Kept { gates, c, unprojected }
    }
}

/// A sweep under way.
pub(super) struct Run<'a, S: Simd, A> {
    pub(super) s: S,
    pub(super) cell: A,
    pub(super) layer: &'a Layer<S::T>,
    pub(super) sweep: &'a Forward<'a, S::T>,
    pub(super) output: Output<S::T>,
    pub(super) gates: *mut S::T,
    pub(super) c: *mut S::T,
    pub(super) unprojected: *mut S::T,
    /// Into how many pieces the units of a step are split.
    pub(super) pieces: usize,
    /// Whether W_ih x is added in the tile of a step, and not computed for many steps before.
    pub(super) in_one: bool,
}

// SAFETY: what the pointers point to is written by each part in rows of its sequences, and by each
// piece of a step in columns of its units; both are disjoint. What is read of other pieces' columns
// was written before they met.
unsafe impl<S: Simd, A: Sync> Sync for Run<'_, S, A> {}

// SAFETY: as for `Run`, whose memory these point to.
unsafe impl<T: Sync> Sync for Rows<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Tile<T> {}

/// A part's rows at one step.
#[derive(Clone, Copy)]
struct Rows<T> {
    /// The first of them among all rows.
    first: usize,
    count: usize,
    /// The gates of the first.
    gates: *mut T,
}

impl<T> Rows<T> {
    fn part(&self, rows: Range<usize>, gates_step: usize) -> Self {
        let gates = self.gates.wrapping_add(rows.start * gates_step);
        Self { first: self.first + rows.start, count: rows.len(), gates }
    }
}

/// The rows of a tile that come after a state: those of the step before, or initial ones.
#[derive(Clone, Copy)]
struct Tile<T> {
    /// The first row among all rows, and its gates.
    row: usize,
    gates: *mut T,
    /// The first row's sequence.
    sequence: usize,
    rows: usize,
    /// The states before, null for 0, and from one row to the next.
    h_before: *const T,
    h_step: usize,
    c_before: *const T,
}

/// Rows of a step for which a panel of W_ih is read at the speed of the tile.
const ENOUGH_ROWS: usize = 4;

/// Gates that are not kept are computed for about this many numbers at once, to stay in a cache.
const CHUNK: usize = 1 << 15;

impl<S: Simd, A: Arithmetic> Run<'_, S, A> {
    /// From one row to the next in `gates`.
    fn gates_step(&self) -> usize {
        let slots = if self.sweep.keep { A::KEPT } else { A::GATES };
        self.layer.sizes.hidden * slots
    }

    /// Whether the gates become the states in place, as those of a simple cell do.
    const IN_PLACE: bool = A::KEPT == 0;

    /// All steps of some sequences.
    fn part(&self, sequences: Range<usize>) {
        let (steps, hidden) = (self.sweep.steps, self.layer.sizes.hidden);
        if A::CELL && !self.sweep.keep {
            let c = self.c.wrapping_add(sequences.start * hidden);
            let start = self.sweep.start.c.get(sequences.start * hidden..sequences.end * hidden);
            for k in 0..sequences.len() * hidden {
                // SAFETY: `c` has room for the states of all sequences.
                unsafe { c.add(k).write(start.map_or(S::T::ZERO, |start| start[k])) };
            }
        }
        let whole = sequences.len() == steps.batch();
        let steps_a_chunk = (CHUNK / (sequences.len() * A::GATES * hidden)).clamp(1, steps.count().max(1));
        let buffered = !Self::IN_PLACE && !self.sweep.keep && !self.in_one;
        let room = if buffered { steps_a_chunk * sequences.len() * self.gates_step() } else { 0 };
        let mut buffer = Buffer::<S::T>::with_room(room);
        let mut chunk = Vec::with_capacity(steps_a_chunk);
        let mut before: Option<Rows<S::T>> = None;
        for first in (0..steps.count()).step_by(steps_a_chunk) {
            let end = (first + steps_a_chunk).min(steps.count());
            let in_time =
                if self.sweep.reverse { steps.count() - end..steps.count() - first } else { first..end };
            chunk.clear();
            let mut place = 0;
            for step in in_time {
                let rows = steps.rows_of(step);
                let count = rows.len().min(sequences.end).saturating_sub(sequences.start);
                let gates = self.gates_of(rows.start + sequences.start, buffer.start(), place);
                place += count;
                chunk.push(Rows { first: rows.start + sequences.start, count, gates });
            }
            if self.in_one {
                // The steps read x themselves.
            } else if whole {
                let (first, last) = (chunk[0], chunk[chunk.len() - 1]);
                self.project(Rows { count: last.first + last.count - first.first, ..first });
            } else {
                chunk.iter().for_each(|&rows| self.project(rows));
            }
            if self.sweep.reverse {
                chunk.reverse();
            }
            for &rows in &chunk {
                if rows.count > 0 {
                    self.step(rows, before, sequences.start);
                    before = Some(rows);
                }
            }
        }
    }

    /// Where the gates of a row are computed: in place of the state, where they are kept, or at a
    /// place of the buffer.
    fn gates_of(&self, row: usize, buffer: *mut S::T, place: usize) -> *mut S::T {
        if Self::IN_PLACE {
            self.output.h.wrapping_add(row * self.output.h_step)
        } else if self.sweep.keep {
            self.gates.wrapping_add(row * self.gates_step())
        } else {
            buffer.wrapping_add(place * self.gates_step())
        }
    }

    /// W_ih x + b of consecutive rows.
    fn project(&self, rows: Rows<S::T>) {
        if rows.count == 0 {
            return;
        }
        let pieces =
            if self.pieces == 1 { 1 } else { self.pieces.min(rows.count.div_ceil(most_rows::<S>(A::C))) };
        let panels = self.layer.ih.count();
        if pieces == 1 {
            // Few rows: the units are split instead.
            return self.shared_panels(panels, |range| self.project_rows(rows, range));
        }
        parallel::share(pieces, |piece| {
            let (from, to) = (rows.count * piece / pieces, rows.count * (piece + 1) / pieces);
            self.project_rows(rows.part(from..to, self.step_of_gates()), 0..panels);
        });
    }

    fn shared_panels(&self, panels: usize, work: impl Fn(Range<usize>) + Sync) {
        let pieces = self.pieces.min(panels);
        parallel::share(pieces, |piece| work(panels * piece / pieces..panels * (piece + 1) / pieces));
    }

    /// From the gates of one row to those of the next.
    fn step_of_gates(&self) -> usize {
        if Self::IN_PLACE { self.output.h_step } else { self.gates_step() }
    }

    fn project_rows(&self, rows: Rows<S::T>, panels: Range<usize>) {
        let (s, layer, input) = (self.s, self.layer, self.layer.sizes.input);
        cover::<S>(A::C, panels, (rows.count, input), |panels, row, count| {
            let start = self.sweep.x[(rows.first + row) * input..].as_ptr();
            let left = Left::rows(start, input);
            let gates = rows.gates.wrapping_add(row * self.step_of_gates());
            let vectors = panels.len() * A::C;
            let from = self.biases(&panels, vectors);
            let to = self.gates_of_panels(gates, &panels, vectors);
            let product = Product::of_panels::<S>(count, left, (&layer.ih, &panels, row.div_ceil(count)));
            // SAFETY: the bias has a number for each place of the panels; the tile's rows of x and
            // of the gates are there, and the lanes end with the units.
            unsafe { product.run(s, &from, &to) };
        });
    }

    /// What sums of W_ih x start from, in each row.
    #[inline(always)]
    fn biases(&self, panels: &Range<usize>, vectors: usize) -> Grid<*const S::T> {
        let bias = self.layer.bias[panels.start * A::C * S::LANES..].as_ptr();
        Grid::new(vectors, bias, |v| Place {
            start: bias.wrapping_add(v * S::LANES),
            row_step: 0,
            lanes: S::LANES,
        })
    }

    /// What sums of W_hh h start from, where W_ih x + b has been computed.
    #[inline(always)]
    fn projected(&self, gates: *mut S::T, panels: &Range<usize>, vectors: usize) -> Grid<*const S::T> {
        let gates = self.gates_of_panels(gates, panels, vectors);
        Grid::new(vectors, std::ptr::null(), |v| {
            let Place { start, row_step, lanes } = gates.vectors[v];
            if A::APART && v % A::GATES + 1 == A::GATES {
                let unit = (panels.start * A::GROUPS + v / A::GATES) * S::LANES;
                let start = self.layer.bias_apart.as_ptr().wrapping_add(unit);
                return Place { start, row_step: 0, lanes };
            }
            Place { start: start.cast_const(), row_step, lanes }
        })
    }

    /// Where the gates of the panels' units are, vector by vector.
    #[inline(always)]
    fn gates_of_panels(&self, gates: *mut S::T, panels: &Range<usize>, vectors: usize) -> Grid<*mut S::T> {
        let hidden = self.layer.sizes.hidden;
        Grid::new(vectors, gates, |v| {
            let unit = (panels.start * A::GROUPS + v / A::GATES) * S::LANES;
            Place {
                start: gates.wrapping_add(v % A::GATES * hidden + unit),
                row_step: self.step_of_gates(),
                lanes: hidden.saturating_sub(unit).min(S::LANES),
            }
        })
    }

    /// The only step of a sweep, with gates at a place of their own.
    pub(super) fn only_step(&self, gates: *mut S::T) {
        let gates = if Self::IN_PLACE { self.output.h } else { gates };
        let rows = Rows { first: 0, count: self.sweep.steps.batch(), gates };
        let (_, all) = self.tiles(rows, None, 0);
        self.shared_panels(self.layer.hh.count(), |panels| {
            if !self.in_one {
                self.project_rows(rows, panels.clone());
            }
            self.rows(all, panels);
        });
        if let Some(hr) = &self.layer.hr {
            self.shared_panels(hr.count(), |panels| self.project_states(hr, rows, panels));
        }
    }

    /// One step of a part's rows, which follow `before`.
    fn step(&self, rows: Rows<S::T>, before: Option<Rows<S::T>>, sequence: usize) {
        let (old, new) = self.tiles(rows, before, sequence);
        self.shared_panels(self.layer.hh.count(), |panels| {
            self.rows(old, panels.clone());
            self.rows(new, panels);
        });
        if let Some(hr) = &self.layer.hr {
            self.shared_panels(hr.count(), |panels| self.project_states(hr, rows, panels));
        }
    }

    /// The rows of a step that follow states of the step before, and those that begin here.
    fn tiles(
        &self,
        rows: Rows<S::T>,
        before: Option<Rows<S::T>>,
        sequence: usize,
    ) -> (Tile<S::T>, Tile<S::T>) {
        let Start { h: h_0, c: c_0 } = self.sweep.start;
        let (hidden, state) = (self.layer.sizes.hidden, self.layer.sizes.state);
        let continuing = before.map_or(0, |before| before.count.min(rows.count));
        let of_rows =
            |values: *mut S::T, row: usize, step: usize| values.wrapping_add(row * step).cast_const();
        let initial = |values: &[S::T], step: usize| {
            let first = (sequence + continuing) * step;
            if first < values.len() { values[first..].as_ptr() } else { std::ptr::null() }
        };
        let c_in_place = of_rows(self.c, sequence, hidden);
        let old = Tile {
            row: rows.first,
            gates: rows.gates,
            sequence,
            rows: continuing,
            h_before: before
                .map_or(std::ptr::null(), |before| of_rows(self.output.h, before.first, self.output.h_step)),
            h_step: self.output.h_step,
            c_before: match before {
                Some(before) if self.sweep.keep => of_rows(self.c, before.first, hidden),
                _ => c_in_place,
            },
        };
        let new = Tile {
            row: rows.first + continuing,
            gates: rows.gates.wrapping_add(continuing * self.step_of_gates()),
            sequence: sequence + continuing,
            rows: rows.count - continuing,
            h_before: initial(h_0, state),
            h_step: state,
            c_before: if self.sweep.keep {
                initial(c_0, hidden)
            } else {
                of_rows(self.c, sequence + continuing, hidden)
            },
        };
        (old, new)
    }

    /// Some units of the rows that follow states of one kind.
    fn rows(&self, all: Tile<S::T>, panels: Range<usize>) {
        cover::<S>(A::C, panels, (all.rows, all.h_step), |panels, first, rows| {
            self.tile(self.below(all, first, rows), first.div_ceil(rows), panels);
        });
    }

    /// `rows` rows of a tile from its row `first` on.
    fn below(&self, tile: Tile<S::T>, first: usize, rows: usize) -> Tile<S::T> {
        let hidden = self.layer.sizes.hidden;
        let later = |place: *const S::T, step: usize| {
            if place.is_null() { place } else { place.wrapping_add(first * step) }
        };
        Tile {
            row: tile.row + first,
            gates: tile.gates.wrapping_add(first * self.step_of_gates()),
            sequence: tile.sequence + first,
            rows,
            h_before: later(tile.h_before, tile.h_step),
            h_step: tile.h_step,
            c_before: later(tile.c_before, hidden),
        }
    }

    /// One tile, the one at `place` among those of its panel: the sums, W_hh h, the new states. One
    /// row may take several panels at once.
    #[inline(never)]
    fn tile(&self, tile: Tile<S::T>, place: usize, panels: Range<usize>) {
        let (s, layer) = (self.s, self.layer);
        s.vectorize(
            #[inline(always)]
            || {
                let mut sums = no_sums::<S>();
                let vectors = panels.len() * A::C;
                let left = Left::rows(tile.h_before, tile.h_step);
                // Before the first step there is nothing to add.
                let of_h = if tile.h_before.is_null() {
                    Term::none()
                } else {
                    Term::of(left, &layer.hh, &panels, place)
                };
                let (from, terms) = if self.in_one {
                    let x = self.sweep.x[tile.row * layer.sizes.input..].as_ptr();
                    let left = Left::rows(x, layer.sizes.input);
                    (self.biases(&panels, vectors), [Term::of(left, &layer.ih, &panels, place), of_h])
                } else {
                    (self.projected(tile.gates, &panels, vectors), [of_h, Term::none()])
                };
                let product = Product { rows: tile.rows, vectors: A::C, panels: panels.len(), terms };
                let to = into_room::<S>(&mut sums, vectors);
                // SAFETY: all places are of rows of this part and units of these panels, and lanes
                // end with the units. `h_before` has a row of states for each row of the tile. All
                // sums of the tile are written before they are read.
                unsafe {
                    product.run(s, &from, &to);
                    self.each(
                        &tile,
                        &panels,
                        #[inline(always)]
                        |k, units| {
                            let mut of_gates = [s.splat(S::T::ZERO); 4];
                            for (gate, sum) in of_gates[..A::GATES].iter_mut().enumerate() {
                                *sum = sums[k + gate].assume_init();
                            }
                            self.cell.forward(s, &of_gates, units);
                        },
                    );
                }
            },
        );
    }

    /// Calls `f` for each vector of units of each row of a tile, with the place of its sums.
    #[inline(always)]
    fn each(&self, tile: &Tile<S::T>, panels: &Range<usize>, mut f: impl FnMut(usize, &ForwardUnits<S::T>)) {
        let (hidden, vectors) = (self.layer.sizes.hidden, panels.len() * A::C);
        let first = panels.start * A::GROUPS * S::LANES;
        let state = if self.layer.hr.is_some() {
            (self.unprojected, hidden)
        } else {
            (self.output.h, self.output.h_step)
        };
        for row in 0..tile.rows {
            for group in 0..panels.len() * A::GROUPS {
                let unit = first + group * S::LANES;
                let lanes = hidden.saturating_sub(unit).min(S::LANES);
                if lanes == 0 {
                    break;
                }
                let before = |place: *const S::T, step: usize| {
                    if place.is_null() { place } else { place.wrapping_add(row * step + unit) }
                };
                let c_row = if self.sweep.keep { tile.row } else { tile.sequence } + row;
                let units = ForwardUnits {
                    lanes,
                    gate_step: hidden,
                    gates: tile.gates.wrapping_add(row * self.step_of_gates() + unit),
                    keep: self.sweep.keep,
                    h_before: before(tile.h_before, tile.h_step),
                    c_before: before(tile.c_before, hidden),
                    h: state.0.wrapping_add((tile.row + row) * state.1 + unit),
                    c: self.c.wrapping_add(c_row * hidden + unit),
                };
                f(row * vectors + group * A::GATES, &units);
            }
        }
    }

    /// h = W_hr (o tanh c) of a step's rows.
    fn project_states(&self, hr: &Panels<S::T>, rows: Rows<S::T>, panels: Range<usize>) {
        let (s, hidden, state) = (self.s, self.layer.sizes.hidden, self.layer.sizes.state);
        cover::<S>(2, panels, (rows.count, hidden), |panels, first, count| {
            let row = rows.first + first;
            let start = self.unprojected.wrapping_add(row * hidden).cast_const();
            let left = Left::rows(start, hidden);
            let to = Grid::new(panels.len() * 2, self.output.h, |v| {
                let column = (panels.start * 2 + v) * S::LANES;
                Place {
                    start: self.output.h.wrapping_add(row * self.output.h_step + column),
                    row_step: self.output.h_step,
                    lanes: state.saturating_sub(column).min(S::LANES),
                }
            });
            let product = Product::of_panels::<S>(count, left, (hr, &panels, first.div_ceil(count)));
            // SAFETY: the tile's rows are of this part, the lanes end with the state.
            unsafe { product.run(s, &Grid::zeros(), &to) };
        });
    }
}
