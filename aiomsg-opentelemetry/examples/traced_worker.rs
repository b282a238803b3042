//! A worker and an asker whose spans go to a collector, by OTLP.
//!
//! ```sh
//! docker run -p 4317:4317 -p 16686:16686 jaegertracing/jaeger   # or any other collector
//! cargo run -p aiomsg-opentelemetry --example traced_worker worker
//! cargo run -p aiomsg-opentelemetry --example traced_worker ask "hello"
//! ```
//!
//! The collector then has one trace: the question, its message, and the worker's part.
//!
//! The worker listens at 127.0.0.1:25000, or at the address of the second argument, and ends
//! after one request if `COUNT=1` is set. `ENDPOINT` tells the asker another address, and
//! `OTEL_EXPORTER_OTLP_ENDPOINT` both of them another collector than http://localhost:4317.

use std::env;
use std::error::Error;
use std::time::Duration;

use aiomsg::Socket;
use aiomsg::layer::{ReplyLayer, Requests};
use aiomsg::opentelemetry::{RequestTraceLayer, ServeTraceLayer, TraceLayer};
use bytes::Bytes;
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::sync::mpsc;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tracing::{Instrument, info_span};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const ADDRESS: &str = "127.0.0.1:25000";

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, address) = match arguments[..] {
        ["worker"] => ("worker", ADDRESS),
        ["worker", address] => ("worker", address),
        ["ask", _] => ("asker", ""),
        _ => return Err("expected `worker [ADDRESS]` or `ask TEXT`".into()),
    };
    let provider = trace_as(name)?;
    if name == "worker" {
        work(address).await?;
    } else {
        ask(arguments[1].to_owned()).await?;
    }
    // The last spans wait in a batch.
    Ok(provider.shutdown()?)
}

/// Sends the spans of this program to the collector, under a name.
fn trace_as(name: &'static str) -> Result<SdkTracerProvider, Box<dyn Error>> {
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(SpanExporter::builder().with_tonic().build()?)
        .with_resource(Resource::builder().with_service_name(name).build())
        .build();
    // The exporter has spans, too, which would have to be exported.
    let ours = Targets::new()
        .with_target("aiomsg", LevelFilter::INFO)
        .with_target("traced_worker", LevelFilter::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(name));
    tracing_subscriber::registry()
        .with(layer.with_filter(ours))
        .init();
    global::set_text_map_propagator(TraceContextPropagator::new());
    Ok(provider)
}

/// Answers in capitals.
async fn work(address: &str) -> Outcome {
    let socket = Socket::new()?;
    println!("listening at {}", socket.bind(address).await?);
    let (handled, mut each) = mpsc::channel(1);
    let capitals = service_fn(move |text: Bytes| {
        let handled = handled.clone();
        async move {
            // Only the one that is asked for is waited for.
            let _ = handled.try_send(());
            Ok::<_, aiomsg::Error>(text.to_ascii_uppercase())
        }
        .instrument(info_span!("capitals"))
    });
    let handler = ServiceBuilder::new()
        .layer(ServeTraceLayer::new().destination("texts"))
        .layer(ReplyLayer::new())
        .service(capitals);
    let end = async move {
        if env::var("COUNT").is_ok_and(|count| count == "1") {
            each.recv().await;
        } else {
            let _ = tokio::signal::ctrl_c().await;
        }
    };
    socket.serve(handler).with_graceful_shutdown(end).await?;
    socket.close(Duration::from_secs(5)).await;
    Ok(())
}

async fn ask(text: String) -> Outcome {
    let requests = Requests::new();
    let socket = Socket::builder()
        .layer(TraceLayer::new().destination("texts"))
        .receive_layer(requests.answers())
        .build()?;
    socket.connect(&*env::var("ENDPOINT").unwrap_or_else(|_| ADDRESS.to_owned()))?;
    let ask = ServiceBuilder::new()
        .layer(RequestTraceLayer::new().destination("texts"))
        .layer(requests.layer())
        .service(socket.clone());
    let answer = ask.oneshot(text.into()).instrument(info_span!("question"));
    println!("{}", str::from_utf8(&answer.await?)?);
    socket.close(Duration::from_secs(5)).await;
    Ok(())
}
