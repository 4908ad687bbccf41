//! The same work through dbal, as its documentation shows it.

use std::path::Path;

use dbal::client::handle::Entity;
use dbal::{Client, Config, Record, Uuid, Value, query, value};

use crate::data::{BODY, Data};

pub struct Dbal(Client);

impl Dbal {
    pub fn create(path: &Path, data: &Data) -> Dbal {
        let Dbal(db) = Dbal::open(path);
        db.migrate().expect("migrates");
        db.transaction(|tx| {
            let users = tx.entity("User")?;
            for user in &data.users {
                let at = user.created_at;
                users.create(value!({
                    "id": (user.id), "username": (user.username.as_str()), "email": (user.email.as_str()),
                    "role": (user.role), "level": (user.level), "created_at": at, "updated_at": at,
                }))?;
            }
            let pages = tx.entity("Page")?;
            for page in &data.pages {
                let block = |(kind, text): &(&str, String)| value!({ "type": (*kind), "text": (text.as_str()) });
                let blocks: Vec<Value> = page.layout.blocks.iter().map(block).collect();
                let layout = value!({ "cols": (page.layout.cols), "blocks": blocks });
                pages.create(value!({
                    "id": (page.id), "slug": (page.slug.as_str()), "title": (page.title.as_str()),
                    "level": (page.level), "layout": layout, "is_active": (page.is_active),
                    "created_at": (page.created_at), "author_id": (data.users[page.author].id),
                }))?;
            }
            let comments = tx.entity("Comment")?;
            for comment in &data.comments {
                comments.create(value!({
                    "id": (comment.id), "page_id": (data.pages[comment.page].id),
                    "author_id": (data.users[comment.author].id), "body": (comment.body.as_str()),
                    "created_at": (comment.created_at),
                }))?;
            }
            Ok::<(), dbal::Error>(())
        })
        .expect("fills");
        // What a deployment's maintenance does; dbal has no verb for it yet.
        rusqlite::Connection::open(path).and_then(|db| db.execute_batch("ANALYZE")).expect("analyzes");
        Dbal::open(path)
    }

    /// With the same memory for pages as by hand.
    pub fn open(path: &Path) -> Dbal {
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/overhead/schema");
        Dbal(Client::open(Config::sqlite(path).cache_kib(65_536).schema_dir(schema)).expect("opens"))
    }

    pub fn client(&self) -> &Client {
        &self.0
    }

    fn on(&self, entity: &str) -> Entity<'_, Client> {
        self.0.entity(entity).expect("declared")
    }

    pub fn read_pk(&self, id: Uuid) -> i64 {
        let user = self.on("User").read(id).expect("the user is there");
        number(&user, "level")
    }

    pub fn list(&self, role: &str) -> i64 {
        let asked =
            query().filter(value!({ "role": role, "level": { "$lte": 3 } })).sort("created_at", "desc").limit(20);
        let page = self.on("User").list(asked).expect("a page");
        page.data.iter().map(|user| number(user, "level")).sum::<i64>() + page.total.expect("a total")
    }

    pub fn join_nested(&self) -> i64 {
        let include = value!({
            "author": true,
            "comments": { "sort": { "created_at": "desc" }, "limit": 5, "include": { "author": true } },
        });
        let asked = query().filter(value!({ "is_active": true, "level": { "$lte": 3 } }));
        let asked = asked.sort("created_at", "desc").limit(20).include(include);
        let pages = self.on("Page").find_many(asked).expect("the pages");
        let of_comment = |comment: &Record| author(comment, "level") + length(comment, "body");
        let of_page = |page: &Record| {
            let Some(Value::Records(comments)) = page.get("comments") else { panic!("comments were asked for") };
            number(page, "level") + author(page, "level") + comments.iter().map(of_comment).sum::<i64>()
        };
        pages.iter().map(of_page).sum()
    }

    pub fn join_flat(&self) -> i64 {
        let asked = query()
            .filter(value!({ "is_active": true, "author": { "role": "admin" } }))
            .select(["id", "title", "created_at"])
            .include(value!({ "author": { "select": ["username", "level"] } }))
            .sort("created_at", "desc")
            .limit(50);
        let pages = self.on("Page").find_many(asked).expect("the pages");
        let of_page = |page: &Record| {
            let Some(Value::Record(user)) = page.get("author") else { panic!("the author was asked for") };
            number(user, "level") + length(user, "username") + length(page, "title")
        };
        pages.iter().map(of_page).sum()
    }

    pub fn agg(&self) -> i64 {
        let asked = query().group_by(["page_id"]).count().sort("count", "desc").limit(10);
        let pages = self.on("Comment").aggregate(asked).expect("groups");
        let pages = pages.as_list().expect("a list");
        let count = |page: &Value| page.as_map().and_then(|page| page.get("count")?.as_i64()).expect("a count");
        pages.iter().zip(1..).map(|(page, place)| count(page) * place).sum()
    }

    pub fn stream10k(&self) -> i64 {
        let comments = self.on("Comment").find_many(query().limit(10_000)).expect("the comments");
        comments.iter().map(|comment| length(comment, "body")).sum()
    }

    pub fn insert(&self, data: &Data, i: usize) -> i64 {
        self.on("Comment").create(comment(data, i)).expect("inserts");
        1
    }

    pub fn bulk(&self, data: &Data, i: usize) -> i64 {
        let rows = (i * 100..(i + 1) * 100).map(|i| comment(data, i));
        self.on("Comment").insert_many(rows).expect("inserts")
    }

    pub fn update(&self, id: Uuid, i: usize) -> i64 {
        let patch = value!({ "level": (Data::level(i)), "updated_at": (Data::older(i)) });
        let user = self.on("User").update(id, patch).expect("updates");
        number(&user, "level")
    }
}

/// A new comment; its id is made by dbal.
fn comment(data: &Data, i: usize) -> Value {
    let (page, author) = data.comment(i);
    value!({ "page_id": page, "author_id": author, "body": BODY, "created_at": (Data::older(i)) })
}

fn number(record: &Record, field: &str) -> i64 {
    record.get(field).and_then(Value::as_i64).expect("a number")
}

fn length(record: &Record, field: &str) -> i64 {
    record.get(field).and_then(Value::as_str).expect("text").len() as i64
}

fn author(record: &Record, field: &str) -> i64 {
    let Some(Value::Record(author)) = record.get("author") else { panic!("the author was asked for") };
    number(author, field)
}
