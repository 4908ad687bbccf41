//! What dbal writes, Prisma reads, and the other way round: Prisma's own client beside ours over one database.

use std::process::{Command, Stdio};

use dbal_conformance::servers::Servers;

use super::stage::succeed;
use crate::node;

/// Runs both over a SQLite file and over PostgreSQL.
pub fn run() -> Result<(), String> {
    node::ensure()?;
    node::build(false)?;
    let folder = node::folder().join("prisma");
    let tools = node::consumer::installed(&folder, "prisma", "Prisma's client")?;
    let servers = Servers::start()?;
    let mut check = Command::new("node");
    check.arg(folder.join("check.mjs")).envs(servers.variables()).stdin(Stdio::null());
    check.env("DBAL", node::programs()?.join(format!("dbal{}", std::env::consts::EXE_SUFFIX)));
    check.env("DBAL_PRISMA_TOOLS", tools);
    succeed(check)
}
