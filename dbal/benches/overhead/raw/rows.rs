//! Rows as an application holds them. Each reads its columns from a place on, so that one row of a join gives several.

#![allow(dead_code, reason = "an application would use all of the columns")]

use rusqlite::{Result, Row};

pub struct User {
    pub id: String,
    pub username: String,
    pub email: String,
    pub role: String,
    pub level: i64,
    pub created_at: String,
    pub updated_at: String,
}

impl User {
    pub const COLUMNS: usize = 7;

    pub fn of(row: &Row<'_>, at: usize) -> Result<User> {
        Ok(User {
            id: row.get(at)?,
            username: row.get(at + 1)?,
            email: row.get(at + 2)?,
            role: row.get(at + 3)?,
            level: row.get(at + 4)?,
            created_at: row.get(at + 5)?,
            updated_at: row.get(at + 6)?,
        })
    }
}

pub struct Comment {
    pub id: String,
    pub page_id: String,
    pub author_id: String,
    pub body: String,
    pub created_at: String,
}

impl Comment {
    pub const COLUMNS: usize = 5;

    pub fn of(row: &Row<'_>) -> Result<Comment> {
        Ok(Comment {
            id: row.get(0)?,
            page_id: row.get(1)?,
            author_id: row.get(2)?,
            body: row.get(3)?,
            created_at: row.get(4)?,
        })
    }
}

pub struct Page {
    pub id: String,
    pub slug: String,
    pub title: String,
    pub level: i64,
    pub layout: String,
    pub is_active: bool,
    pub created_at: String,
    pub author_id: String,
}

impl Page {
    pub const COLUMNS: usize = 8;

    pub fn of(row: &Row<'_>) -> Result<Page> {
        Ok(Page {
            id: row.get(0)?,
            slug: row.get(1)?,
            title: row.get(2)?,
            level: row.get(3)?,
            layout: row.get(4)?,
            is_active: row.get(5)?,
            created_at: row.get(6)?,
            author_id: row.get(7)?,
        })
    }
}

/// A page, who wrote it, and its comments, each with who wrote that.
pub struct WholePage {
    pub page: Page,
    pub author: User,
    pub comments: Vec<(Comment, User)>,
}

pub struct PageOf {
    pub id: String,
    pub title: String,
    pub created_at: String,
    pub author: String,
    pub author_level: i64,
}

impl PageOf {
    pub fn of(row: &Row<'_>) -> Result<PageOf> {
        Ok(PageOf {
            id: row.get(0)?,
            title: row.get(1)?,
            created_at: row.get(2)?,
            author: row.get(3)?,
            author_level: row.get(4)?,
        })
    }
}
