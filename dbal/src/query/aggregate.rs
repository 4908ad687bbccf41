//! `distinct` and `aggregate`: groups of rows, and what is computed of them.

use crate::query::ast::{Aggregate, Aggregation, Expr, Measure, Operand, Order, Query, Shape, Statement};
use crate::query::validate::{Check, nearest, shown};
use crate::query::{filter, output, paging};
use crate::schema::{EntityId, FieldId, FieldType};
use crate::value::{Map, Value};

/// The options of `aggregate`.
pub(super) const OPTIONS: &[&str] =
    &["filter", "count", "sum", "avg", "min", "max", "count_distinct", "group_by", "having", "sort", "limit"];

/// The different values of one field.
pub(super) fn distinct(check: &mut Check<'_>, entity: EntityId, args: &Map, filter: Expr) -> Option<Query> {
    let field = match args.get("field") {
        Some(Value::Text(name)) => plain(check, entity, name, "field"),
        other => {
            let got = other.map_or("nothing", Value::kind);
            check.fault("field", format!("expected the name of a field, got {got}"));
            None
        }
    };
    let mut groups = Groups { entity, group_by: Vec::from_iter(field), measures: Vec::new(), hidden: Vec::new() };
    let order = groups.order(check, args.get("sort"), &["the field itself"]);
    let (cap, bounds) = paging::find_many(check, entity, &Map::new());
    field?;
    let statement = groups.statement(filter, Expr::TRUE, order, bounds.limit);
    Some(Query {
        statement,
        visible: 1,
        includes: Vec::new(),
        shape: Shape::Values { cap },
        version: None,
        parents: Vec::new(),
    })
}

/// Everything that `aggregate` can ask.
pub(super) fn aggregate(check: &mut Check<'_>, entity: EntityId, args: &Map, filter: Expr) -> Option<Query> {
    let given = |name: &str| args.get(name).filter(|value| !matches!(value, Value::Undefined));
    let mut groups = Groups { entity, group_by: Vec::new(), measures: Vec::new(), hidden: Vec::new() };
    match given("count") {
        None | Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) => groups.measures.push(Measure::Count),
        Some(other) => check.fault("count", format!("expected a boolean, got {}", other.kind())),
    }
    for aggregation in Aggregation::ALL {
        let option = aggregation.as_str();
        each_name(check, given(option), option, |check, name, path| {
            let measure = Measure::Of(aggregation, computed(check, entity, aggregation, name, path)?);
            match groups.measures.contains(&measure) {
                true => check.fault(path, format!("`{name}` is named twice")),
                false => groups.measures.push(measure),
            }
            Some(())
        });
    }
    each_name(check, given("group_by"), "group_by", |check, name, path| {
        let field = plain(check, entity, name, path)?;
        match groups.group_by.contains(&field) {
            true => check.fault(path, format!("`{name}` is named twice")),
            false => groups.group_by.push(field),
        }
        Some(())
    });
    groups.tell_clashes(check);
    if given("group_by").is_none() {
        if Aggregation::ALL.iter().all(|one| given(one.as_str()).is_none()) && groups.measures.is_empty() {
            check.fault(
                "aggregate",
                "nothing is asked for; expected count, sum, avg, min, max, count_distinct or group_by",
            );
        }
        for option in ["having", "sort", "limit"].into_iter().filter(|option| given(option).is_some()) {
            check.fault(option, "needs group_by; without it there is one result for all rows");
        }
        let statement = groups.statement(filter, Expr::TRUE, Vec::new(), None);
        let Statement::Aggregate(Aggregate { shown, .. }) = &statement else { return None };
        let visible = *shown;
        return Some(Query {
            statement,
            visible,
            includes: Vec::new(),
            shape: Shape::Group,
            version: None,
            parents: Vec::new(),
        });
    }
    // An undefined condition is a fault, not a condition left out.
    let having = args.get("having").map_or(Expr::TRUE, |value| groups.having(check, value, "having", 1));
    let order = groups.order(check, given("sort"), &["a field of group_by", "count", "an aggregate such as sum.price"]);
    let (cap, bounds) = paging::find_many(check, entity, args);
    let visible = groups.group_by.len() + groups.measures.len();
    let statement = groups.statement(filter, having, order, bounds.limit);
    Some(Query {
        statement,
        visible,
        includes: Vec::new(),
        shape: Shape::Groups { cap },
        version: None,
        parents: Vec::new(),
    })
}

/// Each name of a list of fields.
fn each_name(
    check: &mut Check<'_>,
    value: Option<&Value>,
    option: &str,
    mut with: impl FnMut(&mut Check<'_>, &str, &str) -> Option<()>,
) {
    match value {
        None => {}
        Some(Value::List(names)) if !names.is_empty() => {
            for (index, name) in names.iter().enumerate() {
                let path = format!("{option}.{index}");
                match name.as_str() {
                    Some(name) => {
                        with(check, name, &path);
                    }
                    None => check.fault(path, format!("expected a field name, got {}", name.kind())),
                }
            }
        }
        Some(Value::List(_)) => check.fault(option, "expected at least one field"),
        Some(other) => check.fault(option, format!("expected a list of field names, got {}", other.kind())),
    }
}

/// A field that the caller may read and that has values to show.
fn plain(check: &mut Check<'_>, entity: EntityId, name: &str, path: &str) -> Option<FieldId> {
    let field = check.readable(entity, name, path)?;
    let declared = check.entity(entity).field(field);
    let fault = match () {
        () if declared.sensitive => format!("`{name}` is sensitive and never returned"),
        () if declared.stored_as.is_some() => format!("of `{name}` only a hash is stored"),
        () if declared.ty == FieldType::Json => format!("`{name}` is json, which has no order and no groups"),
        () => return Some(field),
    };
    check.fault(path, fault);
    None
}

/// A field of which this can be computed.
fn computed(
    check: &mut Check<'_>,
    entity: EntityId,
    aggregation: Aggregation,
    name: &str,
    path: &str,
) -> Option<FieldId> {
    use FieldType::{BigInt, Boolean, Bytes, Date, DateTime, Decimal, Enum, Float, Integer, Json, Text, Uuid};
    let field = plain(check, entity, name, path)?;
    let ty = &check.entity(entity).field(field).ty;
    let number = matches!(ty, Integer | BigInt | Float | Decimal { .. });
    let expected = match (aggregation, ty) {
        (Aggregation::CountDistinct, _) => return Some(field),
        (Aggregation::Sum | Aggregation::Avg, _) if number => return Some(field),
        (Aggregation::Sum | Aggregation::Avg, _) => "a number",
        (Aggregation::Min | Aggregation::Max, Uuid | Boolean | Json | Bytes) => "a number, text or a date",
        (Aggregation::Min | Aggregation::Max, Text(_) | Enum(_) | Date | DateTime) => return Some(field),
        (Aggregation::Min | Aggregation::Max, Integer | BigInt | Float | Decimal { .. }) => return Some(field),
    };
    check.fault(path, format!("{} needs {expected}, {name} is {}", aggregation.as_str(), ty.as_str()));
    None
}

/// What a request asks of groups, while it is read.
struct Groups {
    entity: EntityId,
    group_by: Vec<FieldId>,
    measures: Vec<Measure>,
    /// Measures that only decide which groups there are and in which order.
    hidden: Vec<Measure>,
}

impl Groups {
    fn statement(self, filter: Expr, having: Expr, order: Vec<Order>, limit: Option<Operand>) -> Statement {
        let Groups { entity, group_by, mut measures, hidden } = self;
        let shown = measures.len();
        measures.extend(hidden);
        Statement::Aggregate(Aggregate { entity, filter, group_by, measures, shown, having, order, limit })
    }

    /// A result has each name once.
    fn tell_clashes(&self, check: &mut Check<'_>) {
        for (index, field) in self.group_by.iter().enumerate() {
            let name = &check.entity(self.entity).field(*field).name;
            let taken = self.measures.iter().any(|measure| match measure {
                Measure::Count => name == "count",
                Measure::Of(aggregation, _) => name == aggregation.as_str(),
            });
            if taken {
                check.fault(format!("group_by.{index}"), format!("the result would hold `{name}` twice"));
            }
        }
    }

    /// What a key of `having` or `sort` stands for.
    fn measure(&self, check: &mut Check<'_>, key: &str, path: &str) -> Option<Measure> {
        if key == "count" {
            return Some(Measure::Count);
        }
        let (word, field) = key.split_once('.').unwrap_or((key, ""));
        let Some(aggregation) = Aggregation::ALL.into_iter().find(|one| one.as_str() == word) else {
            let known = Aggregation::ALL.iter().map(|one| one.as_str()).chain(["count"]);
            let message = format!(
                "unknown aggregate{}; expected count, or one of a field such as sum.price",
                nearest(word, known)
            );
            check.fault(path, message);
            return None;
        };
        if field.is_empty() {
            check.fault(path, format!("of which field? expected a key such as {word}.price"));
            return None;
        }
        computed(check, self.entity, aggregation, field, path).map(|field| Measure::Of(aggregation, field))
    }

    /// The column of a measure, which is computed if it was not.
    fn column(&mut self, measure: Measure) -> Operand {
        let shown = self.measures.iter().position(|one| *one == measure);
        let at = shown.unwrap_or_else(|| {
            let hidden = self.hidden.iter().position(|one| *one == measure).unwrap_or_else(|| {
                self.hidden.push(measure);
                self.hidden.len() - 1
            });
            self.measures.len() + hidden
        });
        Operand::Column((self.group_by.len() + at) as u16)
    }

    /// The condition on groups: the filter language over what is computed of them.
    fn having(&mut self, check: &mut Check<'_>, value: &Value, path: &str, depth: usize) -> Expr {
        let Some(map) = filter::conditions(check, value, path, depth) else { return Expr::FALSE };
        let mut all = Vec::with_capacity(map.len());
        for (name, value) in map.iter() {
            if !filter::counted(check) {
                return Expr::FALSE;
            }
            let path = format!("{path}.{}", shown(name));
            all.push(match name {
                "$and" => Expr::And(self.parts(check, value, &path, depth)),
                "$or" => Expr::Or(self.parts(check, value, &path, depth)),
                "$not" => Expr::Not(Box::new(self.having(check, value, &path, depth + 1))),
                _ if name.starts_with('$') => {
                    let known = ["$and", "$or", "$not"];
                    let near = nearest(name, known.into_iter());
                    check.fault(&path, format!("unknown operator{near}; expected {}", known.join(", ")));
                    Expr::FALSE
                }
                _ => self.condition(check, name, value, &path, depth),
            });
        }
        if all.len() == 1 { all.remove(0) } else { Expr::And(all) }
    }

    fn parts(&mut self, check: &mut Check<'_>, value: &Value, path: &str, depth: usize) -> Vec<Expr> {
        let Value::List(items) = value else {
            check.fault(path, format!("expected a list of conditions, got {}", value.kind()));
            return Vec::new();
        };
        let one = |(index, item)| self.having(check, item, &format!("{path}.{index}"), depth + 1);
        items.iter().enumerate().map(one).collect()
    }

    fn condition(&mut self, check: &mut Check<'_>, name: &str, value: &Value, path: &str, depth: usize) -> Expr {
        let Some(measure) = self.measure(check, name, path) else { return Expr::FALSE };
        let ty = measure.ty(check.entity(self.entity));
        let subject = filter::Subject { operand: self.column(measure), name, ty: &ty, stored_as: None };
        filter::about(check, &subject, value, path, depth)
    }

    /// The order of groups. Their fields are always the last keys, so that there is one answer.
    fn order(&mut self, check: &mut Check<'_>, value: Option<&Value>, expected: &[&str]) -> Vec<Order> {
        let distinct = expected.len() == 1;
        let mut order = output::sort_keys(check, value, "sort", |check, name, path| {
            let entity = check.entity(self.entity);
            let by_name = |field: &FieldId| entity.field(*field).name == name;
            if let Some(at) = self.group_by.iter().position(by_name) {
                return Some(Operand::Column(at as u16));
            }
            // Of a field that the caller may not see nothing else is said than of an unknown one.
            let computed = name == "count" || name.contains('.');
            if distinct || !computed {
                let field = check.readable(self.entity, name, path)?;
                let name = &check.entity(self.entity).field(field).name;
                check.fault(path, format!("`{name}` is not in the result; expected {}", expected.join(", ")));
                return None;
            }
            let measure = self.measure(check, name, path)?;
            Some(self.column(measure))
        });
        for at in 0..self.group_by.len() {
            let by = Operand::Column(at as u16);
            if !order.iter().any(|one| one.by == by) {
                order.push(Order { by, descending: false, nulls_first: true });
            }
        }
        order
    }
}
