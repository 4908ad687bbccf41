//! The operations.

use std::hint::black_box;

use dbal::Uuid;
use rusqlite::{CachedStatement, Row, params};

use super::rows::{Comment, Page, PageOf, User, WholePage};
use super::{Raw, text};
use crate::data::{BODY, Data};

const USER: &str = "SELECT id, username, email, role, level, created_at, updated_at FROM users WHERE id = ?";
const USERS: &str = "SELECT id, username, email, role, level, created_at, updated_at FROM users
    WHERE role = ? AND level <= ? ORDER BY created_at DESC LIMIT 20";
const PAGES: &str = "SELECT p.id, p.slug, p.title, p.level, p.layout, p.is_active, p.created_at, p.author_id,
    u.id, u.username, u.email, u.role, u.level, u.created_at, u.updated_at
    FROM pages p JOIN users u ON u.id = p.author_id
    WHERE p.is_active = 1 AND p.level <= 3 ORDER BY p.created_at DESC LIMIT 20";
const COMMENTS: &str = "SELECT c.id, c.page_id, c.author_id, c.body, c.created_at,
    u.id, u.username, u.email, u.role, u.level, u.created_at, u.updated_at
    FROM comments c JOIN users u ON u.id = c.author_id
    WHERE c.page_id = ? ORDER BY c.created_at DESC LIMIT 5";
const PAGES_OF_ADMINS: &str = "SELECT p.id, p.title, p.created_at, u.username, u.level
    FROM pages p JOIN users u ON u.id = p.author_id
    WHERE p.is_active = 1 AND u.role = 'admin' ORDER BY p.created_at DESC LIMIT 50";
const BUSIEST: &str = "SELECT page_id, count(*) AS n FROM comments GROUP BY page_id ORDER BY n DESC, page_id LIMIT 10";
const FIRST_COMMENTS: &str = "SELECT id, page_id, author_id, body, created_at FROM comments ORDER BY id LIMIT 10000";
const INSERT: &str = "INSERT INTO comments VALUES (?,?,?,?,?)";
const UPDATE: &str = "UPDATE users SET level = ?, updated_at = ? WHERE id = ?";

impl Raw {
    fn statement(&self, text: &str) -> CachedStatement<'_> {
        self.0.prepare_cached(text).expect("prepares")
    }

    pub fn read_pk(&self, id: &str) -> i64 {
        let user = self.statement(USER).query_row([id], |row| User::of(row, 0)).expect("the user is there");
        black_box(user).level
    }

    pub fn list(&self, role: &str) -> i64 {
        let mut statement = self.statement(USERS);
        let rows = statement.query_map(params![role, 3], |row| User::of(row, 0));
        let users: Vec<User> = rows.and_then(Iterator::collect).expect("the users are there");
        let mut count = self.statement("SELECT count(*) FROM users WHERE role = ? AND level <= ?");
        let total: i64 = count.query_row(params![role, 3], |row| row.get(0)).expect("a count");
        black_box(&users).iter().map(|user| user.level).sum::<i64>() + total
    }

    /// In one read transaction: all of it is of one moment, and the lock is taken once.
    pub fn join_nested(&self) -> i64 {
        self.statement("BEGIN").execute([]).expect("begins");
        let mut statement = self.statement(PAGES);
        let whole = |row: &Row<'_>| {
            Ok(WholePage { page: Page::of(row)?, author: User::of(row, Page::COLUMNS)?, comments: Vec::new() })
        };
        let rows = statement.query_map([], whole);
        let mut pages: Vec<WholePage> = rows.and_then(Iterator::collect).expect("the pages are there");
        let mut comments = self.statement(COMMENTS);
        for page in &mut pages {
            let both = |row: &Row<'_>| Ok((Comment::of(row)?, User::of(row, Comment::COLUMNS)?));
            let rows = comments.query_map([&page.page.id], both);
            page.comments = rows.and_then(Iterator::collect).expect("the comments are there");
        }
        self.statement("COMMIT").execute([]).expect("ends");
        let number = |page: &WholePage| {
            let of_comment = |(comment, author): &(Comment, User)| author.level + comment.body.len() as i64;
            page.page.level + page.author.level + page.comments.iter().map(of_comment).sum::<i64>()
        };
        black_box(&pages).iter().map(number).sum()
    }

    pub fn join_flat(&self) -> i64 {
        let mut statement = self.statement(PAGES_OF_ADMINS);
        let rows = statement.query_map([], PageOf::of);
        let pages: Vec<PageOf> = rows.and_then(Iterator::collect).expect("the pages are there");
        black_box(&pages).iter().map(|page| page.author_level + (page.author.len() + page.title.len()) as i64).sum()
    }

    pub fn agg(&self) -> i64 {
        let mut statement = self.statement(BUSIEST);
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let pages: Vec<(String, i64)> = rows.and_then(Iterator::collect).expect("the pages are there");
        black_box(&pages).iter().zip(1..).map(|((_, comments), place)| comments * place).sum()
    }

    pub fn stream10k(&self) -> i64 {
        let mut statement = self.statement(FIRST_COMMENTS);
        let rows = statement.query_map([], Comment::of);
        let comments: Vec<Comment> = rows.and_then(Iterator::collect).expect("the comments are there");
        black_box(&comments).iter().map(|comment| comment.body.len() as i64).sum()
    }

    pub fn insert(&self, data: &Data, i: usize) -> i64 {
        let (page, author) = data.comment(i);
        let (page, author) = (page.to_string(), author.to_string());
        let values = params![Uuid::now_v7().to_string(), page, author, BODY, text(Data::older(i))];
        self.statement(INSERT).execute(values).expect("inserts") as i64
    }

    pub fn bulk(&self, data: &Data, i: usize) -> i64 {
        self.statement("BEGIN IMMEDIATE").execute([]).expect("begins");
        let mut statement = self.statement(INSERT);
        let mut made = 0;
        for i in i * 100..(i + 1) * 100 {
            let (page, author) = data.comment(i);
            let (page, author) = (page.to_string(), author.to_string());
            let values = params![Uuid::now_v7().to_string(), page, author, BODY, text(Data::older(i))];
            made += statement.execute(values).expect("inserts") as i64;
        }
        self.statement("COMMIT").execute([]).expect("commits");
        made
    }

    pub fn update(&self, id: &str, i: usize) -> i64 {
        let level = Data::level(i);
        let updated = self.statement(UPDATE).execute(params![level, text(Data::older(i)), id]).expect("updates");
        updated as i64 * level
    }
}
