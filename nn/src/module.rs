//! [`Module`]: the parameters of a model, by name and in order.

use std::fmt;

use refrain_autograd::Parameter;
use refrain_tensor::Real;

/// A layer or a model: something with parameters.
///
/// The trait is traversal alone. How a layer computes is its own `forward` method, so that an RNN
/// and a linear layer need not share a signature. Parameters come in PyTorch's order under
/// PyTorch's `state_dict` names.
///
/// A struct of layers becomes a module with [`module!`](crate::module):
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::{Linear, Module, RNN, Real, module};
///
/// struct Forecaster<T: Real> {
///     rnn: RNN<T>,
///     head: Linear<T>,
/// }
/// module!(Forecaster { rnn, head });
///
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let model = Forecaster { rnn: RNN::<f32>::new(6, 8, &mut rng)?, head: Linear::new(8, 1, &mut rng)? };
/// let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names[0], "rnn.weight_ih_l0");
/// assert_eq!(names[4..], ["head.weight", "head.bias"]);
/// assert_eq!(model.parameter_count(), 6 * 8 + 8 * 8 + 8 + 8 + 8 + 1);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
pub trait Module<T: Real> {
    /// Calls `visitor` with the name and value of every parameter, in order. The name is formatted
    /// only where the visitor asks for it.
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>));

    /// [`Module::visit`], to change the parameters.
    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>));

    /// The parameters with their names, in order.
    fn named_parameters(&self) -> Vec<(String, &Parameter<T>)> {
        let mut all = Vec::new();
        self.visit(&mut |name, parameter| all.push((name.to_string(), parameter)));
        all
    }

    /// The parameters in order.
    fn parameters(&self) -> Vec<&Parameter<T>> {
        let mut all = Vec::new();
        self.visit(&mut |_, parameter| all.push(parameter));
        all
    }

    /// The parameters in order, to be changed: what an optimizer's `step` takes.
    fn parameters_mut(&mut self) -> Vec<&mut Parameter<T>> {
        let mut all = Vec::new();
        self.visit_mut(&mut |_, parameter| all.push(parameter));
        all
    }

    /// The number of elements in all parameters.
    fn parameter_count(&self) -> usize {
        let mut count = 0;
        self.visit(&mut |_, parameter| count += parameter.value().numel());
        count
    }
}

/// A parameter is a module of itself, without a name of its own.
impl<T: Real> Module<T> for Parameter<T> {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>)) {
        visitor(format_args!(""), self);
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>)) {
        visitor(format_args!(""), self);
    }
}

/// A part that may be missing, such as a bias.
impl<T: Real, M: Module<T>> Module<T> for Option<M> {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>)) {
        if let Some(module) = self {
            module.visit(visitor);
        }
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>)) {
        if let Some(module) = self {
            module.visit_mut(visitor);
        }
    }
}

/// Parts named by their place: `0`, `1`, …
impl<T: Real, M: Module<T>> Module<T> for Vec<M> {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>)) {
        for (k, module) in self.iter().enumerate() {
            module.visit(&mut |name, parameter| visitor(format_args!("{}", Path(&k, name)), parameter));
        }
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>)) {
        for (k, module) in self.iter_mut().enumerate() {
            module.visit_mut(&mut |name, parameter| visitor(format_args!("{}", Path(&k, name)), parameter));
        }
    }
}

/// A part's name and a name inside it, joined by a dot where there is one inside.
#[doc(hidden)]
pub struct Path<'a>(pub &'a dyn fmt::Display, pub fmt::Arguments<'a>);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        if self.1.as_str() == Some("") { Ok(()) } else { write!(f, ".{}", self.1) }
    }
}

/// Makes a struct of modules a [`Module`](crate::Module): its parameters are those of the fields
/// named, in that order, each under the field's name and a dot.
///
/// `module!(Net { rnn, head })` is for a `struct Net<T: Real>`; `module!(Net: f32 { rnn, head })` for a
/// struct without a type parameter. Fields that hold no parameters are left out.
/// [`Module`](crate::Module) shows an example.
#[macro_export]
macro_rules! module {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl<T: $crate::Real> $crate::Module<T> for $name<T> {
            $crate::module_methods!(T, $($field)*);
        }
    };
    ($name:ident: $t:ty { $($field:ident),* $(,)? }) => {
        impl $crate::Module<$t> for $name {
            $crate::module_methods!($t, $($field)*);
        }
    };
}

/// The two methods that [`module!`](crate::module) writes.
#[doc(hidden)]
#[macro_export]
macro_rules! module_methods {
    ($t:ty, $($field:ident)*) => {
        fn visit<'m>(
            &'m self,
            visitor: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m $crate::Parameter<$t>),
        ) {
            $($crate::Module::visit(&self.$field, &mut |name, parameter| {
                visitor(format_args!("{}", $crate::Path(&stringify!($field), name)), parameter);
            });)*
        }

        fn visit_mut<'m>(
            &'m mut self,
            visitor: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m mut $crate::Parameter<$t>),
        ) {
            $($crate::Module::visit_mut(&mut self.$field, &mut |name, parameter| {
                visitor(format_args!("{}", $crate::Path(&stringify!($field), name)), parameter);
            });)*
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_tensor::Tensor;

    struct Inner<T> {
        weight: Parameter<T>,
        bias: Option<Parameter<T>>,
    }
    module!(Inner { weight, bias });

    struct Outer {
        layers: Vec<Inner<f64>>,
        scale: Parameter<f64>,
    }
    module!(Outer: f64 { layers, scale });

    fn parameter(value: f64) -> Parameter<f64> {
        Parameter::new(Tensor::from([value]))
    }

    #[test]
    fn names_are_paths_in_field_order() {
        let mut model = Outer {
            layers: vec![
                Inner { weight: parameter(1.0), bias: None },
                Inner { weight: parameter(2.0), bias: Some(parameter(3.0)) },
            ],
            scale: parameter(4.0),
        };
        let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["layers.0.weight", "layers.1.weight", "layers.1.bias", "scale"]);
        assert_eq!(model.parameter_count(), 4);
        for parameter in model.parameters_mut() {
            parameter.as_mut_slice()[0] *= 10.0;
        }
        let values: Vec<f64> = model.parameters().iter().map(|p| p.value()[[0]]).collect();
        assert_eq!(values, [10.0, 20.0, 30.0, 40.0]);
    }
}
