//! What a command line in the style of another tool, or without a flag, probably means.

use std::ffi::OsString;

use aiomsg::Endpoint;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// What to write instead. `args` are those behind the name of the program.
pub(super) fn hint(error: &Error, command: &Command, args: &[OsString]) -> Option<String> {
    match error.kind() {
        ErrorKind::InvalidSubcommand => match error.get(ContextKind::InvalidSubcommand)? {
            ContextValue::String(name) => other_name(name, command),
            _ => None,
        },
        ErrorKind::MissingRequiredArgument | ErrorKind::UnknownArgument => {
            bare_endpoint(command, args).or_else(|| bare_topic(command, args))
        }
        _ => None,
    }
}

/// The command for the name of a socket of other libraries.
fn other_name(name: &str, command: &Command) -> Option<String> {
    let (own, otherwise) = match &*name.to_ascii_lowercase() {
        "pub" => ("publish", "send --publish"),
        "sub" => ("subscribe", "recv"),
        "req" => ("request", "bench"),
        "rep" => ("reply", "echo"),
        "push" | "produce" => ("send", "send"),
        "pull" | "receive" | "consume" => ("recv", "recv"),
        _ => return None,
    };
    let found = command.find_subcommand(own).map_or(otherwise, |_| own);
    Some(format!("write \"{} {found}\"", command.get_name()))
}

/// An endpoint without the flag that says what to do there.
fn bare_endpoint(command: &Command, args: &[OsString]) -> Option<String> {
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    let subcommand = args.find_map(|arg| command.find_subcommand(arg))?;
    let has = |name: &str| subcommand.get_arguments().any(|it| it.get_id() == name);
    if !has("bind") || !has("connect") {
        return None;
    }
    let args: Vec<_> = args.take_while(|arg| *arg != "--").collect();
    let is_flag = |arg: &&str| {
        ["-b", "-c", "--bind", "--connect"]
            .iter()
            .any(|flag| arg.starts_with(flag))
    };
    if args.iter().any(is_flag) {
        return None;
    }
    let bare = args
        .into_iter()
        .find(|arg| arg.parse::<Endpoint>().is_ok())?;
    Some(format!(
        "write \"-c {bare}\" to connect there, or \"-b {bare}\" to listen there"
    ))
}

/// A topic without its flag, before anything else: other tools take it so.
fn bare_topic(command: &Command, args: &[OsString]) -> Option<String> {
    let mut args = args.iter().map(|arg| arg.to_str());
    let subcommand = command.find_subcommand(args.next()??)?;
    if !subcommand.get_arguments().any(|it| it.get_id() == "topics") {
        return None;
    }
    let topic = args.next()?.filter(|topic| !topic.starts_with('-'))?;
    let takes_text = subcommand.get_positionals().next().is_some();
    let text = match (takes_text, args.next()) {
        (false, _) => "",
        (true, Some(Some(text))) if !text.starts_with('-') => text,
        _ => return None,
    };
    let line = format!(
        "{} {} -c ENDPOINT --topic {topic} {text}",
        command.get_name(),
        subcommand.get_name()
    );
    Some(format!("write \"{}\"", line.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction};

    fn command() -> Command {
        let flag = |name: &'static str, short| Arg::new(name).long(name).short(short);
        let recv = Command::new("recv")
            .arg(flag("bind", 'b').required_unless_present("connect"))
            .arg(flag("connect", 'c'))
            .arg(flag("count", 'n'));
        let send = Command::new("send")
            .arg(flag("bind", 'b').required_unless_present("connect"))
            .arg(flag("connect", 'c'))
            .arg(Arg::new("text").action(ArgAction::Append));
        let command = Command::new("aiomsg").subcommand_required(true);
        command.subcommands([recv, send, Command::new("doctor")])
    }

    fn hinted(command: &Command, args: &[&str]) -> Option<String> {
        let all = ["aiomsg"].iter().chain(args);
        let error = command.clone().try_get_matches_from(all).unwrap_err();
        let args: Vec<_> = args.iter().map(OsString::from).collect();
        hint(&error, command, &args)
    }

    #[test]
    fn an_endpoint_without_its_flag_gets_one() {
        for args in [
            &["recv", "tcp://127.0.0.1:1"][..],
            &["recv", "-n", "1", "tcp://127.0.0.1:1"],
            &["send", "tcp://127.0.0.1:1", "hello"],
        ] {
            let hint = hinted(&command(), args).unwrap();
            assert!(hint.starts_with("write \"-c tcp://127.0.0.1:1\""), "{hint}");
        }
        for args in [
            &["recv", "nonsense"][..],
            &["recv", "-b", "127.0.0.1:1", "127.0.0.1:2"],
            &["send", "--", "127.0.0.1:1"],
            &["doctor", "127.0.0.1:1", "127.0.0.1:1"],
        ] {
            assert_eq!(hinted(&command(), args), None, "{args:?}");
        }
    }

    #[test]
    fn a_topic_without_its_flag_gets_one() {
        let flag = |name: &'static str, short| Arg::new(name).long(name).short(short);
        let subscribe = Command::new("subscribe")
            .arg(flag("connect", 'c').required(true))
            .arg(Arg::new("topics").long("topic"));
        let publish = subscribe.clone().name("publish");
        let publish = publish.arg(Arg::new("text").action(ArgAction::Append));
        let command = command().subcommands([subscribe, publish]);
        for (args, line) in [
            (
                &["subscribe", "weather."][..],
                "aiomsg subscribe -c ENDPOINT --topic weather.",
            ),
            (
                &["subscribe", "weather.", "-c", "127.0.0.1:1"],
                "aiomsg subscribe -c ENDPOINT --topic weather.",
            ),
            (
                &["publish", "weather.oslo", "rain"],
                "aiomsg publish -c ENDPOINT --topic weather.oslo rain",
            ),
        ] {
            let hint = hinted(&command, args).unwrap();
            assert_eq!(hint, format!("write \"{line}\""));
        }
        for args in [
            &["publish", "weather.oslo rain"][..],
            &["subscribe"],
            &["send", "weather.oslo", "rain"],
        ] {
            assert_eq!(hinted(&command, args), None, "{args:?}");
        }
    }

    #[test]
    fn the_names_of_others_are_translated() {
        assert_eq!(
            hinted(&command(), &["sub"]).unwrap(),
            "write \"aiomsg recv\""
        );
        assert_eq!(hinted(&command(), &["subway"]), None);
        let with_subscribe = command().subcommand(Command::new("subscribe"));
        assert_eq!(
            hinted(&with_subscribe, &["SUB"]).unwrap(),
            "write \"aiomsg subscribe\""
        );
    }
}
