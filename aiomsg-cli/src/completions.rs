//! `aiomsg completions` and `aiomsg man`: made from the options themselves.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::common::failure::{Failure, Outcome};
use crate::common::print;
use crate::common::said::said;

/// Writes a completion script for a shell to standard output
///
/// For bash: source <(aiomsg completions bash). For zsh, write it to a file
/// named _aiomsg in a folder of $fpath; for fish, to
/// ~/.config/fish/completions/aiomsg.fish.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Writes the man page to standard output, or all pages into a folder
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Writes aiomsg.1, and a page for each command, into this folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs, mut command: Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "aiomsg", &mut script);
    print::print_text(&String::from_utf8_lossy(&script))
}

pub(crate) fn man(args: &ManArgs, mut command: Command) -> Outcome {
    // Global options reach the commands' own pages.
    command.build();
    let Some(dir) = &args.dir else {
        let page = page(command, "aiomsg")?;
        return print::print_text(&String::from_utf8_lossy(&page));
    };
    std::fs::create_dir_all(dir).map_err(|error| wrong(dir, &error))?;
    pages(dir, &command, "aiomsg")
}

/// The page of a command, and those of its own commands.
fn pages(dir: &Path, command: &Command, name: &str) -> Outcome {
    for what in command.get_subcommands() {
        if what.get_name() != "help" {
            pages(dir, what, &format!("{name}-{}", what.get_name()))?;
        }
    }
    write(dir, name, page(command.clone(), name)?)
}

fn page(command: Command, name: &str) -> Outcome<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.display_name(name.to_owned())).title(name.to_owned());
    match man.render(&mut page) {
        Ok(()) => Ok(page),
        Err(error) => Err(Failure::failed(format!(
            "{name}: no page: {}",
            said(&error)
        ))),
    }
}

fn write(dir: &Path, name: &str, page: Vec<u8>) -> Outcome {
    let file = dir.join(format!("{name}.1"));
    std::fs::write(&file, page).map_err(|error| wrong(&file, &error))
}

fn wrong(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{}: {}", path.display(), said(error)))
}
