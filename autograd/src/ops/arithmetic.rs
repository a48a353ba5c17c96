//! Arithmetic of two variables, broadcast.

use refrain_tensor::{Real, Tensor};

use crate::{Result, Var};

impl<'t, T: Real> Var<'t, T> {
    /// a + b.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Broadcast`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn add(&self, b: &Self) -> Result<Self> {
        let y = self.value().add(b.value())?;
        self.tape().record("add", [self, b], y, |g, _| Ok([Some(g.clone()), Some(g.clone())]))
    }

    /// a − b.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Broadcast`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn sub(&self, b: &Self) -> Result<Self> {
        let y = self.value().sub(b.value())?;
        self.tape().record("sub", [self, b], y, |g, [_, b]| Ok([Some(g.clone()), b.then(|| g.neg())]))
    }

    /// a · b, element by element.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Broadcast`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn mul(&self, b: &Self) -> Result<Self> {
        let (x, z) = (self.value().clone(), b.value().clone());
        let y = x.mul(&z)?;
        self.tape().record("mul", [self, b], y, move |g, [a, b]| {
            Ok([a.then(|| g.mul(&z)).transpose()?, b.then(|| g.mul(&x)).transpose()?])
        })
    }

    /// a / b; with y = a / b, the gradients are g / b and −g · y / b.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Broadcast`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn div(&self, b: &Self) -> Result<Self> {
        let z = b.value().clone();
        let y = self.value().div(&z)?;
        let quotient = y.clone();
        self.tape().record("div", [self, b], y, move |g, [a, b]| {
            let by_a = g.div(&z)?;
            let by_b = b.then(|| by_a.zip_map("div", &quotient, |g, y| -(g * y))).transpose()?;
            Ok([a.then_some(by_a), by_b])
        })
    }

    /// aᵇ; the gradients are g · b · aᵇ⁻¹ and g · aᵇ · ln a. As in PyTorch, the first is 0 where
    /// b is 0, and the second where a is 0 and b ≥ 0.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Broadcast`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn pow(&self, b: &Self) -> Result<Self> {
        let (x, e) = (self.value().clone(), b.value().clone());
        let y = x.pow(&e)?;
        let kept = y.clone();
        self.tape().record("pow", [self, b], y, move |g, [a, b]| {
            let slope = |x: T, e: T| if e == T::zero() { T::zero() } else { e * x.powf(e - T::one()) };
            let by_a = a.then(|| g.mul(&x.zip_map("pow", &e, slope)?)).transpose()?;
            let log = |x: T, e: T| if x == T::zero() && e >= T::zero() { T::zero() } else { x.ln() };
            let by_b = b.then(|| g.mul(&kept.mul(&x.zip_map("pow", &e, log)?)?)).transpose()?;
            Ok([by_a, by_b])
        })
    }

    /// The larger of each pair. The gradient goes to it, and half to each of equals. Where either
    /// is NaN both get all of it, as in PyTorch.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Broadcast`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn maximum(&self, b: &Self) -> Result<Self> {
        let y = self.value().maximum(b.value())?;
        self.extreme("maximum", b, y, |x, other| x < other)
    }

    /// The smaller of each pair. The gradient goes to it, and half to each of equals. Where either
    /// is NaN both get all of it, as in PyTorch.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Broadcast`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn minimum(&self, b: &Self) -> Result<Self> {
        let y = self.value().minimum(b.value())?;
        self.extreme("minimum", b, y, |x, other| x > other)
    }

    /// Records the choice of the extreme `y` of two values, where an element that `loses` to the
    /// other gets no gradient.
    fn extreme(&self, op: &'static str, b: &Self, y: Tensor<T>, loses: fn(T, T) -> bool) -> Result<Self> {
        let (x, z) = (self.value().clone(), b.value().clone());
        self.tape().record(op, [self, b], y, move |g, [a, b]| {
            let share = |input: &Tensor<T>, other: &Tensor<T>| {
                let weights = input.zip_map(op, other, |x, other| {
                    if loses(x, other) {
                        T::zero()
                    } else if x == other {
                        T::from_f64(0.5)
                    } else {
                        T::one()
                    }
                })?;
                g.mul(&weights)
            };
            Ok([a.then(|| share(&x, &z)).transpose()?, b.then(|| share(&z, &x)).transpose()?])
        })
    }

    /// `yes` where `condition` is true, `no` where it is false; all three broadcast. The gradient
    /// of each goes where it was chosen.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Broadcast`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn select_where(condition: &Tensor<bool>, yes: &Self, no: &Self) -> Result<Self> {
        let y = condition.select_where(yes.value(), no.value())?;
        let condition = condition.clone();
        yes.tape().record("select_where", [yes, no], y, move |g, [yes, no]| {
            let zero = Tensor::scalar(T::zero());
            Ok([
                yes.then(|| condition.select_where(g, &zero)).transpose()?,
                no.then(|| condition.select_where(&zero, g)).transpose()?,
            ])
        })
    }
}
