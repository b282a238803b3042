//! Help, completions and man pages.

use std::fs;

use super::process::run;

/// The commands, as the help lists them.
pub(crate) fn commands() -> Vec<String> {
    listed(&["--help"])
}

/// The commands that a help lists.
pub(crate) fn listed(args: &[&str]) -> Vec<String> {
    let help = run(args);
    let list = help.text().split("Commands:\n").nth(1).unwrap();
    let list = list.split("\n\n").next().unwrap();
    // What goes on in the next line is further to the right.
    let names = list.lines().filter(|line| !line.starts_with("   "));
    names
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_command_has_help_that_fits() {
    let commands = commands();
    assert!(commands.len() >= 15, "{commands:?}");
    for command in commands.iter().map(String::as_str).chain([""]) {
        for flag in ["-h", "--help"] {
            let args: Vec<_> = [command, flag]
                .into_iter()
                .filter(|arg| !arg.is_empty())
                .collect();
            if command == "help" {
                continue;
            }
            let help = run(&args);
            let text = help.ends(0).text();
            assert!(text.contains("Usage: aiomsg"), "{command}: {text}");
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{command}: {line}");
            }
        }
    }
}

/// The options that a help lists.
fn options(help: &str) -> Vec<String> {
    // What is said about an option is further to the right.
    let lines = help.lines().filter(|line| !line.starts_with("       "));
    let options = lines
        .map(str::trim_start)
        .filter_map(|line| match line.split_once("--") {
            Some(("", rest)) => Some(rest),
            Some((short, rest)) if short.len() == 4 && short.starts_with('-') => Some(rest),
            _ => None,
        });
    options
        .map(|rest| rest.split([' ', ',']).next().unwrap().to_owned())
        .collect()
}

/// Some had forty options in it, and those that people look for were among them.
#[test]
fn the_short_help_has_about_a_dozen_options() {
    for command in commands().iter().filter(|command| *command != "help") {
        let short = options(run(&[command, "-h"]).ends(0).text());
        let long = options(run(&[command, "--help"]).ends(0).text());
        assert!((3..=15).contains(&short.len()), "{command}: {short:?}");
        for option in &short {
            assert!(long.contains(option), "{command}: {option}");
        }
        let hidden = long.iter().any(|option| option == "log-format");
        assert!(hidden && long.len() > short.len(), "{command}: {long:?}");
    }
    let send = options(run(&["send", "-h"]).text());
    for option in ["bind", "connect", "publish", "at-least-once", "log", "help"] {
        assert!(send.iter().any(|it| it == option), "{option}: {send:?}");
    }
    assert!(!send.iter().any(|it| it == "unix-mode"), "{send:?}");
}

#[test]
fn every_command_that_can_fail_says_with_which_codes() {
    for command in [
        "send",
        "recv",
        "request",
        "reply",
        "publish",
        "subscribe",
        "echo",
        "doctor",
        "peers",
        "demo",
        "bench",
        "spool",
        "top",
    ] {
        let help = run(&[command, "--help"]);
        assert!(help.text().contains("Exit codes: 0"), "{command}");
    }
}

#[test]
fn every_command_has_a_page() {
    let dir = tempfile::tempdir().unwrap();
    run(&["man", "--dir", dir.path().to_str().unwrap()]).ends(0);
    assert!(run(&["man"]).ends(0).text().contains(".TH aiomsg 1"));
    for command in commands().iter().filter(|command| *command != "help") {
        let page = dir.path().join(format!("aiomsg-{command}.1"));
        let page = fs::read_to_string(&page).unwrap();
        assert!(page.contains(&format!(".TH aiomsg-{command} 1")), "{page}");
        assert!(page.contains("DESCRIPTION"), "{page}");
    }
    // A command of a command has one, too.
    assert!(dir.path().join("aiomsg-spool-requeue.1").is_file());
    let file = dir.path().join("aiomsg.1");
    run(&["man", "--dir", file.to_str().unwrap()]).fails(2, &["aiomsg.1"]);
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell]);
        for word in [
            "doctor",
            "at-least-once",
            "time-limit",
            "settle",
            "raw-replies",
            "requeue",
        ] {
            assert!(script.ends(0).text().contains(word), "{shell}");
        }
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let said = format!("aiomsg {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]).ends(0).text(), said);
}
