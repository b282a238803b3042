//! Settings that are wrong: one line each, that says what to do.

use super::*;

/// Says the error.
async fn refused(args: &[&str], words: &str) -> String {
    let ended = Program::run([&["proxy", "--check-config"][..], args].concat()).await;
    assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
    let error = match &ended.errors[..] {
        [error] => error.clone(),
        // clap adds how to get help.
        errors => errors.join(" "),
    };
    assert!(
        error.starts_with("error: ") && error.contains(words),
        "{args:?}: {error}"
    );
    error
}

const SIDES: [&str; 4] = ["--frontend", "127.0.0.1:1", "--backend", "127.0.0.1:2"];

#[tokio::test]
async fn what_is_wrong_on_the_command_line_is_named() {
    refused(
        &[],
        "--frontend: the frontend has no endpoint: add --frontend with tcp://HOST:PORT",
    )
    .await;
    refused(&SIDES[..2], "the backend has no endpoint").await;
    for (more, words) in [
        (
            &["--mode", "publish", "--at-least-once", "both"][..],
            "--at-least-once: towards the backend it is for --mode round-robin",
        ),
        (
            &["--mode", "publish", "--replies"],
            "--replies: they are for --mode round-robin",
        ),
        (
            &["--in-flight", "0"],
            "--in-flight: 0 is out of range: expected 1 to 65536",
        ),
        (
            &["--frontend", "127.0.0.1:1"],
            "--frontend: tcp://127.0.0.1:1 is named twice",
        ),
        (
            &["--backend", "127.0.0.1:1"],
            "--backend: tcp://127.0.0.1:1 is named twice",
        ),
        (
            &["--backend-connect", "127.0.0.1:0"],
            "--backend-connect: tcp://127.0.0.1:0: nobody listens at port 0",
        ),
        (
            &["--backend-connect-all", "workers:0"],
            "tcp://workers:0: nobody listens at port 0",
        ),
        (
            &["--backend-connect-all", "unix:///run/w.sock"],
            "unix:///run/w.sock: it has no name to resolve",
        ),
        (
            &["--backend-connect-all", "w:1", "--backend-connect", "w:1"],
            "tcp://w:1 is named twice to connect to",
        ),
        (
            &["--backend-connect-all", "tls://workers:1"],
            "add --backend-pin (the peer's certificate), --backend-trust",
        ),
        (
            &["--backend", "tls://127.0.0.1:3"],
            "add --backend-cert and --backend-key",
        ),
        (
            &["--backend-connect", "tls://127.0.0.1:3"],
            "add --backend-pin (the peer's certificate), --backend-trust",
        ),
        (
            &["--backend-server-name", "x"],
            "--backend-server-name: it is of no use without --backend-trust or --backend-system-roots",
        ),
        (
            &["--frontend-identity", "front"],
            "--frontend-identity: it has 5 bytes, and any but 16 work in the dialect of 2019 only: set --frontend-dialect to",
        ),
        (
            &["--allow-control"],
            "--allow-control: it is of no use without a dashboard: add --dashboard",
        ),
        (
            &["--heartbeat-interval", "0s"],
            "--heartbeat-interval: it is less than a millisecond",
        ),
        (
            &["--heartbeat-timeout", "1s"],
            "--heartbeat-timeout: the heartbeat timeout (1s) must be longer than its interval (5s)",
        ),
        (
            &["--queue-messages", "0"],
            "--queue-messages: 0 leaves no room",
        ),
        (
            &["--max-incomplete-bytes", "0"],
            "--max-incomplete-bytes: 0 leaves no room",
        ),
        (
            &[
                "--backend-connect",
                "tls://localhost:3",
                "--backend-trust",
                "/no/such.cert",
            ],
            "--backend-trust: the settings cannot be used: /no/such.cert",
        ),
        (
            &[
                "--backend-connect",
                "tls://localhost:3",
                "--backend-pin",
                "/no/such.cert",
            ],
            "--backend-pin: the settings cannot be used: /no/such.cert",
        ),
        (
            &["--backend-system-roots"],
            "--backend-system-roots: no endpoint of the backend uses tls",
        ),
        (
            &["--backend-peer-identity-by-name"],
            "--backend: tcp://127.0.0.1:2: with --backend-peer-identity-by-name, only tls://",
        ),
        (
            &["--backend-peer-identity", "ab=cd"],
            "\"ab\" is not a SHA-256 fingerprint",
        ),
        (
            &["--backend-identity", "00112233445566778899aabbccddeeff"],
            "write hex:00112233445566778899aabbccddeeff",
        ),
        (
            &["--backend", "tcp://*:25002"],
            "write \"tcp://0.0.0.0:25002\"",
        ),
        // These are refused where they are read.
        (&["--frontend-cert", "x"], "--frontend-key"),
        (
            &["--frontend", "nowhere"],
            "\"nowhere\" is not an endpoint: the port is missing",
        ),
        (&["--frontend", "mem://x"], "is within one process"),
        (
            &["--metrics", "here"],
            "\"here\" is not an address: expected a port",
        ),
        (&["--drain-deadline", "5"], "\"5\" is not a time"),
        (&["--queue-bytes", "5 pieces"], "\"5 pieces\" is not a size"),
        (
            &["--overflow", "drop"],
            "possible values: wait, refuse-newest",
        ),
    ] {
        refused(&[&SIDES[..], more].concat(), words).await;
    }
}

#[tokio::test]
async fn an_error_of_a_file_names_file_line_and_key_and_no_flag() {
    refused(
        &["--config", "/no/such.toml"],
        "/no/such.toml: the file cannot be read",
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    let path = file.to_str().unwrap();
    for (text, error) in [
        (
            "\n\nmod = \"publish\"\n",
            ":3: mod: unknown field `mod`, expected one of `mode`",
        ),
        (
            "[frontend]\nbind = [\"a\"]\n",
            ":2: frontend.bind: \"a\" is not an endpoint",
        ),
        (
            "[limits]\nmax-resends = \"3\"\n",
            ":2: limits.max-resends: invalid type",
        ),
        (
            "mode = \"publish\"\nat-least-once = \"both\"\n",
            ":2: at-least-once: towards the backend it is for mode round-robin",
        ),
        (
            "mode = \"publish\"\nreplies = true\n",
            ":2: replies: they are for mode round-robin",
        ),
        ("in-flight = 0\n", ":1: in-flight: 0 is out of range"),
        (
            "[observe]\nallow-control = true\n",
            ":2: observe.allow-control: it is of no use without a dashboard: add observe.dashboard",
        ),
        (
            "[frontend.tls]\ncert = \"x\"\n",
            ":2: frontend.tls.cert: a certificate and its key come together: add frontend.tls.key",
        ),
        (
            "[frontend.tls]\ntrust = [\"no.cert\"]\n",
            ":2: frontend.tls.trust: no endpoint of the frontend uses tls",
        ),
        (
            "[frontend]\nconnect = [\"tls://a:3\"]\n[frontend.tls]\ntrust = [\"no.cert\"]\n",
            ":4: frontend.tls.trust: the settings cannot be used: ",
        ),
        (
            "[frontend]\nconnect = [\"tls://a:3\"]\n[frontend.tls]\n\npin = [\"no.cert\"]\n",
            ":5: frontend.tls.pin: the settings cannot be used: ",
        ),
        (
            "[backend.tls]\nserver-name = \"x\"\n",
            ":2: backend.tls.server-name: it is of no use without backend.tls.trust or \
             backend.tls.system-roots",
        ),
        (
            "[backend]\nconnect = [\"tls://127.0.0.1:1\"]\n",
            ":2: backend.connect: tls://127.0.0.1:1: connecting with tls needs to know whom to \
             trust: add backend.tls.pin",
        ),
        (
            "[backend]\nconnect = [\"127.0.0.1:0\"]\n",
            ":2: backend.connect: tcp://127.0.0.1:0: nobody listens at port 0",
        ),
        (
            "[frontend]\nidentity = \"front\"\n",
            ":2: frontend.identity: it has 5 bytes, and any but 16 work in the dialect of 2019 \
             only: set frontend.dialect to 2019",
        ),
        (
            "[frontend]\nidentity = \"00112233445566778899aabbccddeeff\"\n",
            ":2: frontend.identity: \"00112233445566778899aabbccddeeff\" is the 32 digits",
        ),
        (
            "[frontend]\npeer-identity = [\"x\"]\n",
            ":2: frontend.peer-identity: \"x\" has no \"=\"",
        ),
        (
            "[limits]\nqueue-bytes = 0\n",
            ":2: limits.queue-bytes: 0 leaves no room",
        ),
        (
            "[limits]\nqueue-bytes = 0\n[backend.limits]\nqueue-bytes = 1\n",
            ":2: limits.queue-bytes: 0 leaves no room",
        ),
        (
            "[frontend.limits]\nheartbeat-timeout = \"1s\"\n",
            ":2: frontend.limits.heartbeat-timeout: the heartbeat timeout (1s)",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let args = [&SIDES[..], &["--config", path]].concat();
        let said = refused(&args, &format!("{path}{error}")).await;
        assert!(!said.contains("--"), "a flag is named: {said}");
    }
    // What a file lacks is looked for there.
    std::fs::write(&file, "\n[backend]\nbind = [\"127.0.0.1:1\"]\n").unwrap();
    let said = refused(&["--config", path], &format!("{path}: frontend.bind: ")).await;
    assert!(!said.contains("--"), "a flag is named: {said}");
    // An error of a flag names the flag, although there is a file.
    let args = ["--config", path, "--in-flight", "0"];
    refused(&[&SIDES[..], &args].concat(), "error: --in-flight: 0").await;
}

/// The file and the certificate are in a folder that is not the current one.
#[tokio::test]
async fn paths_in_a_file_are_relative_to_it() {
    let folder = tempfile::tempdir().unwrap();
    crate::support::python::certificate(folder.path(), "ours");
    let text = "[frontend]\nbind = [\"tls://127.0.0.1:0\"]\n\
                tls = { cert = \"ours.cert\", key = \"ours.key\" }\n\
                [backend]\nbind = [\"unix://back.sock\"]\n";
    let file = folder.path().join("p.toml");
    std::fs::write(&file, text).unwrap();
    let program = Program::start(["proxy", "--config", file.to_str().unwrap()]);
    let at = program.after("backend: listening at ").await;
    let socket = folder.path().join("back.sock");
    assert_eq!(at, format!("unix://{}", socket.display()));
    assert!(socket.exists());
}

#[tokio::test]
async fn good_settings_are_said_to_be_good_and_flags_win_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    let text = "[frontend]\nbind = [\"127.0.0.1:1\"]\n[backend]\nbind = [\"127.0.0.1:0\"]\n";
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let ended = Program::run(["proxy", "--config", path, "--check-config"]).await;
    assert_eq!(
        (ended.code, &*ended.lines),
        (Some(0), &["the settings are good".to_owned()][..])
    );
    // Port 1 of the file is not for us to listen at; it is not asked for.
    let program = Program::start(["proxy", "--config", path, "--frontend", "127.0.0.1:0"]);
    let at = program.after("frontend: listening at ").await;
    assert_ne!(at, "tcp://127.0.0.1:1");
}

#[tokio::test]
async fn an_endpoint_that_is_in_use_is_named() {
    let proxy = Proxy::start(&[]).await;
    let args = [
        "proxy",
        "--frontend",
        &proxy.frontend,
        "--backend",
        "127.0.0.1:0",
    ];
    let ended = Program::run(args).await;
    assert_eq!(ended.code, Some(1));
    let error = ended.error();
    assert!(
        error.contains(&proxy.frontend) && error.contains("in use"),
        "{error}"
    );
}
