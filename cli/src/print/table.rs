//! Aligned columns for people.

use std::io::Write;

use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle};
use dbal::schema::{EntityId, Schema};
use dbal::{Page, Record, Response, Value};

use super::{Done, bare, columns, count, plain};

/// A line below the header and two spaces between columns.
const STYLE: TableStyle = TableStyle::new()
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .header_lines(ContentLineStyle::none())
    .content_lines(ContentLineStyle::none());

/// Longer values are cut: a json document would leave no room for the rest.
const MOST_CHARACTERS: usize = 80;

pub(super) fn response(schema: &Schema, entity: EntityId, response: &Response, out: &mut dyn Write) -> Done {
    match response {
        Response::Row(row) | Response::Maybe(Some(row)) => one(schema, entity, row, out)?,
        Response::Maybe(None) => writeln!(out, "no row")?,
        Response::Rows(found) => {
            rows(schema, entity, found, out)?;
            writeln!(out, "{}", count(found.len() as u64, "row"))?;
        }
        Response::Page(page) => {
            rows(schema, entity, &page.data, out)?;
            writeln!(out, "{}", footer(page))?;
        }
        Response::Count(number) | Response::Affected(number) => writeln!(out, "{number}")?,
        Response::Values { .. } | Response::Group(_) | Response::Groups(_) | Response::Batch(_) => {
            writeln!(out, "{}", dbal::client::wire::response(schema, entity, response))?;
        }
        Response::Done => writeln!(out, "done")?,
        Response::Called(answered) => self::response(schema, answered.entity, &answered.response, out)?,
        Response::Value(value) => writeln!(out, "{}", dbal::value::json::to_wire(value))?,
    }
    Ok(())
}

/// Lines of texts below a header.
pub fn texts(header: &[&str], lines: &[Vec<String>], out: &mut dyn Write) -> Done {
    let mut table = table();
    table.set_header(header.iter().map(Cell::new));
    for line in lines {
        table.add_row(line.iter().map(Cell::new));
    }
    writeln!(out, "{}", table.trim_fmt())?;
    Ok(())
}

/// A single row stands upright: field by field.
fn one(schema: &Schema, entity: EntityId, row: &Record, out: &mut dyn Write) -> Done {
    let mut table = table();
    for (name, value) in row.iter() {
        table.add_row([Cell::new(plain(name)), cell(schema, entity, name, value).set_alignment(CellAlignment::Left)]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    Ok(())
}

fn rows(schema: &Schema, entity: EntityId, rows: &[Record], out: &mut dyn Write) -> Done {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = table();
    table.set_header(columns(rows).into_iter().map(|name| Cell::new(plain(name))));
    for row in rows {
        table.add_row(row.iter().map(|(name, value)| cell(schema, entity, name, value)));
    }
    writeln!(out, "{}", table.trim_fmt())?;
    Ok(())
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn cell(schema: &Schema, entity: EntityId, column: &str, value: &Value) -> Cell {
    if value.is_null() {
        return Cell::new("null");
    }
    let text = bare(schema, entity, column, value);
    let text = match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    let number = matches!(value, Value::Int(_) | Value::Float(_) | Value::Decimal(_));
    Cell::new(plain(&text)).set_alignment(if number { CellAlignment::Right } else { CellAlignment::Left })
}

fn footer(page: &Page) -> String {
    let shown = page.data.len() as u64;
    let Some(total) = page.total else { return count(shown, "row") };
    let pages = if page.limit > 0 { (total + page.limit - 1) / page.limit } else { 1 };
    match u64::try_from(total) {
        Ok(total) if total == shown => count(shown, "row"),
        _ => format!("{shown} of {total} rows, page {} of {pages}", page.page),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_never_given_control_characters() {
        assert_eq!(plain("a\u{1b}[31mb\nc\u{202e}"), "a\\u{1b}[31mb\\nc\\u{202e}");
        assert_eq!(plain("Żółw 东京"), "Żółw 东京");
    }

    #[test]
    fn the_footer_says_what_is_not_shown() {
        let mut page = Page {
            data: Vec::new(),
            total: Some(41),
            page: 2,
            limit: 20,
            has_more: true,
            next_cursor: None,
            prev_cursor: None,
        };
        assert_eq!(footer(&page), "0 of 41 rows, page 2 of 3");
        page.total = Some(0);
        assert_eq!(footer(&page), "0 rows");
        page.total = None;
        assert_eq!(footer(&page), "0 rows");
    }
}
