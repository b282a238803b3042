use crate::program::example;

/// Each client gets its own answers, whatever the others ask.
#[tokio::test]
async fn every_request_is_answered() {
    let mut server = example("request_server").args(["127.0.0.1:0"]).run();
    let address = server.address("listening at ").await;
    let mut clients = [(); 3].map(|()| {
        example("request_client")
            .args([address.as_str()])
            .with("COUNT", 20)
            .run()
    });
    for client in &mut clients {
        let lines = client.end().await;
        let answers = (1..=20).map(|n| format!("{n}: {}", n * n));
        assert!(lines[1..21].iter().cloned().eq(answers), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "closed, 0 answers came too late");
    }
    let lines = server.stop().await;
    let answered = lines.iter().filter(|line| *line == "20: 400");
    assert_eq!(answered.count(), 3);
    assert_eq!(lines.last().unwrap(), "closed, 0 answers unsent");
}

/// A server that is away costs some requests their answers, and no more.
#[tokio::test]
async fn the_client_outlives_the_server() {
    let mut server = example("request_server").args(["127.0.0.1:0"]).run();
    let address = server.address("listening at ").await;
    let mut client = example("request_client").args([address.as_str()]).run();
    client.line("3: 9").await;
    server.stop().await;

    let before = client.lines().len();
    let mut server = example("request_server").args([address.as_str()]).run();
    client
        .until("the new server's answers", |lines| {
            let new = lines.iter().skip(before);
            new.filter(|line| !line.contains("no answer")).count() >= 3
        })
        .await;
    let lines = client.stop().await;
    assert!(lines.last().unwrap().starts_with("closed, "), "{lines:?}");
    server.stop().await;
}
