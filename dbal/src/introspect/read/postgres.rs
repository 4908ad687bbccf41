//! The catalogue of PostgreSQL: `pg_catalog`, of the schema that comes first in the search path.

use super::{flag, text, whole};
use crate::adapter::Connection;
use crate::error::Result;
use crate::introspect::catalogue::{Action, Catalogue, Column, Default_, Index, Reference, Rows, Table};
use crate::introspect::sql::{checked, default};
use crate::introspect::{Options, wanted};
use crate::value::Value;

/// What is in the schema. `m` are materialized views, `f` foreign tables.
const HERE: &str = "c.relnamespace = to_regnamespace(quote_ident(current_schema()))";

/// What is odd of an index with a condition.
const SOME_ROWS: &str = "is over some rows only";

/// Reads everything that is wanted.
pub(super) fn read(connection: &mut dyn Connection, options: &Options) -> Result<Catalogue> {
    let mut catalogue = Catalogue::default();
    let all = connection.ask(&format!(
        "SELECT c.relname::text AS name, c.relkind::text AS kind, obj_description(c.oid, 'pg_class') AS comment, \
         (SELECT p.relname::text FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid LIMIT 1) AS part_of, \
         c.relkind = 'p' AS parted, \
         EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') AS of_extension \
         FROM pg_class c WHERE {HERE} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY c.relname"
    ))?;
    for row in &all {
        let (name, kind, part_of) = (text(row, "name"), text(row, "kind"), text(row, "part_of"));
        if !wanted(options, &name) || name.starts_with("_dbal") {
            continue;
        }
        let other = match kind.as_str() {
            "v" => Some("a view".to_owned()),
            "m" => Some("a materialized view".to_owned()),
            "f" => Some("a foreign table".to_owned()),
            _ if flag(row, "of_extension") => Some("belongs to an extension".to_owned()),
            _ if !part_of.is_empty() => Some(format!("a part of {part_of}, which has its rows too")),
            _ => None,
        };
        if let Some(why) = other {
            catalogue.others.push((name, why));
            continue;
        }
        let mut table = Table { name, comment: some(text(row, "comment")), ..Table::default() };
        if flag(row, "parted") {
            table.remarks.push("it is partitioned".into());
        }
        catalogue.tables.push(table);
    }
    columns(connection, &mut catalogue)?;
    keys(connection, &mut catalogue)?;
    indexes(connection, &mut catalogue)?;
    remarks(connection, &mut catalogue)?;
    Ok(catalogue)
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn of<'c>(catalogue: &'c mut Catalogue, name: &str) -> Option<&'c mut Table> {
    catalogue.tables.iter_mut().find(|table| table.name == name)
}

fn columns(connection: &mut dyn Connection, catalogue: &mut Catalogue) -> Result<()> {
    // A domain is its base type with rules of its own; an array is known by the type of its items.
    let rows = connection.ask(&format!(
        "WITH RECURSIVE base AS ( \
           SELECT t.oid AS of, t.oid AS oid, t.typtype, t.typbasetype, t.typtypmod AS modifier, t.typnotnull AS filled FROM pg_type t \
           UNION ALL SELECT b.of, t.oid, t.typtype, t.typbasetype, \
             CASE WHEN b.modifier >= 0 THEN b.modifier ELSE t.typtypmod END, b.filled OR t.typnotnull \
           FROM base b JOIN pg_type t ON b.typtype = 'd' AND t.oid = b.typbasetype) \
         SELECT c.relname::text AS in_table, a.attname::text AS name, a.attnotnull OR b.filled AS filled, \
           format_type(b.oid, CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE b.modifier END) AS stored, \
           pg_get_expr(d.adbin, d.adrelid) AS written, a.attidentity::text AS identity, a.attgenerated::text AS generated, \
           col_description(c.oid, a.attnum) AS comment, \
           (SELECT CASE WHEN o.collname = 'default' THEN (SELECT datcollate FROM pg_database WHERE datname = current_database()) \
              ELSE o.collname::text END FROM pg_collation o WHERE o.oid = a.attcollation) AS collation, \
           (SELECT string_agg(e.enumlabel::text, U&'\\0001' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = b.oid) AS words, \
           CASE WHEN b.of <> b.oid THEN format_type(b.of, NULL) END AS domain, \
           (SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_constraint k WHERE k.contypid = b.of) AS rule \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         JOIN base b ON b.of = a.atttypid AND b.typtype <> 'd' \
         LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
         WHERE {HERE} AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum"
    ))?;
    for row in &rows {
        let Some(table) = of(catalogue, &text(row, "in_table")) else { continue };
        let identity = text(row, "identity");
        let written = row.get("written").and_then(Value::as_str);
        let words = text(row, "words");
        let name = text(row, "name");
        if let Some(domain) = some(text(row, "domain")) {
            table.remarks.push(
                format!("{name} is of the domain {domain}: {}", text(row, "rule"))
                    .trim_end_matches([':', ' '])
                    .to_owned(),
            );
        }
        table.columns.push(Column {
            stored: text(row, "stored"),
            nullable: !flag(row, "filled"),
            default: if identity.is_empty() { written.and_then(default) } else { Some(Default_::Sequence) },
            read_only: match (text(row, "generated").is_empty(), identity.as_str()) {
                (false, _) => Some("computed by the database"),
                (true, "a") => None,
                (true, _) => None,
            },
            words: some(words).map(|words| words.split('\u{1}').map(str::to_owned).collect()),
            comment: some(text(row, "comment")),
            collation: some(text(row, "collation")).filter(|name| name != "C" && name != "POSIX"),
            seen: None,
            name,
        });
    }
    Ok(())
}

/// Columns of an array of numbers, in its order.
fn named(numbers: &str) -> String {
    format!(
        "(SELECT string_agg(a.attname::text, U&'\\0001' ORDER BY k.place) \
         FROM unnest({numbers}) WITH ORDINALITY AS k(number, place) JOIN pg_attribute a ON a.attrelid = r.{} AND a.attnum = k.number)",
        if numbers.contains("confkey") { "confrelid" } else { "conrelid" }
    )
}

fn keys(connection: &mut dyn Connection, catalogue: &mut Catalogue) -> Result<()> {
    let rows = connection.ask(&format!(
        "SELECT c.relname::text AS in_table, r.contype::text AS kind, {} AS names, {} AS targets, t.relname::text AS target, \
           t.relnamespace = c.relnamespace AS here, r.confdeltype::text AS on_delete, r.confupdtype::text AS on_update, \
           pg_get_constraintdef(r.oid) AS text \
         FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid LEFT JOIN pg_class t ON t.oid = r.confrelid \
         WHERE {HERE} AND c.relkind IN ('r', 'p') AND r.contype IN ('p', 'f', 'c', 'x') ORDER BY c.relname, r.contype, r.conname",
        named("r.conkey"),
        named("r.confkey")
    ))?;
    for row in &rows {
        let Some(table) = of(catalogue, &text(row, "in_table")) else { continue };
        let names = |key: &str| text(row, key).split('\u{1}').map(str::to_owned).collect::<Vec<_>>();
        match text(row, "kind").as_str() {
            "p" => table.key = names("names"),
            "f" if !flag(row, "here") => {
                table.remarks.push(format!("points out of this schema: {}", text(row, "text")));
            }
            "f" => table.references.push(Reference {
                columns: names("names"),
                table: text(row, "target"),
                targets: names("targets"),
                on_delete: Action::of(&text(row, "on_delete")),
                on_update: Action::of(&text(row, "on_update")),
            }),
            "c" => {
                let written = text(row, "text");
                let words = checked(&written).into_iter().find_map(|check| check.words);
                match words
                    .and_then(|(column, words)| Some((table.columns.iter_mut().find(|c| c.name == column)?, words)))
                {
                    Some((column, words)) => column.words = Some(words),
                    None => table.remarks.push(written),
                }
            }
            _ => table.remarks.push(text(row, "text")),
        }
    }
    Ok(())
}

fn indexes(connection: &mut dyn Connection, catalogue: &mut Catalogue) -> Result<()> {
    let rows = connection.ask(&format!(
        "SELECT c.relname::text AS in_table, i.relname::text AS name, x.indisunique AS is_unique, m.amname::text AS method, \
           x.indpred IS NOT NULL AS partial, pg_get_expr(x.indpred, x.indrelid) AS condition, x.indexprs IS NOT NULL AS computed, x.indnkeyatts AS width, \
           COALESCE((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false) AS one_null, \
           pg_get_indexdef(x.indexrelid) AS text, \
           (SELECT string_agg(a.attname::text, U&'\\0001' ORDER BY k.place) \
            FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(number, place) \
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number WHERE k.place <= x.indnkeyatts) AS names \
         FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
         JOIN pg_am m ON m.oid = i.relam \
         WHERE {HERE} AND c.relkind IN ('r', 'p') AND NOT x.indisprimary ORDER BY c.relname, i.relname"
    ))?;
    for row in &rows {
        let Some(table) = of(catalogue, &text(row, "in_table")) else { continue };
        let (name, written) = (text(row, "name"), text(row, "text"));
        let names: Vec<String> = text(row, "names").split('\u{1}').map(str::to_owned).collect();
        let odd = match text(row, "method").as_str() {
            "btree" | "hash" => None,
            method => Some(format!("is of the kind {method}: {written}")),
        };
        let odd = if flag(row, "partial") { odd.or(Some(format!("{SOME_ROWS}: {written}"))) } else { odd };
        let odd = if flag(row, "computed") { Some(format!("is over an expression: {written}")) } else { odd };
        let odd = if flag(row, "one_null") { Some(format!("lets null come once: {written}")) } else { odd };
        // Where that it is over some rows is all that is odd, the contract may have words for them.
        let alone =
            odd.as_ref().is_some_and(|odd| odd.starts_with(SOME_ROWS)) && names.len() as i64 == whole(row, "width");
        let rows = (flag(row, "partial") && alone).then(|| Rows::Sql(text(row, "condition")));
        let whole = names.len() as i64 == whole(row, "width") && (odd.is_none() || rows.is_some());
        let columns = if whole { names } else { Vec::new() };
        table.indexes.push(Index { name, columns, unique: flag(row, "is_unique"), ours: true, rows, odd });
    }
    Ok(())
}

fn remarks(connection: &mut dyn Connection, catalogue: &mut Catalogue) -> Result<()> {
    let rows = connection.ask(&format!(
        "SELECT c.relname::text AS in_table, 'trigger ' || t.tgname AS text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
           WHERE {HERE} AND c.relkind IN ('r', 'p') AND NOT t.tgisinternal \
         UNION ALL SELECT c.relname::text, 'rule ' || w.rulename FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class \
           WHERE {HERE} AND c.relkind IN ('r', 'p') \
         UNION ALL SELECT c.relname::text, 'row security' FROM pg_class c WHERE {HERE} AND c.relrowsecurity \
         ORDER BY 1, 2"
    ))?;
    for row in &rows {
        if let Some(table) = of(catalogue, &text(row, "in_table")) {
            table.remarks.push(text(row, "text"));
        }
    }
    Ok(())
}
