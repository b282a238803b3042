use crate::program::{Program, example};

#[tokio::test]
async fn the_end_that_binds_publishes() {
    let mut publisher = example("publisher_bind").args(["127.0.0.1:0"]).run();
    let address = publisher.address("listening at ").await;
    let mut subscribers = [(); 2].map(|()| {
        example("subscriber")
            .args(["connect", address.as_str()])
            .run()
    });
    all_get_the_same(&mut subscribers).await;
    let lines = publisher.stop().await;
    assert!(lines.last().unwrap().starts_with("closed, "), "{lines:?}");
    for subscriber in &mut subscribers {
        subscriber.stop().await;
    }
}

#[tokio::test]
async fn the_end_that_connects_publishes() {
    let mut subscriber = example("subscriber").args(["bind", "127.0.0.1:0"]).run();
    let address = subscriber.address("listening at ").await;
    let mut publisher = example("publisher_connect")
        .args([address.as_str()])
        .with("COUNT", 5)
        .run();
    let lines = publisher.end().await;
    assert_eq!(lines.last().unwrap(), "closed, 0 messages unsent");
    let lines = subscriber.line("received news 5").await;
    let expected: Vec<_> = (1..=5).map(|n| format!("received news {n}")).collect();
    assert_eq!(lines[1..], expected);
    subscriber.stop().await;
}

/// There is news that all of them got, and none of them twice.
async fn all_get_the_same(subscribers: &mut [Program]) {
    let mut first_of_the_last = 0;
    for subscriber in &mut *subscribers {
        let lines = subscriber
            .until("news", |lines| !news(lines).is_empty())
            .await;
        first_of_the_last = first_of_the_last.max(news(&lines)[0]);
    }
    for subscriber in subscribers {
        let lines = subscriber
            .line(&format!("received news {}", first_of_the_last + 3))
            .await;
        let news = news(&lines);
        let expected: Vec<_> = (news[0]..).take(news.len()).collect();
        assert_eq!(news, expected);
    }
}

fn news(lines: &[String]) -> Vec<u64> {
    let news = lines
        .iter()
        .filter_map(|line| line.strip_prefix("received news "));
    news.map(|number| number.parse().expect("a number"))
        .collect()
}
