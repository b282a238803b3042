//! Reading the file again.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::support::python::certificate;

/// A proxy with a file.
struct Filed {
    proxy: Proxy,
    file: PathBuf,
    folder: tempfile::TempDir,
}

impl Filed {
    async fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.toml");
        fs::write(&file, text).unwrap();
        let args = ["--log", "info", "--config", file.to_str().unwrap()];
        Self {
            proxy: Proxy::with(&args).await,
            file,
            folder,
        }
    }

    /// Writes another text, and has it read.
    async fn reload(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
        self.proxy.program.signal("HUP").await;
    }
}

const SIDES: &str = "[frontend]\nbind = [\"127.0.0.1:0\"]\n[backend]\nbind = [\"127.0.0.1:0\"]\n";

#[tokio::test]
async fn endpoints_come_and_go_and_connections_stay() {
    let filed = Filed::start(SIDES).await;
    let proxy = &filed.proxy;
    let consumer = proxy.consumer().await;
    let path = filed.folder.path().join("front.sock");
    let other = format!("unix://{}", path.display());
    // Both at once.
    let listens = Socket::new().unwrap();
    let at = listens.bind("127.0.0.1:0").await.unwrap();
    filed
        .reload(&format!(
            "[frontend]\nbind = [\"127.0.0.1:0\", {other:?}]\n\
             [backend]\nbind = [\"127.0.0.1:0\"]\nconnect = [\"{at}\"]\n"
        ))
        .await;
    proxy.program.says("reloaded", 1).await;
    within("the proxy", listens.wait_for_peers(1))
        .await
        .unwrap();
    let producer = connected(Socket::new().unwrap(), &other);
    for n in 0..2 {
        producer.send(n.to_string()).await.unwrap();
    }
    recv(&consumer).await;
    recv(&listens).await;

    // Without the first one, and without the one that it connected to.
    filed
        .reload(&format!(
            "[frontend]\nbind = [{other:?}]\n[backend]\nbind = [\"127.0.0.1:0\"]\n"
        ))
        .await;
    proxy.program.says("reloaded", 2).await;
    until("the end of the connection", || listens.peers().is_empty()).await;
    let address = proxy.frontend.strip_prefix("tcp://").unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    producer.send("by the one that is left").await.unwrap();
    assert_eq!(recv_text(&consumer).await, "by the one that is left");
    assert_eq!(consumer.stats().connections, 1, "it was never disconnected");
}

#[tokio::test]
async fn a_wrong_file_changes_nothing() {
    let filed = Filed::start(SIDES).await;
    let proxy = &filed.proxy;
    filed.reload("[frontend]\nbind = [\"127.0.0.1\"]\n").await;
    proxy.program.logs("not reloaded, all stays as it is").await;
    proxy.program.logs(":2: ").await;
    fs::remove_file(&filed.file).unwrap();
    proxy.program.signal("HUP").await;
    proxy.program.logs("the file cannot be read").await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    producer.send("still there").await.unwrap();
    assert_eq!(recv_text(&consumer).await, "still there");
}

#[tokio::test]
async fn what_needs_a_restart_is_named() {
    let filed = Filed::start(SIDES).await;
    let text = format!(
        "mode = \"publish\"\ndrain-deadline = \"1s\"\n{SIDES}[backend.limits]\nqueue-messages = 7\n"
    );
    filed.reload(&text).await;
    let program = &filed.proxy.program;
    program.says("reloaded", 1).await;
    program
        .logs("mode has changed, which needs a restart")
        .await;
    program
        .logs("backend.limits.queue-messages has changed, which needs a restart")
        .await;
    let warnings = program.output().errors;
    let warnings = warnings.iter().filter(|it| it.contains("needs a restart"));
    assert_eq!(warnings.count(), 2);
}

/// An endpoint that cannot be had leaves all as it was, and is tried again by the next
/// reload.
#[tokio::test]
async fn an_endpoint_that_is_taken_is_tried_again() {
    let filed = Filed::start(SIDES).await;
    let program = &filed.proxy.program;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let with = SIDES.replacen("127.0.0.1:0\"", &format!("127.0.0.1:0\", \"{address}\""), 1);
    filed.reload(&with).await;
    program.logs("not reloaded, all stays as it is").await;
    program.logs(&format!("tcp://{address}")).await;
    let ready = filed.proxy.metrics.replace("/metrics", "/readyz");
    assert_eq!(http::get(&ready).await.status, 200);
    drop(taken);
    filed.reload(&with).await;
    program
        .says(&format!("frontend: listening at tcp://{address}"), 1)
        .await;
    assert_eq!(http::get(&ready).await.status, 200);
}

/// New connections see the new certificate.
#[tokio::test]
async fn certificates_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| certificate(folder.path(), name));
    let [cert, key] = ["in-use.cert", "in-use.key"].map(|name| folder.path().join(name));
    let install = |from: &crate::support::python::Certificate| {
        fs::copy(&from.cert, &cert).unwrap();
        fs::copy(&from.key, &key).unwrap();
    };
    install(&old);
    let text = format!(
        "[frontend]\nbind = [\"tls://127.0.0.1:0\"]\ntls = {{ cert = {cert:?}, key = {key:?} }}\n\
         [backend]\nbind = [\"127.0.0.1:0\"]\n"
    );
    let filed = Filed::start(&text).await;
    let first = tls::trusting(&old);
    first.connect(&*filed.proxy.frontend).unwrap();
    within("the proxy", first.wait_for_peers(1)).await.unwrap();

    // Half of it is there: the old one stays in use.
    fs::copy(&new.cert, &cert).unwrap();
    filed.reload(&text).await;
    filed
        .proxy
        .program
        .logs("the old certificates stay in use")
        .await;
    let second = tls::trusting(&old);
    second.connect(&*filed.proxy.frontend).unwrap();
    within("the proxy", second.wait_for_peers(1)).await.unwrap();

    install(&new);
    filed.reload(&text).await;
    filed.proxy.program.logs("certificates reloaded").await;
    let third = tls::trusting(&new);
    third.connect(&*filed.proxy.frontend).unwrap();
    within("the proxy", third.wait_for_peers(1)).await.unwrap();
    assert_eq!(first.stats().connections, 1);
}

/// It was called good, and left the proxy deaf.
#[tokio::test]
async fn a_side_that_is_to_have_tls_from_now_on_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let ours = certificate(folder.path(), "ours");
    let filed = Filed::start(SIDES).await;
    let proxy = &filed.proxy;
    let port = proxy.frontend.rsplit(':').next().unwrap();
    let text = format!(
        "[frontend]\nbind = [\"tls://127.0.0.1:{port}\"]\ntls = {{ cert = {:?}, key = {:?} }}\n\
         [backend]\nbind = [\"127.0.0.1:0\"]\n",
        ours.cert, ours.key
    );
    filed.reload(&text).await;
    proxy.program.logs("not reloaded, all stays as it is").await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    producer.send("not deaf").await.unwrap();
    assert_eq!(recv_text(&consumer).await, "not deaf");
}

/// The first side let its port go after the other one had asked for it.
#[tokio::test]
async fn sides_swap_their_ports_in_one_reload() {
    let free = |_| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let [one, other] = [(); 2].map(free);
    let text =
        |front, back| format!("[frontend]\nbind = [\"{front}\"]\n[backend]\nbind = [\"{back}\"]\n");
    let filed = Filed::start(&text(one, other)).await;
    filed.reload(&text(other, one)).await;
    filed.proxy.program.says("reloaded", 1).await;
    let consumer = connected(Socket::new().unwrap(), &one.to_string());
    let producer = connected(Socket::new().unwrap(), &other.to_string());
    producer.send("by the other port").await.unwrap();
    assert_eq!(recv_text(&consumer).await, "by the other port");
}

/// One of two swapped ports is taken: both sides stay where they are.
#[tokio::test]
async fn half_of_a_reload_is_undone() {
    let filed = Filed::start(SIDES).await;
    let proxy = &filed.proxy;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text = format!(
        "[frontend]\nbind = [\"127.0.0.2:0\", \"{address}\"]\n[backend]\nbind = [\"127.0.0.2:0\"]\n"
    );
    filed.reload(&text).await;
    proxy.program.logs("not reloaded, all stays as it is").await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    producer.send("where it was").await.unwrap();
    assert_eq!(recv_text(&consumer).await, "where it was");
}

/// A file that somebody else is to write.
fn pipe_instead_of(file: &std::path::Path) {
    fs::remove_file(file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(file).status();
    assert!(made.unwrap().success());
}

/// Opens the pipe when the proxy has it open to read.
async fn opened_to_write(pipe: PathBuf) -> fs::File {
    let opened = tokio::task::spawn_blocking(|| fs::File::options().write(true).open(pipe));
    within("the proxy to open the pipe", opened)
        .await
        .unwrap()
        .unwrap()
}

/// The file is long in coming, and SIGTERM was not heard until it was there.
#[tokio::test]
async fn a_reload_that_waits_for_its_file_holds_up_no_end() {
    let filed = Filed::start(SIDES).await;
    let proxy = filed.proxy;
    pipe_instead_of(&filed.file);
    proxy.program.signal("HUP").await;
    let unwritten = opened_to_write(filed.file).await;
    let ended = proxy.program.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let gave_up = |line: &String| line.contains("not reloaded, as the proxy ends");
    assert!(ended.errors.iter().any(gave_up), "{ended:?}");
    drop(unwritten);
}

/// Nor does it hold up a pause.
#[tokio::test]
async fn a_reload_that_waits_for_a_key_holds_up_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let ours = certificate(folder.path(), "ours");
    let text = format!(
        "[frontend]\nbind = [\"tls://127.0.0.1:0\"]\ntls = {{ cert = {:?}, key = {:?} }}\n\
         [backend]\nbind = [\"127.0.0.1:0\"]\n",
        ours.cert, ours.key
    );
    let filed = Filed::start(&text).await;
    let program = filed.proxy.program;
    let key = fs::read(&ours.key).unwrap();
    pipe_instead_of(&ours.key);
    program.signal("HUP").await;
    let mut pipe = opened_to_write(ours.key.clone()).await;
    program.signal("USR1").await;
    program.says("paused", 1).await;
    std::io::Write::write_all(&mut pipe, &key).unwrap();
    drop(pipe);
    program.logs("certificates reloaded").await;
    assert_eq!(program.stop().await.code, Some(0));
}

/// The first may have read what was there before.
#[tokio::test]
async fn signals_during_a_reload_have_one_more_follow_it() {
    let filed = Filed::start(SIDES).await;
    let program = filed.proxy.program;
    pipe_instead_of(&filed.file);
    program.signal("HUP").await;
    let mut pipe = opened_to_write(filed.file.clone()).await;
    for goes_on in 1..=3 {
        program.signal("HUP").await;
        program
            .until("a reload that goes on", |output| {
                let told = output.errors.iter();
                told.filter(|it| it.contains("another one follows")).count() >= goes_on
            })
            .await;
    }
    for reloads in 1..=2 {
        std::io::Write::write_all(&mut pipe, SIDES.as_bytes()).unwrap();
        drop(pipe);
        program.says("reloaded", reloads).await;
        match reloads {
            1 => pipe = opened_to_write(filed.file.clone()).await,
            _ => break,
        }
    }
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let reloads = ended.lines.iter().filter(|it| *it == "reloaded").count();
    assert_eq!(reloads, 2, "{ended:?}");
    let gave_up = |line: &String| line.contains("not reloaded, as the proxy ends");
    assert!(!ended.errors.iter().any(gave_up), "a third one: {ended:?}");
}
