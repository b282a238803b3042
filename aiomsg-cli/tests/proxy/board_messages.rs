//! What the page makes of messages that are not its own.

use super::board::{BOTH, STATE, TEXTS, shows};
use super::chromium::Browser;
use super::*;

/// Any program may send anything, and sends it again when it is not acknowledged in time.
#[tokio::test]
async fn a_page_shows_any_message_as_text_and_not_too_much_of_it() {
    let proxy = Proxy::start(&[&BOTH[..], &["--dashboard", "0"]].concat()).await;
    let board = proxy.program.after("board: ").await;
    let page = Browser::start(&[]).open(&board).await;
    page.until(STATE, "connected to 2 endpoints").await;
    let producer = proxy.producer().await;
    let long = "x".repeat(100_000);
    for payload in [
        &br#"{"id":"1","name":"a","text":"once"}"#[..],
        br#"{"id":"1","name":"a","text":"once"}"#,
        br#"{"name":{"a":1},"text":"a time that is none","sent":1e99}"#,
        br#"{"text":["no text"]}"#,
        b"null",
        b"[1,2]",
        b"\xff\xfe",
        br#"{"key":"__proto__"}"#,
        long.as_bytes(),
    ] {
        producer.send(payload.to_vec()).await.unwrap();
    }
    let cut = format!("{}…", "x".repeat(2000));
    let shown = [
        "once",
        "a time that is none",
        r#"{"text":["no text"]}"#,
        "null",
        "[1,2]",
        "2 bytes that are no text",
        &cut,
    ];
    shows(&page, &shown).await;
    let tiles = "[...document.querySelectorAll('.tile .key')].map((it) => it.textContent)";
    page.until(tiles, vec!["__proto__"]).await;

    // The oldest go.
    for at in 0..600 {
        producer.send(format!("line {at}")).await.unwrap();
    }
    for at in 0..40 {
        let tile = format!("{{\"key\":\"key {at}\",\"value\":{at}}}");
        producer.send(tile).await.unwrap();
    }
    page.until(&format!("{tiles}.at(-1)"), "key 39").await;
    page.until(&format!("{tiles}.length"), 24).await;
    page.until(&format!("{TEXTS}.at(-1)"), "line 599").await;
    page.until(&format!("{TEXTS}.length"), 500).await;
    // The tiles have left less room for the list, and it still shows its end.
    let gap = "(({ scrollHeight, scrollTop, clientHeight }) => \
               Math.round(scrollHeight - scrollTop - clientHeight))\
               (document.getElementById('messages'))";
    page.until(gap, 0).await;
    assert_eq!(page.complaints(), Vec::<String>::new());
}
