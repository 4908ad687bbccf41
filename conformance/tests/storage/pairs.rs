//! Keys of several fields: read, changed and paged by all of them, on each backend that has them.

use dbal::{Client, Config, Operation, Request, Value, value};
use dbal_conformance::servers::POSTGRES_URL;

const SCHEMA: &str = "
entity: Student
fields: { id: { type: integer, primary: true } }
relations: { courses: { type: many_to_many, entity: Course, through: Enrolment, foreign_key: student, other_key: course } }
---
entity: Course
fields: { id: { type: string, primary: true } }
---
entity: Enrolment
fields:
  student: { type: integer, primary: true, foreign_key: { entity: Student, on_delete: cascade } }
  course: { type: string, primary: true, foreign_key: { entity: Course, on_delete: cascade } }
  grade: { type: integer }
";

fn requests() -> Vec<Request> {
    let on = |operation, entity: &'static str| Request::new(operation, entity);
    let create = |entity, data: Value| on(Operation::Create, entity).arg("data", data);
    let mut all = Vec::new();
    for id in 1..=3 {
        all.push(create("Student", value!({ "id": id })));
    }
    for id in ["b", "a", "c"] {
        all.push(create("Course", value!({ "id": id })));
    }
    for (student, course) in [(2, "b"), (1, "c"), (1, "a"), (3, "a"), (2, "a"), (2, "a"), (9, "a")] {
        all.push(create("Enrolment", value!({ "student": student, "course": course, "grade": student })));
    }
    let both = |student: i64, course: &str| value!({ "student": student, "course": course });
    all.push(on(Operation::Read, "Enrolment").arg("id", both(2, "a")));
    all.push(on(Operation::Read, "Enrolment").arg("id", both(3, "b")));
    // Half a key is none, and neither is a value alone.
    all.push(on(Operation::Read, "Enrolment").arg("id", value!({ "student": 2 })));
    all.push(on(Operation::Read, "Enrolment").arg("id", 2));
    let raise = value!({ "grade": { "$increment": 1 } });
    all.push(on(Operation::Update, "Enrolment").arg("id", both(2, "b")).arg("data", raise));
    let upsert = |student, course| {
        let made = value!({ "student": student, "course": course, "grade": 0 });
        let where_ = both(student, course);
        let upsert = on(Operation::Upsert, "Enrolment").arg("where", where_).arg("create", made);
        upsert.arg("update", value!({ "grade": 7 }))
    };
    all.extend([upsert(3, "a"), upsert(3, "c")]);
    all.push(on(Operation::List, "Enrolment"));
    all.push(on(Operation::FindMany, "Enrolment").arg("sort", value!([{ "grade": "desc" }])).arg("limit", 2));
    all.push(on(Operation::FindMany, "Student").arg(
        "include",
        value!({
            "courses": { "sort": [{ "id": "desc" }], "limit": 1 }, "enrolments": { "limit": 1 },
        }),
    ));
    all.push(on(Operation::FindMany, "Course").arg("filter", value!({ "enrolments": { "$some": { "grade": 7 } } })));
    all.push(
        on(Operation::FindMany, "Enrolment")
            .arg("filter", value!({ "student": { "$gt": 1 } }))
            .arg("include", value!({ "student_rel": true })),
    );
    all.push(on(Operation::Delete, "Enrolment").arg("id", both(1, "c")));
    all.push(on(Operation::DeleteMany, "Enrolment").arg("filter", both(1, "a")));
    all.push(on(Operation::Delete, "Student").arg("id", 2));
    all.push(on(Operation::List, "Enrolment"));
    all
}

fn answers(client: &Client) -> Vec<String> {
    client.migrate().expect("makes the tables");
    assert_eq!(client.pending_migration().expect("compares"), [] as [String; 0]);
    let answers = requests().into_iter().map(|request| match client.execute(&request) {
        Ok(response) => format!("{request:?}\n    {:?}", super::without_cursors(&response.into_value())),
        Err(error) => format!("{request:?}\n    {} {:?}", error.code(), error.reason()),
    });
    let answers: Vec<String> = answers.collect();
    let mut pages = Vec::new();
    let mut at = Value::Null;
    loop {
        let query = dbal::query().sort("grade", "asc").limit(1).after(at);
        let page = client.entity("Enrolment").expect("is declared").list(query).expect("lists");
        pages.extend(page.data.iter().map(|row| format!("{row:?}")));
        match page.next_cursor {
            Some(cursor) => at = Value::from(cursor.as_str()),
            None => break,
        }
    }
    answers.into_iter().chain(pages).collect()
}

#[test]
fn rows_are_known_by_all_fields_of_their_key() {
    let open = |config: Config| Client::open(config.schema_text(SCHEMA)).expect("opens");
    let expected = answers(&open(Config::memory()));
    assert!(expected.iter().any(|answer| answer.contains("CONFLICT Some(Unique)")), "{expected:#?}");
    let found = answers(&open(Config::sqlite(":memory:")));
    assert_eq!(expected, found);
    let Some(url) = std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty()) else {
        eprintln!("LEFT OUT: {POSTGRES_URL} is not set; see cargo xtask servers");
        return;
    };
    let client = open(Config::postgres(format!("{url}?schema=dbal_pairs_{}", std::process::id())));
    assert_eq!(expected, answers(&client));
    client.reset().expect("is emptied");
}

#[test]
fn what_needs_a_key_of_one_field_is_told_so() {
    let bad = format!(
        "{SCHEMA}---\nentity: Note\nfields:\n  id: {{ type: integer, primary: true }}\n  of: {{ type: integer, foreign_key: {{ entity: Enrolment }} }}\n"
    );
    let fault = Client::open(Config::memory().schema_text(bad)).expect_err("is refused").to_string();
    assert!(fault.contains("Enrolment has a key of several fields"), "{fault}");
}
