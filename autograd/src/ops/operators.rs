//! `+ - * /` and unary `-` on variables, which panic where the methods return an error.

use refrain_tensor::Real;

use crate::Var;

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
                Var::$method(&self, &other).unwrap_or_else(|error| panic!("{error}"))
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
operator!(Div div |x, c| x.mul_scalar(c.recip()));

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
    #[should_panic(expected = "mul: shapes [2] and [3] do not broadcast")]
    fn operators_panic_with_the_message_of_the_error() {
        let tape = Tape::<f64>::new();
        let _ = tape.variable(Tensor::from([1.0; 2])) * tape.variable(Tensor::from([1.0; 3]));
    }
}
