//! Reads the command line. An error is one line.

mod hint;

use crate::common::say::say;
#[cfg(unix)]
use crate::common::signals;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};

/// The command, or the code to end with when there is nothing more to do. `shape` changes
/// how its help looks.
pub(crate) fn parse<C: Parser>(shape: impl FnOnce(Command) -> Command) -> Result<C, ExitCode> {
    let mut command = shape(C::command());
    let matches = command.try_get_matches_from_mut(std::env::args_os());
    let parsed = matches.and_then(|mut matches| C::from_arg_matches_mut(&mut matches));
    let error = match parsed.map_err(|error| error.format(&mut command)) {
        Ok(command) => return Ok(command),
        Err(error) => error,
    };
    // Only the writing is left, and a slow reader may hold it up.
    #[cfg(unix)]
    signals::release();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that has left wants no help.
            let _ = error.print();
            Err(ExitCode::SUCCESS)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Err(ExitCode::from(2))
        }
        _ => {
            let args: Vec<_> = std::env::args_os().skip(1).collect();
            let mut text = one_line(&error.render().to_string());
            if let Some(hint) = hint::hint(&error, &C::command(), &args) {
                text = format!("{text}; {hint}");
            }
            let help = help_of::<C>(args.into_iter());
            say(format_args!("{text}; see {help} --help"));
            Err(ExitCode::from(2))
        }
    }
}

/// The command, or the subcommand if one was named, and the one of that.
fn help_of<C: CommandFactory>(mut args: impl Iterator<Item = OsString>) -> String {
    let command = C::command();
    let (mut command, mut name) = (&command, command.get_name().to_owned());
    while let Some(what) = args.find_map(|arg| command.find_subcommand(arg)) {
        name = format!("{name} {}", what.get_name());
        command = what;
    }
    name
}

/// What clap says in several lines, without the usage, which `--help` has.
fn one_line(rendered: &str) -> String {
    let said = rendered
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty());
    let mut all = String::new();
    for line in said {
        if !all.is_empty() {
            // A list goes on behind its colon, and what it holds is separated.
            all.push_str(if all.ends_with(':') { " " } else { "; " });
        }
        all.push_str(line);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_lines_become_one() {
        let said = "error: unexpected argument '--cuont' found\n\n  tip: a similar argument \
                    exists: '--count'\n\nUsage: aiomsg send\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_line(said),
            "error: unexpected argument '--cuont' found; tip: a similar argument exists: '--count'"
        );
        let said = "error: the following required arguments were not provided:\n  --bind <ENDPOINT>\
                    \n\nUsage: aiomsg recv";
        assert_eq!(
            one_line(said),
            "error: the following required arguments were not provided: --bind <ENDPOINT>"
        );
    }
}
