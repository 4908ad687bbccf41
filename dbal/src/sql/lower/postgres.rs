//! What PostgreSQL spells in a way of its own. Where SQLite calls functions of ours, this is SQL with the same meaning.

use std::sync::Arc;

use sea_query::{Asterisk, BinOper, Expr as SqlExpr, ExprTrait, Func};

use super::condition::operator;
use super::{Lowering, Scope, call, storing, template, text_literal};
use crate::error::{Error, Result};
use crate::plan::operation::{Encoding, Sql, SqlParam};
use crate::query::ast::{Aggregation, Comparison, Insert, Literal, Measure, Operand, ParamId, TextMatch};
use crate::schema::field::Bound;
use crate::schema::{Entity, Field, FieldId, FieldType, Generator};
use crate::sql::ddl::postgres::{FOLD, WORDS, postgres_type};
use crate::sql::dialect::Dialect;
use crate::sql::quoted;
use crate::sql::storage::form;
use crate::value::decimal::MAX_DIGITS;

/// What a refused number is called in the message of the cast that refuses it; a word and the field's name follow.
const REFUSED: &str = "dbal refused: ";

/// A zero with so many digits after the point that a quotient of a sum with it keeps more than 34.
const PRECISE: &str = "0.00000000000000000000000000000000000000000000000000";

fn write(text: &str, parts: impl IntoIterator<Item = SqlExpr>) -> SqlExpr {
    template(Dialect::Postgres, text, parts)
}

impl<'a> Lowering<'a> {
    /// Equal to one of a list. PostgreSQL takes the list as one array, whose type it infers from the left side.
    pub(super) fn in_list(&self, value: SqlExpr, list: ParamId, encoding: Encoding) -> SqlExpr {
        match self.dialect {
            Dialect::Sqlite => value.binary(BinOper::In, call("rarray", [self.placeholder(list, encoding)])),
            Dialect::Postgres => value.binary(BinOper::Equal, call("ANY", [self.placeholder(list, encoding)])),
        }
    }

    /// A list where nothing says what is in it.
    pub(super) fn typed_list(&self, list: ParamId) -> Result<SqlExpr> {
        let ty = self.param_type(list).ok_or_else(|| Error::internal("a list of unknown type"))?;
        Ok(write(&format!("CAST(? AS {}[])", postgres_type(ty)), [self.placeholder(list, Encoding::List)]))
    }

    /// A parameter where nothing else says its type.
    pub(super) fn cast(&self, value: SqlExpr, ty: Option<&FieldType>) -> SqlExpr {
        match (self.dialect, ty) {
            (Dialect::Postgres, Some(ty)) => write(&format!("CAST(? AS {})", postgres_type(ty)), [value]),
            _ => value,
        }
    }

    /// A comparison whose parameters take the type of the other side. Two parameters have none but their own.
    pub(super) fn compare_typed(
        &self,
        scope: &Scope<'a>,
        left: &Operand,
        op: Comparison,
        right: &Operand,
        fold: bool,
    ) -> Result<SqlExpr> {
        let is_param = |operand: &Operand| matches!(operand, Operand::Param(_) | Operand::Const(_));
        let bare = is_param(left) && is_param(right);
        let ty = self.value_type(scope, left).or_else(|| self.value_type(scope, right));
        let one = |operand: &Operand| -> Result<SqlExpr> {
            let is_json = !fold && ty == Some(&FieldType::Json);
            let value = match is_json {
                true => self.operand(scope, operand, storing(&FieldType::Json))?,
                false => self.text_operand(scope, operand, fold)?,
            };
            Ok(if bare && matches!(operand, Operand::Param(_)) { self.cast(value, ty) } else { value })
        };
        let (mut left_side, right_side) = (one(left)?, one(right)?);
        // Columns of text have the collation of code points; without one the server's own would decide the order.
        if bare && ty.is_some_and(FieldType::is_text) {
            left_side = write("? COLLATE \"C\"", [left_side]);
        }
        Ok(left_side.binary(operator(op), right_side))
    }

    /// A text match; `pattern` gives the pattern, written as it is told.
    pub(super) fn matched(
        &self,
        text: SqlExpr,
        op: TextMatch,
        pattern: impl Fn(Encoding) -> Result<SqlExpr>,
        fold: bool,
    ) -> Result<SqlExpr> {
        let plain = if fold { Encoding::Folded } else { Encoding::Plain };
        let like = if fold { Encoding::FoldedPattern } else { Encoding::Pattern };
        Ok(match op {
            TextMatch::Contains => write("strpos(?, ?) > 0", [text, pattern(plain)?]),
            // An index over text by code point serves it.
            TextMatch::StartsWith => call("starts_with", [text, pattern(plain)?]),
            TextMatch::EndsWith => write("right(?, char_length(?)) = ?", [text, pattern(plain)?, pattern(plain)?]),
            TextMatch::Like => write("? LIKE ?", [text, pattern(like)?]),
        })
    }

    /// The name of the function that folds case.
    pub(super) fn fold(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "dbal_fold",
            Dialect::Postgres => FOLD,
        }
    }

    /// Some text of the row has a word. Words hold letters, digits and marks alone, so they can stand between quotes.
    /// Null has no words: without the second condition it would be unknown.
    pub(super) fn has_word(
        &self,
        scope: &Scope<'a>,
        fields: &[FieldId],
        word: ParamId,
        prefix: bool,
    ) -> Result<SqlExpr> {
        let end = if prefix { "'':*" } else { "''" };
        let text = format!("(? @@ CAST('''' || CAST(? AS text) || '{end}' AS tsquery) AND ? IS NOT NULL)");
        let one = |field: &FieldId| {
            let column = scope.column(*field);
            let words = call(WORDS, [column.clone()]);
            write(&text, [words, self.placeholder(word, Encoding::Plain), column])
        };
        let any = fields.iter().map(one).reduce(|all, one| all.or(one));
        any.ok_or_else(|| Error::internal("a search looks in some field"))
    }

    /// Something computed of a group, as it is compared and ordered.
    pub(super) fn exact_measure(&self, scope: &Scope<'a>, measure: Measure) -> Result<SqlExpr> {
        let Measure::Of(aggregation, field) = measure else {
            return Ok(Func::count(SqlExpr::col(Asterisk)).into());
        };
        let column = scope.column(field);
        let ty = &scope.entity.field(field).ty;
        Ok(match aggregation {
            Aggregation::CountDistinct => column.count_distinct(),
            Aggregation::Min => column.min(),
            Aggregation::Max => column.max(),
            Aggregation::Sum => sum(ty, column)?,
            Aggregation::Avg => {
                write(&format!("(? + {PRECISE}) / nullif(count(?), 0)"), [sum(ty, column.clone())?, column])
            }
        })
    }

    /// The same as it is read: a mean as a sum and a count, which are divided exactly by whoever reads them.
    pub(super) fn shown_measure(&self, scope: &Scope<'a>, measure: Measure) -> Result<SqlExpr> {
        if let Measure::Of(Aggregation::Avg, field) = measure {
            let ty = &scope.entity.field(field).ty;
            if *ty != FieldType::Float {
                let column = scope.column(field);
                // An array literal's brackets would be taken for quotes here.
                let text = "array_append(array_append(CAST('{}' AS numeric[]), ?), CAST(count(?) AS numeric))";
                return Ok(write(text, [sum(ty, column.clone())?, column]));
            }
        }
        self.exact_measure(scope, measure)
    }
}

/// An exact sum. The cast of a double to numeric keeps 15 digits, so what it dropped is added up as well.
fn sum(ty: &FieldType, column: SqlExpr) -> Result<SqlExpr> {
    Ok(match ty {
        FieldType::Integer | FieldType::BigInt | FieldType::Decimal { .. } => {
            write("sum(CAST(? AS numeric))", [column])
        }
        FieldType::Float => {
            let rounded = || write("CAST(CAST(? AS numeric) AS double precision)", [column.clone()]);
            write(
                "(sum(CAST(? AS numeric)) + sum(CAST(? - ? AS numeric)))",
                [column.clone(), column.clone(), rounded()],
            )
        }
        _ => return Err(Error::internal("only numbers add up")),
    })
}

/// The old value plus a number, unless that leaves the field's type or bounds: then a cast fails, and says why. Its text
/// depends on the row, or it would be cast while the statement is planned.
pub(super) fn increment(field: &Field, old: &SqlExpr, by: &SqlExpr) -> Result<SqlExpr> {
    let ty = postgres_type(&field.ty);
    let sum = match &field.ty {
        FieldType::Float => write("(? + CAST(? AS double precision))", [old.clone(), by.clone()]),
        _ => write("(CAST(? AS numeric) + CAST(? AS numeric))", [old.clone(), by.clone()]),
    };
    let refuse = |word: &str| -> Result<SqlExpr> {
        let said = text_literal(&format!("{REFUSED}{word} {}", field.name))?;
        Ok(write(&format!("CAST(left(CAST(? AS text), 0) || ? AS {ty})"), [old.clone(), said]))
    };
    let (outside, result) = match &field.ty {
        FieldType::Integer | FieldType::BigInt => {
            let (least, greatest) = match field.ty {
                FieldType::Integer => (i64::from(i32::MIN), i64::from(i32::MAX)),
                _ => (i64::MIN, i64::MAX),
            };
            let outside = write(&format!("? NOT BETWEEN {least} AND {greatest}"), [sum.clone()]);
            (outside, write(&format!("CAST(? AS {ty})"), [sum.clone()]))
        }
        FieldType::Float => {
            // Half of it is within the range even where it is not.
            let half = write("abs(? / 2 + CAST(? AS double precision) / 2)", [old.clone(), by.clone()]);
            (write("? > 8.9884656743115785e307", [half]), sum.clone())
        }
        FieldType::Decimal { precision, scale } => {
            let precision = precision.unwrap_or(MAX_DIGITS);
            let digits = |power: u32| format!("1{}", "0".repeat(power as usize));
            let outside = match scale {
                Some(scale) => {
                    let limit = digits(precision.saturating_sub(*scale));
                    write(&format!("abs(?) >= {limit} OR scale(trim_scale(?)) > {scale}"), [sum.clone(), sum.clone()])
                }
                None => {
                    let limit = digits(precision);
                    write(
                        &format!(
                            "scale(trim_scale(?)) > {precision} OR \
                             abs(?) * CAST(10 AS numeric) ^ scale(trim_scale(?)) >= {limit}"
                        ),
                        [sum.clone(), sum.clone(), sum.clone()],
                    )
                }
            };
            let result = match scale {
                Some(scale) => write(&format!("round(?, {scale})"), [sum.clone()]),
                None => call("trim_scale", [sum.clone()]),
            };
            (outside, result)
        }
        _ => return Err(Error::internal("only numbers can be incremented")),
    };
    let mut text = "CASE WHEN ? THEN ?".to_owned();
    let mut parts = vec![outside, refuse("overflow")?];
    for (bound, sign, word) in [(&field.min, "<", "least"), (&field.max, ">", "greatest")] {
        if let Some(bound) = bound {
            text += &format!(" WHEN ? {sign} {} THEN ?", literal(bound));
            parts.extend([sum.clone(), refuse(word)?]);
        }
    }
    text += " ELSE ? END";
    parts.push(result);
    Ok(write(&text, parts))
}

fn literal(bound: &Bound) -> String {
    match bound {
        Bound::Int(bound) => bound.to_string(),
        Bound::Float(bound) => format!("CAST('{bound:?}' AS double precision)"),
        Bound::Decimal(bound) => bound.to_string(),
    }
}

/// A sequence never makes a number that somebody gave: where one is given, the sequence goes on behind it.
pub(super) fn past_sequence(entity: &Entity, field: FieldId) -> Option<SqlExpr> {
    let declared = entity.field(field);
    (declared.generated == Some(Generator::Sequence)).then(|| {
        let column = quoted(&declared.column);
        let literal = |text: &str| text.replace('\'', "''");
        let sequence =
            format!("pg_get_serial_sequence('{}', '{}')", literal(&quoted(&entity.table)), literal(&declared.column));
        let text = format!("CASE WHEN {column} > nextval({sequence}) THEN setval({sequence}, {column}) END");
        SqlExpr::Custom(text.into())
    })
}

/// An insert of many rows, for one that takes all values as they are and gives nothing back. Not of rows that refer to
/// others of their table: one statement looks at references when all rows are there, so that one which comes first could
/// refer to one which comes later.
pub(super) fn rows(entity: &Entity, insert: &Insert) -> Option<Sql> {
    if insert.values.is_empty() || !insert.returning.is_empty() || !insert.unless.is_empty() || insert.check.is_some() {
        return None;
    }
    let (mut columns, mut places) = (Vec::new(), Vec::new());
    let (mut names, mut lists, mut params) = (Vec::new(), Vec::new(), Vec::new());
    for (field, operand) in &insert.values {
        let declared = entity.field(*field);
        columns.push(quoted(&declared.column));
        let changed = form(Dialect::Postgres, declared).is_some_and(|form| form.write.is_some());
        if changed || declared.generated == Some(Generator::Sequence) {
            return None;
        }
        let ty = postgres_type(&declared.ty);
        match operand {
            Operand::Const(Literal::Null) => places.push(format!("CAST(NULL AS {ty})")),
            Operand::Param(id) if declared.foreign_key.as_ref().is_none_or(|key| key.entity != insert.entity) => {
                params.push(SqlParam { id: *id, encoding: storing(&declared.ty) });
                names.push(format!("p{}", params.len()));
                places.push(format!("r.p{}", params.len()));
                lists.push(format!("CAST(${} AS {ty}[])", params.len()));
            }
            _ => return None,
        }
    }
    if params.is_empty() {
        return None;
    }
    let text = format!(
        "INSERT INTO {} ({}) SELECT {} FROM unnest({}) AS r({})",
        quoted(&entity.table),
        columns.join(", "),
        places.join(", "),
        lists.join(", "),
        names.join(", ")
    );
    Some(Sql { text: Arc::from(text), params, references: Vec::new(), walk: None, rows: None })
}
