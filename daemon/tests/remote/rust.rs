//! The Rust client of a daemon.

use std::cell::RefCell;
use std::time::Duration;

use dbal::client::nonblocking::AsyncTransaction;
use dbal::client::transaction::Transaction;
use dbal::{AsyncClient, Client, Config, Error, Operation, Principal, Value};
use dbal_conformance::{Backend, Caller, Database, Ending, Face, Failure, Fixture, Host, Request, RustHost};

use crate::support::{Served, runtime, token_of};

/// One face of it.
pub struct RemoteHost {
    awaited: bool,
    files: RustHost,
}

impl RemoteHost {
    pub fn new(awaited: bool) -> Result<Self, Failure> {
        Ok(RemoteHost { awaited, files: RustHost::new(Backend::Sqlite, Face::Blocking)? })
    }
}

impl Host for RemoteHost {
    fn name(&self) -> &str {
        if self.awaited { "remote awaited" } else { "remote" }
    }

    fn backend(&self) -> &str {
        self.files.backend()
    }

    fn capabilities(&self) -> Vec<(String, bool)> {
        self.files.capabilities()
    }

    fn open(&self, fixture: &Fixture) -> Result<Box<dyn Database>, Failure> {
        let (schema, file) = self.files.copy_of(fixture)?;
        let served = crate::served(fixture, schema, file)?;
        Ok(Box::new(Far { awaited: self.awaited, clients: RefCell::default(), served }))
    }
}

/// One client for each caller. They go before the daemon does.
struct Far {
    awaited: bool,
    clients: RefCell<Vec<(Caller, Client)>>,
    served: Served,
}

impl Far {
    fn client(&self, caller: &Caller) -> Result<Client, Failure> {
        let mut clients = self.clients.borrow_mut();
        if let Some((_, client)) = clients.iter().find(|(known, _)| known == caller) {
            return Ok(client.clone());
        }
        let config = Config::endpoint(self.served.address.to_string()).timeout(Duration::from_secs(20));
        let config = match caller {
            Caller::Trusted => config.token("trusted"),
            Caller::Anonymous => config,
            Caller::Principal { user, session, roles } => config.token(token_of(&Principal {
                user: user.clone(),
                session: session.clone(),
                roles: roles.clone(),
            })),
        };
        let client = Client::open(config)?;
        clients.push((caller.clone(), client.clone()));
        Ok(client)
    }
}

impl Database for Far {
    fn run(&self, caller: &Caller, request: &Request) -> Result<Value, Failure> {
        let (client, request) = (self.client(caller)?, asked(request)?);
        match (request.operation, self.awaited) {
            (Operation::Stream, false) => Ok(Value::Records(client.stream_of(request)?.collect::<Result<_, _>>()?)),
            (_, false) => Ok(client.execute(&request)?.into_value()),
            (Operation::Stream, true) => runtime().block_on(async {
                let mut rows = AsyncClient::from(client).stream_of(request).await?;
                let mut records = Vec::new();
                while let Some(row) = rows.next().await {
                    records.push(row?);
                }
                Ok(Value::Records(records))
            }),
            (_, true) => Ok(runtime().block_on(AsyncClient::from(client).execute(&request))?.into_value()),
        }
    }

    fn transaction(&self, caller: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        let client = self.client(caller)?;
        if self.awaited {
            let client = AsyncClient::from(client);
            return settled(block_on(client.transaction(async |inside| ended(body(&Awaited(inside))))));
        }
        settled(client.transaction(|inside| ended(body(&Inside(inside)))))
    }
}

struct Inside<'t, 'c>(&'t Transaction<'c>);

impl Database for Inside<'_, '_> {
    fn run(&self, _: &Caller, request: &Request) -> Result<Value, Failure> {
        Ok(self.0.execute(&asked(request)?)?.into_value())
    }

    fn transaction(&self, _: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        settled(self.0.transaction(|inside| ended(body(&Inside(inside)))))
    }
}

struct Awaited<'t>(&'t AsyncTransaction);

impl Database for Awaited<'_> {
    fn run(&self, _: &Caller, request: &Request) -> Result<Value, Failure> {
        Ok(block_on(self.0.execute(&asked(request)?))?.into_value())
    }

    fn transaction(&self, _: &Caller, body: &mut dyn FnMut(&dyn Database) -> Ending) -> Result<(), Failure> {
        settled(block_on(self.0.transaction(async |inside| ended(body(&Awaited(inside))))))
    }
}

/// On no runtime at all: closures of transactions block inside one another, and the client needs none.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(done) => return done,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

/// Why a transaction's closure did not return well.
enum Stop {
    RolledBack,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

fn ended(ending: Ending) -> Result<(), Stop> {
    match ending {
        Ending::Commit => Ok(()),
        Ending::RollBack => Err(Stop::RolledBack),
    }
}

fn settled(result: Result<(), Stop>) -> Result<(), Failure> {
    match result {
        Ok(()) | Err(Stop::RolledBack) => Ok(()),
        Err(Stop::Failed(error)) => Err(error.into()),
    }
}

fn asked(request: &Request) -> Result<dbal::Request, Failure> {
    let operation = Operation::parse(&request.operation).ok_or_else(|| Failure {
        message: format!("the Rust client has no operation `{}`", request.operation),
        ..Failure::default()
    })?;
    Ok(dbal::Request { operation, entity: request.entity.clone().into(), args: request.args.clone() })
}
