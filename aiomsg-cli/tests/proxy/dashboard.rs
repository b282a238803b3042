//! The dashboard, in a browser.

use aiomsg::builder::{Dialect, Dialects};
use aiomsg::{Identity, Socket};
use serde_json::{Value, json};

use super::chromium::{Browser, Page};
use super::observe::Shown;
use super::*;

/// The first cells of the rows of a table.
const NAMES: &str = "[...document.querySelectorAll('#frontend-peers tbody th')]\
                     .map((it) => it.textContent)";

const SORTED: &str = "[...document.querySelectorAll('#frontend-peers th[aria-sort]')]\
                      .map((it) => it.textContent + ' ' + it.getAttribute('aria-sort'))";

async fn click(page: &Page, column: &str) {
    let column = json!(column);
    page.eval(&format!(
        "{{ const heads = [...document.querySelectorAll('#frontend-peers thead button')];
            const head = heads.find((it) => it.textContent === {column});
            head.focus();
            head.click(); }}"
    ))
    .await;
}

/// Peers with names of text, which the 2019 dialect allows.
async fn named(shown: &Shown, names: [&str; 3]) -> [Socket; 3] {
    let peers = names.map(|name| {
        let builder = Socket::builder().identity(Identity::new(name).unwrap());
        let socket = builder.dialects(Dialects::Only(Dialect::V2019)).build();
        let socket = socket.unwrap();
        socket.connect(&*shown.proxy.frontend).unwrap();
        socket
    });
    for peer in &peers {
        within("the proxy", peer.wait_for_peers(1)).await.unwrap();
    }
    peers
}

#[tokio::test]
async fn peers_are_sorted_by_the_heads_of_their_columns() {
    let shown = Shown::start(&[]).await;
    let [carol, alice, bob] = named(&shown, ["carol", "alice", "bob"]).await;
    for (peer, messages) in [(&bob, 3), (&carol, 2), (&alice, 1)] {
        for _ in 0..messages {
            peer.send("hello").await.unwrap();
        }
    }
    let page = Browser::start(&[]).open(&format!("{}/", shown.at)).await;
    page.until(&format!("{NAMES}.sort()"), json!(["alice", "bob", "carol"]))
        .await;
    page.until(SORTED, json!(["Queue descending"])).await;

    for (column, names, sorted) in [
        ("Identity", ["alice", "bob", "carol"], "Identity ascending"),
        ("Identity", ["carol", "bob", "alice"], "Identity descending"),
        ("Messages", ["bob", "carol", "alice"], "Messages descending"),
        ("Messages", ["alice", "carol", "bob"], "Messages ascending"),
    ] {
        click(&page, column).await;
        page.until(NAMES, json!(names)).await;
        page.until(SORTED, json!([sorted])).await;
    }
    // The rows were replaced since, and the button has the focus still.
    let shown_at = page
        .eval("document.getElementById('about').textContent")
        .await;
    page.until(
        &format!("document.getElementById('about').textContent !== {shown_at}"),
        true,
    )
    .await;
    page.until("document.activeElement.textContent", "Messages")
        .await;
    page.until(NAMES, json!(["alice", "carol", "bob"])).await;
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn connections_that_have_ended_are_shown_with_their_reasons() {
    const ENDED: &str = "[...document.querySelectorAll('#closed tbody tr')].map((row) => \
                         [...row.children].map((it) => it.textContent))";
    let shown = Shown::start(&[]).await;
    let [markup, alice, _bob] = named(&shown, ["<b>x</b>", "alice", "bob"]).await;
    let page = Browser::start(&[]).open(&format!("{}/", shown.at)).await;
    let none = "document.getElementById('closed').textContent";
    page.until(none, "No connection has ended.").await;

    within("it", alice.close(PATIENCE)).await;
    page.until(&format!("{ENDED}.length"), 1).await;
    within("it", markup.close(PATIENCE)).await;
    page.until(&format!("{ENDED}.length"), 2).await;
    let rows = page.eval(ENDED).await;
    let rows: Vec<Vec<String>> = serde_json::from_value(rows).unwrap();
    let place = format!("frontend, {}", shown.proxy.frontend);
    for (row, name) in rows.iter().zip(["<b>x</b>", "alice"]) {
        let [identity, _address, at, ago, reason] = &row[..] else {
            panic!("{row:?}");
        };
        assert_eq!((&**identity, at), (name, &place));
        assert!(ago.ends_with(" s ago") && !reason.is_empty(), "{row:?}");
    }
    assert_eq!(
        page.eval("document.querySelectorAll('#closed b').length")
            .await,
        0
    );
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// It was shown as one that is down.
#[tokio::test]
async fn a_second_address_of_a_connected_peer_is_shown_as_a_duplicate() {
    let consumer = Socket::new().unwrap();
    let mut at = Vec::new();
    for _ in 0..2 {
        at.push(consumer.bind("127.0.0.1:0").await.unwrap().to_string());
    }
    let both = ["--backend-connect", &at[0], "--backend-connect", &at[1]];
    let shown = Shown::start(&both).await;
    let page = Browser::start(&[]).open(&format!("{}/", shown.at)).await;
    let duplicates = "[...document.querySelectorAll('#backend-places .warn')]\
                      .map((it) => it.textContent)";
    page.until(&format!("{duplicates}.length"), 1).await;
    let said = page.eval(duplicates).await;
    let said = said[0].as_str().unwrap();
    let other = said.strip_prefix("a duplicate: its peer is connected at ");
    assert!(at.iter().any(|it| Some(&**it) == other), "{said}");
    let errors = "document.querySelectorAll('#backend-places .error').length";
    assert_eq!(page.eval(errors).await, Value::from(0));
    let notice = "document.getElementById('notice').hidden";
    assert_eq!(page.eval(notice).await, true);
}
