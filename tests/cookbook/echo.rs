use crate::program::{Program, example};

/// A relay, and two clients that it has both heard of.
async fn relay_and_clients(mode: &str) -> (Program, [Program; 2]) {
    let relay = example("echo_relay").args([mode, "127.0.0.1:0"]).run();
    let address = relay.address("listening at ").await;
    let mut clients = [(); 2].map(|()| example("echo_client").args([address.as_str()]).run());
    for (client, name) in clients.iter_mut().zip(["a", "b"]) {
        client.type_line(&format!("{name} is here")).await;
        relay.line(&format!("relaying {name} is here")).await;
    }
    (relay, clients)
}

async fn stop(mut relay: Program, mut clients: [Program; 2]) {
    for client in &mut clients {
        client.stop().await;
    }
    let lines = relay.stop().await;
    let last = lines.last().map(String::as_str);
    assert_eq!(last, Some("closed, 0 messages unsent"));
}

#[tokio::test]
async fn by_publish_everyone_gets_it_the_sender_too() {
    let (relay, mut clients) = relay_and_clients("publish").await;
    clients[0].type_line("hello").await;
    clients[1].line("received hello").await;
    clients[0].line("received hello").await;
    clients[1].type_line("bye").await;
    for client in &mut clients {
        let lines = client.line("received bye").await;
        let hellos = lines.iter().filter(|line| *line == "received hello");
        assert_eq!(hellos.count(), 1, "{lines:?}");
    }
    stop(relay, clients).await;
}

#[tokio::test]
async fn by_round_robin_each_message_goes_to_one() {
    let (relay, mut clients) = relay_and_clients("roundrobin").await;
    for n in 0..10 {
        clients[0].type_line(&format!("message {n}")).await;
    }
    let mut all = Vec::new();
    for client in &mut clients {
        let lines = client
            .until("5 messages", |lines| messages(lines).len() >= 5)
            .await;
        all.extend(messages(&lines));
    }
    all.sort();
    let expected: Vec<_> = (0..10).map(|n| format!("received message {n}")).collect();
    assert_eq!(all, expected);
    stop(relay, clients).await;
}

fn messages(lines: &[String]) -> Vec<String> {
    let messages = lines
        .iter()
        .filter(|line| line.starts_with("received message"));
    messages.cloned().collect()
}
