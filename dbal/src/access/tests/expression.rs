use super::{POST, Show, USER, schema};
use crate::access::expression::{MAX_BYTES, MAX_DEPTH, compile};
use crate::schema::EntityId;

fn typed(entity: EntityId, text: &str) -> String {
    let schema = schema();
    match compile(&schema, entity, text) {
        Ok((expr, params)) => Show { schema: &schema, params: &params }.expr(entity, &expr),
        Err(faults) => panic!("{text}: {faults:?}"),
    }
}

fn faults(entity: EntityId, text: &str) -> String {
    let faults = compile(&schema(), entity, text).expect_err(text);
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_claim_takes_the_type_of_the_other_side() {
    for (text, expected) in [
        ("id = $user.id", "id = $user.id:uuid"),
        ("$user.level>=level", "$user.level:integer >= level"),
        ("balance <= $user.budget", "balance <= $user.budget:decimal"),
        ("seen_at > $session.began", "seen_at > $session.began:datetime"),
        ("role = $user.role", "role = $user.role:enum"),
        ("role <= $user.role", "rank(role) <= $user.role:enum:rank"),
        ("$user.staff", "$user.staff:boolean = true"),
        ("$user.team = 'red'", "$user.team:string = 'red'"),
        ("$user.level > 2", "$user.level:bigint > 2"),
        ("$user.score > 2.5", "$user.score:float > 2.5f"),
        ("$user.staff = true", "$user.staff:boolean = true"),
        ("$session.until > $now", "$session.until:datetime > $now"),
        ("$user.team IN ('a', 'b')", "$user.team:string in ['a', 'b']"),
    ] {
        assert_eq!(typed(USER, text), expected, "{text}");
    }
}

#[test]
fn constants_become_what_the_field_holds() {
    for (text, expected) in [
        ("level == 3", "level = 3"),
        ("score <> 3", "score != 3.0f"),
        ("score != -0.5", "score != -0.5f"),
        ("balance < 10", "balance < 10d"),
        ("balance < 0.1", "balance < 0.1d"),
        ("balance < 0.001", "balance < 0.001d"),
        ("id = '018F3C1E-7B1C-7000-8000-000000000001'", "id = 018f3c1e-7b1c-7000-8000-000000000001"),
        ("name = \"it's\" OR name = 'it''s'", "(name = 'it's' or name = 'it's')"),
        ("born < '2024-02-29'", "born < date"),
        ("seen_at < '2024-02-29T00:00:00Z'", "seen_at < datetime"),
        ("active = TRUE", "active = true"),
        ("role = 'admin'", "role = `admin`"),
        ("role < 'god'", "rank(role) < #2"),
        ("'god' > role", "#2 > rank(role)"),
        ("role IN ('user', 'admin')", "role in ['user', 'admin']"),
        ("level not in (1, 2)", "not level in [1, 2]"),
    ] {
        assert_eq!(typed(USER, text), expected, "{text}");
    }
}

#[test]
fn logic_binds_as_everywhere() {
    for (text, expected) in [
        ("level = 1 OR level = 2 AND active", "(level = 1 or (level = 2 and active = true))"),
        ("(level=1 || level=2) && !active", "((level = 1 or level = 2) and not active = true)"),
        ("NOT not active", "not not active = true"),
        ("NOT level = 1 AND active", "(not level = 1 and active = true)"),
        ("level IS NULL or level is not null", "(level is null or not level is null)"),
        ("true", "true"),
    ] {
        assert_eq!(typed(USER, text), expected, "{text}");
    }
}

#[test]
fn paths_follow_relations_to_one_row() {
    assert_eq!(typed(POST, "author.level > level"), "author.level > level");
    assert_eq!(typed(POST, "author.id IS NULL"), "author.id is null");
    assert_eq!(
        typed(POST, "$user.id IN (author_id, author.id)"),
        "($user.id:uuid = author_id or $user.id:uuid = author.id)"
    );
    assert_eq!(typed(POST, "author.secret = 'x'"), "author.secret = 'x'", "a rule may look at what callers may not");
}

#[test]
fn every_fault_says_where_and_what() {
    for (text, expected) in [
        ("", "column 1: expected a field, a claim or a value, found the end"),
        ("   ", "column 4: expected a field, a claim or a value, found the end"),
        ("NOT ()", "column 6: expected a field, a claim or a value, found `)`"),
        ("NOT", "column 4: expected a field, a claim or a value, found the end"),
        ("level =", "column 8: expected a field, a claim or a value, found the end"),
        ("level = 1 level", "column 11: expected AND, OR or the end, found `level`"),
        ("(level = 1", "column 11: expected `)`, found the end"),
        ("level IN ()", "column 11: expected a field, a claim or a value, found `)`"),
        ("level IN 1", "column 10: expected `(` and a list, found the number 1"),
        ("level IS 1", "column 10: expected NULL, found the number 1"),
        ("level = 1e3", "column 9: a number is digits with an optional minus and fraction, such as -3 or 0.5"),
        ("level = -", "column 9: a number is digits with an optional minus and fraction, such as -3 or 0.5"),
        ("level & 1", "column 7: expected `&&` or `||`"),
        ("name = 'x", "column 8: this text has no closing '"),
        ("name = #", "column 8: unexpected character '#'"),
        ("name = $", "column 8: expected `$user.…`, `$session.…` or `$now`"),
        ("name = $role", "column 8: unknown `$role`; expected `$user.…`, `$session.…` or `$now`"),
        ("name = $user", "column 13: expected `.` and the name of a claim, found the end"),
        ("name = $user.a.b", "column 15: expected nothing more: a claim is a single value, found `.`"),
        ("levle = 1", "column 1: unknown field `levle` of User; did you mean `level`?"),
        (
            "é = 1 AND levle = 1",
            "column 1: unknown field `é` of User; column 11: unknown field `levle` of User; did you mean `level`?",
        ),
        ("name = null", "column 8: null is never equal to anything; expected IS NULL or IS NOT NULL"),
        ("name IN ('a', null)", "column 15: null is never equal to anything; expected IS NULL or IS NOT NULL"),
        (
            "$user.id IS NOT NULL",
            "column 1: a claim cannot be tested for null: without it every comparison is unknown, which denies",
        ),
        ("1 = 1", "column 3: compares two constants; expected a field or a claim on one side"),
        (
            "$user.a = $user.b",
            "column 9: the type of two claims is not known; expected a field or a constant on one side",
        ),
        (
            "$user.role >= 'admin'",
            "column 12: the order of these texts is not declared; compare a field of an ordered enum",
        ),
        ("level = '3'", "column 9: expected an integer, got text"),
        ("level = 1.5", "column 9: expected an integer, got decimal"),
        ("level = 3000000000", "column 9: outside the 32 bits of an integer"),
        ("level = true", "column 9: expected an integer, got boolean"),
        ("active = 1", "column 10: expected a boolean, got integer"),
        ("active < true", "column 8: booleans have no order"),
        ("balance = '10'", "column 11: expected a number, found a text compared with decimal"),
        ("name = 3", "column 8: expected text, got integer"),
        ("level = name", "column 7: both sides must have one type, found integer and string"),
        ("level < score", "column 7: both sides must have one type, found integer and float"),
        ("seen_at < born", "column 9: both sides must have one type, found datetime and date"),
        ("prefs = 'x'", "column 7: json values cannot be compared in a rule"),
        ("avatar = 'eA=='", "column 8: bytes values cannot be compared in a rule"),
        ("password = 'x'", "column 1: `password` is stored hashed; a rule cannot look at it"),
        ("name", "column 1: expected a condition, found string without a comparison"),
        ("3", "column 1: expected a condition, found a constant integer without a comparison"),
        ("posts.level = 1", "column 1: `posts` leads to many rows; a path follows relations to one row only"),
        ("posts = 1", "column 1: `posts` is a relation; name a field of it, such as `posts.id`"),
        ("prefs.a = 1", "column 1: `prefs` of User is a field: nothing stands below it"),
        (
            "99999999999999999999999999999999999999999 = level",
            "column 1: the number 99999999999999999999999999999999999999999 has too many digits",
        ),
    ] {
        assert_eq!(faults(USER, text), expected, "{text}");
    }
    assert_eq!(
        faults(POST, "state < 'live'"),
        "column 7: this enum has no order; declare it `ordered: true` or use IN"
    );
    let unknown_word = faults(USER, "role = 'admn'");
    assert!(unknown_word.starts_with("column 8: "), "{unknown_word}");
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| format!("{}level = 1{}", "(".repeat(depth), ")".repeat(depth));
    typed(USER, &nested(MAX_DEPTH));
    assert!(faults(USER, &nested(MAX_DEPTH + 1)).contains("nested deeper than 32 levels"));
    assert!(faults(USER, &"NOT ".repeat(1_000)).contains("nested deeper than 32 levels"));
    assert!(faults(USER, &"(".repeat(MAX_BYTES)).contains("nested deeper than 32 levels"));
    assert!(faults(USER, &" ".repeat(MAX_BYTES + 1)).contains("8193 bytes"));
    typed(USER, &vec!["level = 1"; 500].join(" OR "));
}
