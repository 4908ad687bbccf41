//! Tests at a path of a json document.

use sea_query::{BinOper, Expr as SqlExpr, ExprTrait};

use super::condition::operator;
use super::{Lowering, call, template, text_literal};
use crate::error::Result;
use crate::plan::operation::Encoding;
use crate::query::ast::{Comparison, JsonTest, PathStep};
use crate::value::json;

impl Lowering<'_> {
    /// A function of ours does all of it.
    pub(super) fn json(&self, column: SqlExpr, path: &[PathStep], test: &JsonTest) -> Result<SqlExpr> {
        let (test, operand) = match test {
            JsonTest::Compare(op, id) => (json::Test::Compare(*op), self.placeholder(*id, Encoding::Json)),
            JsonTest::In(id) => (json::Test::In, self.placeholder(*id, Encoding::Json)),
            JsonTest::Exists => (json::Test::Exists, SqlExpr::null()),
            JsonTest::Text { op, pattern, fold } => {
                (json::Test::Text { op: *op, fold: *fold }, self.placeholder(*pattern, Encoding::Json))
            }
        };
        let path = text_literal(&json::path_text(path))?;
        Ok(call("dbal_json", [column, path, text_literal(test.as_str())?, operand]))
    }

    /// With the operators of `jsonb`. A missing path is null to them; a null column has no paths, so every test of it
    /// must be unknown. A parameter that is JSON null comes as SQL null.
    pub(super) fn jsonb(&self, column: &SqlExpr, path: &[PathStep], test: &JsonTest) -> Result<SqlExpr> {
        let found = at(column, path)?;
        let write = |text: &str, parts: Vec<SqlExpr>| template(self.dialect, text, parts);
        Ok(match test {
            JsonTest::Exists => write("CASE WHEN ? IS NOT NULL THEN ? IS NOT NULL END", vec![column.clone(), found]),
            JsonTest::Compare(op @ (Comparison::Eq | Comparison::Ne), id) => {
                let operand = || write("CAST(? AS jsonb)", vec![self.placeholder(*id, Encoding::Json)]);
                // Compared with null, a missing path is a null as well.
                let missing = write(
                    "CASE WHEN ? IS NOT NULL AND ? IS NULL THEN CAST('null' AS jsonb) END",
                    vec![column.clone(), operand()],
                );
                let left = call("COALESCE", [found, missing]);
                left.binary(operator(*op), write("COALESCE(?, CAST('null' AS jsonb))", vec![operand()]))
            }
            JsonTest::Compare(op, id) => {
                let operand = || write("CAST(? AS jsonb)", vec![self.placeholder(*id, Encoding::Json)]);
                let kind = |of: SqlExpr, kind: &str| write(&format!("jsonb_typeof(?) = '{kind}'"), vec![of]);
                let text = |of: SqlExpr| write("(? #>> '{}') COLLATE \"C\"", vec![of]);
                let both = |word: &str| kind(found.clone(), word).and(kind(operand(), word));
                let numbers = found.clone().binary(operator(*op), operand());
                let texts = text(found.clone()).binary(operator(*op), text(operand()));
                let parts = vec![both("number"), numbers, both("string"), texts];
                write("CASE WHEN ? THEN ? WHEN ? THEN ? END", parts)
            }
            JsonTest::In(id) => {
                let list = || write("CAST(? AS jsonb)", vec![self.placeholder(*id, Encoding::Json)]);
                let items = write("ARRAY(SELECT jsonb_array_elements(?))", vec![list()]);
                let any = found.binary(BinOper::Equal, call("ANY", [items]));
                write(
                    "CASE WHEN ? IS NULL THEN NULL WHEN jsonb_array_length(?) = 0 THEN FALSE ELSE ? END",
                    vec![column.clone(), list(), any],
                )
            }
            JsonTest::Text { op, pattern, fold } => {
                let text = write("? #>> '{}'", vec![found.clone()]);
                let text = if *fold { call(self.fold(), [text]) } else { write("(?)", vec![text]) };
                let matched = self.matched(text, *op, |encoding| Ok(self.placeholder(*pattern, encoding)), *fold)?;
                write("CASE WHEN jsonb_typeof(?) = 'string' THEN ? END", vec![found, matched])
            }
        })
    }
}

/// The value at a path. A number steps into arrays only and a text into objects only, as it must be.
fn at(column: &SqlExpr, path: &[PathStep]) -> Result<SqlExpr> {
    if path.iter().any(|step| matches!(step, PathStep::Index(_))) {
        // The operator takes a number, text or boolean for an array of one, so `-> 0` of 5 is 5. A strict path does not.
        return Ok(call(
            "jsonb_path_query_first",
            [
                column.clone(),
                SqlExpr::cust_with_exprs("CAST($1 AS jsonpath)", [text_literal(&strict_path(path))?]),
                SqlExpr::cust("'{}'"),
                SqlExpr::cust("TRUE"),
            ],
        ));
    }
    let mut found = column.clone();
    for step in path {
        if let PathStep::Key(key) = step {
            found = found.binary(BinOper::Custom("->"), text_literal(key)?);
        }
    }
    Ok(SqlExpr::cust_with_exprs("($1)", [found]))
}

/// The path in the language of SQL/JSON, where a step that does not fit is an error, which the caller silences.
fn strict_path(path: &[PathStep]) -> String {
    let mut text = "strict $".to_owned();
    for step in path {
        match step {
            PathStep::Key(key) => text += &format!(".{}", serde_json::Value::from(key.as_str())),
            // No array is longer than a 32 bit number says.
            PathStep::Index(index) => text += &format!("[{}]", i32::try_from(*index).unwrap_or(i32::MAX)),
        }
    }
    text
}
