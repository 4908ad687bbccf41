//! The work by hand: rusqlite with cached statements.

mod rows;
mod work;

use std::path::Path;

use dbal::DateTime;
use rusqlite::{Connection, params};

use crate::data::Data;

pub struct Raw(Connection);

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
CREATE INDEX comments_author ON comments(author_id);";

/// The settings of the work, in both databases.
pub const PRAGMAS: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;
PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA busy_timeout=5000;";

fn text(at: DateTime) -> String {
    at.to_string()
}

impl Raw {
    pub fn open(path: &Path) -> Raw {
        let db = Connection::open(path).expect("the file can be made");
        db.execute_batch(PRAGMAS).expect("pragmas");
        db.set_prepared_statement_cache_capacity(64);
        Raw(db)
    }

    pub fn create(path: &Path, data: &Data) -> Raw {
        let Raw(mut db) = Raw::open(path);
        db.execute_batch(SCHEMA).expect("tables");
        // Before the rows, as in a database in use: indexes made afterwards are packed tighter and read faster.
        db.execute_batch(INDEXES).expect("indexes");
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
                    s.execute(params![
                        id,
                        page.slug,
                        page.title,
                        page.level,
                        page.layout.text(),
                        page.is_active,
                        at,
                        author
                    ])
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
        db.execute_batch("ANALYZE").expect("analyzes");
        Raw(db)
    }
}
