//! The example, as its text says that it is run.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::PATIENCE;
use crate::collector::Collector;

/// Cargo puts examples beside the folder of this test.
fn program() -> Command {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let built = folder.join("examples").join("traced_worker");
    let built = built.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        built.exists(),
        "there is no {}: `cargo test` builds the examples, but with --test it does not; run \
         `cargo build -p aiomsg-opentelemetry --examples` first",
        built.display()
    );
    let mut program = Command::new(built);
    program.stdout(Stdio::piped()).kill_on_drop(true);
    program
}

async fn line(from: &mut Child) -> (String, BufReader<ChildStdout>) {
    let mut reader = BufReader::new(from.stdout.take().unwrap());
    let mut line = String::new();
    let reading = timeout(PATIENCE, reader.read_line(&mut line));
    reading.await.expect("it says something").unwrap();
    (line.trim_end().to_owned(), reader)
}

#[tokio::test]
async fn the_example_sends_one_trace() {
    let collector = Collector::start().await;
    let mut worker = program()
        .args(["worker", "127.0.0.1:0"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .env("COUNT", "1")
        .spawn()
        .unwrap();
    let (said, _stdout) = line(&mut worker).await;
    let endpoint = said.strip_prefix("listening at ").unwrap();
    let mut asker = program()
        .args(["ask", "hello"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .env("ENDPOINT", endpoint)
        .spawn()
        .unwrap();
    assert_eq!(line(&mut asker).await.0, "HELLO");
    for mut process in [worker, asker] {
        let ended = timeout(PATIENCE, process.wait()).await;
        assert!(ended.expect("it ends").unwrap().success());
    }
    let expected = "\
question, internal, asker
  request texts, client, asker
    send texts, producer, asker
      process texts, consumer, worker
        capitals, internal, worker
";
    assert_eq!(collector.trees(), [expected]);
}
