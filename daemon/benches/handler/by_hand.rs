//! What one would write for these two requests: axum, rusqlite with statements that are kept, serde. No caller, no rules,
//! no audit, no metrics.

use std::cell::RefCell;
use std::process::ExitCode;
use std::sync::OnceLock;

use axum::Json;
use axum::extract::Path;
use axum::routing::get;
use rusqlite::{Connection, OpenFlags, Row};
use serde::Serialize;

/// The argument by which this program is this server.
pub const WORD: &str = "serve-by-hand";

static DATABASE: OnceLock<String> = OnceLock::new();

thread_local! {
    // One for each thread of the runtime: reads wait for nobody.
    static CONNECTION: RefCell<Connection> = RefCell::new(open());
}

fn open() -> Connection {
    let path = DATABASE.get().unwrap();
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.set_prepared_statement_cache_capacity(16);
    connection
}

#[derive(Serialize)]
struct User {
    id: String,
    username: String,
    email: String,
    role: String,
    level: i64,
    created_at: String,
    updated_at: String,
}

impl User {
    fn of(row: &Row<'_>) -> rusqlite::Result<User> {
        Ok(User {
            id: row.get(0)?,
            username: row.get(1)?,
            email: row.get(2)?,
            role: row.get(3)?,
            level: row.get(4)?,
            created_at: time(row.get(5)?),
            updated_at: time(row.get(6)?),
        })
    }
}

fn time(millis: i64) -> String {
    dbal::DateTime::from_epoch_millis(millis).unwrap().to_string()
}

#[derive(Serialize)]
struct Page {
    data: Vec<User>,
    total: Option<i64>,
    page: i64,
    limit: i64,
    has_more: bool,
    next_cursor: Option<String>,
    prev_cursor: Option<String>,
}

const COLUMNS: &str = "id, username, email, role, level, created_at, updated_at";

async fn one(Path(id): Path<String>) -> Json<User> {
    Json(CONNECTION.with_borrow(|connection| {
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM users WHERE id = ?1")).unwrap();
        statement.query_row([id], User::of).unwrap()
    }))
}

async fn list() -> Json<Page> {
    Json(CONNECTION.with_borrow(|connection| {
        let sql = format!("SELECT {COLUMNS} FROM users ORDER BY username LIMIT 21");
        let mut statement = connection.prepare_cached(&sql).unwrap();
        let mut data: Vec<User> = statement.query_map([], User::of).unwrap().map(Result::unwrap).collect();
        let has_more = data.len() > 20;
        data.truncate(20);
        Page { data, total: None, page: 1, limit: 20, has_more, next_cursor: None, prev_cursor: None }
    }))
}

/// Listens, and says where.
pub fn serve(database: &str) -> ExitCode {
    DATABASE.set(database.to_owned()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let app = axum::Router::new().route("/v1/users/{id}", get(one)).route("/v1/users", get(list));
        axum::serve(listener, app).await.unwrap();
    });
    ExitCode::SUCCESS
}
