//! `cargo xtask servers`: the database servers of the tests, for whoever runs single tests again and again.

use std::time::Duration;

use dbal_conformance::servers::Servers;

/// Starts the servers, prints the variables that lead tests to them, and waits. They stop when this program does.
pub fn command(options: &[&str]) -> Result<(), String> {
    if !options.is_empty() {
        return Err(format!("servers takes nothing; not {}", options.join(" ")));
    }
    let mut servers = Servers::start()?;
    for (name, url) in servers.variables() {
        println!("export {name}='{url}'");
    }
    println!("# they run until this program ends: Ctrl-C");
    loop {
        std::thread::sleep(Duration::from_secs(1));
        if let Some(log) = servers.stopped() {
            return Err(log);
        }
    }
}
