//! The comparison operators of the filter language.

use std::cmp::Ordering;

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the operators of SEMANTICS.md")]
pub enum Comparison {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
}

impl Comparison {
    /// Whether it is true of a left side that stands so to the right side.
    ///
    /// ```
    /// use dbal::value::Comparison;
    /// assert!(Comparison::Lte.holds(1.cmp(&2)));
    /// assert!(!Comparison::Ne.holds(2.cmp(&2)));
    /// ```
    pub const fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Eq => order.is_eq(),
            Comparison::Ne => order.is_ne(),
            Comparison::Lt => order.is_lt(),
            Comparison::Lte => order.is_le(),
            Comparison::Gt => order.is_gt(),
            Comparison::Gte => order.is_ge(),
        }
    }

    /// The operator that is true where this one is false, and unknown where it is.
    pub const fn negated(self) -> Comparison {
        match self {
            Comparison::Eq => Comparison::Ne,
            Comparison::Ne => Comparison::Eq,
            Comparison::Lt => Comparison::Gte,
            Comparison::Lte => Comparison::Gt,
            Comparison::Gt => Comparison::Lte,
            Comparison::Gte => Comparison::Lt,
        }
    }

    /// The operator that says the same with the sides exchanged.
    pub const fn mirrored(self) -> Comparison {
        match self {
            Comparison::Eq | Comparison::Ne => self,
            Comparison::Lt => Comparison::Gt,
            Comparison::Lte => Comparison::Gte,
            Comparison::Gt => Comparison::Lt,
            Comparison::Gte => Comparison::Lte,
        }
    }
}
