//! `dbal completions`

use std::io::Write;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::print::Done;

/// Write what lets a shell complete this command
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dbal completions bash > ~/.local/share/bash-completion/completions/dbal
  dbal completions zsh > ~/.zfunc/_dbal
  dbal completions fish > ~/.config/fish/completions/dbal.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Arguments::command(), "dbal", &mut text);
        out.write_all(&text)?;
        Ok(())
    }
}
