use crate::program::{Program, example};

/// A reply reaches the one that asked, news reaches everyone.
#[tokio::test]
async fn replies_go_to_the_sender_and_news_to_everyone() {
    let mut relay = example("relay_and_reply")
        .args(["127.0.0.1:0", "127.0.0.1:0"])
        .run();
    let address = relay.address("listening at ").await;
    let news = relay.address("publishing at ").await;
    let client = || example("relay_client").args([address.as_str(), news.as_str()]);

    let mut alone = client().run();
    let id = alone.id();
    let lines = alone.end().await;
    assert_eq!(with(&lines, "reply to "), replies());
    assert_eq!(with(&lines, "news: "), messages(id));

    let mut listener = example("subscriber").args(["connect", news.as_str()]).run();
    wait_for(&mut listener, client).await;
    let mut two = [client().run(), client().run()];
    let ids = [two[0].id(), two[1].id()];
    for program in &mut two {
        assert_eq!(with(&program.end().await, "reply to "), replies());
    }
    for id in ids {
        for message in messages(id) {
            listener.line(&message).await;
        }
    }
    listener.stop().await;
    let lines = relay.stop().await;
    assert_eq!(lines[lines.len() - 2], "closed, 0 replies unsent");
    assert_eq!(lines[lines.len() - 1], "closed, 0 news unsent");
}

/// Clients ask until the listener hears of it: then it is connected.
async fn wait_for(listener: &mut Program, client: impl Fn() -> crate::program::Start) {
    for _ in 0..100 {
        client().with("COUNT", 1).run().end().await;
        if listener.lines().iter().any(|line| line.contains("message")) {
            return;
        }
    }
    panic!("the listener hears nothing: {:?}", listener.lines());
}

fn with(lines: &[String], start: &str) -> Vec<String> {
    let rest = lines.iter().filter_map(|line| line.strip_prefix(start));
    rest.map(str::to_owned).collect()
}

fn replies() -> Vec<String> {
    (1..=3).map(|n| format!("{n}: ok")).collect()
}

fn messages(id: u32) -> Vec<String> {
    (1..=3).map(|n| format!("message {n} of {id}")).collect()
}
