//! Where the vectors of a tile lie in memory.

/// Where the sums of a tile come from, or go to. The vectors of a row come in groups: those of one
/// group, such as the gates of some units, lie `step` apart, and the next group is a vector further.
#[derive(Clone, Copy)]
pub(crate) struct Grid<P> {
    /// The first vector of the first row.
    pub(crate) start: P,
    pub(crate) row_step: usize,
    /// Vectors in a group, and from one to the next.
    pub(crate) group: usize,
    pub(crate) step: usize,
    /// How many lanes each vector of a group has, over all groups. Where they end, sums start from 0,
    /// or are dropped.
    pub(crate) lanes: usize,
    /// Where the last vector of each group lies instead, for all rows.
    pub(crate) apart: Option<P>,
}

impl<P> Grid<P> {
    /// Vectors side by side, `lanes` in all.
    #[inline(always)]
    pub(crate) fn of_rows(start: P, row_step: usize, lanes: usize) -> Self {
        Self { start, row_step, group: 1, step: 0, lanes, apart: None }
    }
}

impl<T> Grid<*const T> {
    /// Sums from 0.
    #[inline(always)]
    pub(crate) fn zeros() -> Self {
        Self::of_rows(std::ptr::null(), 0, 0)
    }

    /// The first V vectors of a row: where they start, the step to the next row, and their lanes.
    #[inline(always)]
    pub(super) fn vectors<const V: usize>(&self, width: usize) -> [(*const T, usize, usize); V] {
        let (mut within, mut before, mut lanes) = (0, 0, self.lanes);
        let mut vectors = [(self.start, 0, 0); V];
        for vector in &mut vectors {
            let last = within + 1 == self.group;
            *vector = match self.apart {
                Some(apart) if last => (apart.wrapping_add(before), 0, lanes.min(width)),
                _ => (self.start.wrapping_add(before + within * self.step), self.row_step, lanes.min(width)),
            };
            within += 1;
            if last {
                (within, before, lanes) = (0, before + width, lanes.saturating_sub(width));
            }
        }
        vectors
    }
}

impl<T> Grid<*mut T> {
    /// Sums from where these go.
    #[inline(always)]
    pub(crate) fn as_source(&self) -> Grid<*const T> {
        let Self { start, row_step, group, step, lanes, apart } = *self;
        Grid {
            start: start.cast_const(),
            row_step,
            group,
            step,
            lanes,
            apart: apart.map(<*mut T>::cast_const),
        }
    }
}
