use crate::program::{Program, example};

async fn bound(mode: &str) -> (Program, String) {
    let bound = example("by_hand").args(["bind", mode, "127.0.0.1:0"]).run();
    let address = bound.address("listening at ").await;
    (bound, address)
}

#[tokio::test]
async fn two_of_them_talk_in_every_mode() {
    for mode in ["roundrobin", "publish", "atleastonce"] {
        let (mut bound, address) = bound(mode).await;
        let mut other = example("by_hand")
            .args(["connect", mode, address.as_str()])
            .run();
        let of = |program: &Program| format!("received 3 of {}", program.id());
        bound.line(&of(&other)).await;
        other.line(&of(&bound)).await;
        let lines = other.stop().await;
        assert_eq!(lines.last().unwrap(), "closed, 0 messages unsent");
        // What it has sent since, nobody was there to take.
        let lines = bound.stop().await;
        assert!(lines.last().unwrap().starts_with("closed, "), "{lines:?}");
    }
}

/// What it sends before anybody is there waits, and goes to an ordinary socket.
#[tokio::test]
async fn a_client_of_the_demo_sees_no_difference() {
    let mut server = example("by_hand")
        .args(["bind", "roundrobin", "127.0.0.1:0"])
        .with("COUNT", 5)
        .run();
    let address = server.address("listening at ").await;
    server.line("sending 5").await;
    let mut client = example("clock_client")
        .args([address.as_str()])
        .with("COUNT", 5)
        .run();
    let expected = (1..=5).map(|n| format!("{n} of {}", server.id()));
    let lines = client.end().await;
    assert!(lines[1..6].iter().cloned().eq(expected), "{lines:?}");
    let lines = server.end().await;
    assert_eq!(lines.last().unwrap(), "closed, 0 messages unsent");
}
