//! A plain HTTP client.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// What is at an address such as `http://127.0.0.1:9000/metrics`.
pub(crate) async fn get(url: &str) -> Answer {
    ask("GET", url, &[]).await
}

/// The same, with a method and headers.
pub(crate) async fn ask(method: &str, url: &str, headers: &[(&str, &str)]) -> Answer {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut request = format!("{method} /{path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request += &format!("host: {host}\r\n");
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    raw(host, format!("{request}\r\n").as_bytes()).await
}

/// What is answered to these bytes.
pub(crate) async fn raw(host: &str, request: &[u8]) -> Answer {
    within("an answer", async {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut all = Vec::new();
        // A refusal in the middle of a request may end in a reset.
        let _ = stream.read_to_end(&mut all).await;
        let all = String::from_utf8(all).unwrap();
        let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        Answer {
            status: status.unwrap_or(0),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    })
    .await
}

/// All that Prometheus would read: each line parsed.
pub(crate) async fn scrape(url: &str) -> Vec<(String, f64)> {
    let answer = get(url).await;
    assert_eq!(answer.status, 200);
    let lines = answer.body.lines();
    let samples = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

/// One of them, whatever the order of its labels.
pub(crate) async fn metric(url: &str, name: &str) -> f64 {
    let all = scrape(url).await;
    let sorted = |name: &str| {
        let mut labels: Vec<_> = name.split(['{', '}', ',']).map(str::to_owned).collect();
        labels.sort();
        labels
    };
    let found = all.iter().find(|it| sorted(&it.0) == sorted(name));
    found.unwrap_or_else(|| panic!("no {name} in {all:?}")).1
}

/// Waits until a metric has a value.
pub(crate) async fn until(url: &str, name: &str, value: f64) {
    within(name, async {
        while metric(url, name).await != value {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
