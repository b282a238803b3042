use crate::program::example;

/// The server is stopped and started again: the client goes on.
#[tokio::test]
async fn the_client_prints_the_time_and_outlives_the_server() {
    let mut server = example("clock_server").args(["127.0.0.1:0"]).run();
    let address = server.address("listening at ").await;
    let mut client = example("clock_client").args([address.as_str()]).run();
    let seen = client
        .until("3 times", |lines| times(lines).len() >= 3)
        .await;
    let sent = server.stop().await;
    assert!(sent.last().unwrap().starts_with("closed, "), "{sent:?}");
    for time in times(&seen) {
        assert!(sent.contains(&format!("sending {time}")), "{time}");
    }

    let before = times(&client.lines()).len();
    let mut server = example("clock_server").args([address.as_str()]).run();
    client
        .until("the new server's times", |lines| {
            times(lines).len() >= before + 3
        })
        .await;
    let last = client.stop().await;
    assert!(last.last().unwrap().starts_with("closed, "), "{last:?}");
    server.stop().await;
}

/// What is sent before anybody is there, waits.
#[tokio::test]
async fn the_first_client_gets_what_waited() {
    let mut server = example("clock_server")
        .args(["127.0.0.1:0"])
        .with("COUNT", 5)
        .run();
    let address = server.address("listening at ").await;
    server
        .until("all times", |lines| {
            lines.iter().filter(|l| l.starts_with("sending")).count() == 5
        })
        .await;
    let mut client = example("clock_client")
        .args([address.as_str()])
        .with("COUNT", 5)
        .run();
    let lines = client.end().await;
    assert_eq!(times(&lines).len(), 5, "{lines:?}");
    let lines = server.end().await;
    assert_eq!(lines.last().unwrap(), "closed, 0 messages unsent");
}

fn times(lines: &[String]) -> Vec<&String> {
    lines
        .iter()
        .filter(|line| line.ends_with(" UTC") && !line.contains("sending"))
        .collect()
}
