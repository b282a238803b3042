//! The page that talks through the proxy, in a browser.

use std::collections::BTreeSet;

use aiomsg::builder::{Dialect, Dialects};
use serde_json::{Value, json};

use super::chromium::{Browser, Page};
use super::proxies_die::address;
use super::tls::trusting;
use super::*;
use crate::support::python::certificate;

pub(super) const BOTH: [&str; 4] = [
    "--mode",
    "publish",
    "--frontend-websocket",
    "--backend-websocket",
];

pub(super) const STATE: &str = "document.getElementById('state').textContent";
const REASON: &str = "document.getElementById('reason').textContent";
const NOTICE: &str = "document.getElementById('notice').textContent";
const UNACKNOWLEDGED: &str = "document.getElementById('unacknowledged').textContent";

/// The texts of all messages, in their order on the page.
pub(super) const TEXTS: &str =
    "[...document.querySelectorAll('#messages .text')].map((it) => it.textContent)";

/// Writes a message, as a reader of the page would.
async fn say(page: &Page, name: &str, text: &str) {
    let (name, text) = (json!(name), json!(text));
    page.eval(&format!(
        "document.getElementById('name').value = {name};
         document.getElementById('text').value = {text};
         document.getElementById('form').requestSubmit()"
    ))
    .await;
}

async fn texts(page: &Page) -> BTreeSet<String> {
    serde_json::from_value(page.eval(TEXTS).await).unwrap()
}

/// Waits until a page shows exactly these.
pub(super) async fn shows(page: &Page, expected: &[&str]) {
    let sorted = format!("{TEXTS}.sort()");
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    page.until(&sorted, expected).await;
}

#[tokio::test]
async fn pages_and_peers_of_all_kinds_see_all() {
    let proxy = Proxy::start(&[&BOTH[..], &["--dashboard", "0"]].concat()).await;
    let board = proxy.program.after("board: ").await;
    let browser = Browser::start(&[]);
    let pages = [browser.open(&board).await, browser.open(&board).await];

    // On one port with the pages.
    let only = |dialect| Socket::builder().dialects(Dialects::Only(dialect)).build();
    let mut consumers = Vec::new();
    for socket in [only(Dialect::V1), only(Dialect::V2019)] {
        consumers.push(proxy.joined(socket.unwrap(), "backend").await);
    }
    let websocket = Socket::new().unwrap();
    let port = proxy.backend.rsplit_once(':').unwrap().1;
    consumers.push(connected(websocket, &format!("ws://127.0.0.1:{port}/")));
    within("it", consumers[2].wait_for_peers(1)).await.unwrap();
    let producer = proxy.producer().await;
    for page in &pages {
        page.until(STATE, "connected to 2 endpoints").await;
    }

    let markup = "<img src=x onerror=alert(1)>";
    say(&pages[0], "Ada", "hello").await;
    say(&pages[1], "<b>Bob</b>", markup).await;
    producer.send("no json").await.unwrap();
    for (value, name) in [(41, "a"), (42, "job")] {
        let tile = json!({ "key": "load", "value": value, "name": name });
        producer.send(tile.to_string()).await.unwrap();
    }
    for page in &pages {
        shows(page, &["hello", markup, "no json"]).await;
        page.until(UNACKNOWLEDGED, "0 unacknowledged").await;
        let value = "document.querySelector('.tile .value').textContent";
        page.until(value, "42").await;
        assert_eq!(
            page.eval("document.querySelectorAll('.tile').length").await,
            1
        );
        let made = "document.querySelectorAll('main img, main b').length";
        assert_eq!(page.eval(made).await, 0, "markup in a message");
    }
    let fate = "document.querySelector('.mine .fate').textContent";
    pages[0].until(fate, "sent").await;
    for consumer in &consumers {
        let mut seen = BTreeSet::new();
        for text in recv_all(consumer, 5).await {
            let json: Value = serde_json::from_str(&text).unwrap_or_default();
            let said = json["text"].as_str().or(json["key"].as_str());
            seen.insert(said.unwrap_or(&text).to_owned());
        }
        let expected = ["hello", markup, "no json", "load"].map(str::to_owned);
        assert_eq!(seen, BTreeSet::from(expected));
    }
    for page in &pages {
        assert_eq!(page.complaints(), Vec::<String>::new());
    }
    policy_holds(&pages[0]).await;
}

/// Neither a script in the page nor another server is allowed, and the console says so.
async fn policy_holds(page: &Page) {
    page.eval(
        "{ const script = document.createElement('script');
           script.textContent = 'globalThis.ran = true';
           document.body.append(script); }",
    )
    .await;
    assert_eq!(page.eval("globalThis.ran === undefined").await, true);
    let asked =
        "fetch('http://127.0.0.1:1/', { mode: 'no-cors' }).then(() => 'asked', () => 'not')";
    assert_eq!(page.eval(asked).await, "not");
    until("the console to say so", || {
        let complaints = page.complaints();
        let says = |what: &str| complaints.iter().any(|it| it.contains(what));
        says("script-src") && says("connect-src")
    })
    .await;
}

/// The page sends while the proxy is killed, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_loses_nothing_when_the_proxy_is_killed() {
    const MESSAGES: usize = 400;
    let (frontend, backend, dashboard) = (address(), address(), address());
    let start = async || {
        let program = Program::start([
            "proxy",
            "--frontend",
            &frontend,
            "--backend",
            &backend,
            "--at-least-once",
            "both",
            "--frontend-websocket",
            "--dashboard",
            dashboard.strip_prefix("tcp://").unwrap(),
        ]);
        let board = program.after("board: ").await;
        program.after("frontend: listening at ").await;
        (program, board)
    };
    let (mut proxy, board) = start().await;
    let consumer = connected(Socket::new().unwrap(), &backend);
    let browser = Browser::start(&[]);
    let page = browser.open(&board).await;
    page.until(STATE, "connected to 1 endpoint").await;
    page.eval(&format!(
        "globalThis.writing = (async () => {{
           for (let at = 0; at < {MESSAGES}; at++) {{
             document.getElementById('text').value = 'job ' + at;
             document.getElementById('form').requestSubmit();
             await new Promise((resolve) => setTimeout(resolve, 5));
           }}
         }})(); null"
    ))
    .await;

    let mut missing: BTreeSet<_> = (0..MESSAGES).map(|at| format!("job {at}")).collect();
    let mut kills = 0;
    while !missing.is_empty() {
        let json: Value = serde_json::from_str(&recv_text(&consumer).await).unwrap();
        let is_new = missing.remove(json["text"].as_str().unwrap());
        if is_new && missing.len() == MESSAGES - (kills + 1) * 100 && kills < 3 {
            proxy.kill().await;
            if kills == 0 {
                page.until(STATE, "reconnecting").await;
                page.until(
                    &format!("{REASON}.includes('nobody answers at ws://')"),
                    true,
                )
                .await;
                page.until(&format!("{UNACKNOWLEDGED} !== '0 unacknowledged'"), true)
                    .await;
            }
            (proxy, _) = start().await;
            kills += 1;
        }
    }
    assert_eq!(kills, 3);
    page.eval("globalThis.writing").await;
    page.until(UNACKNOWLEDGED, "0 unacknowledged").await;
    assert_eq!(
        page.eval("document.querySelectorAll('.lost').length").await,
        0
    );
    assert_eq!(texts(&page).await.len(), MESSAGES);
}

/// The sides listen at another address than that of the page, which is another origin.
#[tokio::test]
async fn a_page_that_is_refused_says_why_until_it_is_allowed() {
    let port = || address().rsplit_once(':').unwrap().1.to_owned();
    let [frontend, backend, dashboard] = [port(), port(), port()];
    let sides = [frontend, backend].map(|port| format!("tcp://127.0.0.2:{port}"));
    let origin = format!("http://127.0.0.1:{dashboard}");
    let start = async |options: &[&str]| {
        let sides = ["proxy", "--frontend", &sides[0], "--backend", &sides[1]];
        let shown = ["--dashboard", &dashboard];
        let program = Program::start([&sides[..], &shown, &BOTH, options].concat());
        let board = program.after("board: ").await;
        program.after("frontend: listening at ").await;
        (program, board)
    };
    let (mut proxy, board) = start(&[]).await;
    let browser = Browser::start(&[]);
    let page = browser.open(&board).await;
    page.until(STATE, "refused").await;
    let notice = page.eval(NOTICE).await;
    let notice = notice.as_str().unwrap();
    for part in [
        "does not accept this page",
        &*origin,
        "-websocket-origin http://",
        "ws://127.0.0.2:",
    ] {
        assert!(notice.contains(part), "{notice}");
    }
    say(&page, "Ada", "waits").await;
    page.until(UNACKNOWLEDGED, "1 unacknowledged").await;

    proxy.kill().await;
    let allowed = [
        "--frontend-websocket-origin",
        &*origin,
        "--backend-websocket-origin",
        &*origin,
    ];
    let (_proxy, _) = start(&allowed).await;
    page.until(STATE, "connected to 2 endpoints").await;
    page.until(UNACKNOWLEDGED, "0 unacknowledged").await;
    assert_eq!(
        page.eval("document.getElementById('notice').hidden").await,
        true
    );
    shows(&page, &["waits"]).await;
}

/// At `tls://` endpoints the page opens `wss://`, on one port with a peer of TLS.
#[tokio::test]
async fn a_page_talks_by_tls() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = certificate(folder.path(), "board");
    let (cert, key) = (
        certificate.cert.to_str().unwrap(),
        certificate.key.to_str().unwrap(),
    );
    let sides = [
        "--frontend",
        "tls://127.0.0.1:0",
        "--frontend-cert",
        cert,
        "--frontend-key",
        key,
        "--backend",
        "tls://127.0.0.1:0",
        "--backend-cert",
        cert,
        "--backend-key",
        key,
    ];
    let proxy = Proxy::with(&[&sides[..], &BOTH, &["--dashboard", "0"]].concat()).await;
    let board = proxy.program.after("board: ").await;
    // Nobody that a browser trusts has issued the certificate.
    let browser = Browser::start(&["--ignore-certificate-errors"]);
    let page = browser.open(&board).await;
    let consumer = proxy.joined(trusting(&certificate), "backend").await;
    page.until(STATE, "connected to 2 endpoints").await;
    say(&page, "Ada", "by tls").await;
    assert!(recv_text(&consumer).await.contains("by tls"));
    shows(&page, &["by tls"]).await;
    page.until(UNACKNOWLEDGED, "0 unacknowledged").await;
    assert_eq!(page.complaints(), Vec::<String>::new());
}
