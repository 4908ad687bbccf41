//! Runs the cases of `common/contracts` through a daemon, over HTTP, WebSocket and gRPC: a choice of sixty spread over all
//! files, or all of them with `DBAL_SERVED_CASES=all`.
//!
//! The daemon of each case takes its callers as the case gives them; everything else is as in the program.

mod grpc;
#[path = "../support/mod.rs"]
mod support;
mod typed;
mod wire;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use dbal::Value;
use dbal_conformance::case::Step;
use dbal_conformance::term::Saved;
use dbal_conformance::{Case, Host, Suite, trials};
use libtest_mimic::Arguments;
use wire::{ServedHost, Wire};

/// Cases that are run where nobody asks for all.
const CHOICE: usize = 60;

fn main() -> ExitCode {
    let common = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common");
    let mut suite = match Suite::load(&common) {
        Ok(suite) => suite,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::FAILURE;
        }
    };
    let whole = suite.cases.len();
    let mut over_grpc = suite.clone();
    suite.cases.retain(|case| says_all(&case.steps, in_json));
    over_grpc.cases.retain(|case| says_all(&case.steps, in_protobuf));
    let (json, protobuf) = (whole - suite.cases.len(), whole - over_grpc.cases.len());
    eprintln!("LEFT OUT: cases that hold values for which there is no word, in JSON {json}, in protobuf {protobuf}");
    for suite in [&mut suite, &mut over_grpc] {
        choose(suite);
    }
    let host = |wire: Wire| ServedHost::new(wire).map(|host| Arc::new(host) as Arc<dyn Host>);
    // There the daemon closes the connection: what it cannot read has no id to answer to.
    let mut over_websocket = suite.clone();
    over_websocket.cases.retain(|case| case.name != "a filter five hundred levels deep is refused all the same");
    let (Ok(http), Ok(websocket), Ok(grpc)) = (host(Wire::Http), host(Wire::WebSocket), host(Wire::Grpc)) else {
        eprintln!("there is no place for temporary files");
        return ExitCode::FAILURE;
    };
    let mut all = trials(&over_websocket, &[websocket]);
    all.extend(trials(&over_grpc, &[grpc]));
    // Transactions of several requests are for WebSocket.
    suite.cases.retain(|case| !has_transaction(case));
    all.extend(trials(&suite, &[http]));
    libtest_mimic::run(&Arguments::from_args(), all).exit_code()
}

fn has_transaction(case: &Case) -> bool {
    case.steps.iter().any(|step| matches!(step, Step::Transaction(_)))
}

/// Where nobody asks for all.
fn choose(suite: &mut Suite) {
    if std::env::var_os("DBAL_SERVED_CASES").is_none_or(|which| which != "all") {
        let all = std::mem::take(&mut suite.cases);
        suite.cases = (0..CHOICE).map(|place| all[place * all.len() / CHOICE].clone()).collect();
    }
}

/// Whether every value that is sent can be said. Values that refer to earlier answers came the same way.
fn says_all(steps: &[Step], says: fn(&Value) -> bool) -> bool {
    steps.iter().all(|step| match step {
        Step::Transaction(transaction) => says_all(&transaction.steps, says),
        Step::Request(request) => request.args.iter().all(|(_, term)| match term.resolve(&Saved::default()) {
            Ok(value) => says(&value),
            Err(_) => true,
        }),
    })
}

fn in_json(value: &Value) -> bool {
    match value {
        Value::Undefined => false,
        Value::Float(number) => number.is_finite(),
        Value::Text(text) => !text.contains('\0'),
        Value::List(items) => items.iter().all(in_json),
        Value::Map(map) => map.iter().all(|(name, value)| !name.contains('\0') && in_json(value)),
        _ => true,
    }
}

fn in_protobuf(value: &Value) -> bool {
    match value {
        Value::Undefined => false,
        Value::List(items) => items.iter().all(in_protobuf),
        Value::Map(map) => map.iter().all(|(_, value)| in_protobuf(value)),
        _ => true,
    }
}
