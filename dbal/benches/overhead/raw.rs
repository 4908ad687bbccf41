//! The work by hand: rusqlite with cached statements.

use std::path::Path;

use dbal::{DateTime, Uuid};
use rusqlite::{Connection, Row, params};

use crate::data::Data;
use crate::rounds::choice;

pub struct Raw(Connection);

#[allow(dead_code, reason = "an application would use all of them")]
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
            created_at: row.get(5)?,
            updated_at: row.get(6)?,
        })
    }
}

const SCHEMA: &str = "
CREATE TABLE users (id TEXT NOT NULL PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL, level INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE pages (id TEXT NOT NULL PRIMARY KEY, slug TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
  level INTEGER NOT NULL, layout TEXT NOT NULL, is_active INTEGER NOT NULL, created_at TEXT NOT NULL,
  author_id TEXT NOT NULL REFERENCES users(id));
CREATE TABLE comments (id TEXT NOT NULL PRIMARY KEY, page_id TEXT NOT NULL REFERENCES pages(id),
  author_id TEXT NOT NULL REFERENCES users(id), body TEXT NOT NULL, created_at TEXT NOT NULL);";

const INDEXES: &str = "
CREATE INDEX users_role_created ON users(role, created_at);
CREATE INDEX users_role_level ON users(role, level);
CREATE INDEX pages_created ON pages(created_at);
CREATE INDEX pages_author ON pages(author_id);
CREATE INDEX comments_page_created ON comments(page_id, created_at);
CREATE INDEX comments_author ON comments(author_id);
ANALYZE;";

/// The settings of the work, in both databases.
pub const PRAGMAS: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;
PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA busy_timeout=5000;";

fn text(at: DateTime) -> String {
    at.to_string()
}

impl Raw {
    pub fn create(path: &Path, data: &Data) -> Raw {
        let mut db = Connection::open(path).expect("the file can be made");
        db.execute_batch(PRAGMAS).expect("pragmas");
        db.execute_batch(SCHEMA).expect("tables");
        let tx = db.transaction().expect("begin");
        for user in &data.users {
            let at = text(user.created_at);
            tx.prepare_cached("INSERT INTO users VALUES (?,?,?,?,?,?,?)")
                .and_then(|mut s| {
                    s.execute(params![user.id_text, user.username, user.email, user.role, user.level, at, at])
                })
                .expect("a user");
        }
        for page in &data.pages {
            let author = &data.users[page.author].id_text;
            let at = text(page.created_at);
            let id = page.id.to_string();
            tx.prepare_cached("INSERT INTO pages VALUES (?,?,?,?,?,?,?,?)")
                .and_then(|mut s| {
                    s.execute(params![id, page.slug, page.title, page.level, page.layout, page.is_active, at, author])
                })
                .expect("a page");
        }
        for comment in &data.comments {
            let (page, author) = (data.pages[comment.page].id.to_string(), &data.users[comment.author].id_text);
            let id = comment.id.to_string();
            tx.prepare_cached("INSERT INTO comments VALUES (?,?,?,?,?)")
                .and_then(|mut s| s.execute(params![id, page, author, comment.body, text(comment.created_at)]))
                .expect("a comment");
        }
        tx.commit().expect("commit");
        db.execute_batch(INDEXES).expect("indexes");
        Raw(db)
    }

    pub fn read_pk(&self, id: &str) -> i64 {
        let mut statement = self
            .0
            .prepare_cached("SELECT id, username, email, role, level, created_at, updated_at FROM users WHERE id = ?")
            .expect("prepares");
        let user = statement.query_row([id], User::of).expect("the user is there");
        std::hint::black_box(user).level
    }

    pub fn list(&self, role: &str) -> i64 {
        let mut statement = self
            .0
            .prepare_cached(
                "SELECT id, username, email, role, level, created_at, updated_at FROM users
                 WHERE role = ? AND level <= ? ORDER BY created_at DESC LIMIT 20",
            )
            .expect("prepares");
        let users: Vec<User> =
            statement.query_map(params![role, 3], User::of).and_then(Iterator::collect).expect("the users are there");
        let mut count =
            self.0.prepare_cached("SELECT count(*) FROM users WHERE role = ? AND level <= ?").expect("prepares");
        let total: i64 = count.query_row(params![role, 3], |row| row.get(0)).expect("a count");
        std::hint::black_box(&users).iter().map(|user| user.level).sum::<i64>() + total
    }

    pub fn insert(&self, data: &Data, i: usize) -> i64 {
        let page = data.pages[choice(i) % data.pages.len()].id.to_string();
        let author = &data.users[choice(i) % data.users.len()].id_text;
        let mut statement = self.0.prepare_cached("INSERT INTO comments VALUES (?,?,?,?,?)").expect("prepares");
        let body = "a comment of about the usual length, with a few words more to make it so";
        let values = params![Uuid::now_v7().to_string(), page, author, body, text(Data::older(i))];
        statement.execute(values).expect("inserts") as i64
    }

    pub fn update(&self, id: &str, i: usize) -> i64 {
        let mut statement =
            self.0.prepare_cached("UPDATE users SET level = ?, updated_at = ? WHERE id = ?").expect("prepares");
        let level = 1 + (choice(i) % 6) as i64;
        statement.execute(params![level, text(Data::older(i)), id]).expect("updates") as i64 * level
    }
}
