//! Comparisons, logic on their results, and choosing by them.

use crate::{Element, Number, Result, Tensor, elementwise::zip3_map};

macro_rules! comparison {
    ($($name:ident $sign:tt $bound:ident)*) => {$(
        impl<T: $bound> Tensor<T> {
            #[doc = concat!("Where `self ", stringify!($sign), " other`, element by element, broadcast.")]
            ///
            /// # Errors
            /// [`Error::Broadcast`](crate::Error::Broadcast).
            pub fn $name(&self, other: &Self) -> Result<Tensor<bool>> {
                self.zip_map(stringify!($name), other, |a, b| a $sign b)
            }
        }
    )*};
}
comparison!(eq == Element ne != Element lt < Number le <= Number gt > Number ge >= Number);

impl Tensor<bool> {
    /// Where both are true, broadcast.
    ///
    /// # Errors
    /// [`Error::Broadcast`](crate::Error::Broadcast).
    pub fn logical_and(&self, other: &Self) -> Result<Self> {
        self.zip_map("logical_and", other, |a, b| a && b)
    }

    /// Where either is true, broadcast.
    ///
    /// # Errors
    /// [`Error::Broadcast`](crate::Error::Broadcast).
    pub fn logical_or(&self, other: &Self) -> Result<Self> {
        self.zip_map("logical_or", other, |a, b| a || b)
    }

    /// Where it is false.
    pub fn logical_not(&self) -> Self {
        self.map(|x| !x)
    }

    /// `yes` where this tensor is true, `no` where it is false; all three broadcast. PyTorch's
    /// `where`, which is a keyword here.
    ///
    /// # Errors
    /// [`Error::Broadcast`](crate::Error::Broadcast).
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([-1.0, 2.0]);
    /// let positive = t.gt(&Tensor::from(0.0))?.select_where(&t, &Tensor::from(0.0))?;
    /// assert_eq!(positive.to_vec(), [0.0, 2.0]);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn select_where<T: Element>(&self, yes: &Tensor<T>, no: &Tensor<T>) -> Result<Tensor<T>> {
        let values = yes.shape().broadcast("select_where", *no.shape())?;
        let shape = self.shape().broadcast("select_where", values)?;
        zip3_map(
            "select_where",
            shape,
            (self, yes, no),
            |condition, yes, no| if condition { yes } else { no },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_follow_the_signs() {
        let (a, b) = (Tensor::from([1, 2, 3]), Tensor::from(2));
        let cases = [
            (a.eq(&b), [false, true, false]),
            (a.ne(&b), [true, false, true]),
            (a.lt(&b), [true, false, false]),
            (a.le(&b), [true, true, false]),
            (a.gt(&b), [false, false, true]),
            (a.ge(&b), [false, true, true]),
        ];
        for (result, expected) in cases {
            assert_eq!(result.unwrap().to_vec(), expected);
        }
        assert_eq!(Tensor::from([f32::NAN]).eq(&Tensor::from(f32::NAN)).unwrap().to_vec(), [false]);
    }

    #[test]
    fn logic_and_choice_broadcast() {
        let (a, b) = (Tensor::from([true, false]), Tensor::from([[true], [false]]));
        assert_eq!(a.logical_and(&b).unwrap(), Tensor::from([[true, false], [false, false]]));
        assert_eq!(a.logical_or(&b.logical_not()).unwrap(), Tensor::from([[true, false], [true, true]]));
        let chosen = b.select_where(&Tensor::from([1, 2]), &Tensor::from(0)).unwrap();
        assert_eq!(chosen, Tensor::from([[1, 2], [0, 0]]));
        let message = a.select_where(&Tensor::from([1, 2, 3]), &Tensor::from(0)).unwrap_err().to_string();
        assert!(message.starts_with("select_where: shapes [2] and [3] do not broadcast"), "{message}");
    }
}
