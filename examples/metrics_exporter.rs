//! A service of jobs whose metrics Prometheus scrapes.
//!
//! ```text
//! cargo run --features metrics --example metrics_exporter [ADDRESS] [METRICS_ADDRESS]
//! curl http://127.0.0.1:25080/metrics
//! ```
//!
//! `relay_client` asks it, for example. A program that has an HTTP server already adds a route
//! whose handler calls `page`.

use std::error::Error;
use std::time::Duration;

use aiomsg::metrics::{BUCKETS, MetricsLayer, SocketMetrics};
use aiomsg::{AckMode, Delivery, Socket};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{interval, timeout};
use tower::{ServiceBuilder, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next();
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let scraped = arguments.next();
    let scraped = scraped.as_deref().unwrap_or("127.0.0.1:25080");

    // First of all: the handles below are from this recorder.
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Prefix("aiomsg_".into()), BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;

    let socket = Socket::builder().ack_mode(AckMode::Handled).build()?;
    // It does not keep the socket alive.
    let metrics = SocketMetrics::new(&socket);
    let handler = ServiceBuilder::new()
        .layer(MetricsLayer::receive())
        .service(service_fn(do_job));
    let serving = tokio::spawn(socket.serve(handler));
    println!("listening at {}", socket.bind(address).await?);

    let listener = TcpListener::bind(scraped).await?;
    println!("metrics at http://{}/metrics", listener.local_addr()?);
    tokio::select! {
        served = scrapes(&listener, &metrics, &handle) => served?,
        stop = tokio::signal::ctrl_c() => stop?,
    }
    let report = socket.close(Duration::from_secs(5)).await;
    serving.await??;
    println!("closed, {} answers unsent", report.unsent.len());
    Ok(())
}

async fn do_job(job: Delivery) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    match job.payload().is_empty() {
        true => Err("an empty job".into()),
        false => Ok(job.payload().to_ascii_uppercase()),
    }
}

/// The page: what the socket counts is read now.
fn page(metrics: &SocketMetrics, handle: &PrometheusHandle) -> String {
    metrics.collect();
    handle.render()
}

/// Answers one request after the other, whatever it asks for.
async fn scrapes(
    listener: &TcpListener,
    metrics: &SocketMetrics,
    handle: &PrometheusHandle,
) -> std::io::Result<()> {
    // Without scrapes, what the histograms hold is summed up now and then.
    let mut upkeep = interval(Duration::from_secs(5));
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = upkeep.tick() => {
                handle.run_upkeep();
                continue;
            }
        };
        let answered = answer(stream, || page(metrics, handle));
        match timeout(Duration::from_secs(5), answered).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => println!("a scrape failed: {error}"),
            Err(_) => println!("a scrape took too long"),
        }
    }
}

async fn answer(stream: TcpStream, page: impl FnOnce() -> String) -> std::io::Result<()> {
    // The head of a request is short, and ends at an empty line.
    let mut request = BufReader::new(stream).take(16 * 1024);
    let mut line = String::new();
    while request.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let page = page();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        page.len()
    );
    let mut stream = request.into_inner().into_inner();
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}
