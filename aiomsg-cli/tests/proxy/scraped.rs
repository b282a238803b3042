//! Metrics as Prometheus' own parsers read them.

use std::process::{Command, Stdio};

use super::support::python::{Package, interpreter};
use super::*;

/// Prints each sample with its name, labels and value, as the parser in question sees it.
const PARSE: &str = "
import sys
if sys.argv[1] == 'openmetrics':
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
else:
    from prometheus_client.parser import text_string_to_metric_families as parse
for family in parse(sys.stdin.read()):
    for sample in family.samples:
        labels = ','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))
        print(family.name, family.type, sample.name, labels or '-', float(sample.value))
";

/// What a parser of Prometheus sees in a text.
async fn parsed(format: &'static str, text: String) -> Vec<String> {
    let parse = move || {
        let python = interpreter(Package::PrometheusClient);
        let mut child = Command::new(python)
            .args(["-c", PARSE, format])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, text.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{text}");
        String::from_utf8(output.stdout).unwrap()
    };
    let lines = tokio::task::spawn_blocking(parse).await.unwrap();
    lines.lines().map(str::to_owned).collect()
}

/// The metrics of a proxy that has forwarded something, in both formats.
pub(crate) async fn scraped(proxy: &Proxy, until: &str) -> [(String, String); 2] {
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    producer.send("job").await.unwrap();
    recv(&consumer).await;
    let timed = format!("aiomsg_proxy_forward_seconds_count{{until=\"{until}\"}}");
    http::until(&proxy.metrics, &timed, 1.0).await;
    let open = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5";
    let mut both = [("text/plain", String::new()), (open, String::new())];
    for (accept, text) in &mut both {
        let answer = http::ask("GET", &proxy.metrics, &[("accept", accept)]).await;
        assert_eq!(answer.status, 200);
        *text = answer.body;
    }
    let [(_, plain), (_, open)] = both;
    [
        ("prometheus".to_owned(), plain),
        ("openmetrics".to_owned(), open),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_formats_are_read_by_their_own_parsers() {
    let proxy = Proxy::start(&["--queue-messages", "77"]).await;
    let [(_, plain), (_, open)] = scraped(&proxy, "accepted").await;
    assert!(open.ends_with("\n# EOF\n") && !plain.contains("# EOF"));
    for (format, text) in [("prometheus", plain), ("openmetrics", open)] {
        let samples = parsed(format, text).await;
        for sample in [
            "aiomsg_proxy_forwarded counter aiomsg_proxy_forwarded_total direction=onward 1.0",
            "aiomsg_peers gauge aiomsg_peers side=backend 1.0",
            "aiomsg_limit_messages gauge aiomsg_limit_messages place=queue,side=backend 77.0",
            "aiomsg_proxy_forward_seconds histogram aiomsg_proxy_forward_seconds_count \
             until=accepted 1.0",
            "aiomsg_proxy_forward_seconds histogram aiomsg_proxy_forward_seconds_bucket \
             le=+Inf,until=accepted 1.0",
        ] {
            assert!(
                samples.iter().any(|it| it == sample),
                "{format}: {samples:#?}"
            );
        }
        let has = |start: &str| samples.iter().any(|it| it.starts_with(start));
        assert!(
            has("aiomsg_build_info gauge aiomsg_build_info rust_version="),
            "{samples:#?}"
        );
        if cfg!(target_os = "linux") {
            for name in [
                "process_cpu_seconds",
                "process_resident_memory_bytes",
                "process_open_fds",
                "process_max_fds",
                "process_start_time_seconds",
            ] {
                assert!(has(name), "{format} lacks {name}: {samples:#?}");
            }
        }
    }
}

/// One batch in 32 was timed, and a proxy with few messages showed the time of the first.
#[cfg(feature = "spool")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_batch_of_a_spool_is_timed() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let proxy = Proxy::start(&["--spool", store.to_str().unwrap()]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    for count in 1..=3 {
        producer.send("job").await.unwrap();
        recv(&consumer).await;
        let timed = "aiomsg_proxy_forward_seconds_count{until=\"stored\"}";
        proxy.until(timed, f64::from(count)).await;
    }
}

/// The alerts compared counts of messages alone, and the limits in bytes are reached first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_wait_are_shown_with_their_messages() {
    let proxy = Proxy::start(&["--buffer-messages", "2"]).await;
    let producer = proxy.producer().await;
    let message = vec![b'x'; 1000];
    for _ in 0..6 {
        producer.send(message.clone()).await.unwrap();
    }
    // Two are in the buffer. Some of the others may be out of the inbox, in a batch that waits
    // for room in it.
    proxy
        .until("aiomsg_inbox_messages{side=\"frontend\"}", 4.0)
        .await;
    proxy
        .until("aiomsg_inbox_bytes{side=\"frontend\"}", 4000.0)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_full_of_bytes_is_shown_beside_its_limit() {
    let proxy = Proxy::start(&[]).await;
    // It receives one message, and then reads no more.
    let one = aiomsg::Limits { items: 1, bytes: 1 };
    let slow = Socket::builder().receive_limits(one).build().unwrap();
    let _slow = proxy.joined(slow, "backend").await;
    let producer = proxy.producer().await;
    let sending = tokio::spawn(async move {
        let message = vec![b'x'; 100_000];
        while producer.send(message.clone()).await.is_ok() {}
    });
    let of = async |name: &str, labels: &str| {
        http::metric(
            &proxy.metrics,
            &format!("{name}{{side=\"backend\"{labels}}}"),
        )
        .await
    };
    let queue = ",place=\"queue\"";
    let most = 0.8 * of("aiomsg_limit_bytes", queue).await;
    within("a full queue", async {
        while of("aiomsg_longest_queue_bytes", "").await <= most {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    // By its messages, it is almost empty.
    let messages = of("aiomsg_longest_queue_messages", "").await;
    assert!(messages < 0.8 * of("aiomsg_limit_messages", queue).await);
    sending.abort();
}
