//! The project's own commands: `cargo xtask COMMAND`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["demo", options @ ..] => xtask::demo::command(options),
        ["install", options @ ..] => xtask::c::install_command(options),
        ["package", "c"] => xtask::c::package::command(),
        ["package", "python"] => xtask::python::package::command(),
        ["package", options @ ..] => xtask::node::package::command(options),
        ["test", options @ ..] => xtask::suite::command(options),
        ["servers", options @ ..] => xtask::servers::command(options),
        ["conformance", options @ ..] => xtask::conformance::command(options),
        ["torture", options @ ..] => xtask::torture::command(options),
        ["codegen", options @ ..] => xtask::codegen::command(options),
        ["tidy", options @ ..] => xtask::tidy::command(options),
        [] | ["help" | "--help" | "-h", ..] => {
            println!("{}", xtask::HELP);
            Ok(())
        }
        [unknown, ..] => Err(format!("unknown command {unknown}\n\n{}", xtask::HELP)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
