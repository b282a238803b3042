//! The options that `-h` shows. `--help` shows all.

use clap::{Arg, Command};

/// The options that people use, by command. A new option is for `--help` until it is
/// named here.
const SHOWN: &[(&str, &[&str])] = &[
    (
        "send",
        &["texts", "file", "count", "publish", "to", "at_least_once"],
    ),
    ("recv", &["count", "until_gone", "output"]),
    ("request", &["texts", "file", "to", "in_flight"]),
    (
        "reply",
        &["command", "shell", "jobs", "time_limit", "max_output"],
    ),
    ("publish", &["texts", "file", "count", "topics"]),
    ("subscribe", &["topics", "count", "until_gone", "output"]),
    ("echo", &["count"]),
    ("doctor", &["endpoint", "join"]),
    ("peers", &["watch"]),
    ("demo", &["jobs", "consumers"]),
    (
        "bench",
        &["duration", "size", "in_flight", "one_way", "at_least_once"],
    ),
    ("completions", &["shell"]),
    ("man", &["dir"]),
    (
        "proxy",
        &[
            "config",
            "check_config",
            "mode",
            "replies",
            "at_least_once",
            "frontend",
            "backend",
            "metrics",
            "dashboard",
        ],
    ),
    ("spool", &[]),
    ("top", &["address", "once", "interval"]),
];

/// The same for every command that has them.
const EVERYWHERE: &[&str] = &["bind", "connect", "trust", "timeout", "json"];

/// Hides all other options in the short help.
pub(crate) fn shorten(command: Command) -> Command {
    let command = command.mut_arg("log_format", hide);
    SHOWN.iter().fold(command, |command, (name, shown)| {
        // Some are not built without their features.
        if command.find_subcommand(name).is_none() {
            return command;
        }
        command.mut_subcommand(name, |what| {
            what.mut_args(|arg| match is_shown(&arg, shown) {
                true => arg,
                false => hide(arg),
            })
        })
    })
}

fn is_shown(arg: &Arg, shown: &[&str]) -> bool {
    let id = arg.get_id().as_str();
    shown.contains(&id) || EVERYWHERE.contains(&id)
}

fn hide(arg: Arg) -> Arg {
    arg.hide_short_help(true)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_and_every_option_of_the_list_exists() {
        let command = crate::Command::command();
        for what in command.get_subcommands() {
            let (_, shown) = SHOWN
                .iter()
                .find(|(name, _)| *name == what.get_name())
                .unwrap_or_else(|| panic!("{} is not in the list", what.get_name()));
            for id in *shown {
                let is_there = what.get_arguments().any(|arg| arg.get_id() == id);
                assert!(is_there, "{}: no {id}", what.get_name());
            }
        }
        assert_eq!(command.get_subcommands().count(), SHOWN.len());
    }
}
