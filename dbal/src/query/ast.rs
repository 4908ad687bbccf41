//! The query over ids. It holds no values of the request: those are parameters, so that one plan serves them all.

use crate::schema::{Entity, EntityId, FieldId, FieldType, RelationId, Through};
pub use crate::value::Comparison;
use crate::value::Name;
pub use crate::value::aggregate::Aggregation;
pub use crate::value::json::PathStep;
pub use crate::value::text::TextMatch;

/// Which parameter of a query; an index into [`Params`](super::param::Params).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamId(pub u16);

/// What a statement reads or compares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// A field of the row at hand.
    Field(FieldId),
    /// A field reached through to-one relations; null where there is no related row.
    Related {
        /// The relations to follow, the first one from the row at hand.
        path: Vec<RelationId>,
        /// A field of the last entity.
        field: FieldId,
        /// For each step, the rows that exist for this caller; a missing entry is `Const(true)`.
        visible: Vec<Expr>,
    },
    /// A column of a group: its fields first, then what is computed of its rows.
    Column(u16),
    /// A value known when the statement runs. A null parameter makes comparisons unknown.
    Param(ParamId),
    /// A value spelled into the text of the statement.
    Const(Literal),
    /// The position of an enum's value in its declared order; null for null and for words not declared.
    Rank {
        /// The value ranked.
        of: Box<Operand>,
        /// The enum's values in declared order.
        values: Vec<String>,
    },
}

/// A value that is spelled into a statement; few different ones exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Literal {
    /// Null.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A small whole number: a limit, a rank.
    Int(i64),
    /// A declared word of an enum.
    Word(String),
}

/// What is asked of the value at a path. Operands are never null except for `Compare(Eq | Ne)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JsonTest {
    /// Typed comparison with a parameter: 1 is not "1". Order only between numbers or between texts.
    Compare(Comparison, ParamId),
    /// Equal to one of a list.
    In(ParamId),
    /// Something is there, JSON null included. False where nothing is; unknown for a null column.
    Exists,
    /// Text matching; unknown where the value is not text.
    Text {
        /// How it is matched.
        op: TextMatch,
        /// The pattern.
        pattern: ParamId,
        /// Case-insensitive.
        fold: bool,
    },
}

/// How many related rows must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quantifier {
    /// At least one. `$is` of a to-one relation is this.
    Some,
    /// All, also when there are none.
    Every,
    /// None. `$isNot F` is `None` over F.
    None,
}

/// A condition with three values: true, false, unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expr {
    /// True, false, or unknown (`None`).
    Const(Option<bool>),
    /// All of them; true when empty.
    And(Vec<Expr>),
    /// Any of them; false when empty.
    Or(Vec<Expr>),
    /// The opposite; unknown stays unknown.
    Not(Box<Expr>),
    /// A comparison; unknown when either side is null.
    Compare {
        /// The left side.
        left: Operand,
        /// The operator.
        op: Comparison,
        /// The right side, of the same type.
        right: Operand,
        /// Both sides case-folded first.
        fold: bool,
    },
    /// Equal to one of the list, which holds no nulls; an empty list gives false, also for null.
    In {
        /// The value looked for.
        value: Operand,
        /// A parameter that is a list.
        list: ParamId,
        /// Both sides case-folded first.
        fold: bool,
    },
    /// The operand is null; never unknown.
    IsNull(Operand),
    /// A text match; unknown when either side is null.
    Text {
        /// The text.
        value: Operand,
        /// How it is matched.
        op: TextMatch,
        /// The pattern.
        pattern: Operand,
        /// Both sides case-folded first.
        fold: bool,
    },
    /// Some text of the row has a word, by [`words`](crate::value::words::words); never unknown: null has no words.
    Word {
        /// The fields looked in.
        fields: Vec<FieldId>,
        /// The word, as `words` gives it.
        word: ParamId,
        /// A word that begins so will do.
        prefix: bool,
    },
    /// A test of the value at a path of a json field. A null column has no paths: unknown.
    Json {
        /// The json field.
        field: FieldId,
        /// The way to the value, at least one step.
        path: Vec<PathStep>,
        /// What is asked.
        test: JsonTest,
    },
    /// A test of related rows; never unknown. A row for which `filter` is unknown does not match.
    Related {
        /// The relation from the row at hand.
        relation: RelationId,
        /// How many must match.
        quantifier: Quantifier,
        /// Of a many-to-many relation, rows in between that exist for this caller; `Const(true)` when unrestricted.
        between: Box<Expr>,
        /// Rows of the target that exist for this caller; `Const(true)` when unrestricted.
        visible: Box<Expr>,
        /// The condition on a row of the target.
        filter: Box<Expr>,
    },
}

impl Expr {
    /// Always true.
    pub const TRUE: Expr = Expr::Const(Some(true));
    /// Always false.
    pub const FALSE: Expr = Expr::Const(Some(false));

    /// The parts that all must hold.
    pub fn conjuncts(&self) -> &[Expr] {
        match self {
            Expr::And(parts) => parts,
            Expr::Const(Some(true)) => &[],
            one => std::slice::from_ref(one),
        }
    }

    /// Both; drops constants that change nothing.
    pub fn and(self, other: Expr) -> Expr {
        match (self, other) {
            (Expr::TRUE, expr) | (expr, Expr::TRUE) => expr,
            (Expr::And(mut left), Expr::And(right)) => {
                left.extend(right);
                Expr::And(left)
            }
            (Expr::And(mut left), right) => {
                left.push(right);
                Expr::And(left)
            }
            (left, right) => Expr::And(vec![left, right]),
        }
    }

    /// Hands out every parameter in it, those of related rows too.
    pub fn each_param(&mut self, visit: &mut dyn FnMut(&mut ParamId)) {
        match self {
            Expr::Const(_) => {}
            Expr::And(parts) | Expr::Or(parts) => parts.iter_mut().for_each(|part| part.each_param(visit)),
            Expr::Not(part) => part.each_param(visit),
            Expr::Compare { left, right, .. } => {
                left.each_param(visit);
                right.each_param(visit);
            }
            Expr::In { value, list, .. } => {
                value.each_param(visit);
                visit(list);
            }
            Expr::IsNull(operand) => operand.each_param(visit),
            Expr::Text { value, pattern, .. } => {
                value.each_param(visit);
                pattern.each_param(visit);
            }
            Expr::Word { word, .. } => visit(word),
            Expr::Json { test, .. } => match test {
                JsonTest::Compare(_, id) | JsonTest::In(id) | JsonTest::Text { pattern: id, .. } => visit(id),
                JsonTest::Exists => {}
            },
            Expr::Related { between, visible, filter, .. } => {
                between.each_param(visit);
                visible.each_param(visit);
                filter.each_param(visit);
            }
        }
    }
}

impl Operand {
    /// Hands out its parameter, if it has one.
    pub fn each_param(&mut self, visit: &mut dyn FnMut(&mut ParamId)) {
        match self {
            Operand::Param(id) => visit(id),
            Operand::Rank { of, .. } => of.each_param(visit),
            Operand::Related { visible, .. } => visible.iter_mut().for_each(|expr| expr.each_param(visit)),
            Operand::Field(_) | Operand::Column(_) | Operand::Const(_) => {}
        }
    }
}

/// One key of a sort.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// A field or a related field.
    pub by: Operand,
    /// Greatest first.
    pub descending: bool,
    /// Nulls before everything else. Unasked: first ascending, last descending.
    pub nulls_first: bool,
}

/// Restricts a select to the children of given parents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// The field that holds the parent's value; it is also in the select's columns.
    pub field: FieldId,
    /// A list parameter with the parents' values.
    pub parents: ParamId,
    /// For many-to-many: parents and children meet here, and the parent's value follows the columns of each row.
    pub through: Option<Box<Between>>,
}

/// The rows in which parents and children meet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Between {
    /// Where they are.
    pub through: Through,
    /// Those that exist for this caller.
    pub visible: Expr,
}

/// Reads rows. Columns come in this order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Select {
    /// The entity.
    pub entity: EntityId,
    /// The fields read: first those in the result, then those only needed to link includes.
    pub columns: Vec<FieldId>,
    /// Which rows.
    pub filter: Expr,
    /// In which order; the primary key is always the last.
    pub order: Vec<Order>,
    /// At most so many rows; per parent when `link` is set.
    pub limit: Option<Operand>,
    /// Rows passed over first.
    pub offset: Option<Operand>,
    /// Children of these parents only.
    pub link: Option<Link>,
    /// Beyond a cursor: only rows for which this holds too, and in each row the values of the sort keys: those of
    /// [`Select::added_keys`] after the columns.
    pub beyond: Option<Expr>,
}

impl Select {
    /// The sort keys whose values are no columns anyway.
    pub fn added_keys(&self) -> impl Iterator<Item = &Order> {
        self.order.iter().filter(|key| self.column_of(key).is_none())
    }

    /// Where the value of each sort key stands in a row that has the added keys after its columns.
    pub fn key_positions(&self) -> Vec<usize> {
        let mut added = self.columns.len()..;
        let position = |key| self.column_of(key).or_else(|| added.next()).unwrap_or_default();
        self.order.iter().map(position).collect()
    }

    /// Which column holds the value of a sort key; none for an added key.
    pub fn column_of(&self, key: &Order) -> Option<usize> {
        self.columns.iter().position(|column| key.by == Operand::Field(*column))
    }
}

/// Counts rows: one row with one integer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Count {
    /// The entity.
    pub entity: EntityId,
    /// Which rows.
    pub filter: Expr,
}

/// Something computed of all rows of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// How many rows there are.
    Count,
    /// Something made of a field's values.
    Of(Aggregation, FieldId),
}

impl Measure {
    /// The type of its value. Whole numbers add up to 64 bits.
    pub fn ty(self, entity: &Entity) -> FieldType {
        let Measure::Of(aggregation, field) = self else { return FieldType::BigInt };
        let ty = &entity.field(field).ty;
        match (aggregation, ty) {
            (Aggregation::CountDistinct, _) | (Aggregation::Sum, FieldType::Integer) => FieldType::BigInt,
            (Aggregation::Sum, FieldType::Decimal { scale, .. }) => {
                FieldType::Decimal { precision: None, scale: *scale }
            }
            (Aggregation::Avg, FieldType::Decimal { .. }) => FieldType::Decimal { precision: None, scale: None },
            (Aggregation::Avg, _) => FieldType::Float,
            (Aggregation::Sum | Aggregation::Min | Aggregation::Max, ty) => ty.clone(),
        }
    }

    /// Its name in requests, such as `sum.price`.
    pub fn name(self, entity: &Entity) -> String {
        match self {
            Measure::Count => "count".to_owned(),
            Measure::Of(aggregation, field) => format!("{}.{}", aggregation.as_str(), entity.field(field).name),
        }
    }
}

/// Computes something of groups of rows: one row for each group. Its columns are the fields of `group_by`, then those
/// of the measures that are shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Aggregate {
    /// The entity.
    pub entity: EntityId,
    /// Which rows.
    pub filter: Expr,
    /// Rows with equal values here, null being one, are a group. Without any, all rows are one group, also when there
    /// are none.
    pub group_by: Vec<FieldId>,
    /// What is computed.
    pub measures: Vec<Measure>,
    /// How many of the measures are in the result; the rest only decide.
    pub shown: usize,
    /// Which groups, by their columns.
    pub having: Expr,
    /// In which order; the fields of the groups are always the last keys.
    pub order: Vec<Order>,
    /// At most so many groups.
    pub limit: Option<Operand>,
}

/// Writes one new row. Gives one row: `returning`, then, if there is a check, a boolean for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Insert {
    /// The entity.
    pub entity: EntityId,
    /// Values by field. A field left out is made by the backend (a sequence).
    pub values: Vec<(FieldId, Operand)>,
    /// Fields read back.
    pub returning: Vec<FieldId>,
    /// What must hold of the row as written.
    pub check: Option<Expr>,
    /// A unique key: no row is made, and none given, where another one got there first. Backends whose writers take
    /// turns need not look.
    pub unless: Vec<FieldId>,
}

/// Changes rows. Gives, for each row changed, `returning`, then, if there is a check, a boolean for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Update {
    /// The entity.
    pub entity: EntityId,
    /// Which rows.
    pub filter: Expr,
    /// What each field becomes.
    pub set: Vec<(FieldId, Assign)>,
    /// Fields read back, as written.
    pub returning: Vec<FieldId>,
    /// What must hold of each row as written.
    pub check: Option<Expr>,
}

/// What a field becomes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Assign {
    /// This value.
    Set(Operand),
    /// Its old value plus this number.
    Increment(Operand),
}

/// Removes rows; gives none, its count says how many.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delete {
    /// The entity.
    pub entity: EntityId,
    /// Which rows.
    pub filter: Expr,
}

/// One thing that a backend does at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each holds the struct of its name")]
pub enum Statement {
    Select(Select),
    Count(Count),
    Aggregate(Aggregate),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
}

impl Statement {
    /// The entity it works on.
    pub fn entity(&self) -> EntityId {
        match self {
            Statement::Select(s) => s.entity,
            Statement::Count(s) => s.entity,
            Statement::Aggregate(s) => s.entity,
            Statement::Insert(s) => s.entity,
            Statement::Update(s) => s.entity,
            Statement::Delete(s) => s.entity,
        }
    }

    /// Whether it changes the database.
    pub fn is_write(&self) -> bool {
        matches!(self, Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_))
    }
}

/// Related rows to be read with the rows of a select.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Include {
    /// The relation's name: the name in the result.
    pub name: Name,
    /// One row or null, instead of a list.
    pub to_one: bool,
    /// Where the parent's link value stands in the parent's columns.
    pub parent_column: usize,
    /// Where the link value stands in this select's columns.
    pub child_column: usize,
    /// How many of the select's columns are in the result; the rest only link.
    pub visible: usize,
    /// The rows, with `link` set.
    pub select: Select,
    /// How many there may be; trusted code takes what there is.
    pub most: Option<Most>,
    /// Includes below.
    pub includes: Vec<Include>,
}

/// The most related rows that an answer may hold. More is an error, never a cut.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Most {
    /// Where the request asks for them, such as `include.posts`.
    pub path: Name,
    /// Of each parent, where the request gives no limit.
    pub each: Option<u32>,
    /// In the whole answer, each counted as often as it is given.
    pub together: u64,
}

/// How a page by cursor is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seek {
    /// Towards the start: rows are read in the opposite order and turned round when the page is whole.
    pub backwards: bool,
    /// There is a cursor; otherwise the page is the first one, or the last.
    pub placed: bool,
}

/// What the caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The first row, or NOT_FOUND.
    One,
    /// The first row, or nothing.
    Maybe,
    /// All rows.
    Rows {
        /// More rows than this are a fault of the request: a bound caller asked without a limit.
        cap: Option<u32>,
    },
    /// Rows in the envelope of `list`.
    Page {
        /// Whether the total is asked for; otherwise one row more than the limit is read to know `has_more`.
        total: bool,
        /// Asked for by cursor.
        seek: Option<Seek>,
    },
    /// One integer.
    Count,
    /// The first column of each row.
    Values {
        /// More are a fault of the request, where a bound caller asks.
        cap: Option<u32>,
    },
    /// What is computed of all rows together.
    Group,
    /// What is computed of each group.
    Groups {
        /// More groups than this are a fault of the request: a bound caller asked without a limit.
        cap: Option<u32>,
    },
    /// True, or NOT_FOUND.
    Done,
    /// How many rows were written.
    Affected,
}

/// A whole query: what one request becomes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// What runs first.
    pub statement: Statement,
    /// How many of its columns are in the result.
    pub visible: usize,
    /// Related rows.
    pub includes: Vec<Include>,
    /// What the caller gets.
    pub shape: Shape,
    /// The version that the row of an update or delete must have. It stands apart from the filter so that a row of
    /// another version can be told from none.
    pub version: Option<Expr>,
    /// Rows that a write refers to and that its caller must see, as far as rules restrict which.
    pub parents: Vec<Parent>,
}

/// A row that a written reference leads to. Without it, the write answers as if the row did not exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parent {
    /// The reference.
    pub field: FieldId,
    /// Finds the row, if it exists for the caller.
    pub count: Count,
    /// The value of the reference and, for a row that is being made and may refer to itself, the value that it would
    /// then have.
    pub itself: Option<(ParamId, ParamId)>,
}

impl Query {
    /// Hands out every condition, filters and checks, those of includes too. Of all of them only true counts: a row
    /// for which one is unknown is as if it were false.
    pub fn each_condition(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        match &mut self.statement {
            Statement::Select(select) => {
                visit(&mut select.filter);
                select.beyond.iter_mut().for_each(&mut *visit);
            }
            Statement::Count(count) => visit(&mut count.filter),
            Statement::Aggregate(aggregate) => {
                visit(&mut aggregate.filter);
                visit(&mut aggregate.having);
            }
            Statement::Insert(insert) => insert.check.iter_mut().for_each(&mut *visit),
            Statement::Update(update) => {
                visit(&mut update.filter);
                update.check.iter_mut().for_each(&mut *visit);
            }
            Statement::Delete(delete) => visit(&mut delete.filter),
        }
        self.parents.iter_mut().for_each(|parent| visit(&mut parent.count.filter));
        self.includes.iter_mut().for_each(|include| include.each_condition(visit));
    }
}

impl Include {
    fn each_condition(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        visit(&mut self.select.filter);
        let link = self.select.link.as_mut();
        link.and_then(|link| link.through.as_mut()).into_iter().for_each(|between| visit(&mut between.visible));
        self.includes.iter_mut().for_each(|include| include.each_condition(visit));
    }
}
