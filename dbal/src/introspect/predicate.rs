//! Which rows an index is over, from the database's own words into those of the contract, where it has them. What is said
//! here still has to be read: a constant may be none of its field's type.

use super::catalogue::Rows;
use super::draft::{Draft, FieldDraft};
use super::sql::{Token, tokens};
use crate::plan::operation::document::KEY;
use crate::schema::FieldType;
use crate::value::{DateTime, Decimal, Map, Value};

/// The `where` of an index; none where the contract has no words for it.
pub(super) fn said(rows: &Rows, draft: &Draft) -> Option<String> {
    match rows {
        Rows::Sql(text) => {
            let tokens: Vec<Token> = tokens(text).into_iter().map(|(token, ..)| token).collect();
            let mut reader = Reader { tokens: &tokens, at: 0, depth: 0, draft };
            let said = reader.any()?;
            (reader.at == tokens.len()).then_some(said)
        }
        Rows::Documents(filter) => documents(filter, draft, 0),
    }
}

/// How deep conditions may nest: as deep as the rules language takes them.
const DEEPEST: usize = 16;

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
    draft: &'t Draft,
}

/// What stands at one side of a comparison.
enum Side {
    Field(String),
    Constant(String),
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn word(&mut self, word: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }

    fn sign(&mut self, sign: char) -> bool {
        let is = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(is);
        is
    }

    /// Tries to read something, and is where it was if that fails.
    fn try_<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.at;
        let found = read(self);
        if found.is_none() {
            self.at = before;
        }
        found
    }

    fn any(&mut self) -> Option<String> {
        let mut parts = vec![self.all()?];
        while self.word("OR") {
            parts.push(self.all()?);
        }
        Some(joined(parts, " OR "))
    }

    fn all(&mut self) -> Option<String> {
        let mut parts = vec![self.one()?];
        while self.word("AND") {
            parts.push(self.one()?);
        }
        Some(joined(parts, " AND "))
    }

    fn one(&mut self) -> Option<String> {
        if let Some(compared) = self.try_(Self::compared) {
            return Some(compared);
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let said = if self.word("NOT") {
            format!("NOT ({})", self.one()?)
        } else {
            let inner = self.sign('(').then(|| self.any()).flatten()?;
            self.sign(')').then_some(inner)?
        };
        self.depth -= 1;
        Some(said)
    }

    fn compared(&mut self) -> Option<String> {
        match self.side(0)? {
            Side::Field(field) => self.of_field(field),
            Side::Constant(constant) => {
                let op = self.operator()?;
                match self.side(0)? {
                    // `3 < level`
                    Side::Field(field) => Some(format!("{} {op} {field}", self.of_type(&field, constant))),
                    Side::Constant(_) => None,
                }
            }
        }
    }

    fn of_field(&mut self, field: String) -> Option<String> {
        if self.word("IS") {
            let not = if self.word("NOT") { "NOT " } else { "" };
            return self.word("NULL").then(|| format!("{field} IS {not}NULL"));
        }
        if self.word("ISNULL") {
            return Some(format!("{field} IS NULL"));
        }
        if self.word("NOTNULL") {
            return Some(format!("{field} IS NOT NULL"));
        }
        let negated = self.word("NOT");
        if self.word("IN") {
            let items = self.sign('(').then(|| self.list(&field, ')')).flatten()?;
            return Some(format!("{field} {}IN ({items})", if negated { "NOT " } else { "" }));
        }
        if negated {
            return None;
        }
        let Some(op) = self.try_(Self::operator) else {
            // A boolean by itself; whether it is one, reading it says.
            return Some(field);
        };
        for (word, wanted, spelled) in [("ANY", "=", "IN"), ("ALL", "!=", "NOT IN")] {
            if self.word(word) {
                let array = |reader: &mut Self| {
                    let open = reader.sign('(');
                    let inner = open && reader.sign('(');
                    let items =
                        (reader.word("ARRAY") && reader.sign('[')).then(|| reader.list(&field, ']')).flatten()?;
                    reader.cast();
                    let closed = !inner || (reader.sign(')') && reader.cast());
                    (open && closed && reader.sign(')')).then_some(items)
                };
                let items = array(self)?;
                return (op == wanted).then(|| format!("{field} {spelled} ({items})"));
            }
        }
        match self.side(0)? {
            Side::Constant(constant) => Some(format!("{field} {op} {}", self.of_type(&field, constant))),
            Side::Field(_) => None,
        }
    }

    /// A constant as the contract has it for a field: databases quote numbers, and have booleans that are numbers.
    fn of_type(&self, field: &str, constant: String) -> String {
        let ty = self.draft.field(field).map(|field| &field.ty);
        let inside = constant.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        match (ty, inside) {
            (
                Some(FieldType::Integer | FieldType::BigInt | FieldType::Float | FieldType::Decimal { .. }),
                Some(number),
            ) if number.parse::<Decimal>().is_ok() => number.to_owned(),
            (Some(FieldType::Boolean), _) if constant == "1" => "true".to_owned(),
            (Some(FieldType::Boolean), _) if constant == "0" => "false".to_owned(),
            _ => constant,
        }
    }

    fn operator(&mut self) -> Option<&'static str> {
        for (signs, op) in
            [("<>", "!="), ("!=", "!="), ("<=", "<="), (">=", ">="), ("==", "="), ("=", "="), ("<", "<"), (">", ">")]
        {
            let all = |reader: &mut Self| signs.chars().all(|sign| reader.sign(sign)).then_some(op);
            if let Some(op) = self.try_(all) {
                return Some(op);
            }
        }
        None
    }

    fn list(&mut self, field: &str, close: char) -> Option<String> {
        let mut items = Vec::new();
        loop {
            match self.side(0)? {
                Side::Constant(constant) => items.push(self.of_type(field, constant)),
                Side::Field(_) => return None,
            }
            if self.sign(close) {
                return Some(items.join(", "));
            }
            if !self.sign(',') {
                return None;
            }
        }
    }

    /// A column or a constant, in parentheses and with casts, which say nothing here: a constant is read as one of its
    /// field's type, and a column only as text.
    fn side(&mut self, depth: usize) -> Option<Side> {
        if depth > DEEPEST {
            return None;
        }
        let side = if self.sign('(') {
            let inner = self.side(depth + 1)?;
            self.sign(')').then_some(inner)?
        } else if self.sign('-') {
            match self.peek()? {
                Token::Number(number) => Side::Constant(format!("-{number}")),
                _ => return None,
            }
            .then_next(self)
        } else {
            match self.peek()?.clone() {
                Token::Text(text) => Side::Constant(quoted(&text)),
                Token::Number(number) => Side::Constant(number),
                Token::Word(word) if word.eq_ignore_ascii_case("true") => Side::Constant("true".into()),
                Token::Word(word) if word.eq_ignore_ascii_case("false") => Side::Constant("false".into()),
                Token::Word(name) | Token::Name(name) => {
                    // Two columns may differ in nothing but case.
                    let fields = &self.draft.fields;
                    let alike = || fields.iter().find(|field| field.column.eq_ignore_ascii_case(&name));
                    let field = fields.iter().find(|field| field.column == name).or_else(alike)?;
                    Side::Field(field.name.clone())
                }
                Token::Sign(_) => return None,
            }
            .then_next(self)
        };
        let begin = self.at;
        if !self.cast() {
            return None;
        }
        let of_text = || {
            let words = self.tokens[begin..self.at].iter().filter_map(|token| match token {
                Token::Word(word) | Token::Name(word) => Some(word.to_ascii_lowercase()),
                _ => None,
            });
            words.into_iter().all(|word| ["text", "character", "varying", "varchar"].contains(&word.as_str()))
        };
        match side {
            Side::Field(_) if !of_text() => None,
            side => Some(side),
        }
    }

    /// `::character varying(20)[]` and the like, any number of them; false where one makes no sense.
    fn cast(&mut self) -> bool {
        while self.sign(':') {
            let named = |reader: &mut Self| {
                let name = matches!(reader.peek(), Some(Token::Word(_) | Token::Name(_)));
                reader.at += usize::from(name);
                name
            };
            if !self.sign(':') || !named(self) || (self.sign('.') && !named(self)) {
                return false;
            }
            while ["varying", "precision", "without", "with", "time", "zone"].iter().any(|word| self.word(word)) {}
            if self.sign('(') {
                while matches!(self.peek(), Some(Token::Number(_) | Token::Sign(','))) {
                    self.at += 1;
                }
                if !self.sign(')') {
                    return false;
                }
            }
            while self.sign('[') {
                if !self.sign(']') {
                    return false;
                }
            }
        }
        true
    }
}

impl Side {
    /// The reader goes past what this was read from.
    fn then_next(self, reader: &mut Reader<'_>) -> Side {
        reader.at += 1;
        self
    }
}

/// A text of the rules language.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn joined(mut parts: Vec<String>, with: &str) -> String {
    match parts.len() {
        1 => parts.remove(0),
        _ => parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(with),
    }
}

/// A filter of MongoDB, in the few operators that indexes take.
fn documents(filter: &Map, draft: &Draft, depth: usize) -> Option<String> {
    let inner = |value: &Value, with: &str| {
        let each = value.as_list()?.iter().map(|one| documents(one.as_map()?, draft, depth + 1));
        each.collect::<Option<Vec<_>>>().map(|parts| joined(parts, with))
    };
    let mut parts = Vec::new();
    for (name, rule) in filter.iter() {
        parts.push(match name {
            _ if depth > DEEPEST => return None,
            "$and" => inner(rule, " AND ")?,
            "$or" => inner(rule, " OR ")?,
            name => {
                let key = draft.fields.iter().find(|field| field.primary && name == KEY);
                let field = key.or_else(|| draft.of_column(name))?;
                of_field(field, rule)?
            }
        });
    }
    (!parts.is_empty()).then(|| joined(parts, " AND "))
}

fn of_field(declared: &FieldDraft, rule: &Value) -> Option<String> {
    let field = &declared.name;
    let constant = |value: &Value| match (&declared.ty, value) {
        // Instants are asked for as milliseconds.
        (FieldType::DateTime, Value::Int(millis)) => {
            DateTime::from_epoch_millis(*millis).map(|instant| quoted(&instant.to_string()))
        }
        (_, value) => constant(value),
    };
    let Some(rule) = rule.as_map() else {
        return match rule {
            Value::Null => Some(format!("{field} IS NULL")),
            value => Some(format!("{field} = {}", constant(value)?)),
        };
    };
    let mut parts = Vec::new();
    for (op, value) in rule.iter() {
        let op = match op {
            "$eq" if *value == Value::Null => {
                parts.push(format!("{field} IS NULL"));
                continue;
            }
            "$in" => {
                let items = value.as_list()?.iter().map(constant).collect::<Option<Vec<_>>>()?;
                parts.push(format!("{field} IN ({})", items.join(", ")));
                continue;
            }
            "$eq" => "=",
            "$lt" => "<",
            "$lte" => "<=",
            "$gt" => ">",
            // The least value of a type: whatever is there.
            "$gte" if *value == Value::from("") || *value == Value::Float(f64::NEG_INFINITY) => {
                parts.push(format!("{field} IS NOT NULL"));
                continue;
            }
            "$gte" => ">=",
            // `$exists` takes null for something that is there.
            _ => return None,
        };
        parts.push(format!("{field} {op} {}", constant(value)?));
    }
    (!parts.is_empty()).then(|| joined(parts, " AND "))
}

fn constant(value: &Value) -> Option<String> {
    Some(match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.is_finite() => format!("{number}"),
        Value::Decimal(number) => number.to_string(),
        Value::Text(text) => quoted(text),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(text: &str) -> Option<String> {
        let mut draft = Draft::default();
        for (name, column) in
            [("status", "status"), ("gone", "deleted at"), ("level", "level"), ("on", "active"), ("other", "Level")]
        {
            draft.fields.push(FieldDraft::bare(name, column));
        }
        draft.fields[2].ty = FieldType::Decimal { precision: None, scale: None };
        draft.fields[3].ty = FieldType::Boolean;
        said(&Rows::Sql(text.into()), &draft)
    }

    #[test]
    fn what_the_contract_has_words_for_is_said() {
        for (text, expected) in [
            ("\"deleted at\" IS NULL", "gone IS NULL"),
            ("(\"deleted at\" IS NOT NULL)", "gone IS NOT NULL"),
            ("LEVEL > -3", "level > -3"),
            ("(3 <= level)", "3 <= level"),
            ("((status)::text = 'it''s'::text)", "status = 'it''s'"),
            ("((status)::text <> 'a'::character varying(20)::text)", "status != 'a'"),
            ("status == 'a' and not (level = 3)", "(status = 'a') AND (NOT (level = 3))"),
            ("active", "on"),
            ("\"Level\" = 'a' AND \"level\" = 3", "(other = 'a') AND (level = 3)"),
            ("(NOT active)", "NOT (on)"),
            ("active = 1", "on = true"),
            ("level >= '10.5' AND level IN ('1', 2)", "(level >= 10.5) AND (level IN (1, 2))"),
            ("status IN ('a', 'b') OR level IS NULL", "(status IN ('a', 'b')) OR (level IS NULL)"),
            (
                "((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
                "status IN ('a', 'b')",
            ),
            ("(level = ANY (ARRAY[1, 2]))", "level IN (1, 2)"),
            ("(level <> ALL (ARRAY[1, 2]))", "level NOT IN (1, 2)"),
            (
                "((level > 1) AND ((level < 9) OR (status = 'x'::text)))",
                "(level > 1) AND ((level < 9) OR (status = 'x'))",
            ),
        ] {
            assert_eq!(said_of(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_it_has_no_words_for_is_not_guessed() {
        for text in [
            "lower(status) = 'a'",
            "level + 1 > 3",
            "level > other",
            "status LIKE 'a%'",
            "((level)::date > 3)",
            "level = status",
            "level BETWEEN 1 AND 3",
            "status = 'a' COLLATE nocase",
            "(level > 1",
            "level = ANY ('{1,2}'::integer[])",
            "level > ALL (ARRAY[1])",
            "",
        ] {
            assert_eq!(said_of(text), None, "{text}");
        }
        let deep = format!("{}level = 1{}", "(".repeat(100), ")".repeat(100));
        assert_eq!(said_of(&deep), None);
    }
}
