//! The neutral form for databases that keep documents: where rows come from, what happens to them on the way, and what
//! is written. It says nothing in the language of any database.
//!
//! Conditions here have two values. The third one is dealt with when they are made: each says when something is true, or
//! when it is false, and holds for neither where it is unknown.

pub use crate::query::ast::{Aggregation, Comparison, JsonTest, Literal, Measure, ParamId, PathStep, TextMatch};
use crate::schema::{Field, FieldId, FieldType};

/// Under which name a field is stored: the key has one that every document database gives it.
pub fn column(field: &Field) -> &str {
    if field.primary { KEY } else { &field.column }
}

/// The name of every document's key.
pub const KEY: &str = "_id";

/// Under which name the words of searchable fields are kept, by column.
pub const WORDS: &str = "~words";

/// The collection that holds the last number of each sequence.
pub const SEQUENCES: &str = "_dbal_sequences";

/// What is done with one collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// Gives rows of these cells.
    Read(Read),
    /// Gives one row with how many documents come through.
    Count {
        /// The collection.
        collection: String,
        /// The way of its documents.
        stages: Vec<Stage>,
    },
    /// Gives a row for each group.
    Group(Group),
    /// Writes a new document.
    Insert(Insert),
    /// Changes documents.
    Update(Update),
    /// Removes the documents that come through.
    Delete(Vec<Stage>),
}

/// Rows of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Where they come from first.
    pub collection: String,
    /// The way of its documents.
    pub stages: Vec<Stage>,
    /// What is read of those that come through, in the order of the cells.
    pub columns: Vec<Path>,
}

/// Where a value stands in a document: names with dots between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(pub String);

/// What happens to the documents on their way.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Only those for which this holds go on.
    Match(Condition),
    /// Each gets a list of documents of another collection. Null equals nothing.
    Join(Join),
    /// A list is replaced by its first document, or by nothing.
    First(String),
    /// Each gets the position of a word in a list; null where it is not in it.
    Rank {
        /// The word.
        of: Path,
        /// The list.
        values: Vec<String>,
        /// Under which name.
        into: String,
    },
    /// Each gets whether a value is null.
    Missing {
        /// The value.
        of: Path,
        /// Under which name.
        into: String,
    },
    /// Sorted by these, the first one first.
    Sort(Vec<SortKey>),
    /// So many are passed over.
    Skip(Amount),
    /// So many go on.
    Limit(Amount),
    /// Of the documents with the same value, in order, so many are passed over and so many go on.
    Each {
        /// The value.
        of: Path,
        /// The order among them.
        order: Vec<SortKey>,
        /// Passed over.
        skip: Option<Amount>,
        /// Go on.
        limit: Option<Amount>,
    },
    /// Instead of documents in between, those that they lead to; each once for one value of `this`, which it gets.
    Meet {
        /// The value that stays.
        this: Path,
        /// The value that leads on.
        other: Path,
        /// To documents of this collection.
        collection: String,
        /// That hold it here.
        remote: Path,
        /// Under which name `this` stays.
        into: String,
    },
}

/// Documents of another collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// The collection.
    pub collection: String,
    /// The value of the document at hand.
    pub local: Path,
    /// The value that equals it.
    pub foreign: Path,
    /// The way of the other collection's documents.
    pub stages: Vec<Stage>,
    /// Under which name the list is put.
    pub into: String,
}

/// One key of a sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// By what; null is the least.
    pub path: Path,
    /// Greatest first.
    pub descending: bool,
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A parameter; null is no bound.
    Param(ParamId),
    /// This many.
    Fixed(u64),
}

/// A value that is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Side {
    /// A value of the document at hand.
    Path {
        /// Where it stands.
        path: Path,
        /// Its type.
        ty: FieldType,
        /// Whether a unique key is over it. An index that keeps nulls distinct leaves documents without a value out, and
        /// serves only who asks for none of these.
        keyed: bool,
    },
    /// A column of a group.
    Column(u16),
    /// A parameter.
    Param(ParamId),
    /// This value.
    Literal(Literal),
    /// The position of a parameter's word in a list; null where it is not in it.
    Rank(ParamId, Vec<String>),
}

/// When a document goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Always or never.
    Const(bool),
    /// All hold.
    All(Vec<Condition>),
    /// One holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// Neither side is null, and they stand so to each other.
    Compare {
        /// The left side.
        left: Side,
        /// How.
        op: Comparison,
        /// The right side, of the same type.
        right: Side,
        /// Both case-folded.
        fold: bool,
    },
    /// It is known whether the value is in the list, and it is so. Nothing, null included, is in an empty list.
    In {
        /// The value.
        value: Side,
        /// A parameter that is a list.
        list: ParamId,
        /// Both case-folded.
        fold: bool,
        /// Whether it is in it.
        wanted: bool,
    },
    /// It is null.
    Null(Side),
    /// Neither is null, and it is so whether the text matches.
    Text {
        /// The text.
        value: Side,
        /// How it is matched.
        op: TextMatch,
        /// The pattern.
        pattern: Side,
        /// Both case-folded.
        fold: bool,
        /// Whether it matches.
        wanted: bool,
    },
    /// It is known what a test of the value at a path of a json document gives, and it is so.
    Json {
        /// The document.
        document: Path,
        /// The way to the value.
        path: Vec<PathStep>,
        /// The test.
        test: JsonTest,
        /// What it gives.
        wanted: bool,
    },
    /// It is so whether one of these lists of words has a word.
    Word {
        /// The lists.
        paths: Vec<Path>,
        /// The word.
        word: ParamId,
        /// A word that begins so will do.
        prefix: bool,
        /// Whether one has it.
        wanted: bool,
    },
    /// A joined list is empty.
    Empty(String),
}

/// Something computed of groups of documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The collection.
    pub collection: String,
    /// The way of its documents.
    pub stages: Vec<Stage>,
    /// What is equal in a group, null included. Without any there is one group.
    pub by: Vec<Path>,
    /// What is computed, of the value here.
    pub measures: Vec<(Measure, Option<Path>)>,
    /// How many of the measures are given.
    pub shown: usize,
    /// Which groups.
    pub having: Condition,
    /// In which order: column, greatest first, nulls first.
    pub order: Vec<(u16, bool, bool)>,
    /// At most so many.
    pub limit: Option<Amount>,
}

/// A new document. Fields left out are made by the database if they are sequences, else null.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// Values by field.
    pub values: Vec<(FieldId, Side)>,
    /// Fields read back.
    pub returning: Vec<FieldId>,
    /// Written documents must come through here.
    pub check: Option<Vec<Stage>>,
}

/// A change of documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Those that come through.
    pub stages: Vec<Stage>,
    /// What becomes of fields.
    pub set: Vec<(FieldId, Change)>,
    /// Fields read back.
    pub returning: Vec<FieldId>,
    /// Written documents must come through here.
    pub check: Option<Vec<Stage>>,
}

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// This value.
    Set(Side),
    /// Its old value plus this number.
    Increment(Side),
}
