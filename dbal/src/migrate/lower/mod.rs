//! From changes to what a backend is told: checks first, then statements in an order that loses nothing early.

pub(super) mod checks;
pub(super) mod document;
pub(super) mod postgres;
pub(super) mod sqlite;

use std::collections::HashSet;

use super::change::{Change, apply_one};
use super::model::{Column, Model, Table};
use crate::error::Result;
use crate::plan::operation::Lowering;
use crate::sql::ddl::Snapshot;
use crate::sql::dialect::Dialect;

/// One thing that is asked or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A question that must find nothing, or nothing more is done.
    Check {
        /// The question in the backend's language.
        ask: String,
        /// What is wrong where it finds something.
        message: String,
    },
    /// A statement in the backend's language.
    Run(String),
}

impl Step {
    /// The text that is sent.
    pub fn text(&self) -> &str {
        match self {
            Step::Check { ask, .. } => ask,
            Step::Run(text) => text,
        }
    }
}

/// What is sent for some changes, in order.
///
/// # Errors
/// CAPABILITY_NOT_SUPPORTED for what the backend cannot keep.
pub fn lower(work: &Work<'_>, existing: &Snapshot, how: Lowering) -> Result<Vec<Step>> {
    match how {
        Lowering::Ast => Ok(Vec::new()),
        Lowering::Sql(Dialect::Sqlite) => sqlite::lower(work, existing),
        Lowering::Sql(Dialect::Postgres) => postgres::lower(work, existing),
        Lowering::Document => document::lower(work, existing),
    }
}

/// Two models and the changes between them.
pub struct Work<'m> {
    /// What there is.
    pub old: &'m Model,
    /// What there is to be.
    pub new: &'m Model,
    /// What leads from the one to the other.
    pub changes: &'m [Change],
    /// What there is once everything has its new name.
    pub renamed: Model,
}

impl<'m> Work<'m> {
    /// Two models with what leads from the one to the other.
    pub fn new(old: &'m Model, new: &'m Model, changes: &'m [Change]) -> Work<'m> {
        let mut renamed = old.clone();
        changes
            .iter()
            .filter(|change| matches!(change, Change::RenameEntity { .. } | Change::RenameField { .. }))
            .for_each(|change| apply_one(&mut renamed, change));
        Work { old, new, changes, renamed }
    }

    /// The table that an entity has now; none if it is new.
    fn table_before(&self, entity: &str) -> Option<&'m Table> {
        let earlier = self.changes.iter().find_map(|change| match change {
            Change::RenameEntity { from, to, .. } if to == entity => Some(from.as_str()),
            _ => None,
        });
        self.old.table(earlier.unwrap_or(entity))
    }

    /// The column that a field has now; none if it is new.
    fn column_before(&self, entity: &str, field: &str) -> Option<&'m Column> {
        let earlier = self.changes.iter().find_map(|change| match change {
            Change::RenameField { entity: of, from, to, .. } if of == entity && to == field => Some(from.as_str()),
            _ => None,
        });
        self.table_before(entity)?.column(earlier.unwrap_or(field))
    }

    /// The fields that go, of all entities that stay.
    fn dropped(&self, entity: &str) -> impl Iterator<Item = &'m Column> {
        self.changes.iter().filter_map(move |change| match change {
            Change::DropField { entity: of, column } if of == entity => Some(column),
            _ => None,
        })
    }

    /// The fields that come.
    fn added(&self, entity: &str) -> impl Iterator<Item = &'m Column> {
        self.changes.iter().filter_map(move |change| match change {
            Change::AddField { entity: of, column } if of == entity => Some(column),
            _ => None,
        })
    }

    /// The fields that become other.
    fn altered(&self, entity: &str) -> impl Iterator<Item = (&'m Column, &'m Column)> {
        self.changes.iter().filter_map(move |change| match change {
            Change::AlterField { entity: of, from, to } if of == entity => Some((from, to)),
            _ => None,
        })
    }

    /// The columns of an entity that are called otherwise, in an order in which none takes a name that is still in use.
    fn renamings(&self, entity: &str) -> Vec<(String, String)> {
        let pairs = self.changes.iter().filter_map(|change| match change {
            Change::RenameField { entity: of, from_column, to_column, .. }
                if of == entity && from_column != to_column =>
            {
                Some((from_column.clone(), to_column.clone()))
            }
            _ => None,
        });
        in_turn(pairs.collect())
    }

    /// The same for tables.
    fn table_renamings(&self) -> Vec<(String, String)> {
        let pairs = self.changes.iter().filter_map(|change| match change {
            Change::RenameEntity { from_table, to_table, .. } if from_table != to_table => {
                Some((from_table.clone(), to_table.clone()))
            }
            _ => None,
        });
        in_turn(pairs.collect())
    }

    /// The entities that stay, with what they are now (under their new names) and what they are to be.
    fn staying(&self) -> impl Iterator<Item = (&Table, &'m Table)> {
        self.renamed.tables.iter().filter_map(|before| Some((before, self.new.table(&before.entity)?)))
    }

    fn created(&self) -> impl Iterator<Item = &'m Table> {
        self.changes.iter().filter_map(|change| match change {
            Change::CreateEntity(table) => Some(table),
            _ => None,
        })
    }

    fn gone(&self) -> impl Iterator<Item = &'m Table> {
        self.changes.iter().filter_map(|change| match change {
            Change::DropEntity(table) => Some(table),
            _ => None,
        })
    }
}

/// Renamings through names in between, where a name that one takes is one that another still has. Databases that do not
/// tell names apart by case are thought of.
fn in_turn(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let taken: HashSet<String> = pairs.iter().map(|(from, _)| from.to_ascii_lowercase()).collect();
    if !pairs.iter().any(|(_, to)| taken.contains(&to.to_ascii_lowercase())) {
        return pairs;
    }
    let between = |at: usize| format!("_dbal_between_{at}");
    let away = pairs.iter().enumerate().map(|(at, (from, _))| (from.clone(), between(at)));
    let back = pairs.iter().enumerate().map(|(at, (_, to))| (between(at), to.clone()));
    away.chain(back).collect()
}
