use crate::program::example;

/// What the program prints at a port of its own, until it ends by itself.
async fn lines(name: &str) -> Vec<String> {
    example(name).args(["127.0.0.1:0"]).run().end().await
}

#[tokio::test]
async fn token_check_lets_the_right_one_in() {
    let lines = lines("token_check").await;
    let [received, refused] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(received, "received from a friend");
    assert!(refused.starts_with("refused: tcp://127.0.0.1:"));
    assert!(refused.ends_with("the peer has shown a wrong token"));
}

#[tokio::test]
async fn byte_meter_prints_a_table() {
    let lines = lines("byte_meter").await;
    let mut table: Vec<Vec<_>> = lines
        .iter()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(table.remove(0), ["peer", "came", "went"]);
    let mut numbers: Vec<_> = table
        .iter()
        .map(|line| {
            assert_eq!(line[0].len(), 32, "an identity");
            (line[1], line[2])
        })
        .collect();
    numbers.sort_unstable_by_key(|(came, _)| came.len());
    assert_eq!(numbers, [("100", "9"), ("10000", "9"), ("1000000", "9")]);
}

#[tokio::test]
async fn drop_frames_of_one_peer_lets_the_others_through() {
    assert_eq!(
        lines("drop_frames_of_one_peer").await,
        ["received from another peer", "0 more"]
    );
}

#[tokio::test]
async fn schema_check_hands_back_what_it_refuses() {
    let lines = lines("schema_check").await;
    let reason = "refused: the payload cannot be converted: it is no";
    assert_eq!(
        lines,
        [
            r#"received {"kind": "job", "number": 1}"#,
            &format!("{reason} json object with a field \"kind\""),
            r#"came back: {"number": 2}"#,
            &format!("{reason}t json: expected ident at line 1 column 3"),
            "came back: number 3",
        ]
    );
}

#[tokio::test]
async fn dead_letters_are_kept_and_count_as_received() {
    assert_eq!(
        lines("dead_letters").await,
        [
            "received good news",
            "dead letter b\"bad news\": it does not begin with good",
            "0 to send again",
        ]
    );
}

#[tokio::test]
async fn weighted_policy_gives_each_consumer_its_share() {
    let lines = lines("weighted_policy").await;
    assert_eq!(lines, ["weight 1: 100 jobs", "weight 3: 300 jobs"]);
}
