//! Requests of every kind over a model: most are in order, some are not, and few find nothing.

use dbal::{Map, Name, Operation, Request, Value, value};

use crate::dice::Dice;
use crate::model::{Entity, Field, Kind, Model, TEXTS};

/// Asks about a model.
pub struct Ask<'m> {
    pub model: &'m Model,
    /// Keys that reads, updates and deletes name.
    pub known: Vec<i64>,
    /// Keys that creates name.
    pub fresh: Vec<i64>,
}

const READS: [Operation; 11] = [
    Operation::Read,
    Operation::List,
    Operation::List,
    Operation::FindMany,
    Operation::FindMany,
    Operation::FindMany,
    Operation::First,
    Operation::Count,
    Operation::Distinct,
    Operation::Aggregate,
    Operation::Aggregate,
];

const WRITES: [Operation; 10] = [
    Operation::Create,
    Operation::Create,
    Operation::CreateMany,
    Operation::Update,
    Operation::Update,
    Operation::UpdateMany,
    Operation::Delete,
    Operation::DeleteMany,
    Operation::Upsert,
    Operation::UpsertMany,
];

fn one(name: impl Into<Name>, value: impl Into<Value>) -> Value {
    Value::Map(Map(vec![(name.into(), value.into())]))
}

fn names(from: &[&str]) -> Value {
    Value::List(from.iter().map(|name| Value::from(*name)).collect())
}

impl Ask<'_> {
    /// A request that reads.
    pub fn read(&self, dice: &mut Dice) -> Request {
        self.ask(*dice.pick(&READS), dice)
    }

    /// A request that writes.
    pub fn write(&self, dice: &mut Dice) -> Request {
        self.ask(*dice.pick(&WRITES), dice)
    }

    fn ask(&self, operation: Operation, dice: &mut Dice) -> Request {
        let entity = dice.below(self.model.entities.len());
        let mut args = Map::new();
        match operation {
            Operation::Read => {
                args.insert("id", self.key(entity, dice));
                self.columns(entity, &mut args, dice);
            }
            Operation::List | Operation::FindMany | Operation::First => self.rows(operation, entity, &mut args, dice),
            Operation::Distinct => self.distinct(entity, &mut args, dice),
            Operation::Aggregate => self.aggregate(entity, &mut args, dice),
            Operation::Create => args.insert("data", self.new_row(entity, dice)),
            Operation::CreateMany => {
                let rows = (0..dice.between(1, 3)).map(|_| self.new_row(entity, dice)).collect();
                args.insert("data", Value::List(rows));
                if dice.percent(30) {
                    args.insert("returning", dice.percent(50));
                }
            }
            Operation::Update => {
                args.insert("id", self.key(entity, dice));
                args.insert("data", self.patch(entity, dice));
                self.version(entity, &mut args, dice);
            }
            Operation::Delete => {
                args.insert("id", self.key(entity, dice));
                self.version(entity, &mut args, dice);
            }
            Operation::UpdateMany | Operation::DeleteMany => {
                if dice.percent(90) {
                    args.insert("filter", self.filter(entity, 1, dice));
                }
                if operation == Operation::UpdateMany {
                    args.insert("data", self.patch(entity, dice));
                }
                if dice.percent(30) {
                    args.insert("all", true);
                }
            }
            Operation::Upsert => self.upsert(entity, &mut args, dice),
            Operation::UpsertMany => {
                let rows = (0..dice.between(1, 3)).map(|_| {
                    let mut row = Map::new();
                    self.upsert(entity, &mut row, dice);
                    Value::Map(row)
                });
                args.insert("data", Value::List(rows.collect()));
            }
            _ => {
                if dice.percent(85) {
                    args.insert("filter", self.filter(entity, 2, dice));
                }
            }
        }
        Request { operation, entity: self.model.entities[entity].name.clone().into(), args }
    }

    // --- what is written

    /// The primary key, or a unique one.
    fn key(&self, entity: usize, dice: &mut Dice) -> Value {
        let unique: Vec<&Field> = self.model.entities[entity].fields[1..].iter().filter(|field| field.unique).collect();
        match unique.is_empty() || dice.percent(75) {
            true => Value::Int(*dice.pick(&self.known)),
            false => {
                let field = dice.pick(&unique);
                one(field.name.clone(), field.value(dice))
            }
        }
    }

    fn upsert(&self, entity: usize, args: &mut Map, dice: &mut Dice) {
        args.insert("where", self.key(entity, dice));
        args.insert("create", self.new_row_without_key(entity, dice));
        args.insert("update", self.patch(entity, dice));
        self.version(entity, args, dice);
    }

    fn new_row(&self, entity: usize, dice: &mut Dice) -> Value {
        let Value::Map(mut row) = self.new_row_without_key(entity, dice) else { return Value::Null };
        row.insert("id", *dice.pick(&self.fresh));
        Value::Map(row)
    }

    fn new_row_without_key(&self, entity: usize, dice: &mut Dice) -> Value {
        let mut row = Map::new();
        for field in &self.model.entities[entity].fields[1..] {
            let wanted = if field.hidden || field.locked || field.version { 2 } else { 75 };
            if field.required && dice.percent(97) || dice.percent(wanted) {
                row.insert(field.name.clone(), self.cell(field, dice));
            }
        }
        Value::Map(row)
    }

    fn cell(&self, field: &Field, dice: &mut Dice) -> Value {
        match dice.below(80) {
            0 => Value::Null,
            1 => value!("no such value"),
            _ if field.reference.is_some() && field.kind == Kind::Int && dice.percent(90) => {
                if !field.required && dice.percent(20) { Value::Null } else { Value::Int(*dice.pick(&self.known)) }
            }
            _ => field.stored(dice),
        }
    }

    fn patch(&self, entity: usize, dice: &mut Dice) -> Value {
        let mut patch = Map::new();
        for field in &self.model.entities[entity].fields {
            let wanted = if field.immutable || field.locked || field.version { 1 } else { 25 };
            if dice.percent(wanted) {
                let value = match field.kind.is_number() && field.reference.is_none() && dice.percent(30) {
                    true => one("$increment", *dice.pick(&[1_i64, -1, 5, 0])),
                    false => self.cell(field, dice),
                };
                patch.insert(field.name.clone(), value);
            }
        }
        Value::Map(patch)
    }

    fn version(&self, entity: usize, args: &mut Map, dice: &mut Dice) {
        let has = self.model.entities[entity].fields.iter().any(|field| field.version);
        if dice.percent(if has { 25 } else { 1 }) {
            args.insert("if_version", dice.between(1, 2));
        }
    }

    // --- what is read

    /// A field to ask about: seldom one that most callers may not see.
    fn field(&self, entity: usize, dice: &mut Dice) -> &Field {
        self.fields(entity, 100, dice)[0]
    }

    /// Some fields to ask about, each so many times in a hundred; never none.
    fn fields(&self, entity: usize, chance: usize, dice: &mut Dice) -> Vec<&Field> {
        let all = &self.model.entities[entity].fields;
        let hidden = dice.percent(4);
        let shown: Vec<&Field> = all.iter().filter(|field| hidden || !field.hidden).collect();
        match chance {
            100 => vec![*dice.pick(&shown)],
            _ => dice.some(chance, &shown).into_iter().copied().collect(),
        }
    }

    fn rows(&self, operation: Operation, entity: usize, args: &mut Map, dice: &mut Dice) {
        let optional = [("filter", 80), ("sort", 50)];
        for (name, chance) in optional {
            if dice.percent(chance) {
                let value = if name == "filter" { self.filter(entity, 2, dice) } else { self.sort(entity, dice) };
                args.insert(name, value);
            }
        }
        self.columns(entity, args, dice);
        if operation != Operation::First && dice.percent(50) {
            args.insert("limit", dice.between(0, 5));
        }
        match operation {
            Operation::List if dice.percent(40) => args.insert(*dice.pick(&["after", "before"]), Value::Null),
            Operation::List if dice.percent(40) => args.insert("page", dice.between(0, 3)),
            _ if dice.percent(20) => args.insert("offset", dice.between(0, 4)),
            _ => {}
        }
        if operation == Operation::List && dice.percent(30) {
            args.insert("total", dice.percent(50));
        }
    }

    fn columns(&self, entity: usize, args: &mut Map, dice: &mut Dice) {
        if dice.percent(25) {
            args.insert("select", self.select(entity, dice));
        }
        if dice.percent(40)
            && let Some(include) = self.include(entity, 2, dice)
        {
            args.insert("include", include);
        }
    }

    fn select(&self, entity: usize, dice: &mut Dice) -> Value {
        let mut columns: Vec<&str> =
            self.fields(entity, 40, dice).into_iter().map(|field| field.name.as_str()).collect();
        if columns.is_empty() {
            columns.push("id");
        }
        names(&columns)
    }

    fn include(&self, entity: usize, depth: usize, dice: &mut Dice) -> Option<Value> {
        let relations = &self.model.entities[entity].relations;
        if relations.is_empty() {
            return None;
        }
        let mut include = Map::new();
        for _ in 0..dice.between(1, 2) {
            let relation = dice.pick(relations);
            if include.get(&relation.name).is_some() {
                continue;
            }
            let mut options = Map::new();
            if dice.percent(35) {
                options.insert("filter", self.filter(relation.target, 1, dice));
            }
            if dice.percent(35) {
                options.insert("sort", self.sort(relation.target, dice));
            }
            if !relation.to_one && dice.percent(45) {
                options.insert("limit", dice.between(0, 3));
            }
            if dice.percent(25) {
                options.insert("select", self.select(relation.target, dice));
            }
            if depth > 0
                && dice.percent(40)
                && let Some(inner) = self.include(relation.target, depth - 1, dice)
            {
                options.insert("include", inner);
            }
            include.insert(relation.name.clone(), if options.is_empty() { true.into() } else { Value::Map(options) });
        }
        Some(Value::Map(include))
    }

    fn sort(&self, entity: usize, dice: &mut Dice) -> Value {
        let declared = &self.model.entities[entity];
        let keys = (0..dice.between(1, 2)).map(|_| {
            let related: Vec<_> = declared.relations.iter().filter(|relation| relation.to_one).collect();
            let name = match !related.is_empty() && dice.percent(30) {
                true => {
                    let relation = dice.pick(&related);
                    let field = self.field(relation.target, dice).name.clone();
                    format!("{}.{field}", relation.name)
                }
                false => self.field(entity, dice).name.clone(),
            };
            let direction = match dice.below(4) {
                0 => value!("asc"),
                1 => value!("desc"),
                2 => value!({ "order": "asc", "nulls": "last" }),
                _ => value!({ "order": "desc", "nulls": "first" }),
            };
            one(name, direction)
        });
        Value::List(keys.collect())
    }

    fn distinct(&self, entity: usize, args: &mut Map, dice: &mut Dice) {
        let field = self.field(entity, dice).name.clone();
        args.insert("field", field.clone());
        if dice.percent(50) {
            args.insert("filter", self.filter(entity, 1, dice));
        }
        if dice.percent(30) {
            args.insert("sort", one(field, *dice.pick(&["asc", "desc"])));
        }
    }

    fn aggregate(&self, entity: usize, args: &mut Map, dice: &mut Dice) {
        let fields = self.fields(entity, 90, dice);
        if dice.percent(50) {
            args.insert("filter", self.filter(entity, 1, dice));
        }
        let mut asked = Vec::new();
        if dice.percent(70) {
            args.insert("count", true);
            asked.push("count".to_owned());
        }
        for name in ["sum", "avg", "min", "max", "count_distinct"] {
            let fits = |field: &Field| match name {
                "sum" | "avg" => field.kind.is_number(),
                "min" | "max" => field.kind.is_ordered(),
                _ => !matches!(field.kind, Kind::Doc),
            };
            let fitting: Vec<&Field> = fields.iter().copied().filter(|field| fits(field)).collect();
            let chosen: Vec<&str> = dice.some(12, &fitting).iter().map(|field| field.name.as_str()).collect();
            if !chosen.is_empty() {
                asked.extend(chosen.iter().map(|field| format!("{name}.{field}")));
                args.insert(name, names(&chosen));
            }
        }
        if asked.is_empty() || dice.percent(60) {
            let groups: Vec<&str> = dice.some(25, &fields).iter().map(|field| field.name.as_str()).collect();
            let groups = if groups.is_empty() { vec!["id"] } else { groups };
            args.insert("group_by", names(&groups));
            if asked.iter().any(|name| name == "count") && dice.percent(40) {
                let condition = one(*dice.pick(&["$gt", "$eq", "$lte", "$ne"]), dice.between(0, 3));
                args.insert("having", one("count", condition));
            }
            if dice.percent(40) {
                let keys: Vec<String> = asked.into_iter().chain(groups.into_iter().map(str::to_owned)).collect();
                args.insert("sort", one(dice.pick(&keys).clone(), *dice.pick(&["asc", "desc"])));
            }
            if dice.percent(25) {
                args.insert("limit", dice.between(0, 4));
            }
        }
    }

    // --- filters

    /// A filter on an entity, through relations up to a depth.
    pub fn filter(&self, entity: usize, depth: usize, dice: &mut Dice) -> Value {
        let declared = &self.model.entities[entity];
        match dice.below(22) {
            0 | 1 => one("$and", self.filters(entity, depth, dice)),
            2 | 3 => one("$or", self.filters(entity, depth, dice)),
            4 => one("$not", self.filter(entity, depth.saturating_sub(1), dice)),
            5..=8 if depth > 0 && !declared.relations.is_empty() => self.related(declared, depth, dice),
            9 if dice.percent(30) => odd(dice),
            _ => {
                let field = self.field(entity, dice);
                one(field.name.clone(), self.condition(field, dice))
            }
        }
    }

    fn filters(&self, entity: usize, depth: usize, dice: &mut Dice) -> Value {
        Value::List((0..dice.between(0, 3)).map(|_| self.filter(entity, depth.saturating_sub(1), dice)).collect())
    }

    fn related(&self, entity: &Entity, depth: usize, dice: &mut Dice) -> Value {
        let relation = dice.pick(&entity.relations);
        let condition = match (relation.to_one, dice.below(5)) {
            (true, 0) => Value::Null,
            (to_one, _) => {
                let quantifiers: &[&str] = if to_one { &["$is", "$isNot"] } else { &["$some", "$every", "$none"] };
                let quantifier = *dice.pick(quantifiers);
                one(quantifier, self.filter(relation.target, depth - 1, dice))
            }
        };
        one(relation.name.clone(), condition)
    }

    /// A value that rows have: a key or a reference comes from the known ones.
    fn comparand(&self, field: &Field, dice: &mut Dice) -> Value {
        match (field.name == "id" || field.reference.is_some()) && field.kind == Kind::Int {
            true => Value::Int(*dice.pick(&self.known)),
            false => field.value(dice),
        }
    }

    fn condition(&self, field: &Field, dice: &mut Dice) -> Value {
        let nullable = |dice: &mut Dice| if dice.percent(20) { Value::Null } else { self.comparand(field, dice) };
        if field.kind == Kind::Doc {
            return json(dice);
        }
        match dice.below(9) {
            0 | 1 => nullable(dice),
            2 => one(*dice.pick(&["$eq", "$ne"]), nullable(dice)),
            3 => {
                let list = (0..dice.between(0, 3)).map(|_| nullable(dice)).collect();
                one(*dice.pick(&["$in", "$nin"]), Value::List(list))
            }
            4 => one("$exists", dice.percent(50)),
            5 => one("$not", one("$eq", self.comparand(field, dice))),
            6 if field.kind.is_ordered() => {
                let (low, high) = (self.comparand(field, dice), self.comparand(field, dice));
                one("$between", Value::List(vec![low, high]))
            }
            7 if field.kind == Kind::Text => text(dice),
            _ if field.kind.is_ordered() => {
                one(*dice.pick(&["$gt", "$gte", "$lt", "$lte"]), self.comparand(field, dice))
            }
            _ => self.comparand(field, dice),
        }
    }
}

fn text(dice: &mut Dice) -> Value {
    let operators = ["$contains", "$startsWith", "$endsWith", "$icontains", "$istartsWith", "$iendsWith", "$ieq"];
    match dice.below(4) {
        0 => {
            let pattern = *dice.pick(&["%", "_", "a_b", "a\\_b", "%x%", "", "\u{C4}%"]);
            let mut like = Map::new();
            like.insert("$like", pattern);
            if dice.percent(50) {
                like.insert("$mode", "insensitive");
            }
            Value::Map(like)
        }
        _ => one(*dice.pick(&operators), *dice.pick(&TEXTS)),
    }
}

fn json(dice: &mut Dice) -> Value {
    let path = dice.pick(&[value!(["a"]), value!(["b", 0]), value!(["b", "c"]), value!([1, "a"])]).clone();
    let (op, operand) = match dice.below(5) {
        0 => ("$exists", Value::Bool(dice.percent(50))),
        1 => ("$eq", Value::Null),
        2 => ("$in", value!([1, "1", null])),
        3 => ("$contains", value!("1")),
        _ => (*dice.pick(&["$eq", "$ne", "$gt", "$lte"]), dice.pick(&[value!(1), value!("1"), value!(true)]).clone()),
    };
    Value::Map(Map(vec![("$path".into(), path), (op.into(), operand)]))
}

fn odd(dice: &mut Dice) -> Value {
    let filters = [
        value!({}),
        value!({ "$and": [] }),
        value!({ "$or": [] }),
        value!({ "$not": {} }),
        value!({ "nope": 1 }),
        value!({ "secrt": 1 }),
        value!({ "id": "1" }),
        value!({ "id": { "$gt": null } }),
        value!({ "id": { "$between": [1] } }),
    ];
    dice.pick(&filters).clone()
}
