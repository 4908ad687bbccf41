//! What a backend is given: steps, each spelled for it, and where each value comes from.

pub mod document;
mod walk;

use std::ops::Range;
use std::sync::Arc;

use crate::query::ast::{Count, Expr, Most, ParamId, Query, Shape, Statement};
use crate::query::param::Params;
use crate::row::Columns;
use crate::schema::{EntityId, FieldId, FieldType};
use crate::sql::dialect::Dialect;
use crate::value::ValueRef;

pub use walk::{Number, Walk, Way};

/// A request made ready for one backend; immutable and shared.
#[derive(Debug)]
pub struct Plan {
    /// The entity asked about.
    pub entity: EntityId,
    /// Its name, for errors.
    pub name: Arc<str>,
    /// Where every value comes from.
    pub params: Params,
    /// What runs, in order.
    pub steps: Vec<Step>,
    /// Whether anything is written.
    pub writes: bool,
    /// Whether several steps, or a check, need one transaction.
    pub atomic: bool,
    /// What the caller gets.
    pub shape: Shape,
    /// For an insert that makes no row where another one has a unique key: the names of that key's fields.
    pub unless: Vec<String>,
    /// Ids of the access rules applied, for `explain`.
    pub rules: Vec<String>,
    /// Row filters and checks as they were applied, for `explain`.
    pub query: Query,
}

impl Plan {
    /// Where the statement that was asked for stands: after what must be known before it.
    pub fn root(&self) -> usize {
        self.steps.iter().take_while(|step| matches!(step.role, Role::Parent { .. })).count()
    }

    /// The plan of a request that names no rows of an entity.
    pub fn nothing(name: &Arc<str>) -> Plan {
        let entity = EntityId(0);
        let statement = Statement::Count(Count { entity, filter: Expr::FALSE });
        let (shape, includes) = (Shape::Affected, Vec::new());
        Plan {
            entity,
            name: name.clone(),
            params: Params::default(),
            steps: Vec::new(),
            writes: false,
            atomic: false,
            shape,
            unless: Vec::new(),
            rules: Vec::new(),
            query: Query { statement, visible: 0, includes, shape, version: None, parents: Vec::new() },
        }
    }
}

/// One statement of a plan.
#[derive(Debug)]
pub struct Step {
    /// The entity it works on.
    pub entity: EntityId,
    /// The statement, spelled for the backend.
    pub statement: Lowered,
    /// The type of each column it gives, for decoding and for faults.
    pub cells: Vec<Cell>,
    /// What its rows are for.
    pub role: Role,
    /// Steps whose rows come in the same rows, in further columns.
    pub joined: Vec<Joined>,
    /// Which column says how many rows there are beyond the page, the same in each row of it.
    pub total: Option<usize>,
    /// Where other steps' rows come between those of this one: the column that is null in them.
    pub mark: Option<usize>,
    /// Of its rows only the first is asked for, and there is no other one to a key: it need not be looked for.
    pub single: bool,
}

impl Step {
    /// The entity that a column belongs to, and the columns of that entity's row.
    pub fn owner(&self, column: usize) -> (EntityId, Range<usize>) {
        match self.joined.iter().rev().find(|joined| joined.columns.start <= column) {
            Some(joined) => (joined.entity, joined.columns.clone()),
            None => (self.entity, 0..self.own_columns()),
        }
    }

    /// A step that gives rows of its own alone.
    pub fn new(entity: EntityId, statement: Lowered, cells: Vec<Cell>, role: Role) -> Step {
        Step { entity, statement, cells, role, joined: Vec::new(), total: None, mark: None, single: false }
    }

    /// How many rows it may give.
    pub fn most(&self) -> Option<&Most> {
        match &self.role {
            Role::Children { most, .. } => most.as_ref(),
            _ => None,
        }
    }

    /// Whether each row of another step has one of these at most.
    pub fn leads_to_one(&self) -> bool {
        matches!(self.role, Role::Children { to_one: true, .. })
    }

    /// How many columns are not of joined rows.
    pub fn own_columns(&self) -> usize {
        self.joined.first().map_or(self.cells.len(), |joined| joined.columns.start)
    }
}

/// Rows of another step, which come with the rows of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The step that they are the rows of.
    pub step: usize,
    /// Their entity.
    pub entity: EntityId,
    /// Where they stand in the row.
    pub columns: Range<usize>,
    /// The column that is null where there is no such row; none where every row comes with one, in the same place.
    pub key: Option<usize>,
}

impl Joined {
    /// Whether a row comes with one.
    pub fn is_in(&self, cells: &[ValueRef<'_>]) -> bool {
        self.key.is_none_or(|key| !matches!(cells[key], ValueRef::Null))
    }

    /// The same so many columns further on.
    pub fn moved(self, by: usize) -> Joined {
        let columns = self.columns.start + by..self.columns.end + by;
        Joined { columns, key: self.key.map(|key| key + by), ..self }
    }
}

/// A column of a step's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Its type.
    pub ty: FieldType,
    /// The field it holds; none for counts and checks.
    pub field: Option<FieldId>,
}

/// In which language a backend wants its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lowering {
    /// The query itself.
    Ast,
    /// SQL of a dialect.
    Sql(Dialect),
    /// The way of documents through stages.
    Document,
}

/// A statement in the form its backend takes.
#[derive(Debug)]
pub enum Lowered {
    /// For backends that run the query itself.
    Ast(Box<Statement>),
    /// SQL text.
    Sql(Sql),
    /// The way of documents through stages.
    Document(Box<document::Document>),
    /// Nothing is run: its rows come with those of this step.
    With(usize),
}

/// SQL text and the parameters of its placeholders, in order.
#[derive(Debug)]
pub struct Sql {
    /// The text; a prepared statement is kept for it.
    pub text: Arc<str>,
    /// One for each placeholder.
    pub params: Vec<SqlParam>,
    /// Foreign keys that it sets, and to what: databases do not say which of them points nowhere.
    pub references: Vec<(FieldId, ParamId)>,
    /// Another way to the same rows in the same order, for a database that can walk along an index.
    pub walk: Option<Box<Walk>>,
    /// Inserts many rows as this inserts one: each placeholder takes a list with a value for each row.
    pub rows: Option<Box<Sql>>,
}

/// A placeholder's value.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlParam {
    /// Which parameter of the plan.
    pub id: ParamId,
    /// How it is written.
    pub encoding: Encoding,
}

/// How a parameter is written for SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// By its kind, as the backend stores that type.
    Plain,
    /// As the canonical text of a json document.
    Json,
    /// A list, in the one form that the backend unpacks.
    List,
    /// Case-folded text.
    Folded,
    /// A list of case-folded texts.
    FoldedList,
    /// A pattern for a `LIKE` that refuses a backslash at its end: there it is doubled.
    Pattern,
    /// The same, case-folded.
    FoldedPattern,
}

/// What a step's rows are for.
#[derive(Debug)]
pub enum Role {
    /// Rows of the result.
    Root(Output),
    /// Related rows of an earlier step's rows.
    Children {
        /// The step whose rows are the parents.
        parent: usize,
        /// Where the parent's link value stands in its row.
        parent_column: usize,
        /// Where the link value stands in these rows.
        child_column: usize,
        /// The parameter that takes the parents' values.
        parents: ParamId,
        /// One row or null, instead of a list.
        to_one: bool,
        /// How many there may be.
        most: Option<Most>,
        /// What a row looks like.
        output: Output,
    },
    /// One integer: the total of a page.
    Total,
    /// One integer: whether the row is there in another version. Runs only when the write found none.
    Versioned,
    /// One integer, before the write: whether the row that it refers to is there for its caller.
    Parent {
        /// The name of the reference.
        field: Arc<str>,
        /// Two parameters: where they are equal, the row refers to itself and is there.
        itself: Option<(ParamId, ParamId)>,
    },
    /// Nothing but how many rows it touched.
    Effect,
}

/// What the caller sees of a step's rows.
#[derive(Clone, Debug)]
pub struct Output {
    /// Names: the visible fields, then the includes.
    pub columns: Arc<Columns>,
    /// How many of the cells are visible; the others only link.
    pub visible: usize,
    /// Where the value of the write check stands, if there is one.
    pub check: Option<usize>,
    /// Where each visible cell comes from, when not simply from the cells in order: a create knows what it wrote.
    pub sources: Option<Vec<Source>>,
}

/// Where a cell of the result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A cell of the step's row.
    Cell(usize),
    /// A parameter of the plan.
    Param(ParamId),
    /// Null.
    Null,
}
