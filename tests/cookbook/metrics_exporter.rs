use std::time::Duration;

use aiomsg::Socket;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::example;

/// What the program answers at its second address.
async fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\naccept: */*\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn metrics_exporter_counts_its_jobs() {
    let mut program = example("metrics_exporter")
        .args(["127.0.0.1:0", "127.0.0.1:0"])
        .run();
    let jobs = program.address("listening at ").await;
    let url = program.line("metrics at ").await;
    let url = url
        .iter()
        .find_map(|it| it.strip_prefix("metrics at http://"));
    let metrics = url.unwrap().strip_suffix("/metrics").unwrap().to_owned();

    let client = Socket::new().unwrap();
    client.connect(format!("tcp://{jobs}")).unwrap();
    client.send("job").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), "JOB");
    client.send("").await.unwrap();
    let lines = [
        "# TYPE aiomsg_received_messages_total counter",
        "aiomsg_received_messages_total 2",
        "aiomsg_received_bytes_total 3",
        "aiomsg_peers 1",
        r#"aiomsg_layer_messages_total{direction="receive"} 2"#,
        r#"aiomsg_layer_errors_total{direction="receive",reason="layer"} 1"#,
        r#"aiomsg_handshake_seconds_count{direction="accept",dialect="v1"} 1"#,
        "aiomsg_handling_seconds_count 2",
        r#"aiomsg_handling_seconds_bucket{le="+Inf"} 2"#,
    ];
    // The counters of the socket are read before those of its layers.
    let mut page = String::new();
    let mut missing = Vec::from(lines);
    let all = async {
        while !missing.is_empty() {
            page = scrape(&metrics).await;
            missing = lines.into();
            missing.retain(|line| !page.lines().any(|it| it == *line));
        }
    };
    let all = tokio::time::timeout(Duration::from_secs(20), all).await;
    assert!(all.is_ok(), "no {missing:?} in {page}");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    let lines = program.stop().await;
    assert_eq!(lines.last().unwrap(), "closed, 0 answers unsent");
}
