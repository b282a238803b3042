//! Help, completions and man pages.

use std::fs;

use super::process::run;

/// The commands, as the help lists them.
fn commands() -> Vec<String> {
    let help = run(&["--help"]);
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
    assert!(commands.len() >= 9, "{commands:?}");
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

#[test]
fn every_command_that_can_fail_says_with_which_codes() {
    for command in ["send", "recv", "echo", "doctor", "peers", "demo", "bench"] {
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
    let file = dir.path().join("aiomsg.1");
    run(&["man", "--dir", file.to_str().unwrap()]).fails(2, &["aiomsg.1"]);
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell]);
        for word in ["doctor", "at-least-once"] {
            assert!(script.ends(0).text().contains(word), "{shell}");
        }
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let said = format!("aiomsg {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]).ends(0).text(), said);
}
