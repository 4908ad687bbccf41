//! Parameters: where each value of a query comes from when it runs.

use super::ast::ParamId;
pub use super::cast::Cast;
use crate::schema::{FieldType, Generator, StoredAs};
pub use crate::syntax::ClaimScope;
use crate::value::Value;

/// All parameters of a query, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(pub Vec<ParamSource>);

impl Params {
    /// Adds one.
    pub fn push(&mut self, source: ParamSource) -> ParamId {
        let id = ParamId(self.0.len() as u16);
        self.0.push(source);
        id
    }

    /// All ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = ParamId> {
        (0..self.0.len()).map(|position| ParamId(position as u16))
    }

    /// Where a parameter comes from.
    pub fn get(&self, id: ParamId) -> &ParamSource {
        &self.0[usize::from(id.0)]
    }
}

/// Where a parameter's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamSource {
    /// A value of the request, checked and converted each time.
    Argument {
        /// Which value of the request, in the order of the form's walk; none: this query cannot be cached by form.
        slot: Option<u16>,
        /// How it is checked and converted.
        cast: Cast,
        /// The converted value of the request that was validated.
        value: Value,
    },
    /// A value that every run shares: a default, a literal of a rule.
    Const(Value),
    /// What is known of the caller: `level` is `$user.level`. Unknown (null) when missing or of another type.
    Claim {
        /// Under `$user` or `$session`.
        scope: ClaimScope,
        /// Its name there.
        name: String,
        /// The type it must have.
        ty: FieldType,
        /// The position in an enum's declared order instead of the word.
        rank: bool,
    },
    /// The instant at which the request began.
    Now,
    /// The same instant as a field of this type holds it: milliseconds in a bigint, the day in a date.
    NowAs(FieldType),
    /// A new value from a generator.
    Generated(Generator),
    /// Another parameter, hashed.
    Hashed(ParamId, StoredAs),
    /// Filled by the machine with the link values of rows read before.
    Parents(FieldType),
    /// `limit` of the request, plus one where the shape wants to know whether there is more.
    Limit {
        /// The most that the caller may ask for; checked again each time, since the form does not hold the number.
        cap: Option<u32>,
    },
    /// The value of this sort key in the cursor of the request.
    Cursor(u16),
    /// Rows to pass over: `offset`, or what `page` and `limit` make of it.
    Offset,
}

/// Says where the value comes from, without the value.
impl std::fmt::Display for ParamSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ParamSource::Argument { cast, .. } => match cast {
                Cast::Store(_) => f.write_str("a value to be stored"),
                Cast::Compare(ty) => write!(f, "a value of the request ({})", ty.as_str()),
                Cast::List(ty) => write!(f, "a list of the request ({})", ty.as_str()),
                Cast::CompareHashed(_) | Cast::ListHashed(_) => f.write_str("a hashed value of the request"),
                Cast::Pattern => f.write_str("a text of the request"),
                Cast::Word(at) => write!(f, "word {at} of the search"),
                Cast::Json | Cast::JsonList => f.write_str("a json value of the request"),
            },
            ParamSource::Const(value) => match value.as_ref() {
                crate::value::ValueRef::Text(text) => write!(f, "'{text}'"),
                crate::value::ValueRef::Int(number) => write!(f, "{number}"),
                other => write!(f, "{other:?}"),
            },
            ParamSource::Claim { scope, name, .. } => match scope {
                ClaimScope::User => write!(f, "$user.{name}"),
                ClaimScope::Session => write!(f, "$session.{name}"),
            },
            ParamSource::Now | ParamSource::NowAs(_) => f.write_str("$now"),
            ParamSource::Generated(generator) => write!(f, "a new {generator:?}"),
            ParamSource::Hashed(raw, how) => write!(f, "parameter {} hashed with {how:?}", raw.0),
            ParamSource::Parents(_) => f.write_str("the keys of the rows above"),
            ParamSource::Limit { .. } => f.write_str("the limit of the request"),
            ParamSource::Cursor(at) => write!(f, "sort key {at} of the cursor"),
            ParamSource::Offset => f.write_str("the rows to pass over"),
        }
    }
}
