//! What an attacker tries, through a daemon that listens. Tests are numbered like the list that they go by:
//!
//! | section | numbers | where |
//! |---|---|---|
//! | A: authorization | 1 to 34 | `authorization`; 32 is in `secrets` |
//! | A: idempotency keys | 35 | `daemon/tests/keys`, on every backend; where none are kept: 70 |
//! | B: injection and data | 36 to 49 | `data` |
//! | C: resources | 50 to 61 | `resources` |
//! | D: transport and sessions | 62 to 73 | `transport`, `sessions`, `tls` |
//! | E: secrets, errors, audit | 74 to 84 | `secrets`; 75 is in `daemon/tests/operator`, 84 in `sessions` |
//! | what is written down, and what an answer costs | 52, 61, 76, 77, 78 | `audit` |
//! | what gRPC has of A to E | 1, 2, 9, 10, 26, 33, 49, 50, 53, 54, 55, 57, 60, 70, 73, 74 | `grpc` |
//!
//! `properties` has the three of which most of these are a case.
//!
//! Not here, and why:
//!
//! | number | why |
//! |---|---|
//! | 20 | MySQL is no backend |
//! | 23 | a property of rules files: `dbal/src/access/tests`, `common/contracts/access` |
//! | 27, 28, 59 | there are no subscriptions yet |
//! | 29 | raw queries and introspection are not served at all; the schema is in 1 and 29 |
//! | 31 | `conformance/tests/laws` asks it of generated schemas and rules |
//! | 38, 39 | filters are typed before any backend sees them (36, 8); there is no key-value backend |
//! | 41 | there are no regular expressions in requests |
//! | 43, 46 | `common/contracts/values`: the same on every backend |
//! | 48 | a row has 15 MiB at most, a request 32: 54 |
//! | 58 | `Credential.verify` is the engine's: `common/contracts/call/credentials.yaml` |
//! | 66, of passwords | a new one ends no session by itself: whoever sets it deletes them, as `sessions` shows |
//! | 63 | with 62, in `transport` |
//! | 79 to 82 | until the operating system's cage |
//! | 83 | `cargo deny check` |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod authorization;
mod data;
mod grpc;
mod properties;
mod resources;
mod secrets;
mod sessions;
mod tls;
mod transport;
mod world;
