//! Telling: steps, commands with what they answer, and expectations.

use std::path::{Path, PathBuf};
use std::process::Command;

use dbal::{Client, Config, Error, ErrorKind};

/// A story under way.
pub struct Story {
    program: PathBuf,
    folder: tempfile::TempDir,
    steps: u32,
}

/// What a command said.
pub struct Said {
    pub code: Option<i32>,
    /// Both outputs, the answer first.
    pub text: String,
}

/// What goes wrong in a story, in words.
pub type Result<T = (), E = String> = std::result::Result<T, E>;

impl Story {
    pub fn new(program: PathBuf) -> Result<Story> {
        let folder = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
        let story = Story { program, folder, steps: 0 };
        println!("the database is {}", story.file("app.db").display());
        println!("the entities are those of {}", schema().display());
        Ok(story)
    }

    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Steps that somebody else told.
    pub fn went_on_to(&mut self, steps: u32) {
        self.steps = steps;
    }

    /// A file of the story.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Begins a step.
    pub fn step(&mut self, what: &str) {
        self.steps += 1;
        println!("\n{}. {what}", self.steps);
    }

    /// The database opened from Rust, as trusted code.
    pub fn open(&self) -> Result<Client> {
        Client::open(Config::sqlite(self.file("app.db")).schema_dir(schema())).map_err(|fault| fault.to_string())
    }

    /// Runs the program and shows command and answer.
    pub fn dbal(&self, arguments: &[&str]) -> Result<Said> {
        let shown: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        println!("   $ dbal {}", shown.join(" "));
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(crate::root())
            .env("DATABASE_URL", format!("sqlite:{}", self.file("app.db").display()))
            .env("DBAL_SCHEMA", schema())
            .output()
            .map_err(|fault| format!("dbal cannot be run: {fault}"))?;
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        let lines: Vec<&str> = text.lines().collect();
        // Long answers are told by their beginning and their end.
        match lines.len() > 24 {
            true => {
                lines[..3].iter().for_each(|line| show(line));
                println!("     ... {} lines more ...", lines.len() - 6);
                lines[lines.len() - 3..].iter().for_each(|line| show(line));
            }
            false => lines.iter().for_each(|line| show(line)),
        }
        Ok(Said { code: output.status.code(), text })
    }

    /// A run that has to succeed and say this.
    pub fn dbal_says(&self, arguments: &[&str], expected: &[&str]) -> Result<Said> {
        let said = self.dbal(arguments)?;
        expect(said.code == Some(0), "the command should have succeeded")?;
        for part in expected {
            expect(said.text.contains(part), &format!("the answer should have said `{part}`"))?;
        }
        Ok(said)
    }

    /// A run that has to be refused in these words.
    pub fn dbal_refuses(&self, arguments: &[&str], expected: &[&str]) -> Result {
        let said = self.dbal(arguments)?;
        expect(said.code == Some(1), "the command should have been refused with exit code 1")?;
        for part in expected {
            expect(said.text.contains(part), &format!("the refusal should have said `{part}`"))?;
        }
        println!("   as it should be: refused, exit code 1");
        Ok(())
    }
}

/// What has to be so.
pub fn expect(holds: bool, what: &str) -> Result {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

/// A call from Rust, and what came of it.
pub fn told<T>(call: &str, result: dbal::Result<T>, words: impl FnOnce(&T) -> String) -> Result<T> {
    println!("   > {call}");
    match result {
        Ok(value) => {
            show(&words(&value));
            Ok(value)
        }
        Err(error) => Err(error.to_string()),
    }
}

/// A call that has to be refused with this kind of error.
pub fn refused<T>(call: &str, kind: ErrorKind, result: dbal::Result<T>) -> Result<Error> {
    println!("   > {call}");
    match result {
        Ok(_) => Err(format!("it should have been {}", kind.code())),
        Err(error) => {
            show(&error.to_string());
            expect(error.kind() == kind, &format!("it should have been {}", kind.code()))?;
            println!("   as it should be: {}", kind.code());
            Ok(error)
        }
    }
}

/// A line of an answer. Very wide ones are cut; they are there to be looked at, not copied.
pub fn show(line: &str) {
    match line.char_indices().nth(180) {
        Some((end, _)) => println!("     {}…", &line[..end]),
        None => println!("{}", format!("     {line}").trim_end()),
    }
}

fn schema() -> PathBuf {
    crate::root().join(Path::new("api/schema"))
}

/// An argument as it would be typed.
fn quoted(argument: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:=,".contains(c);
    if argument.chars().all(harmless) { argument.to_owned() } else { format!("'{argument}'") }
}
