//! Where the words of searchable fields are kept: for each field a table of words and keys, which triggers keep right
//! through every way in which a row can change, cascades included.
//!
//! A table for each field rather than one for all: a search looks only where its caller may, and a field that becomes
//! searchable later gets its table then, filled with the words of the rows that exist.

use sea_query::{ColumnDef, Index, SqliteQueryBuilder, Table};

use super::ddl::column_called;
use super::{iden, quoted};
use crate::schema::{Entity, FieldId};

/// The column of a word.
pub(super) const WORD: &str = "word";
/// The column of the key of a row that has it.
pub(super) const KEY: &str = "key";

/// The table of one field's words.
pub(crate) struct Kept {
    /// Its name.
    pub table: String,
}

impl Kept {
    pub(crate) fn of(entity: &Entity, field: FieldId) -> Kept {
        Kept { table: format!("{}${}$words", entity.table, entity.field(field).column) }
    }

    /// The table, the triggers, and the words of rows that exist.
    pub(crate) fn create(&self, entity: &Entity, field: FieldId) -> Vec<String> {
        let rows = quoted(&entity.table);
        let mut statements = vec![self.table(entity), self.index()];
        statements.extend(self.triggers(entity, field));
        statements.push(self.fill(entity, field, &rows, &format!("{rows}, ")));
        statements
    }

    /// Words of rows. What stands there already is the same: an outer statement's own rule for conflicts would come
    /// before ours.
    fn fill(&self, entity: &Entity, field: FieldId, row: &str, from: &str) -> String {
        let (key, text) = (quoted(&entity.field(entity.key).column), quoted(&entity.field(field).column));
        format!(
            "INSERT OR IGNORE INTO {} (\"{WORD}\", \"{KEY}\") \
             SELECT value, {row}.{key} FROM {from}json_each(dbal_words({row}.{text}));",
            quoted(&self.table)
        )
    }

    /// What keeps the words right from now on.
    pub(crate) fn triggers(&self, entity: &Entity, field: FieldId) -> Vec<String> {
        let (rows, kept) = (quoted(&entity.table), quoted(&self.table));
        let (key, text) = (quoted(&entity.field(entity.key).column), quoted(&entity.field(field).column));
        let trigger = |event: &str, on: &str, body: &str| {
            let name = quoted(&format!("{}${event}", self.table));
            format!("CREATE TRIGGER IF NOT EXISTS {name} AFTER {on} BEGIN {body} END")
        };
        let fill = || self.fill(entity, field, "new", "");
        let forget = format!("DELETE FROM {kept} WHERE \"{KEY}\" = old.{key};");
        let changed = format!(
            "UPDATE OF {key}, {text} ON {rows} WHEN old.{text} IS NOT new.{text} OR old.{key} IS NOT new.{key}"
        );
        vec![
            trigger("insert", &format!("INSERT ON {rows}"), &fill()),
            trigger("update", &changed, &format!("{forget} {}", fill())),
            trigger("delete", &format!("DELETE ON {rows}"), &forget),
        ]
    }

    /// Ordered by word, so that a word or a beginning is one range, which holds the keys in order.
    fn table(&self, entity: &Entity) -> String {
        let mut table = Table::create();
        table.table(iden(&self.table)).col(ColumnDef::new(iden(WORD)).custom("TEXT").not_null());
        table.col(column_called(KEY, entity.field(entity.key)));
        table.primary_key(Index::create().col(iden(WORD)).col(iden(KEY)));
        table.extra("STRICT, WITHOUT ROWID");
        table.to_string(SqliteQueryBuilder)
    }

    /// By key, for rows that change.
    fn index(&self) -> String {
        let (name, kept) = (quoted(&format!("{}$key", self.table)), quoted(&self.table));
        format!("CREATE INDEX {name} ON {kept} (\"{KEY}\")")
    }
}
