//! The same work by hand.

#![allow(dead_code, reason = "an application would use all of the columns")]

use dbal::Uuid;
use tokio::runtime::Runtime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row, Statement};

use crate::work::ByHand;

const USER: &str = "id, username, email, role, level, created_at, updated_at";

pub struct Raw {
    runtime: Runtime,
    client: Client,
    statements: Vec<Statement>,
    /// A pool of connections, each with the statement that reads a user and those of a page of users.
    pool: Vec<(Client, [Statement; 3])>,
}

/// Connections of the pool, as many as the other side has.
const POOL: usize = 8;

/// What a program would read a row into.
pub struct User {
    pub id: Bytes,
    pub username: String,
    pub email: String,
    pub role: String,
    pub level: i32,
    pub created_at: Bytes,
    pub updated_at: Bytes,
}

/// A uuid or an instant as it comes.
pub struct Bytes(pub Vec<u8>);

impl<'r> tokio_postgres::types::FromSql<'r> for Bytes {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Bytes(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[derive(Debug)]
struct Id(Uuid);

impl ToSql for Id {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A page, who wrote it, and its comments, each with who wrote that.
pub struct Page {
    pub id: Bytes,
    pub slug: String,
    pub title: String,
    pub level: i32,
    pub layout: Bytes,
    pub is_active: bool,
    pub created_at: Bytes,
    pub author_id: Bytes,
    pub author: User,
    pub comments: Vec<Comment>,
}

pub struct Comment {
    pub id: Bytes,
    pub page_id: Bytes,
    pub author_id: Bytes,
    pub body: String,
    pub created_at: Bytes,
    pub author: User,
}

/// The columns of a user, which begin at a place of the row.
fn user_at(row: &Row, at: usize) -> User {
    User {
        id: row.get(at),
        username: row.get(at + 1),
        email: row.get(at + 2),
        role: row.get(at + 3),
        level: row.get(at + 4),
        created_at: row.get(at + 5),
        updated_at: row.get(at + 6),
    }
}

fn user(row: &Row) -> User {
    user_at(row, 0)
}

fn page(row: &Row) -> Page {
    Page {
        id: row.get(0),
        slug: row.get(1),
        title: row.get(2),
        level: row.get(3),
        layout: row.get(4),
        is_active: row.get(5),
        created_at: row.get(6),
        author_id: row.get(7),
        author: user_at(row, 8),
        comments: Vec::new(),
    }
}

/// The comment of a row that has one.
fn comment(row: &Row) -> Option<Comment> {
    Some(Comment {
        id: row.get::<_, Option<Bytes>>(15)?,
        page_id: row.get(16),
        author_id: row.get(17),
        body: row.get(18),
        created_at: row.get(19),
        author: user_at(row, 20),
    })
}

/// Makes sure that all of it was read.
fn read_into(user: User) -> i64 {
    std::hint::black_box((user.id.0, user.username, user.email, user.role, user.created_at.0, user.updated_at.0));
    user.level.into()
}

impl Raw {
    pub fn connect(url: &str) -> Raw {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls)).expect("connects");
        runtime.spawn(async move { drop(connection.await) });
        Raw { runtime, client, statements: Vec::new(), pool: Vec::new() }
    }

    pub fn execute(&self, text: &str) {
        self.runtime.block_on(self.client.batch_execute(text)).expect("runs");
    }

    pub fn prepare(mut self, url: &str) -> Raw {
        self.execute("SET search_path = dbal_bench");
        let lateral = "SELECT p.id, p.slug, p.title, p.level, p.layout, p.is_active, p.created_at, p.author_id, a.id, a.username, a.email, a.role, a.level, a.created_at, a.updated_at, c.* FROM (SELECT * FROM pages WHERE is_active AND level <= 3 \
             ORDER BY created_at DESC, id LIMIT 20) p JOIN users a ON a.id = p.author_id \
             LEFT JOIN LATERAL (SELECT c.id, c.page_id, c.author_id, c.body, c.created_at, u.id AS u_id, u.username, u.email, u.role, u.level, u.created_at AS u_created_at, u.updated_at FROM (SELECT * FROM comments \
             WHERE page_id = p.id ORDER BY created_at DESC, id LIMIT 5) c JOIN users u ON u.id = c.author_id) c ON TRUE \
             ORDER BY p.created_at DESC, p.id";
        let texts = [
            format!("SELECT {USER} FROM users WHERE id = $1"),
            format!("SELECT {USER} FROM users WHERE role = $1 AND level <= 3 ORDER BY created_at DESC, id LIMIT 20"),
            "SELECT count(*) FROM users WHERE role = $1 AND level <= 3".to_owned(),
            lateral.to_owned(),
            "INSERT INTO comments (id, page_id, author_id, body, created_at) \
             VALUES ($1, $2, $3, $4, to_timestamp($5::double precision))"
                .to_owned(),
            format!("UPDATE users SET level = $2, updated_at = now() WHERE id = $1 RETURNING {USER}"),
        ];
        for text in &texts {
            let statement = self.runtime.block_on(self.client.prepare(text)).expect("prepares");
            self.statements.push(statement);
        }
        for _ in 0..POOL {
            let made = self.runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
                tokio::spawn(async move { drop(connection.await) });
                client.batch_execute("SET search_path = dbal_bench").await?;
                let mut statements = Vec::new();
                for text in &texts[..3] {
                    statements.push(client.prepare(text).await?);
                }
                let statements = statements.try_into().unwrap_or_else(|_| unreachable!("there are three"));
                Ok::<_, tokio_postgres::Error>((client, statements))
            });
            self.pool.push(made.expect("connects"));
        }
        self
    }

    /// Many at once over the pool: a connection answers one before it is asked the next.
    fn pooled<T>(&self, all: &[T], ask: impl AsyncFn(&(Client, [Statement; 3]), &T) -> i64) -> i64 {
        let next = std::cell::Cell::new(0);
        let workers = self.pool.iter().map(async |connection| {
            let mut sum = 0;
            while let Some(one) = all.get(next.replace(next.get() + 1)) {
                sum += ask(connection, one).await;
            }
            sum
        });
        self.runtime.block_on(futures_util::future::join_all(workers)).into_iter().sum()
    }

    fn rows(&self, statement: usize, params: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        self.runtime.block_on(self.client.query(&self.statements[statement], params)).expect("runs")
    }
}

impl ByHand for Raw {
    fn read_pk(&self, id: Uuid) -> i64 {
        read_into(user(&self.rows(0, &[&Id(id)])[0]))
    }

    fn list(&self, role: &str) -> i64 {
        let users: Vec<User> = self.rows(1, &[&role]).iter().map(user).collect();
        let total: i64 = self.rows(2, &[&role])[0].get(0);
        users.iter().map(|user| i64::from(user.level)).sum::<i64>() + total
    }

    /// Each row has the page and its author again, which are made once.
    fn join_nested(&self) -> i64 {
        let mut pages: Vec<Page> = Vec::new();
        for row in &self.rows(3, &[]) {
            let id: Bytes = row.get(0);
            if pages.last().is_none_or(|last| last.id.0 != id.0) {
                pages.push(page(row));
            }
            pages.last_mut().expect("just made").comments.extend(comment(row));
        }
        let number = |page: &Page| {
            let comments = page.comments.iter().map(|comment| i64::from(comment.author.level)).sum::<i64>();
            i64::from(page.level) + i64::from(page.author.level) + comments
        };
        std::hint::black_box(&pages).iter().map(number).sum()
    }

    fn insert(&self, page: Uuid, author: Uuid, i: usize) -> i64 {
        let seconds = 1_700_000_000.0 + i as f64;
        let (id, page, author) = (Id(Uuid::now_v7()), Id(page), Id(author));
        let params: [&(dyn ToSql + Sync); 5] = [&id, &page, &author, &"said by hand", &seconds];
        let done = self.runtime.block_on(self.client.execute(&self.statements[4], &params)).expect("inserts");
        done as i64
    }

    fn update(&self, id: Uuid, i: usize) -> i64 {
        let level = (i % 6) as i32 + 1;
        i64::from(user(&self.rows(5, &[&Id(id), &level])[0]).level)
    }

    fn read_many(&self, ids: &[Uuid]) -> i64 {
        self.pooled(ids, async |(client, [read, ..]), id| {
            let rows = client.query(read, &[&Id(*id)]).await.expect("runs");
            read_into(user(&rows[0]))
        })
    }

    fn list_many(&self, roles: &[&str]) -> i64 {
        self.pooled(roles, async |(client, [_, list, count]), role| {
            let rows = client.query(list, &[role]).await.expect("runs");
            let users: Vec<User> = rows.iter().map(user).collect();
            let total: i64 = client.query(count, &[role]).await.expect("runs")[0].get(0);
            users.iter().map(|user| i64::from(user.level)).sum::<i64>() + total
        })
    }
}
