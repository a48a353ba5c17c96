//! `+ - * /` and unary `-` on variables, which panic where the methods return an error.

use refrain_tensor::Real;

use crate::{Var, error::or_panic};

macro_rules! operator {
    ($trait:ident $method:ident $scalar:expr) => {
        operator!(@ $trait $method, Var<'t, T>, Var<'t, T>);
        operator!(@ $trait $method, Var<'t, T>, &Var<'t, T>);
        operator!(@ $trait $method, &Var<'t, T>, Var<'t, T>);
        operator!(@ $trait $method, &Var<'t, T>, &Var<'t, T>);
        operator!(@scalar $trait $method $scalar, Var<'t, T>);
        operator!(@scalar $trait $method $scalar, &Var<'t, T>);
    };
    (@ $trait:ident $method:ident, $left:ty, $right:ty) => {
        /// Element by element, broadcast.
        ///
        /// # Panics
        #[doc = concat!("With the message of the error that [`Var::", stringify!($method), "`] returns.")]
        impl<'t, T: Real> std::ops::$trait<$right> for $left {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $method(self, other: $right) -> Var<'t, T> {
                or_panic(Var::$method(&self, &other))
            }
        }
    };
    (@scalar $trait:ident $method:ident $scalar:expr, $left:ty) => {
        /// Every element with one number.
        impl<'t, T: Real> std::ops::$trait<T> for $left {
            type Output = Var<'t, T>;
            fn $method(self, other: T) -> Var<'t, T> {
                let scalar: fn(&Var<'t, T>, T) -> Var<'t, T> = $scalar;
                scalar(&self, other)
            }
        }
    };
}
operator!(Add add |x, c| x.add_scalar(c));
operator!(Sub sub |x, c| x.add_scalar(-c));
operator!(Mul mul |x, c| x.mul_scalar(c));
operator!(Div div |x, c| x.div_scalar(c));

/// The operators with the number on the left, which exist for one type of number at a time.
macro_rules! number_on_the_left {
    ($($trait:ident $method:ident $apply:expr;)*) => {$(
        number_on_the_left!(@ $trait $method $apply, f32, Var<'t, f32>);
        number_on_the_left!(@ $trait $method $apply, f32, &Var<'t, f32>);
        number_on_the_left!(@ $trait $method $apply, f64, Var<'t, f64>);
        number_on_the_left!(@ $trait $method $apply, f64, &Var<'t, f64>);
    )*};
    (@ $trait:ident $method:ident $apply:expr, $number:ty, $right:ty) => {
        /// One number with every element.
        impl<'t> std::ops::$trait<$right> for $number {
            type Output = Var<'t, $number>;
            fn $method(self, x: $right) -> Var<'t, $number> {
                let apply: fn($number, &Var<'t, $number>) -> Var<'t, $number> = $apply;
                apply(self, &x)
            }
        }
    };
}
number_on_the_left! {
    Add add |c, x| x.add_scalar(c);
    Sub sub |c, x| x.neg().add_scalar(c);
    Mul mul |c, x| x.mul_scalar(c);
    Div div |c, x| x.scalar_div(c);
}

impl<'t, T: Real> std::ops::Neg for Var<'t, T> {
    type Output = Var<'t, T>;
    fn neg(self) -> Var<'t, T> {
        Var::neg(&self)
    }
}

impl<'t, T: Real> std::ops::Neg for &Var<'t, T> {
    type Output = Var<'t, T>;
    fn neg(self) -> Var<'t, T> {
        Var::neg(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::Tape;
    use refrain_tensor::Tensor;

    #[test]
    fn operators_and_methods_agree() {
        let tape = Tape::<f64>::new();
        let (a, b) = (tape.variable(Tensor::from([6.0])), tape.variable(Tensor::from([2.0])));
        let y = (&a + &b) * (&a - b.clone()) / &b - a.clone() * 0.5 + 1.0;
        assert_eq!(y.value().to_vec(), [14.0]);
        assert_eq!((-&a / 2.0 - 1.0).value().to_vec(), [-4.0]);
    }

    #[test]
    fn a_number_may_stand_on_the_left() {
        let tape = Tape::<f64>::new();
        let x = tape.variable(Tensor::from([4.0]));
        let cases =
            [(1.0 + &x, 5.0, 1.0), (1.0 - &x, -3.0, -1.0), (2.0 * &x, 8.0, 2.0), (2.0 / &x, 0.5, -0.125)];
        for (y, value, slope) in cases {
            assert_eq!(y.value().to_vec(), [value]);
            assert_eq!(y.backward().unwrap().of(&x), Some(&Tensor::from([slope])));
        }
        assert_eq!((1.0 - (2.0 * Tape::new().constant(Tensor::from([3.0f32])))).value().to_vec(), [-5.0]);
    }

    #[test]
    fn a_division_by_a_number_is_rounded_once() {
        let tape = Tape::<f32>::new();
        let x = tape.variable(Tensor::from([5.0]));
        let y = &x / 49.0;
        assert_ne!(5.0 * 49f32.recip(), 5.0 / 49.0, "the case does not tell the two apart");
        assert_eq!(y.value().to_vec(), [5.0 / 49.0]);
        let gradients = y.backward_with(Tensor::from([5.0])).unwrap();
        assert_eq!(gradients.of(&x), Some(&Tensor::from([5.0 / 49.0])));
        assert_eq!((5.0 / tape.constant(Tensor::from([49.0]))).value().to_vec(), [5.0 / 49.0]);
    }

    #[test]
    #[should_panic(expected = "mul: shapes [2] and [3] do not broadcast")]
    fn operators_panic_with_the_message_of_the_error() {
        let tape = Tape::<f64>::new();
        let _ = tape.variable(Tensor::from([1.0; 2])) * tape.variable(Tensor::from([1.0; 3]));
    }
}
