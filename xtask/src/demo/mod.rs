//! `cargo xtask demo`: a story on a SQLite database in a folder of its own, told while it happens.
//!
//! It uses the contract of `api/schema`, the library, and the `dbal` program, and checks every outcome that it tells of.

mod scenes;
mod story;

use std::process::Command;

use story::Story;

use crate::suite::stage::{cargo, output, succeed};

/// Tells the story; an error names the step that went wrong and what to do about it.
pub fn command(options: &[&str]) -> Result<(), String> {
    if !options.is_empty() {
        return Err(format!("demo takes no options, not {}", options.join(" ")));
    }
    let program = build()?;
    let mut story = Story::new(program).map_err(|fault| format!("demo: {fault}"))?;
    match scenes::play(&mut story)
        .and_then(|()| from_node(&mut story))
        .and_then(|()| from_python(&mut story))
        .and_then(|()| from_c(&mut story))
    {
        Ok(()) => {
            println!("\ndemo: all {} steps did what they should", story.steps());
            Ok(())
        }
        Err(fault) => Err(format!(
            "\ndemo: step {} went wrong: {fault}\ncure: `cargo test --workspace` shows which part broke",
            story.steps()
        )),
    }
}

/// Goes on from Node, where there is one: the same file, told by a program of the package.
fn from_node(story: &mut Story) -> story::Result {
    if let Err(why) = crate::node::ensure() {
        println!("\nthe rest is told from Node, and {why}");
        return Ok(());
    }
    println!("\nbuilding the Node package ...");
    crate::node::build(false)?;
    let mut node = Command::new("node");
    node.arg(crate::node::folder().join("demo.mjs")).arg(story.file("app.db"));
    node.arg(crate::root().join("api/schema")).arg((story.steps() + 1).to_string());
    went_on(story, node)
}

/// Goes on from Python, where there is one, in the same way.
fn from_python(story: &mut Story) -> story::Result {
    if let Err(why) = crate::python::ensure() {
        println!("\nthe rest is told from Python, and {why}");
        return Ok(());
    }
    println!("\nbuilding the Python package ...");
    crate::python::build(false)?;
    let file = story.file("app.db").to_string_lossy().into_owned();
    let schema = crate::root().join("api/schema").to_string_lossy().into_owned();
    let first = (story.steps() + 1).to_string();
    let program = std::path::Path::new("python3");
    went_on(story, crate::python::python(program, &["demo.py", &file, &schema, &first]))
}

/// Goes on from C and from C++, where there are compilers.
fn from_c(story: &mut Story) -> story::Result {
    if let Err(why) = crate::c::ensure(&["gcc", "g++"]) {
        println!("\nthe rest is told from C and C++, and {why}");
        return Ok(());
    }
    println!("\nbuilding the C library ...");
    let prefix = story.file("installed");
    crate::c::install(&crate::c::build(false)?, &prefix)?;
    for source in ["demo.c", "demo.cpp"] {
        let program = story.file(&source.replace('.', "_"));
        crate::c::compile(source, &prefix, &program)?;
        let mut told = Command::new(program);
        told.arg(story.file("app.db")).arg(crate::root().join("api/schema")).arg((story.steps() + 1).to_string());
        went_on(story, told)?;
    }
    Ok(())
}

/// Shows what another program tells, whose last line says how many steps there are by then.
fn went_on(story: &mut Story, program: Command) -> story::Result {
    let told = output(program)?;
    let (shown, steps) = told.trim_end().rsplit_once("steps: ").ok_or("the story has no end there")?;
    println!("{}", shown.trim_end());
    story.went_on_to(steps.parse().map_err(|_| "the story has no number of steps")?);
    Ok(())
}

/// Builds the `dbal` program beside this one.
fn build() -> Result<std::path::PathBuf, String> {
    println!("building the dbal program (the first time takes a minute or two) ...");
    // Not its package alone: its dependencies would get other features than they have here, and the drivers would be
    // compiled once more.
    succeed(cargo(&["build", "--quiet", "--bin", "dbal"])).map_err(|why| {
        format!("demo: the dbal program does not build: {why}\ncure: the messages above; `cargo build --bin dbal`")
    })?;
    let program = crate::node::programs()?.join(format!("dbal{}", std::env::consts::EXE_SUFFIX));
    match program.is_file() {
        true => Ok(program),
        false => Err(format!("demo: {} is not there\ncure: run it as `cargo xtask demo`", program.display())),
    }
}
