//! Requests built in Rust. Everything here makes the plain data of SEMANTICS.md; nothing is checked yet.

use crate::value::{Map, Name, Value};

/// Starts a query; empty means everything.
///
/// ```
/// use dbal::{field, query};
/// let newest_admins = query().filter(field("role").eq("admin")).sort("created_at", "desc").limit(10);
/// ```
pub fn query() -> Query {
    Query::default()
}

/// What to read and how: filter, sort, paging, select, include; or what to compute of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    args: Map,
    sort: Vec<Value>,
}

impl Query {
    /// Rows for which this holds; a second call narrows further.
    pub fn filter(mut self, filter: impl Into<Value>) -> Self {
        let filter = filter.into();
        let filter = match self.args.0.iter().position(|(name, _)| name == "filter") {
            Some(at) => both(self.args.0.remove(at).1, filter),
            None => filter,
        };
        self.args.0.push(("filter".into(), filter));
        self
    }

    /// Orders by a field, `asc` or `desc`; a second call orders rows equal so far.
    pub fn sort(mut self, field: impl Into<Name>, direction: &str) -> Self {
        self.sort.push(Value::Map(Map(vec![(field.into(), direction.into())])));
        self
    }

    /// Only these fields.
    pub fn select<'n>(self, fields: impl IntoIterator<Item = &'n str>) -> Self {
        self.names("select", fields)
    }

    /// Related rows along: `{ "author": true }` or with options.
    pub fn include(self, include: impl Into<Value>) -> Self {
        self.arg("include", include)
    }

    /// At most so many rows, or rows in a page.
    pub fn limit(self, limit: impl Into<Value>) -> Self {
        self.arg("limit", limit)
    }

    /// Which page, from 1.
    pub fn page(self, page: impl Into<Value>) -> Self {
        self.arg("page", page)
    }

    /// Rows to pass over.
    pub fn offset(self, offset: impl Into<Value>) -> Self {
        self.arg("offset", offset)
    }

    /// The page of `list` that follows this cursor (`next_cursor` of a page); null for the first page with cursors.
    pub fn after(self, cursor: impl Into<Value>) -> Self {
        self.arg("after", cursor)
    }

    /// The page of `list` before this cursor (`prev_cursor` of a page); null for the last page with cursors.
    pub fn before(self, cursor: impl Into<Value>) -> Self {
        self.arg("before", cursor)
    }

    /// Whether `list` counts all rows; it does unless told not to.
    pub fn total(self, total: bool) -> Self {
        self.arg("total", total)
    }

    /// Groups rows by these fields.
    pub fn group_by<'n>(self, fields: impl IntoIterator<Item = &'n str>) -> Self {
        self.names("group_by", fields)
    }

    /// Counts the rows, of each group where there are groups.
    pub fn count(self) -> Self {
        self.arg("count", true)
    }

    /// The sums of these fields.
    pub fn sum<'n>(self, fields: impl IntoIterator<Item = &'n str>) -> Self {
        self.names("sum", fields)
    }

    /// The means of these fields.
    pub fn avg<'n>(self, fields: impl IntoIterator<Item = &'n str>) -> Self {
        self.names("avg", fields)
    }

    /// The least values of these fields.
    pub fn min<'n>(self, fields: impl IntoIterator<Item = &'n str>) -> Self {
        self.names("min", fields)
    }

    /// The greatest values of these fields.
    pub fn max<'n>(self, fields: impl IntoIterator<Item = &'n str>) -> Self {
        self.names("max", fields)
    }

    /// How many different values these fields have.
    pub fn count_distinct<'n>(self, fields: impl IntoIterator<Item = &'n str>) -> Self {
        self.names("count_distinct", fields)
    }

    /// Only groups for which this holds: a filter over `count` and names such as `sum.price`.
    pub fn having(self, having: impl Into<Value>) -> Self {
        self.arg("having", having)
    }

    fn names<'n>(self, option: &'static str, fields: impl IntoIterator<Item = &'n str>) -> Self {
        self.arg(option, Value::List(fields.into_iter().map(Value::from).collect()))
    }

    /// Any other option by name.
    pub fn arg(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.args.insert(name, value);
        self
    }

    pub(crate) fn into_args(mut self) -> Map {
        if !self.sort.is_empty() {
            self.args.0.push(("sort".into(), Value::List(self.sort)));
        }
        self.args
    }
}

impl From<Map> for Query {
    fn from(args: Map) -> Self {
        Query { args, sort: Vec::new() }
    }
}

/// A field in a filter.
///
/// ```
/// use dbal::{field, value, Value};
/// let built: Value = field("level").lte(3).and(field("name").is_null()).into();
/// assert_eq!(built, value!({ "$and": [{ "level": { "$lte": 3 } }, { "name": null }] }));
/// ```
pub fn field(name: impl Into<Name>) -> Field {
    Field(name.into())
}

/// A field waiting for its condition.
#[derive(Clone, Debug)]
pub struct Field(Name);

macro_rules! operators {
    ($($method:ident, $operator:literal, $doc:literal;)*) => {
        $(#[doc = $doc]
        pub fn $method(self, value: impl Into<Value>) -> Filter {
            self.operator($operator, value.into())
        })*
    };
}

impl Field {
    operators! {
        ne, "$ne", "Not equal; rows where the field is null do not match.";
        gt, "$gt", "Greater.";
        gte, "$gte", "Greater or equal.";
        lt, "$lt", "Less.";
        lte, "$lte", "Less or equal.";
        contains, "$contains", "Text that holds this.";
        starts_with, "$startsWith", "Text that begins with this.";
        ends_with, "$endsWith", "Text that ends with this.";
        like, "$like", "Text of this pattern: `%` any run, `_` one character, `\\` escapes.";
        icontains, "$icontains", "Text that holds this, whatever the case.";
        ieq, "$ieq", "Equal, whatever the case.";
    }

    /// Equal.
    pub fn eq(self, value: impl Into<Value>) -> Filter {
        Filter(Map(vec![(self.0, value.into())]))
    }

    /// One of these.
    pub fn is_in<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Filter {
        let values = values.into_iter().map(Into::into).collect();
        self.operator("$in", Value::List(values))
    }

    /// From `low` to `high`, both included.
    pub fn between(self, low: impl Into<Value>, high: impl Into<Value>) -> Filter {
        self.operator("$between", Value::List(vec![low.into(), high.into()]))
    }

    /// Null.
    pub fn is_null(self) -> Filter {
        self.eq(Value::Null)
    }

    /// Not null.
    pub fn is_not_null(self) -> Filter {
        self.operator("$ne", Value::Null)
    }

    fn operator(self, name: &'static str, value: Value) -> Filter {
        Filter(Map(vec![(self.0, Value::Map(Map(vec![(name.into(), value)])))]))
    }
}

/// A condition on rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Map);

impl Filter {
    /// Both hold.
    pub fn and(self, other: impl Into<Value>) -> Filter {
        Filter(Map(vec![("$and".into(), Value::List(vec![Value::Map(self.0), other.into()]))]))
    }

    /// At least one holds.
    pub fn or(self, other: impl Into<Value>) -> Filter {
        Filter(Map(vec![("$or".into(), Value::List(vec![Value::Map(self.0), other.into()]))]))
    }
}

impl std::ops::Not for Filter {
    type Output = Filter;

    fn not(self) -> Filter {
        Filter(Map(vec![("$not".into(), Value::Map(self.0))]))
    }
}

impl From<Filter> for Value {
    fn from(filter: Filter) -> Value {
        Value::Map(filter.0)
    }
}

fn both(left: Value, right: Value) -> Value {
    Value::Map(Map(vec![("$and".into(), Value::List(vec![left, right]))]))
}
