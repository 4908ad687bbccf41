//! The same work by hand.

use dbal::Uuid;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Client, Collection, Database};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::work::ByHand;

pub struct Raw {
    runtime: Runtime,
    database: Database,
    users: Collection<User>,
    pages: Collection<Document>,
    comments: Collection<Comment>,
}

/// What a program would read a document into.
#[derive(Deserialize, Serialize)]
struct User {
    #[serde(rename = "_id")]
    id: String,
    username: String,
    email: String,
    role: String,
    level: i32,
    created_at: DateTime,
    updated_at: DateTime,
}

#[derive(Deserialize, Serialize)]
struct Comment {
    #[serde(rename = "_id")]
    id: String,
    page_id: String,
    author_id: String,
    body: String,
    created_at: DateTime,
}

#[derive(Deserialize)]
struct Page {
    level: i32,
    author: Vec<User>,
    comments: Vec<Said>,
    #[serde(flatten)]
    rest: Document,
}

#[derive(Deserialize)]
struct Said {
    author: Vec<User>,
    #[serde(flatten)]
    comment: Comment,
}

/// Makes sure that all of it was read.
fn read_into(user: User) -> i64 {
    std::hint::black_box((user.id, user.username, user.email, user.role, user.created_at, user.updated_at));
    user.level.into()
}

impl Raw {
    pub fn connect(url: &str) -> Raw {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(Client::with_uri_str(url)).expect("connects");
        let database = client.default_database().expect("the URL names one");
        let (users, pages, comments) =
            (database.collection("users"), database.collection("pages"), database.collection("comments"));
        Raw { runtime, database, users, pages, comments }
    }

    pub fn drop_database(&self) {
        self.runtime.block_on(async { self.database.drop().await }).expect("drops");
    }

    async fn user(&self, id: Uuid) -> i64 {
        let user = self.users.find_one(doc! { "_id": id.to_string() }).await.expect("reads");
        read_into(user.expect("is there"))
    }

    async fn page_of_users(&self, role: &str) -> i64 {
        let filter = doc! { "role": role, "level": { "$lte": 3 } };
        let found = self.users.find(filter.clone()).sort(doc! { "created_at": -1, "_id": 1 }).limit(20).await;
        let users: Vec<User> = found.expect("reads").try_collect().await.expect("reads");
        let total = self.users.count_documents(filter).await.expect("counts");
        users.into_iter().map(read_into).sum::<i64>() + total as i64
    }
}

impl ByHand for Raw {
    fn read_pk(&self, id: Uuid) -> i64 {
        self.runtime.block_on(self.user(id))
    }

    fn list(&self, role: &str) -> i64 {
        self.runtime.block_on(self.page_of_users(role))
    }

    fn join_nested(&self) -> i64 {
        let author =
            doc! { "$lookup": { "from": "users", "localField": "author_id", "foreignField": "_id", "as": "author" } };
        let newest = doc! { "$sort": { "created_at": -1, "_id": 1 } };
        let pipeline = vec![
            doc! { "$match": { "is_active": true, "level": { "$lte": 3 } } },
            newest.clone(),
            doc! { "$limit": 20 },
            author.clone(),
            doc! { "$lookup": {
                "from": "comments",
                "localField": "_id",
                "foreignField": "page_id",
                "pipeline": [newest, { "$limit": 5 }, author],
                "as": "comments",
            } },
        ];
        let pages: Vec<Page> = self.runtime.block_on(async {
            let found = self.pages.aggregate(pipeline).with_type::<Page>().await.expect("reads");
            found.try_collect().await.expect("reads")
        });
        let levels = |users: Vec<User>| users.into_iter().map(read_into).sum::<i64>();
        let said = |said: Said| {
            std::hint::black_box(said.comment);
            levels(said.author)
        };
        let one = |page: Page| {
            std::hint::black_box(page.rest);
            i64::from(page.level) + levels(page.author) + page.comments.into_iter().map(said).sum::<i64>()
        };
        pages.into_iter().map(one).sum()
    }

    fn insert(&self, page: Uuid, author: Uuid, i: usize) -> i64 {
        let comment = Comment {
            id: Uuid::now_v7().to_string(),
            page_id: page.to_string(),
            author_id: author.to_string(),
            body: "said by hand".to_owned(),
            created_at: DateTime::from_millis(1_700_000_000_000 + i as i64 * 1_000),
        };
        self.runtime.block_on(async { self.comments.insert_one(comment).await }).map(|_| 1).expect("inserts")
    }

    fn update(&self, id: Uuid, i: usize) -> i64 {
        let change = doc! { "$set": { "level": (i % 6) as i32 + 1, "updated_at": DateTime::now() } };
        // Two commands: the tests' server finds what `findAndModify` changes by looking at every document.
        self.runtime.block_on(async {
            self.users.update_one(doc! { "_id": id.to_string() }, change).await.expect("updates");
            self.user(id).await
        })
    }

    fn read_many(&self, ids: &[Uuid]) -> i64 {
        let all = join_all(ids.iter().map(|id| self.user(*id)));
        self.runtime.block_on(all).into_iter().sum()
    }

    fn list_many(&self, roles: &[&str]) -> i64 {
        let all = join_all(roles.iter().map(|role| self.page_of_users(role)));
        self.runtime.block_on(all).into_iter().sum()
    }
}
