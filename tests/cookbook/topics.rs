use crate::program::{Program, example};

fn subscriber(address: &str, topics: &[&str]) -> Program {
    let args = [&[address], topics].concat();
    example("topic_subscriber").args(args).run()
}

/// The topics of what was received.
fn topics(lines: &[String]) -> Vec<&str> {
    let received = lines
        .iter()
        .filter_map(|line| line.strip_prefix("received "));
    received
        .filter_map(|message| message.split(' ').next())
        .collect()
}

async fn some(program: &Program, topic: &str) {
    let what = format!("3 times {topic}");
    program
        .until(&what, |lines| {
            topics(lines).iter().filter(|it| **it == topic).count() >= 3
        })
        .await;
}

#[tokio::test]
async fn each_gets_what_it_has_asked_for() {
    let mut publisher = example("topic_publisher").args(["127.0.0.1:0"]).run();
    let address = publisher.address("listening at ").await;
    let mut weather = subscriber(&address, &["weather."]);
    let mut lima = subscriber(&address, &["weather.lima", "chess.lima"]);
    let mut all = subscriber(&address, &[]);
    for (program, wanted) in [
        (&weather, &["weather.oslo", "weather.lima"][..]),
        (&lima, &["weather.lima", "chess.lima"]),
        (&all, &["weather.oslo", "weather.lima", "chess.lima"]),
    ] {
        for topic in wanted {
            some(program, topic).await;
        }
    }
    let lines = weather.stop().await;
    assert!(!topics(&lines).contains(&"chess.lima"), "{lines:?}");
    let lines = lima.stop().await;
    assert!(!topics(&lines).contains(&"weather.oslo"), "{lines:?}");
    all.stop().await;
    let lines = publisher.stop().await;
    assert!(lines.last().unwrap().starts_with("closed, "), "{lines:?}");
}

/// A publisher that returns is told again what is wanted.
#[tokio::test]
async fn a_subscription_outlives_the_publisher() {
    let mut publisher = example("topic_publisher").args(["127.0.0.1:0"]).run();
    let address = publisher.address("listening at ").await;
    let mut chess = subscriber(&address, &["chess."]);
    some(&chess, "chess.lima").await;
    publisher.stop().await;

    let before = topics(&chess.lines()).len();
    let mut publisher = example("topic_publisher").args([address.as_str()]).run();
    chess
        .until("news of the new publisher", |lines| {
            topics(lines).len() >= before + 3
        })
        .await;
    let lines = chess.stop().await;
    assert!(topics(&lines).iter().all(|topic| *topic == "chess.lima"));
    publisher.stop().await;
}
