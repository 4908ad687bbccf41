//! What is there in a database, and what a migration asks and does.

use tokio_postgres::SimpleQueryMessage;

use super::error;
use super::session::{Session, State};
use crate::adapter::Intent;
use crate::error::Result;
use crate::sql::ddl::{ColumnInfo, IndexInfo, Snapshot, TableInfo};
use crate::value::{Map, Value};

impl Session {
    /// What tables, columns, indexes, references and functions exist.
    pub(super) async fn inspect(&mut self) -> Result<Snapshot> {
        if self.state == State::Due {
            let begin = self.beginning(None);
            self.control(&begin).await?;
            self.state = State::Open;
        }
        if self.intent == Intent::Write {
            // Programs that start together migrate one after the other, and see what the one before made.
            let lock = "SELECT pg_advisory_xact_lock(hashtextextended('dbal migrate', 0))";
            error::plain(self.line.client.batch_execute(lock).await)?;
        }
        let mut snapshot = Snapshot::default();
        let mut missing = self.line.place.clone();
        for [kind, table, name] in self.texts(INSPECT).await? {
            let one = |snapshot: &mut Snapshot| {
                let at = snapshot.tables.iter().position(|known| known.name == table)?;
                Some(at)
            };
            match (kind.as_str(), one(&mut snapshot)) {
                ("0schema", _) => missing = None,
                ("1table", _) => snapshot.tables.push(TableInfo { name: table, ..TableInfo::default() }),
                ("2column", Some(at)) => {
                    let (name, stored) = name.split_once('\u{1}').unwrap_or((&name, ""));
                    let (null, stored) = stored.split_at_checked(1).unwrap_or(("", stored));
                    snapshot.tables[at].columns.push(name.to_owned());
                    let detail = ColumnInfo { stored: stored.to_owned(), nullable: null == "?", refers: false };
                    snapshot.tables[at].details.push(detail);
                }
                ("3index", Some(at)) => {
                    // Its name, how it is, and its columns where these and all rows are what it is over.
                    let mut parts = name.split('\u{1}').map(str::to_owned);
                    let (name, how) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                    let columns: Vec<String> = parts.filter(|column| !column.is_empty()).collect();
                    if !columns.is_empty() {
                        let (unique, constraint) = (how.contains('u'), how.contains('c'));
                        let index = IndexInfo { name: name.clone(), columns, unique, constraint };
                        snapshot.tables[at].over.push(index);
                    }
                    snapshot.tables[at].indexes.push(name);
                }
                ("4reference", Some(at)) => {
                    let mut names = name.split('\u{1}').map(str::to_owned);
                    let table = &mut snapshot.tables[at];
                    table.reference_names.push(names.next().unwrap_or_default());
                    let columns: Vec<String> = names.collect();
                    if let [only] = &columns[..]
                        && let Some(at) = table.columns.iter().position(|column| column == only)
                    {
                        table.details[at].refers = true;
                    }
                    table.references.push(columns);
                }
                ("5function", _) => snapshot.functions.push(name),
                _ => {}
            }
        }
        snapshot.missing_schema = missing.map(|name| name.to_string());
        Ok(snapshot)
    }

    /// The rows of a question, by name.
    pub(super) async fn ask(&mut self, text: &str) -> Result<Vec<Map>> {
        if self.state == State::Due {
            let begin = self.beginning(None);
            self.control(&begin).await?;
            self.state = State::Open;
        }
        let messages = error::plain(self.line.client.simple_query(text).await)?;
        let row = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                let cell = |at: usize| row.get(at).map_or(Value::Null, Value::from);
                Some(
                    row.columns().iter().enumerate().map(|(at, column)| (column.name().to_owned(), cell(at))).collect(),
                )
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    async fn texts(&self, query: &str) -> Result<Vec<[String; 3]>> {
        let messages = error::plain(self.line.client.simple_query(query).await)?;
        let text = |row: &tokio_postgres::SimpleQueryRow, at: usize| row.get(at).unwrap_or_default().to_owned();
        let row = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some([text(&row, 0), text(&row, 1), text(&row, 2)]),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    pub(super) async fn execute_ddl(&mut self, text: &str) -> Result<()> {
        if self.state == State::Due {
            let begin = self.beginning(None);
            self.control(&begin).await?;
            self.state = State::Open;
        }
        // Prepared statements may be about what is being changed.
        self.line.statements.lock().clear();
        error::plain(self.line.client.batch_execute(text).await)
    }
}

/// Everything in the schema that comes first in the search path, in the order in which it is needed.
const INSPECT: &str = "
    SELECT '0schema' AS kind, '' AS in_table, current_schema()::text AS name, 0 AS place
        WHERE current_schema() IS NOT NULL
    UNION ALL SELECT '1table', c.relname::text, '', 0 FROM pg_class c
        WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relkind IN ('r', 'p')
    UNION ALL SELECT '2column', c.relname::text, a.attname::text || U&'\\0001'
            || CASE WHEN a.attnotnull THEN '!' ELSE '?' END || format_type(a.atttypid, a.atttypmod), a.attnum FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relkind IN ('r', 'p')
    UNION ALL SELECT '3index', c.relname::text, i.relname::text || U&'\\0001' || CASE WHEN x.indisunique THEN 'u' ELSE '' END
            || CASE WHEN EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype = 'u') THEN 'c' ELSE '' END
            || COALESCE(U&'\\0001' || (
            SELECT string_agg(a.attname::text, U&'\\0001' ORDER BY k.place)
            FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(number, place)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
            WHERE x.indpred IS NULL AND x.indexprs IS NULL AND NOT x.indisprimary AND k.place <= x.indnkeyatts
              AND i.relam = (SELECT m.oid FROM pg_am m WHERE m.amname = 'btree')
        ), ''), 0 FROM pg_class c
        JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
        WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relkind IN ('r', 'p')
    UNION ALL SELECT '4reference', c.relname::text, r.conname::text || U&'\\0001' || (
            SELECT string_agg(a.attname::text, U&'\\0001' ORDER BY k.place)
            FROM unnest(r.conkey) WITH ORDINALITY AS k(number, place)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
        ), 0 FROM pg_class c JOIN pg_constraint r ON r.conrelid = c.oid AND r.contype = 'f'
        WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relkind IN ('r', 'p')
    UNION ALL SELECT '5function', '', p.proname::text, 0 FROM pg_proc p
        WHERE p.pronamespace = to_regnamespace(quote_ident(current_schema()))
    ORDER BY 1, 2, 4, 3";
