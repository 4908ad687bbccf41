//! Which type a column's values are of, and how they are stored where that is not how the engine stores them.

use std::sync::Arc;

use super::catalogue::{Column, Default_, Table};
use super::read::documents::ANYTHING;
use crate::plan::operation::Lowering;
use crate::schema::{EnumType, FieldType, TextKind};
use crate::sql::dialect::Dialect;

/// What a column is taken for.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub ty: FieldType,
    pub storage: Option<&'static str>,
    pub max_length: Option<u64>,
    /// How sure that is, where it is not said.
    pub remarks: Vec<String>,
}

impl Typed {
    fn new(ty: FieldType) -> Typed {
        Typed { ty, storage: None, max_length: None, remarks: Vec::new() }
    }

    fn stored(self, storage: &'static str) -> Typed {
        Typed { storage: Some(storage), ..self }
    }

    fn remark(mut self, remark: impl Into<String>) -> Typed {
        self.remarks.push(remark.into());
        self
    }
}

const TEXT: FieldType = FieldType::Text(TextKind::Text);
const STRING: FieldType = FieldType::Text(TextKind::String);

/// The type of a column, or why it has none.
pub(super) fn typed(how: Lowering, table: &Table, column: &Column) -> Result<Typed, String> {
    let typed = match how {
        Lowering::Sql(Dialect::Sqlite) if column.collation.as_deref() == Some("dbal_decimal") => {
            return Ok(Typed::new(FieldType::Decimal { precision: None, scale: None }));
        }
        Lowering::Sql(Dialect::Sqlite) => sqlite(table, column)?,
        Lowering::Sql(Dialect::Postgres) => postgres(column)?,
        Lowering::Document | Lowering::Ast => document(table, column)?,
    };
    Ok(match (&column.collation, typed.storage) {
        (Some(_), None) if typed.ty.is_text() => typed.stored("collated"),
        _ => typed,
    })
}

/// The word of a declared type in capitals, and the numbers in its parentheses.
fn parts(stored: &str) -> (String, Vec<u64>) {
    let (word, rest) = stored.split_once('(').unwrap_or((stored, ""));
    let inside = rest.split(')').next().unwrap_or_default();
    let numbers = inside.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let tail = rest.split_once(')').map_or("", |(_, tail)| tail);
    let word = format!("{} {}", word.trim(), tail.trim()).trim().to_ascii_uppercase();
    (word, numbers)
}

fn words(column: &Column) -> Option<FieldType> {
    let words = column.words.clone()?;
    Some(FieldType::Enum(Arc::new(EnumType { values: words, ordered: false })))
}

fn decimal(numbers: &[u64]) -> (FieldType, Option<String>) {
    let digits = |at: usize| numbers.get(at).and_then(|digits| u32::try_from(*digits).ok());
    match (digits(0), digits(1)) {
        (Some(precision), _) if precision > 34 => {
            let remark = format!("its column takes {precision} digits; of more than 34 none can be read");
            (FieldType::Decimal { precision: None, scale: digits(1).filter(|scale| *scale <= 34) }, Some(remark))
        }
        (Some(precision), scale) => {
            (FieldType::Decimal { precision: Some(precision), scale: Some(scale.unwrap_or(0)) }, None)
        }
        (None, _) => (FieldType::Decimal { precision: None, scale: None }, None),
    }
}

/// `all 1,000 rows`, or `1,000 rows of many`.
fn looked(table: &Table) -> String {
    let rows = number(table.sampled.unwrap_or(0));
    if table.whole { format!("all {rows} rows") } else { format!("{rows} of its rows") }
}

pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What kinds of values there were: `980 text, 12 integer`.
fn kinds(column: &Column) -> String {
    let seen = column.seen.iter().flat_map(|seen| &seen.kinds);
    seen.map(|(kind, count)| format!("{} {kind}", number(*count))).collect::<Vec<_>>().join(", ")
}

/// SQLite's types bind nobody: what is stored decides, and the declared type where nothing is.
fn sqlite(table: &Table, column: &Column) -> Result<Typed, String> {
    let (word, numbers) = parts(&column.stored);
    let seen = column.seen.clone().unwrap_or_default();
    let values = seen.values();
    let has = |part: &str| word.contains(part);
    let only = |kind: &str| values == 0 || seen.only(kind);
    let mixed = || Err(format!("holds values of several kinds ({})", kinds(column)));
    let sure = |typed: Typed| match values {
        0 if table.sampled.is_some() => typed.remark("no value was there to look at; taken at its declared word"),
        _ => typed,
    };
    if seen.kinds.iter().any(|(kind, _)| kind.contains("UTF-8")) {
        return Err(format!("holds texts that are not UTF-8 ({})", kinds(column)));
    }
    if let Some(ty) = words(column).filter(|_| only("text")) {
        return Ok(Typed::new(ty));
    }
    let texts = |typed: Typed| {
        let longest = numbers.first().copied().filter(|most| *most > 0 && seen.longest <= *most);
        let over = numbers.first().is_some_and(|most| *most > 0 && seen.longest > *most);
        let typed = if over {
            typed.remark(format!("declared as {}, but a value has {} characters", column.stored, seen.longest))
        } else {
            typed
        };
        Typed { max_length: longest, ..typed }
    };
    let integers = || {
        let wide = has("BIG")
            || word == "INT8"
            || seen.range.is_some_and(|(least, most)| i32::try_from(least).is_err() || i32::try_from(most).is_err());
        Typed::new(if wide { FieldType::BigInt } else { FieldType::Integer })
    };
    if has("BOOL") {
        return match () {
            () if only("integer") && seen.range.is_none_or(|(least, most)| least >= 0 && most <= 1) => {
                Ok(sure(Typed::new(FieldType::Boolean)))
            }
            () if only("integer") => {
                Ok(integers().remark("declared as a boolean, but holds other numbers than 0 and 1"))
            }
            () if seen.only("text") => Ok(texts(Typed::new(STRING)).remark("declared as a boolean, but holds texts")),
            () => mixed(),
        };
    }
    if has("DATETIME") || has("TIMESTAMP") {
        return instants(column, &looked(table))
            .ok_or_else(|| format!("holds values of several kinds ({})", kinds(column)));
    }
    if word == "DATE" {
        let days = seen.forms.date == seen.forms.texts;
        return match () {
            () if only("text") && days => Ok(sure(Typed::new(FieldType::Date))),
            () => instants(column, &looked(table))
                .ok_or_else(|| format!("holds values of several kinds ({})", kinds(column))),
        };
    }
    if has("JSON") && only("text") {
        let fits = seen.forms.json == seen.forms.texts;
        let typed = Typed::new(FieldType::Json).stored("text");
        return Ok(sure(if fits {
            typed
        } else {
            typed.remark("not every text that was looked at begins as a document does")
        }));
    }
    if (has("UUID") || has("GUID") || has("UNIQUEIDENTIFIER")) && (values == 0 || seen.only("text")) {
        return Ok(match seen.forms.uuid == seen.forms.texts {
            true => sure(Typed::new(FieldType::Uuid)),
            false => texts(Typed::new(STRING)).remark("declared as a UUID, but not every value is one"),
        });
    }
    if has("DEC") || has("NUMERIC") || has("MONEY") || has("NUMBER") {
        let (ty, remark) = decimal(&numbers);
        let typed = Typed { remarks: remark.into_iter().collect(), ..Typed::new(ty) };
        let digits = seen.forms.decimal == seen.forms.texts;
        let numbers_only = seen.of_kind("text") + seen.of_kind("blob") == 0;
        return match () {
            () if values == 0 || numbers_only => Ok(sure(typed.stored("numeric"))),
            () if seen.only("text") && digits => Ok(typed.stored("text")),
            () => mixed(),
        };
    }
    if has("INT") {
        return if only("integer") { Ok(sure(integers())) } else { odd(column, values, &seen, texts, mixed) };
    }
    if has("CHAR") || has("CLOB") || has("TEXT") || has("STRING") || word == "TIME" {
        if !only("text") {
            return odd(column, values, &seen, texts, mixed);
        }
        if values > 0 && seen.forms.uuid == values {
            return Ok(Typed::new(FieldType::Uuid).remark(format!("a UUID in {}", looked(table))));
        }
        let long = has("CLOB") || has("TEXT");
        let typed = texts(Typed::new(if long { TEXT } else { STRING }));
        return Ok(match () {
            () if values > 0 && seen.forms.date == values => {
                typed.remark(format!("reads as a day in {}: type date would fit", looked(table)))
            }
            () if values > 0 && seen.forms.instant == values => typed
                .remark(format!("reads as an instant in {}: type datetime with a storage would fit", looked(table))),
            () if values > 0 && seen.forms.json == values => {
                typed.remark(format!("reads as JSON in {}: type json with storage text would fit", looked(table)))
            }
            () => typed,
        });
    }
    if has("REAL") || has("FLOA") || has("DOUB") {
        return match () {
            () if only("real") => Ok(sure(Typed::new(FieldType::Float))),
            () if seen.of_kind("text") + seen.of_kind("blob") == 0 => {
                Ok(Typed::new(FieldType::Float).stored("numeric"))
            }
            () => odd(column, values, &seen, texts, mixed),
        };
    }
    if has("BLOB") && only("blob") {
        return Ok(sure(Typed::new(FieldType::Bytes)));
    }
    if values == 0 {
        return Err(format!("is declared as `{}`, and no value was there to look at", column.stored));
    }
    odd(column, values, &seen, texts, mixed)
}

/// What is stored otherwise than its declared type says.
fn odd(
    column: &Column,
    values: u64,
    seen: &super::catalogue::Seen,
    texts: impl Fn(Typed) -> Typed,
    mixed: impl Fn() -> Result<Typed, String>,
) -> Result<Typed, String> {
    let declared = match column.stored.as_str() {
        "" => "declared without a type".to_owned(),
        stored => format!("declared as {stored}"),
    };
    let wide = seen.range.is_some_and(|(least, most)| i32::try_from(least).is_err() || i32::try_from(most).is_err());
    let numbers = seen.of_kind("integer") + seen.of_kind("real") == values;
    Ok(match () {
        () if seen.only("integer") => {
            let ty = if wide { FieldType::BigInt } else { FieldType::Integer };
            Typed::new(ty).remark(format!("{declared}; every value looked at is a whole number"))
        }
        () if numbers => Typed::new(FieldType::Float)
            .stored("numeric")
            .remark(format!("{declared}; every value looked at is a number")),
        () if seen.only("text") => {
            texts(Typed::new(TEXT)).remark(format!("{declared}; every value looked at is a text"))
        }
        () if seen.only("blob") => {
            Typed::new(FieldType::Bytes).remark(format!("{declared}; every value looked at is bytes"))
        }
        () => return mixed(),
    })
}

/// Instants, in whichever form there are most.
fn instants(column: &Column, looked: &str) -> Option<Typed> {
    let seen = column.seen.clone().unwrap_or_default();
    let datetime = Typed::new(FieldType::DateTime);
    let values = seen.values();
    if values == 0 {
        let typed = datetime
            .stored("sql")
            .remark("no value was there to look at; taken for texts as CURRENT_TIMESTAMP gives them");
        return Some(typed);
    }
    if seen.only("integer") {
        // Numbers below are days of 1970 in milliseconds, and thousands of years in seconds.
        let seconds = seen.range.is_some_and(|(least, most)| least.abs().max(most.abs()) < 100_000_000_000);
        return Some(match seconds {
            true => datetime.stored("epoch_s").remark(format!("numbers that read as seconds since 1970 in {looked}")),
            false => datetime.remark(format!("numbers that read as milliseconds since 1970 in {looked}")),
        });
    }
    if seen.only("text") && seen.forms.instant == values {
        return Some(
            datetime
                .stored(if seen.longest > 19 { "sql_ms" } else { "sql" })
                .remark(format!("texts that read as instants in {looked}")),
        );
    }
    if seen.only("text") {
        return Some(
            Typed::new(STRING).remark(format!("declared as {}, but not every text reads as an instant", column.stored)),
        );
    }
    if seen.only("real") {
        return Some(
            Typed::new(FieldType::Float).remark("numbers with fractions; days of the Julian calendar, perhaps"),
        );
    }
    None
}

fn postgres(column: &Column) -> Result<Typed, String> {
    let (word, numbers) = parts(&column.stored);
    if let Some(ty) = words(column) {
        let own = !["text", "character varying", "character"].iter().any(|kind| column.stored.starts_with(kind));
        return Ok(if own { Typed::new(ty).stored("native") } else { Typed::new(ty) });
    }
    let length = numbers.first().copied();
    Ok(match word.as_str() {
        "UUID" => Typed::new(FieldType::Uuid),
        "TEXT" => Typed::new(TEXT),
        "CHARACTER VARYING" => Typed { max_length: length, ..Typed::new(STRING) },
        "CHARACTER" => Typed { max_length: length, ..Typed::new(STRING).stored("char") },
        "CITEXT" => Typed::new(TEXT).stored("citext"),
        "NAME" | "\"CHAR\"" => return Err(format!("is of the type {}", column.stored)),
        "SMALLINT" => Typed::new(FieldType::Integer).stored("smallint"),
        "INTEGER" => Typed::new(FieldType::Integer),
        "BIGINT" => Typed::new(FieldType::BigInt),
        "REAL" => Typed::new(FieldType::Float).stored("real"),
        "DOUBLE PRECISION" => Typed::new(FieldType::Float),
        "NUMERIC" => {
            let (ty, remark) = decimal(&numbers);
            Typed { remarks: remark.into_iter().collect(), ..Typed::new(ty) }
        }
        "BOOLEAN" => Typed::new(FieldType::Boolean),
        "DATE" => Typed::new(FieldType::Date),
        "TIMESTAMP WITH TIME ZONE" if length.is_some_and(|digits| digits <= 3) => Typed::new(FieldType::DateTime),
        "TIMESTAMP WITH TIME ZONE" => Typed::new(FieldType::DateTime).stored("timestamptz_us"),
        "TIMESTAMP WITHOUT TIME ZONE" => {
            let storage = if length.is_some_and(|digits| digits <= 3) { "timestamp_ms" } else { "timestamp_us" };
            Typed::new(FieldType::DateTime).stored(storage).remark("without a time zone: taken for UTC")
        }
        "JSONB" => Typed::new(FieldType::Json),
        "JSON" => Typed::new(FieldType::Json).stored("json"),
        "BYTEA" => Typed::new(FieldType::Bytes),
        _ => return Err(format!("is of the type {}", column.stored)),
    })
}

/// Documents say for themselves what they hold, and validators what they may.
fn document(table: &Table, column: &Column) -> Result<Typed, String> {
    let seen = column.seen.clone().unwrap_or_default();
    let rows = table.sampled.unwrap_or(0);
    let mut kinds_seen: Vec<&str> = seen.kinds.iter().map(|(kind, _)| kind.as_str()).collect();
    if kinds_seen.is_empty() {
        kinds_seen = column.stored.split(" or ").filter(|kind| !kind.is_empty()).collect();
    }
    kinds_seen.sort_unstable();
    let ours = column.seen.as_ref().is_none_or(|seen| seen.values() == 0);
    let typed = match &kinds_seen[..] {
        // The engine's own validators say nothing of json.
        [ANYTHING] => Typed::new(FieldType::Json),
        [] => return Err("was never seen with a value, and no validator says what it holds".into()),
        ["string"] => match words(column) {
            Some(ty) => Typed::new(ty),
            None if seen.values() > 0 && seen.forms.uuid == seen.values() => Typed::new(FieldType::Uuid),
            None => Typed::new(TEXT),
        },
        ["int"] => Typed::new(FieldType::Integer),
        ["long"] | ["int", "long"] => Typed::new(FieldType::BigInt),
        ["double"] => Typed::new(FieldType::Float),
        // The database compares numbers of all kinds with each other.
        ["double", "int"] | ["double", "long"] | ["double", "int", "long"] => Typed::new(FieldType::Float),
        ["bool"] => Typed::new(FieldType::Boolean),
        ["date"] => Typed::new(FieldType::DateTime),
        ["decimal"] => Typed::new(FieldType::Decimal { precision: None, scale: None }),
        ["binData"] => Typed::new(FieldType::Bytes),
        ["objectId"] => Typed::new(FieldType::Text(TextKind::ObjectId)),
        ["object"] | ["array"] => Typed::new(FieldType::Json),
        many if many
            .iter()
            .all(|kind| ["object", "array", "string", "int", "long", "double", "bool"].contains(kind)) =>
        {
            Typed::new(FieldType::Json)
        }
        [only] => return Err(format!("is of the kind {only}")),
        _ => return Err(format!("holds values of several kinds ({})", kinds(column))),
    };
    if ours {
        return Ok(typed);
    }
    let mut certainty = format!("seen in {} of {}", number(seen.values()), number(rows));
    if seen.nulls > 0 {
        certainty += &format!(", null in {}", number(seen.nulls));
    }
    if kinds_seen.len() > 1 {
        certainty += &format!(": {}", kinds(column));
    }
    let always = seen.values() == rows && kinds_seen.len() == 1;
    Ok(if always { typed } else { typed.remark(certainty) })
}

/// Whether a default asks for the time.
pub(super) fn is_now(default: Option<&Default_>) -> bool {
    matches!(default, Some(Default_::Now))
}
