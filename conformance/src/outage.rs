//! One request of every operation, for tests that take the server away in the middle of each.

use std::sync::Arc;

use dbal::{Client, Error, ErrorKind, Operation, Outcome, Request, value};

/// The entity that the requests are about.
pub const SCHEMA: &str = "
entity: Account
fields:
  id: { type: integer, primary: true }
  owner: { type: string, unique: true }
  balance: { type: integer, default: 0 }
operations:
  get_by_owner: { input: { required: [owner] }, output: Account, public: true }
";

/// Rows that are there before: those with ids below it.
pub const ROWS: i64 = 100;

/// Makes the rows that are there before.
///
/// # Errors
/// What the database says.
pub fn fill(client: &Client) -> dbal::Result<()> {
    let rows = (0..ROWS).map(|id| value!({ "id": id, "owner": (format!("owner {id}")) }));
    client.entity("Account")?.insert_many(rows).map(drop)
}

/// A request of every operation. What they make has ids from `first`, so that several sets do not meet; each changes a
/// row of its own.
pub fn requests(first: i64) -> Vec<Request> {
    let row = |id: i64| value!({ "id": id, "owner": (format!("owner {id}")) });
    let (changed, removed) = (first % 10, 10 + first % 10);
    let asked = |operation, at: i64| {
        let request = Request::new(operation, "Account");
        let raise = value!({ "balance": { "$increment": 1 } });
        match operation {
            Operation::Create => request.arg("data", row(first)),
            Operation::Read => request.arg("id", 50),
            Operation::Update => request.arg("id", changed).arg("data", raise),
            Operation::Delete => request.arg("id", removed),
            Operation::List | Operation::FindMany | Operation::First | Operation::Stream => {
                request.arg("filter", value!({ "balance": 0 })).arg("sort", value!({ "owner": "desc" }))
            }
            Operation::Count => request,
            Operation::Distinct => request.arg("field", "balance"),
            Operation::Aggregate => request.arg("sum", value!(["balance"])),
            Operation::CreateMany => request.arg("data", value!([(row(first + 1)), (row(first + 2))])),
            Operation::UpdateMany => request.arg("filter", value!({ "id": (20 + first % 10) })).arg("data", raise),
            Operation::DeleteMany => request.arg("filter", value!({ "id": (30 + first % 10) })),
            Operation::Upsert => {
                request.arg("where", value!({ "id": (first + at) })).arg("create", row(first + at)).arg("update", raise)
            }
            Operation::UpsertMany => {
                let one = value!({ "where": { "id": (first + at) }, "create": (row(first + at)), "update": (raise) });
                request.arg("data", value!([one]))
            }
            Operation::Call => request.arg("name", "get_by_owner").arg("input", value!({ "owner": "owner 50" })),
            Operation::Batch => Request::new(operation, "").arg(
                "entries",
                value!([
                    { "operation": "create", "entity": "Account", "data": (row(first + at)) },
                    { "operation": "update", "entity": "Account", "id": (40 + first % 10), "data": (raise) }
                ]),
            ),
        }
    };
    Operation::ALL.iter().zip(3..).map(|(operation, at)| asked(*operation, at)).collect()
}

/// Whether an error is the one that a lost server makes of a request.
///
/// # Panics
/// When it is not.
pub fn check(request: &Request, error: &Error) {
    let operation = request.operation;
    assert!(matches!(error.kind(), ErrorKind::DatabaseError | ErrorKind::Timeout), "{operation:?}: {error:?}");
    let writes = operation.writes() || matches!(operation, Operation::Batch | Operation::Call);
    match error.outcome() {
        Some(Outcome::NotApplied) => {}
        Some(Outcome::Unknown) => assert!(writes, "{operation:?} only reads: {error:?}"),
        None => panic!("{operation:?}: nobody knows whether it was applied: {error:?}"),
    }
}

/// Runs a request of any operation to its end.
///
/// # Errors
/// What it says.
pub fn blocking(client: &Client, request: &Request) -> dbal::Result<()> {
    match request.operation {
        Operation::Stream => client.stream_of(request.clone())?.try_for_each(|row| row.map(drop)),
        _ => client.execute(request).map(drop),
    }
}

/// The same, awaited.
///
/// # Errors
/// What it says.
pub async fn awaited(client: &dbal::AsyncClient, request: &Request) -> dbal::Result<()> {
    match request.operation {
        Operation::Stream => {
            let mut rows = client.stream_of(request.clone()).await?;
            while let Some(row) = rows.next().await {
                row?;
            }
            Ok(())
        }
        _ => client.execute(request).await.map(drop),
    }
}

/// Polls futures on this thread until all are done.
pub fn wait_for<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    let mut all: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    loop {
        for (future, done) in all.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
                *done = Some(output);
            }
        }
        if all.iter().all(|(_, done)| done.is_some()) {
            return all.into_iter().filter_map(|(_, done)| done).collect();
        }
        std::thread::park_timeout(std::time::Duration::from_secs(1));
    }
}
