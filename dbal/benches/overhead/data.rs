//! The data, made from a fixed seed.

use dbal::{DateTime, Uuid};

use crate::rounds::choice;

pub struct User {
    pub id: Uuid,
    pub id_text: String,
    pub username: String,
    pub email: String,
    pub role: &'static str,
    pub level: i64,
    pub created_at: DateTime,
}

pub struct Page {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
    pub level: i64,
    pub layout: Layout,
    pub is_active: bool,
    pub created_at: DateTime,
    pub author: usize,
}

/// What a page's json holds.
pub struct Layout {
    pub cols: i64,
    pub blocks: [(&'static str, String); 3],
}

impl Layout {
    pub fn text(&self) -> String {
        let block = |(kind, text): &(&str, String)| format!("{{\"text\":\"{text}\",\"type\":\"{kind}\"}}");
        format!("{{\"blocks\":[{}],\"cols\":{}}}", self.blocks.each_ref().map(block).join(","), self.cols)
    }
}

pub struct Comment {
    pub id: Uuid,
    pub page: usize,
    pub author: usize,
    pub body: String,
    pub created_at: DateTime,
}

pub struct Data {
    pub users: Vec<User>,
    pub pages: Vec<Page>,
    pub comments: Vec<Comment>,
}

const WORDS: [&str; 12] =
    ["lorem", "ipsum", "dolor", "sit", "amet", "elit", "sed", "tempor", "labore", "magna", "aliqua", "enim"];
/// What a new comment says.
pub const BODY: &str = "a comment of about the usual length, with a few words more to make it so";
const ROLES: [&str; 3] = ["user", "moderator", "admin"];
/// 2024-01-01T00:00:00Z.
const EPOCH: i64 = 1_704_067_200_000;

/// A small generator of numbers, good enough for data.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| WORDS[self.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
    }
}

/// Distinct instants, so that "newest first" has one answer.
fn instant(numbers: &mut Numbers, index: usize) -> DateTime {
    let millis = EPOCH + (index as i64) * 500 + numbers.below(500) as i64;
    DateTime::from_epoch_millis(millis).expect("within the years served")
}

impl Data {
    pub fn generate(users: usize, pages: usize, comments: usize) -> Data {
        let mut n = Numbers(0x9e37_79b9_7f4a_7c15);
        let make_user = |i: usize, n: &mut Numbers| {
            let id = n.id();
            let role = match n.below(100) {
                0..80 => "user",
                80..95 => "moderator",
                _ => "admin",
            };
            let (username, email) = (format!("user{i:05}"), format!("user{i:05}@example.test"));
            let level = 1 + n.below(6) as i64;
            User { id, id_text: id.to_string(), username, email, role, level, created_at: instant(n, i * 7919 % users) }
        };
        let all_users = (0..users).map(|i| make_user(i, &mut n)).collect();
        let make_page = |i: usize, n: &mut Numbers| Page {
            id: n.id(),
            slug: format!("page-{i:05}"),
            title: n.words(4),
            level: 1 + n.below(6) as i64,
            layout: Layout {
                cols: 1 + n.below(4) as i64,
                blocks: std::array::from_fn(|_| (["text", "image", "list"][n.below(3)], n.words(3))),
            },
            is_active: n.below(10) < 8,
            created_at: instant(n, i * 7919 % pages),
            author: n.below(users),
        };
        let all_pages = (0..pages).map(|i| make_page(i, &mut n)).collect();
        let make_comment = |i: usize, n: &mut Numbers| {
            let words = 8 + n.below(17);
            let (id, page, author, body) = (n.id(), n.below(pages), n.below(users), n.words(words));
            Comment { id, page, author, body, created_at: instant(n, i * 7919 % comments) }
        };
        let all_comments = (0..comments).map(|i| make_comment(i, &mut n)).collect();
        Data { users: all_users, pages: all_pages, comments: all_comments }
    }

    pub fn user(&self, i: usize) -> &str {
        &self.users[choice(i) % self.users.len()].id_text
    }

    pub fn user_id(&self, i: usize) -> Uuid {
        self.users[choice(i) % self.users.len()].id
    }

    pub fn role(&self, i: usize) -> &'static str {
        ROLES[choice(i) % ROLES.len()]
    }

    /// On which page, and by whom, a new comment is.
    pub fn comment(&self, i: usize) -> (Uuid, Uuid) {
        (self.pages[choice(i) % self.pages.len()].id, self.user_id(i))
    }

    pub fn level(i: usize) -> i64 {
        1 + (choice(i) % 6) as i64
    }

    /// An instant older than all the others, so that reads keep their answers.
    pub fn older(i: usize) -> DateTime {
        DateTime::from_epoch_millis(EPOCH - 1 - i as i64).expect("within the years served")
    }
}
