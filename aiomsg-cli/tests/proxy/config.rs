//! Settings that are wrong: one line each, that says what to do.

use super::*;

async fn refused(args: &[&str], words: &str) {
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
}

const SIDES: [&str; 4] = ["--frontend", "127.0.0.1:1", "--backend", "127.0.0.1:2"];

#[tokio::test]
async fn what_is_wrong_on_the_command_line_is_named() {
    refused(
        &[],
        "the frontend has no endpoint: add --frontend tcp://HOST:PORT",
    )
    .await;
    refused(&SIDES[..2], "the backend has no endpoint").await;
    for (more, words) in [
        (
            &["--mode", "publish", "--at-least-once", "both"][..],
            "for mode round-robin",
        ),
        (&["--mode", "publish", "--replies"], "for mode round-robin"),
        (&["--in-flight", "0"], "in-flight is 0: expected 1 to 65536"),
        (
            &["--frontend", "127.0.0.1:1"],
            "tcp://127.0.0.1:1 is named twice",
        ),
        (
            &["--backend", "127.0.0.1:1"],
            "tcp://127.0.0.1:1 is named twice",
        ),
        (
            &["--backend-connect", "127.0.0.1:0"],
            "nobody listens at port 0",
        ),
        (
            &["--backend", "tls://127.0.0.1:3"],
            "add --backend-cert and --backend-key",
        ),
        (
            &["--backend-connect", "tls://127.0.0.1:3"],
            "add --backend-trust",
        ),
        (
            &["--backend-server-name", "x"],
            "server-name is of no use without",
        ),
        (
            &["--frontend-identity", "front"],
            "add --frontend-dialect 2019",
        ),
        (&["--allow-control"], "add --dashboard"),
        (&["--heartbeat-interval", "0s"], "heartbeat-interval is 0"),
        (
            &["--heartbeat-timeout", "1s"],
            "must be longer than its interval",
        ),
        (&["--queue-messages", "0"], "leaves no room"),
        (
            &["--max-incomplete-bytes", "0"],
            "max_incomplete_bytes is 0",
        ),
        (&["--backend-trust", "/no/such.cert"], "/no/such.cert"),
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
async fn what_is_wrong_in_a_file_is_named_with_its_line() {
    refused(
        &["--config", "/no/such.toml"],
        "/no/such.toml: the file cannot be read",
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    let path = file.to_str().unwrap();
    for (text, words) in [
        (
            "\n\nmod = \"publish\"\n",
            ":3: unknown field `mod`, expected one of `mode`",
        ),
        (
            "[frontend]\nbind = [\"a\"]\n",
            ":2: \"a\" is not an endpoint",
        ),
        ("[limits]\nmax-resends = \"3\"\n", ":2: invalid type"),
        (
            "mode = \"publish\"\nat-least-once = \"both\"\n",
            "for mode round-robin",
        ),
        ("[frontend.tls]\ncert = \"x\"\n", "without its key"),
    ] {
        std::fs::write(&file, text).unwrap();
        let args = [&SIDES[..], &["--config", path]].concat();
        refused(
            &args,
            &format!(
                "p.toml{}",
                if words.starts_with(':') { words } else { ": " }
            ),
        )
        .await;
        refused(&args, words).await;
    }
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
