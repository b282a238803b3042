//! Publishing and subscribing by topic.

use super::process::{Process, run, run_with};

const SETTLED: [&str; 2] = ["--settle", "forever"];

/// `aiomsg subscribe` with these options, and its endpoint.
fn subscribing(options: &[&str]) -> (Process, String) {
    let args = [&["subscribe", "-b", "tcp://127.0.0.1:0"], options].concat();
    let mut subscriber = Process::start(&args);
    let endpoint = subscriber.endpoint();
    (subscriber, endpoint)
}

fn publish(endpoint: &str, options: &[&str]) -> super::process::Done {
    run(&[&["publish", "-c", endpoint], options].concat())
}

#[test]
fn a_message_goes_to_the_subscribers_of_its_topic() {
    let (subscriber, endpoint) = subscribing(&["--topic", "weather.", "-n", "1"]);
    // Dropped, whether its subscribers are waited for or not, and no failure.
    let unwanted = publish(
        &endpoint,
        &["--settle", "1ms", "-t", "chess", "--json", "e4"],
    );
    let numbers = unwanted.ends(0).json();
    assert_eq!(numbers["messages"], 1);
    assert_eq!(numbers["unwanted"], 1);
    assert_eq!(numbers["dropped"], 0);
    let wanted = [&SETTLED[..], &["--topic", "weather.oslo", "rain"]].concat();
    publish(&endpoint, &wanted).ends(0);
    assert_eq!(subscriber.finish().ends(0).text(), "weather.oslo rain\n");
}

#[test]
fn there_may_be_several_topics_at_either_end() {
    let (subscriber, endpoint) = subscribing(&["-t", "a ", "-t", "b/", "-n", "4"]);
    let both = [&SETTLED[..], &["-t", "a ", "-t", "b/", "--separator", ""]].concat();
    let done = run_with(
        &[&["publish", "-c", &endpoint], &both[..]].concat(),
        b"1\n2\n",
    );
    done.ends(0);
    assert_eq!(subscriber.finish().ends(0).text(), "a 1\nb/1\na 2\nb/2\n");
}

#[test]
fn without_a_topic_it_is_everything() {
    let (subscriber, endpoint) = subscribing(&["--json", "-n", "2"]);
    publish(&endpoint, &[&SETTLED[..], &["x y", ""]].concat()).ends(0);
    let subscriber = subscriber.finish();
    let texts: Vec<_> = (subscriber.ends(0).text().lines())
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].clone())
        .collect();
    assert_eq!(texts, ["x y", ""]);
}

#[test]
fn as_many_subscribers_as_are_waited_for_get_it() {
    let args = ["publish", "-b", "tcp://127.0.0.1:0", "--wait-peers", "2"];
    let what = [&SETTLED[..], &["-t", "news", "all"]].concat();
    let mut publisher = Process::start(&[&args[..], &what].concat());
    let endpoint = publisher.endpoint();
    let subscribe = ["subscribe", "-c", &endpoint, "-t", "news", "-n", "1"];
    let both = [(), ()].map(|()| Process::start(&subscribe));
    for subscriber in both {
        assert_eq!(subscriber.finish().ends(0).text(), "news all\n");
    }
    publisher.finish().ends(0);
}

#[test]
fn subscribers_that_do_not_come_are_missed() {
    let (_subscriber, endpoint) = subscribing(&["-t", "weather"]);
    let args = [&SETTLED[..], &["--timeout", "500ms", "-t", "chess", "e4"]].concat();
    publish(&endpoint, &args).fails(3, &["within 500ms"]);
}

#[test]
fn topics_are_bounded() {
    let long = "x".repeat(257);
    run(&["subscribe", "-b", "tcp://127.0.0.1:0", "-t", &long])
        .fails(2, &["--topic", "257 bytes", "256"]);
    run(&[
        "publish",
        "-b",
        "tcp://127.0.0.1:0",
        "--separator",
        ";",
        "x",
    ])
    .fails(2, &["--topic"]);
}
