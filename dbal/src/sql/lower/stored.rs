//! Columns as they are stored, and as statements compute with them.

use sea_query::{BinOper, Expr as SqlExpr, ExprTrait, Func, Query, SubQueryStatement};

use super::condition::operator;
use super::{Lowering, Scope, call, storing, template};
use crate::error::Result;
use crate::plan::operation::Encoding;
use crate::query::ast::{Comparison, Operand, ParamId};
use crate::schema::{Field, FieldId, FieldType};
use crate::sql::ddl::postgres::{folded, postgres_type};
use crate::sql::dialect::Dialect;
use crate::sql::iden;
use crate::sql::storage::{Form, form};

/// A list's values, and their only column.
const ITEM: &str = "$item";

impl Scope<'_> {
    /// A field of this row as it is stored.
    pub(super) fn stored(&self, field: FieldId) -> SqlExpr {
        let column = iden(&self.entity.field(field).column);
        match &self.alias {
            None => SqlExpr::col(column),
            Some(alias) => SqlExpr::col((alias.clone(), column)),
        }
    }

    /// The same for a subquery inside it.
    fn outer_stored(&self, field: FieldId) -> SqlExpr {
        let table = self.alias.clone().unwrap_or_else(|| iden(&self.entity.table));
        SqlExpr::col((table, iden(&self.entity.field(field).column)))
    }

    fn form(&self, field: FieldId) -> Option<Form> {
        form(self.dialect, self.entity.field(field))
    }

    fn read(&self, form: &Form, stored: &SqlExpr) -> SqlExpr {
        fill(self.dialect, &form.read, stored)
    }

    /// A field of this row, for an expression directly over it.
    pub(super) fn column(&self, field: FieldId) -> SqlExpr {
        let stored = self.stored(field);
        match self.form(field) {
            None => stored,
            Some(form) => self.read(&form, &stored),
        }
    }

    /// A field of this row as it is read. What does not fit its type arrives as it stands, where it can.
    pub(super) fn shown(&self, field: FieldId) -> SqlExpr {
        let stored = self.stored(field);
        match self.form(field) {
            None => stored,
            Some(form) if form.raw => stored,
            Some(form) => match self.dialect {
                Dialect::Sqlite => call("COALESCE", [self.read(&form, &stored), stored]),
                Dialect::Postgres => self.read(&form, &stored),
            },
        }
    }

    /// A field of this row as rows are grouped by it, and as their group is read.
    pub(super) fn grouped(&self, field: FieldId) -> SqlExpr {
        match (self.dialect, &self.entity.field(field).ty) {
            (Dialect::Postgres, _) => self.column(field),
            (Dialect::Sqlite, FieldType::Decimal { .. }) if self.form(field).is_some() => {
                SqlExpr::cust_with_exprs("? COLLATE dbal_decimal", [self.shown(field)])
            }
            (Dialect::Sqlite, _) => self.shown(field),
        }
    }
}

impl<'a> Lowering<'a> {
    /// A value as a field's column takes it.
    pub(super) fn written(&self, field: &Field, value: SqlExpr) -> SqlExpr {
        match form(self.dialect, field).and_then(|form| form.write) {
            None => value,
            Some(write) => fill(self.dialect, &write, &value),
        }
    }

    /// A field as rows are sorted by it.
    pub(super) fn sorted(&self, scope: &Scope<'a>, field: FieldId) -> SqlExpr {
        match scope.form(field) {
            Some(form) if !form.order => scope.read(&form, &scope.stored(field)),
            _ => scope.stored(field),
        }
    }

    /// A field compared with a parameter in the form of its column, so that an index over it serves; none where that
    /// would compare otherwise.
    pub(super) fn compare_stored(
        &self,
        scope: &Scope<'a>,
        left: &Operand,
        op: Comparison,
        right: &Operand,
        fold: bool,
    ) -> Result<Option<SqlExpr>> {
        let (field, other, swapped) = match (left, right) {
            (Operand::Field(field), other @ Operand::Param(_)) => (*field, other, false),
            (other @ Operand::Param(_), Operand::Field(field)) => (*field, other, true),
            // The words of an enum are spelled, and of no type but that of the column.
            (Operand::Field(field), other @ Operand::Const(_)) if is_native(scope, *field) => (*field, other, false),
            _ => return Ok(None),
        };
        let declared = scope.entity.field(field);
        let Some(form) = scope.form(field).filter(|_| !fold) else { return Ok(None) };
        let serves = match op {
            Comparison::Eq | Comparison::Ne => form.equal,
            Comparison::Lt | Comparison::Lte | Comparison::Gt | Comparison::Gte => form.order,
        };
        if !serves {
            return Ok(None);
        }
        let value = self.written(declared, self.operand(scope, other, storing(&declared.ty))?);
        let (left, right) = if swapped { (value, scope.stored(field)) } else { (scope.stored(field), value) };
        Ok(Some(left.binary(operator(op), right)))
    }

    /// A field that is one of a list's values.
    pub(super) fn in_values(&self, scope: &Scope<'a>, field: FieldId, list: ParamId) -> SqlExpr {
        let declared = scope.entity.field(field);
        match scope.form(field) {
            Some(Form { equal: true, write: Some(write), .. }) => {
                let values = self.placeholder(list, Encoding::List);
                let item = iden(ITEM);
                let mut items = Query::select();
                match self.dialect {
                    Dialect::Sqlite => {
                        items.expr(fill(self.dialect, &write, &SqlExpr::col(iden("value"))));
                        items.from_function(Func::cust("rarray").arg(values), item);
                        scope.stored(field).in_subquery(items)
                    }
                    Dialect::Postgres => {
                        let typed = format!("CAST(? AS {}[])", postgres_type(&declared.ty));
                        let values = template(self.dialect, &typed, [values]);
                        items.expr(fill(self.dialect, &write, &SqlExpr::col(item.clone())));
                        items.from_function(Func::cust("unnest").arg(values), item);
                        let items = SubQueryStatement::SelectStatement(items);
                        let items = call("ARRAY", [SqlExpr::SubQuery(None, Box::new(items))]);
                        scope.stored(field).binary(BinOper::Equal, call("ANY", [items]))
                    }
                }
            }
            None => self.in_list(scope.stored(field), list, Encoding::List),
            Some(Form { equal: true, write: None, .. }) => self.in_list(scope.stored(field), list, Encoding::List),
            Some(form) => self.in_list(scope.read(&form, &scope.stored(field)), list, Encoding::List),
        }
    }

    /// Whether a field's case is folded by an expression: in a database that others made there are no functions of ours.
    pub(super) fn folds_inline(&self, scope: &Scope<'a>, field: FieldId) -> bool {
        self.dialect == Dialect::Postgres && self.schema.is_of_others() && scope.form(field).is_some()
    }

    pub(super) fn folded(&self, scope: &Scope<'a>, field: FieldId) -> SqlExpr {
        let text = format!("({}) COLLATE \"C\"", folded("(?)"));
        fill(self.dialect, &text, &scope.column(field))
    }

    /// A field that equals something computed.
    pub(super) fn equals_value(&self, scope: &Scope<'a>, field: FieldId, value: SqlExpr) -> SqlExpr {
        match scope.form(field) {
            Some(form) if form.equal && form.computed => {
                scope.stored(field).eq(self.written(scope.entity.field(field), value))
            }
            Some(form) => scope.read(&form, &scope.stored(field)).eq(value),
            None => scope.stored(field).eq(value),
        }
    }
}

fn is_native(scope: &Scope<'_>, field: FieldId) -> bool {
    scope.form(field).is_some_and(|form| form.write.is_none() && form.equal)
}

/// Two fields that are compared: as they are stored, where both are stored in one way.
pub(super) fn both(one: (&Scope<'_>, FieldId), other: (&Scope<'_>, FieldId)) -> (SqlExpr, SqlExpr) {
    let ((a, field), (b, other)) = (one, other);
    let (left, right) = (a.stored(field), b.stored(other));
    reading((a, field), left, (b, other), right)
}

/// That a field of a row equals one of the row around it.
pub(super) fn linked(inner: (&Scope<'_>, FieldId), outer: (&Scope<'_>, FieldId)) -> SqlExpr {
    let ((a, field), (b, other)) = (inner, outer);
    let (left, right) = reading((a, field), a.stored(field), (b, other), b.outer_stored(other));
    left.eq(right)
}

fn reading(
    (a, field): (&Scope<'_>, FieldId),
    left: SqlExpr,
    (b, other): (&Scope<'_>, FieldId),
    right: SqlExpr,
) -> (SqlExpr, SqlExpr) {
    let same = a.entity.field(field).storage == b.entity.field(other).storage;
    match (a.form(field), b.form(other)) {
        (None, None) => (left, right),
        (Some(one), Some(_)) if same && one.equal => (left, right),
        (one, another) => {
            let left = one.map_or_else(|| left.clone(), |form| a.read(&form, &left));
            let right = another.map_or_else(|| right.clone(), |form| b.read(&form, &right));
            (left, right)
        }
    }
}

/// A template with one value at each of its places.
fn fill(dialect: Dialect, text: &str, value: &SqlExpr) -> SqlExpr {
    let places = text.matches('?').count();
    template(dialect, text, std::iter::repeat_n(value.clone(), places))
}
