//! The same work through dbal, as its documentation shows it.

use std::path::Path;

use dbal::{Client, Config, Uuid, Value, query, value};

use crate::data::Data;
use crate::rounds::choice;

pub struct Dbal(Client);

impl Dbal {
    pub fn create(path: &Path, data: &Data) -> Dbal {
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/overhead/schema");
        let db = Client::open(Config::sqlite(path).schema_dir(schema)).expect("opens");
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
                let layout = value!({ "cols": 3, "blocks": [(page.layout.as_str())] });
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
        // The same memory for pages as by hand.
        let config = Config::sqlite(path).cache_kib(65_536).schema(db.schema().clone());
        let db = Client::open(config).expect("opens again");
        Dbal(db)
    }

    pub fn read_pk(&self, id: Uuid) -> i64 {
        let user = self.0.entity("User").and_then(|users| users.read(id)).expect("the user is there");
        user.get("level").and_then(Value::as_i64).expect("a level")
    }

    pub fn list(&self, role: &str) -> i64 {
        let asked =
            query().filter(value!({ "role": role, "level": { "$lte": 3 } })).sort("created_at", "desc").limit(20);
        let page = self.0.entity("User").and_then(|users| users.list(asked)).expect("a page");
        let levels = page.data.iter().filter_map(|user| user.get("level").and_then(Value::as_i64));
        levels.sum::<i64>() + page.total.expect("a total")
    }

    pub fn insert(&self, data: &Data, i: usize) -> i64 {
        let comment = value!({
            "page_id": (data.pages[choice(i) % data.pages.len()].id),
            "author_id": (data.users[choice(i) % data.users.len()].id),
            "body": "a comment of about the usual length, with a few words more to make it so",
            "created_at": (Data::older(i)),
        });
        self.0.entity("Comment").and_then(|comments| comments.create(comment)).expect("inserts");
        1
    }

    pub fn update(&self, id: Uuid, i: usize) -> i64 {
        let level = 1 + (choice(i) % 6) as i64;
        let patch = value!({ "level": level, "updated_at": (Data::older(i)) });
        let user = self.0.entity("User").and_then(|users| users.update(id, patch)).expect("updates");
        user.get("level").and_then(Value::as_i64).expect("a level")
    }
}
