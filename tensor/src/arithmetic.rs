//! Arithmetic on tensors, as methods that return errors and as operators that panic.

use crate::{Error, Number, Result, Tensor, error::or_panic};

impl<T: Number> Tensor<T> {
    /// `self + other`, broadcast.
    ///
    /// # Errors
    /// [`Error::Broadcast`].
    pub fn add(&self, other: &Self) -> Result<Self> {
        self.zip_map("add", other, T::plus)
    }

    /// `self - other`, broadcast.
    ///
    /// # Errors
    /// [`Error::Broadcast`].
    pub fn sub(&self, other: &Self) -> Result<Self> {
        self.zip_map("sub", other, T::minus)
    }

    /// `self * other`, element by element, broadcast.
    ///
    /// # Errors
    /// [`Error::Broadcast`].
    pub fn mul(&self, other: &Self) -> Result<Self> {
        self.zip_map("mul", other, T::times)
    }

    /// `self / other`, broadcast; integers round toward zero.
    ///
    /// # Errors
    /// [`Error::Broadcast`]; [`Error::DivisionByZero`] for integers.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// assert_eq!(Tensor::from([7, -7]).div(&Tensor::from(2))?.to_vec(), [3, -3]);
    /// let error = Tensor::from([7]).div(&Tensor::from([0])).unwrap_err();
    /// assert_eq!(error.to_string(), "div: the divisor holds a zero, and i32 has no value for a division by zero");
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn div(&self, other: &Self) -> Result<Self> {
        if !T::IS_FLOAT && other.iter().any(|x| x == T::ZERO) {
            return Err(Error::DivisionByZero { op: "div", dtype: T::DTYPE });
        }
        self.zip_map("div", other, T::over)
    }

    /// The larger of each pair, broadcast; NaN where either is NaN.
    ///
    /// # Errors
    /// [`Error::Broadcast`].
    pub fn maximum(&self, other: &Self) -> Result<Self> {
        self.zip_map("maximum", other, larger)
    }

    /// The smaller of each pair, broadcast; NaN where either is NaN.
    ///
    /// # Errors
    /// [`Error::Broadcast`].
    pub fn minimum(&self, other: &Self) -> Result<Self> {
        self.zip_map("minimum", other, smaller)
    }

    /// `-self`.
    pub fn neg(&self) -> Self {
        self.map(T::negative)
    }

    /// `self + value`.
    pub fn add_scalar(&self, value: T) -> Self {
        self.map(|x| x.plus(value))
    }

    /// `self * value`.
    pub fn mul_scalar(&self, value: T) -> Self {
        self.map(|x| x.times(value))
    }

    /// Each element brought into `low..=high`. NaN stays NaN.
    ///
    /// # Errors
    /// [`Error::Bounds`] where `low > high` or a bound is NaN.
    pub fn clamp(&self, low: T, high: T) -> Result<Self> {
        if is_nan(low) || is_nan(high) || low > high {
            return Err(Error::Bounds { op: "clamp", low: format!("{low:?}"), high: format!("{high:?}") });
        }
        Ok(self.map(|x| {
            if x < low {
                low
            } else if x > high {
                high
            } else {
                x
            }
        }))
    }

    /// Adds `other` to this tensor, in place where its storage is its own.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] where `other` does not broadcast to this shape.
    pub fn add_assign(&mut self, other: &Self) -> Result<()> {
        self.zip_assign_as("add_assign", other, T::plus)
    }
}

/// Whether a value is not a number, which no integer is.
pub(crate) fn is_nan<T: Number>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}

/// The larger value; NaN where either is NaN, as PyTorch has it.
pub(crate) fn larger<T: Number>(a: T, b: T) -> T {
    if b > a || is_nan(b) { b } else { a }
}

/// The smaller value; NaN where either is NaN.
pub(crate) fn smaller<T: Number>(a: T, b: T) -> T {
    if b < a || is_nan(b) { b } else { a }
}

macro_rules! operator {
    ($trait:ident $method:ident $function:ident $example:literal) => {
        operator!(@ $trait $method $example, Tensor<T>, &Tensor<T>);
        operator!(@ $trait $method $example, Tensor<T>, Tensor<T>);
        operator!(@ $trait $method $example, &Tensor<T>, &Tensor<T>);
        operator!(@ $trait $method $example, &Tensor<T>, Tensor<T>);
        operator!(@number $trait $method $function $example, Tensor<T>);
        operator!(@number $trait $method $function $example, &Tensor<T>);
        operator!(@left $trait $method $example, f32: Tensor<f32>, &Tensor<f32>);
        operator!(@left $trait $method $example, f64: Tensor<f64>, &Tensor<f64>);
    };
    (@number $trait:ident $method:ident $function:ident $example:literal, $left:ty) => {
        #[doc = concat!($example, " with a number on the right.")]
        ///
        /// # Panics
        /// On an integer division by zero.
        impl<T: Number> std::ops::$trait<T> for $left {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: T) -> Tensor<T> {
                let divides = stringify!($method) == "div";
                assert!(
                    !divides || T::IS_FLOAT || other != T::ZERO || self.is_empty(),
                    "{}",
                    Error::DivisionByZero { op: "div", dtype: T::DTYPE }
                );
                self.map(|x| x.$function(other))
            }
        }
    };
    (@left $trait:ident $method:ident $example:literal, $number:ident: $($right:ty),*) => {$(
        #[doc = concat!($example, " with a number on the left.")]
        impl std::ops::$trait<$right> for $number {
            type Output = Tensor<$number>;
            #[track_caller]
            fn $method(self, other: $right) -> Tensor<$number> {
                other.map(|x| std::ops::$trait::$method(self, x))
            }
        }
    )*};
    (@ $trait:ident $method:ident $example:literal, $left:ty, $right:ty) => {
        #[doc = concat!($example, ", element by element, broadcast.")]
        ///
        /// # Panics
        #[doc = concat!("With the message of the error that [`Tensor::", stringify!($method), "`] returns.")]
        impl<T: Number> std::ops::$trait<$right> for $left {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: $right) -> Tensor<T> {
                or_panic(Tensor::$method(&self, &other))
            }
        }
    };
}
operator!(Add add plus "`a + b`");
operator!(Sub sub minus "`a - b`");
operator!(Mul mul times "`a * b`");
operator!(Div div over "`a / b`");

impl<T: Number> std::ops::Neg for &Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        Tensor::neg(self)
    }
}

impl<T: Number> std::ops::Neg for Tensor<T> {
    type Output = Self;
    fn neg(self) -> Self {
        Tensor::neg(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_and_methods_agree() {
        let (a, b) = (Tensor::from([[6.0, 8.0]]), Tensor::from([[2.0], [4.0]]));
        assert_eq!(&a + &b, Tensor::from([[8.0, 10.0], [10.0, 12.0]]));
        assert_eq!(a.clone() - &b, Tensor::from([[4.0, 6.0], [2.0, 4.0]]));
        assert_eq!(&a * b.clone(), Tensor::from([[12.0, 16.0], [24.0, 32.0]]));
        assert_eq!(a.clone() / b.clone(), Tensor::from([[3.0, 4.0], [1.5, 2.0]]));
        assert_eq!(-&a * 0.5 + 1.0, Tensor::from([[-2.0, -3.0]]));
        assert_eq!(1.0 - &b / 2.0, Tensor::from([[0.0], [-1.0]]));
        assert_eq!(2.0f32 / Tensor::from([4.0]) * 3.0, Tensor::from([1.5]));
        assert_eq!(Tensor::from([u8::MAX]) + 1, Tensor::from([0u8]));
    }

    #[test]
    #[should_panic(expected = "add: shapes [2] and [3] do not broadcast")]
    fn operators_panic_with_the_message_of_the_error() {
        let _ = Tensor::from([1, 2]) + Tensor::from([1, 2, 3]);
    }

    #[test]
    #[should_panic(expected = "div: the divisor holds a zero, and i32 has no value")]
    fn a_number_that_is_zero_divides_no_integer() {
        let _ = Tensor::from([1, 2]) / 0;
    }

    #[test]
    fn extremes_pass_nan_on() {
        let (a, b) = (Tensor::from([1.0, f64::NAN, 3.0]), Tensor::from([2.0, 2.0, f64::NAN]));
        let text = |t: Result<Tensor<f64>>| format!("{:?}", t.unwrap().to_vec());
        assert_eq!(text(a.maximum(&b)), "[2.0, NaN, NaN]");
        assert_eq!(text(a.minimum(&b)), "[1.0, NaN, NaN]");
        assert_eq!(text(a.clamp(0.0, 2.0)), "[1.0, NaN, 2.0]");
        assert!(a.clamp(f64::NAN, 1.0).is_err() && a.clamp(0.0, f64::NAN).is_err());
        let message = a.clamp(2.0, 1.0).unwrap_err().to_string();
        assert_eq!(message, "clamp: expected bounds with low <= high, found 2.0 and 1.0");
    }

    #[test]
    fn add_assign_keeps_other_tensors() {
        let mut a = Tensor::from([1, 2]);
        let b = a.clone();
        a.add_assign(&Tensor::from(10)).unwrap();
        assert_eq!((a.to_vec(), b.to_vec()), (vec![11, 12], vec![1, 2]));
        let message = a.add_assign(&Tensor::from([1, 2, 3])).unwrap_err().to_string();
        assert_eq!(message, "add_assign: a tensor has shape [3], expected [2]");
    }
}
