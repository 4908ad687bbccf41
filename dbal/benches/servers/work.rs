//! The work of an application on a server, through dbal and by hand, as ratios of the same run: what the benchmarks of
//! servers share. Names of operations behind `--` run those only. Rounds of the two sides alternate on the same data;
//! printed are medians, and the median of each round's ratio.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use futures_util::future::join_all;

use dbal::{AsyncClient, Client, Record, Uuid, Value, query, value};

pub const SCHEMA: &str = include_str!("../overhead/schema/work.yaml");

/// What is done by hand. Each gives a number made of what it read, which the other side has to give as well.
pub trait ByHand {
    fn read_pk(&self, id: Uuid) -> i64;
    fn list(&self, role: &str) -> i64;
    fn join_nested(&self) -> i64;
    fn insert(&self, page: Uuid, author: Uuid, i: usize) -> i64;
    fn update(&self, id: Uuid, i: usize) -> i64;
    fn read_many(&self, ids: &[Uuid]) -> i64;
    fn list_many(&self, roles: &[&str]) -> i64;
}

/// How many rows there are, and how long it takes.
pub struct Scale {
    pub users: usize,
    pub pages: usize,
    pub comments: usize,
    pub rounds: usize,
    /// A round makes as many calls as on PostgreSQL, divided by this.
    pub share: usize,
}

impl Scale {
    /// Little enough for a run that only has to work.
    pub fn quick(self) -> Scale {
        match std::env::args().any(|arg| arg == "--test") {
            true => Scale { users: 100, pages: 50, comments: 500, rounds: 3, ..self },
            false => self,
        }
    }
}

/// Does all of the work on rows that are there.
pub fn run(raw: &impl ByHand, client: Client, scale: &Scale) {
    let (users, pages, rounds) = (scale.users, scale.pages, scale.rounds);
    let calls = |calls: usize| (calls / scale.share).max(1);
    let on = |entity| client.entity(entity).expect("declared");
    println!("{:<14} {:>12} {:>12} {:>8}", "operation", "raw us", "dbal us", "ratio");

    compare(
        "read_pk",
        rounds,
        calls(500),
        |i| raw.read_pk(user(i % users)),
        |i| number(&on("User").read(user(i % users)).expect("is there"), "level"),
    );
    compare(
        "list",
        rounds,
        calls(100),
        |_| raw.list("admin"),
        |_| {
            let asked = query().filter(value!({ "role": "admin", "level": { "$lte": 3 } }));
            let page = on("User").list(asked.sort("created_at", "desc").limit(20)).expect("a page");
            page.data.iter().map(|user| number(user, "level")).sum::<i64>() + page.total.expect("a total")
        },
    );
    compare("join_nested", rounds, 20, |_| raw.join_nested(), |_| nested(&client));
    compare(
        "insert1",
        rounds,
        calls(100),
        |i| raw.insert(page(i % pages), user(i % users), i),
        |i| {
            let row = value!({
                "page_id": (page(i % pages)), "author_id": (user(i % users)), "body": "said by dbal", "created_at": (at(i)),
            });
            on("Comment").create(row).map(|_| 1).expect("inserts")
        },
    );
    compare(
        "update_pk",
        rounds,
        calls(100),
        |i| raw.update(user(i % users), i),
        |i| {
            let row = on("User").update(user(i % users), value!({ "level": (i as i64 % 6 + 1) })).expect("updates");
            number(&row, "level")
        },
    );
    let awaited = AsyncClient::from(client.clone());
    let users_handle = awaited.entity("User").expect("declared");
    let flights = |i: usize| -> Vec<Uuid> { (0..32).map(|one| user((i * 32 + one) % users)).collect() };
    compare(
        "read_pk@32",
        rounds,
        calls(20),
        |i| raw.read_many(&flights(i)),
        |i| {
            let all = flights(i).into_iter().map(|id| users_handle.read(id));
            let rows = block_on(join_all(all));
            rows.into_iter().map(|row| number(&row.expect("is there"), "level")).sum()
        },
    );
    let roles: Vec<&str> = ["user", "moderator", "admin", "user"].into_iter().cycle().take(32).collect();
    compare(
        "list@32",
        rounds,
        calls(5),
        |_| raw.list_many(&roles),
        |_| {
            let all = roles.iter().map(|role| {
                let asked = query().filter(value!({ "role": (*role), "level": { "$lte": 3 } }));
                users_handle.list(asked.sort("created_at", "desc").limit(20))
            });
            let pages = block_on(join_all(all)).into_iter().map(|page| page.expect("a page"));
            pages
                .map(|page| page.data.iter().map(|user| number(user, "level")).sum::<i64>() + page.total.expect("one"))
                .sum()
        },
    );
}

/// Twenty pages with their author and their newest five comments, each with its author.
fn nested(client: &Client) -> i64 {
    let include = value!({
        "author": true,
        "comments": { "sort": { "created_at": "desc" }, "limit": 5, "include": { "author": true } },
    });
    let asked = query().filter(value!({ "is_active": true, "level": { "$lte": 3 } }));
    let asked = asked.sort("created_at", "desc").limit(20).include(include);
    let pages = client.entity("Page").expect("declared").find_many(asked).expect("the pages");
    let author = |row: &Record| match row.get("author") {
        Some(Value::Record(author)) => number(author, "level"),
        _ => 0,
    };
    let comments = |page: &Record| match page.get("comments") {
        Some(Value::Records(comments)) => comments.iter().map(author).sum(),
        _ => 0,
    };
    pages.iter().map(|page| number(page, "level") + author(page) + comments(page)).sum()
}

pub fn fill(client: &Client, scale: &Scale) {
    let Scale { users, pages, comments, .. } = *scale;
    eprintln!("making {users} users, {pages} pages and {comments} comments ...");
    let role = |i: usize| ["user", "user", "user", "moderator", "admin"][i % 5];
    let rows = (0..users).map(|i| {
        value!({
            "id": (user(i)), "username": (format!("user{i}")), "email": (format!("user{i}@example.org")),
            "role": (role(i)), "level": (i as i64 % 6 + 1), "created_at": (at(i)), "updated_at": (at(i)),
        })
    });
    client.entity("User").expect("declared").insert_many(rows).expect("users");
    let rows = (0..pages).map(|i| {
        value!({
            "id": (page(i)), "slug": (format!("page-{i}")), "title": (format!("Page {i}")), "level": (i as i64 % 6 + 1),
            "layout": { "cols": 2 }, "is_active": (i % 5 != 0), "created_at": (at(i)), "author_id": (user(i % users)),
        })
    });
    client.entity("Page").expect("declared").insert_many(rows).expect("pages");
    let all: Vec<usize> = (0..comments).collect();
    for some in all.chunks(5_000) {
        let rows = some.iter().map(|i| {
            value!({
                "page_id": (page(i % pages)), "author_id": (user(i * 7 % users)), "created_at": (at(*i)),
                "body": (format!("comment {i}, about a hundred bytes of text that somebody wrote below some page")),
            })
        });
        client.entity("Comment").expect("declared").insert_many(rows).expect("comments");
    }
}

fn user(i: usize) -> Uuid {
    Uuid::from_u128((1 << 100) + i as u128)
}

fn page(i: usize) -> Uuid {
    Uuid::from_u128((2 << 100) + i as u128)
}

fn at(i: usize) -> dbal::DateTime {
    dbal::DateTime::from_epoch_millis(1_700_000_000_000 + i as i64 * 1_000).expect("is in range")
}

fn number(row: &Record, field: &str) -> i64 {
    row.get(field).and_then(Value::as_i64).expect("a number")
}

fn compare(
    name: &str,
    rounds: usize,
    calls: usize,
    mut raw: impl FnMut(usize) -> i64,
    mut dbal: impl FnMut(usize) -> i64,
) {
    let mut wanted = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).peekable();
    if wanted.peek().is_some() && !wanted.any(|wanted| wanted == name) {
        return;
    }
    let mut times = Vec::new();
    for round in 0..rounds + 2 {
        let timed = |side: &mut dyn FnMut(usize) -> i64| {
            let begun = Instant::now();
            let sum: i64 = (round * calls..(round + 1) * calls).map(side).sum();
            (begun.elapsed().as_secs_f64() * 1e6 / calls as f64, sum)
        };
        let (one, other) = if round % 2 == 0 {
            let one = timed(&mut raw);
            (one, timed(&mut dbal))
        } else {
            let other = timed(&mut dbal);
            (timed(&mut raw), other)
        };
        assert_eq!(one.1, other.1, "{name}: the two sides read different things");
        if round >= 2 {
            times.push((one.0, other.0));
        }
    }
    let median = |values: Vec<f64>| {
        let mut values = values;
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let raw = median(times.iter().map(|(raw, _)| *raw).collect());
    let dbal = median(times.iter().map(|(_, dbal)| *dbal).collect());
    let ratio = median(times.iter().map(|(raw, dbal)| dbal / raw).collect());
    println!("{name:<14} {raw:>12.1} {dbal:>12.1} {ratio:>8.2}");
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
