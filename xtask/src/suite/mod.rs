//! `cargo xtask test`: everything that has to hold, with its own set-up, stage by stage.

pub(crate) mod browser;
mod c;
pub(crate) mod counts;
mod node;
mod prisma;
mod python;
mod quickstart;
pub mod setup;
pub(crate) mod stage;

use std::time::Instant;

use counts::Counts;
use stage::STAGES;

/// Runs all stages, or the one that is named. All run whatever the others say, so that all faults come at once.
pub fn command(options: &[&str]) -> Result<(), String> {
    let chosen: Vec<_> = match options {
        [] => STAGES.iter().collect(),
        [name] => STAGES.iter().filter(|stage| stage.name == *name).collect(),
        _ => Vec::new(),
    };
    if chosen.is_empty() {
        let names: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
        return Err(format!("test takes nothing, or one stage of {}; not {}", names.join(", "), options.join(" ")));
    }
    setup::ensure()?;
    let begun = Instant::now();
    let mut counts = Counts::default();
    let mut failed = Vec::new();
    for (position, stage) in chosen.iter().enumerate() {
        println!("\n[{}/{}] {}: {}", position + 1, chosen.len(), stage.name, stage.what);
        let started = Instant::now();
        let result = (stage.run)(&mut counts);
        let seconds = started.elapsed().as_secs_f64();
        match result {
            Ok(()) => println!("{}: ok in {seconds:.0} s", stage.name),
            Err(why) => {
                println!("{}: FAILED after {seconds:.0} s: {why}", stage.name);
                failed.push(*stage);
            }
        }
    }
    println!();
    if chosen.iter().any(|stage| stage.name == "tests") {
        println!("{} passed, {} failed", counts.passed, counts.failed);
    }
    if failed.is_empty() {
        println!("test: everything passed in {:.1} min", begun.elapsed().as_secs_f64() / 60.0);
        return Ok(());
    }
    let rerun =
        failed.iter().map(|stage| format!("\n  {} failed; just it: cargo xtask test {0}{}", stage.name, stage.cure));
    Err(format!("test: {} of {} stages failed{}", failed.len(), chosen.len(), rerun.collect::<String>()))
}
