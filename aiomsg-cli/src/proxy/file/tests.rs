use super::*;

#[test]
fn a_file_that_has_no_end_is_not_read_whole() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let fill = |len: usize| std::fs::write(file.path(), " ".repeat(len)).unwrap();
    fill(1 << 20);
    assert!(File::read(file.path()).is_ok());
    fill((1 << 20) + 1);
    let error = File::read(file.path()).unwrap_err().to_string();
    assert!(error.contains("more than 1048576 bytes"), "{error}");
    assert!(error.contains(file.path().to_str().unwrap()), "{error}");
}

#[test]
fn an_error_names_the_line_and_the_key() {
    for (text, line, key, words) in [
        (
            "mode = \"publsh\"",
            1,
            "mode: ",
            "expected `round-robin` or `publish`",
        ),
        (
            "\nfrontends = 1",
            2,
            "frontends: ",
            "unknown field `frontends`, expected one of",
        ),
        (
            "[frontend]\nbind = [\n\"tcp://a:1\",\n\"tcp://b\"]",
            4,
            "frontend.bind: ",
            "the port is missing",
        ),
        (
            "[frontend]\nbind = \"tcp://a:1\"",
            2,
            "frontend.bind: ",
            "expected a sequence",
        ),
        (
            "[frontend]\nidentity = \"hex:0\"",
            2,
            "frontend.identity: ",
            "pairs of hexadecimal",
        ),
        (
            "[backend.limits]\nack-timeout = 5",
            2,
            "backend.limits.ack-timeout: ",
            "a time in quotes",
        ),
        (
            "[backend.limits]\nack-timeout = \"5\"",
            2,
            "backend.limits.ack-timeout: ",
            "\"5\" is not a time",
        ),
        (
            "[limits]\nqueue-bytes = \"1 piece\"",
            2,
            "limits.queue-bytes: ",
            "\"1 piece\" is not a size",
        ),
        (
            "[limits]\nqueue-bytes = -1",
            2,
            "limits.queue-bytes: ",
            "expected a size",
        ),
        (
            "[observe]\nmetrics = \"x:y\"",
            2,
            "observe.metrics: ",
            "\"x:y\" is not an address",
        ),
        (
            "[frontend]\ndialect = \"2026\"",
            2,
            "frontend.dialect: ",
            "expected any, v1 or 2019",
        ),
        (
            "[frontend]\nbind = [\"mem://x\"]",
            2,
            "frontend.bind: ",
            "within one process",
        ),
        ("[frontend\n", 1, "", ""),
        (
            "mode = \"publish\"\nmode = \"publish\"",
            2,
            "mode: ",
            "duplicate key",
        ),
    ] {
        let wrong = File::parse(Path::new("p.toml"), text).unwrap_err();
        let place = format!("p.toml:{line}: {key}");
        assert!(wrong.starts_with(&place), "{text}: {wrong}");
        assert!(wrong.contains(words), "{text}: {wrong}");
        assert!(!wrong.contains('\n'), "{text}: {wrong}");
    }
}

#[test]
fn paths_are_relative_to_the_file() {
    let text = "[frontend]\nbind = [\"unix://a.sock\", \"unix:///b.sock\", \"unix://@c\"]\n\
                connect = [\"unix://./@d\", \"tcp://e:1\"]\n\
                tls = { cert = \"f\", key = \"/g\", trust = [\"../h\"], pin = [\"i\"] }\n";
    let file = File::parse(Path::new("/etc/aiomsg/p.toml"), text).unwrap();
    let shown = |list: &[EndpointText]| -> Vec<_> {
        list.iter().map(|EndpointText(it)| it.to_string()).collect()
    };
    assert_eq!(
        shown(&file.frontend.bind),
        ["unix:///etc/aiomsg/a.sock", "unix:///b.sock", "unix://@c"]
    );
    assert_eq!(
        shown(&file.frontend.connect),
        ["unix:///etc/aiomsg/./@d", "tcp://e:1"]
    );
    let tls = &file.frontend.tls;
    assert_eq!(tls.cert.as_deref(), Some(Path::new("/etc/aiomsg/f")));
    assert_eq!(tls.key.as_deref(), Some(Path::new("/g")));
    assert_eq!(tls.trust, [Path::new("/etc/aiomsg/../h")]);
    assert_eq!(tls.pin, [Path::new("/etc/aiomsg/i")]);
    // No name of a folder makes the name of a socket abstract.
    let file = File::parse(Path::new("@conf/p.toml"), text).unwrap();
    assert_eq!(shown(&file.frontend.bind)[0], "unix://./@conf/a.sock");
}
