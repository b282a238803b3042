//! The messages a second with and without the layer of the send path, over a service that does
//! nothing and over TCP sockets.
//!
//! ```sh
//! cargo bench -p aiomsg-opentelemetry
//! ```
//!
//! Each line is the median of its rounds. The rounds of all lines of a part take turns, so
//! that a machine that becomes slower does so for all.

use std::convert::Infallible;
use std::future::poll_fn;
use std::hint::black_box;
use std::time::Duration;

use aiomsg::layer::SendService;
use aiomsg::{Outbound, Socket};
use aiomsg_opentelemetry::TraceLayer;
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tower::util::MapRequestLayer;
use tower::{Layer, Service, service_fn};
use tracing::{Instrument, info_span};
use tracing_subscriber::layer::SubscriberExt;

const PAYLOAD: &[u8] = &[b'x'; 64];

/// The spans of a message's sender.
#[derive(Clone, Copy)]
enum Around {
    Nothing,
    /// One for all messages.
    One,
    /// One for each message.
    Each,
}

/// The layer of the send path.
#[derive(Clone, Copy)]
enum With {
    NoLayer,
    /// One of tower that changes nothing. A socket without any layer sends on a shorter way.
    AnyLayer,
    /// The layer that begins this share of traces.
    Trace(f64),
}

/// A line: its name, the share of sampled traces, the span around, and the layer.
type Case = (&'static str, f64, Around, With);

const CASES: [Case; 13] = [
    ("no span", 0.01, Around::Nothing, With::NoLayer),
    ("no span, any layer", 0.01, Around::Nothing, With::AnyLayer),
    ("no span, traced", 0.01, Around::Nothing, With::Trace(0.0)),
    (
        "no span, begins 1 %",
        1.0,
        Around::Nothing,
        With::Trace(0.01),
    ),
    ("one span, none sampled", 0.0, Around::One, With::NoLayer),
    (
        "one span, none sampled, any layer",
        0.0,
        Around::One,
        With::AnyLayer,
    ),
    (
        "one span, none sampled, traced",
        0.0,
        Around::One,
        With::Trace(0.0),
    ),
    (
        "a span each, 1 % sampled",
        0.01,
        Around::Each,
        With::NoLayer,
    ),
    (
        "a span each, 1 %, any layer",
        0.01,
        Around::Each,
        With::AnyLayer,
    ),
    (
        "a span each, 1 %, traced",
        0.01,
        Around::Each,
        With::Trace(0.0),
    ),
    ("a span each, all sampled", 1.0, Around::Each, With::NoLayer),
    (
        "a span each, all, any layer",
        1.0,
        Around::Each,
        With::AnyLayer,
    ),
    (
        "a span each, all, traced",
        1.0,
        Around::Each,
        With::Trace(0.0),
    ),
];

const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` has nothing to measure.
    if !std::env::args().any(|it| it == "--bench") {
        return;
    }
    global::set_text_map_propagator(TraceContextPropagator::new());
    let runtime = Runtime::new().expect("a runtime");
    report("a service that does nothing", |case| {
        with_sampler(case.1, || runtime.block_on(over_nothing(case)))
    });
    report("TCP, 64 bytes", |case| {
        with_sampler(case.1, || runtime.block_on(over_tcp(case)))
    });
}

/// Prints the lines of a part, each also as a share of the lines without a layer and with any
/// layer above it.
fn report(part: &str, run: impl Fn(Case) -> f64) {
    println!("{part}");
    let mut rates = CASES.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (case, rates) in CASES.iter().zip(&mut rates) {
            rates.push(run(*case));
        }
    }
    let (mut bare, mut any) = (f64::NAN, f64::NAN);
    for (case, rates) in CASES.iter().zip(&mut rates) {
        rates.sort_by(f64::total_cmp);
        let median = rates[ROUNDS / 2];
        match case.3 {
            With::NoLayer => (bare, any) = (median, f64::NAN),
            With::AnyLayer => any = median,
            With::Trace(_) => {}
        }
        let (bare, any) = (median / bare, median / any);
        println!("  {:<34} {median:>10.0} /s {bare:>6.2} {any:>6.2}", case.0);
    }
}

fn unchanged() -> MapRequestLayer<fn(Outbound) -> Outbound> {
    MapRequestLayer::new(|message| message)
}

async fn over_nothing((_, _, around, layer): Case) -> f64 {
    const MESSAGES: u32 = 100_000;
    let mut nothing = service_fn(|message: Outbound| {
        black_box(message);
        std::future::ready(Ok::<_, Infallible>(()))
    });
    match layer {
        With::NoLayer => rate(&mut nothing, around, MESSAGES).await,
        With::AnyLayer => rate(&mut unchanged().layer(nothing), around, MESSAGES).await,
        With::Trace(share) => {
            let mut traced = TraceLayer::new().start_traces(share).layer(nothing);
            rate(&mut traced, around, MESSAGES).await
        }
    }
}

/// The messages a second until the last one has arrived.
async fn over_tcp((_, _, around, layer): Case) -> f64 {
    match layer {
        With::NoLayer => through(&Socket::new().expect("a socket"), around).await,
        With::AnyLayer => {
            let builder = Socket::builder().layer(unchanged());
            through(&builder.build().expect("a socket"), around).await
        }
        With::Trace(share) => {
            let builder = Socket::builder().layer(TraceLayer::new().start_traces(share));
            through(&builder.build().expect("a socket"), around).await
        }
    }
}

async fn through<S: SendService + Send>(producer: &Socket<S>, around: Around) -> f64 {
    const MESSAGES: u32 = 100_000;
    let consumer = Socket::new().expect("a socket");
    let endpoint = consumer.bind("127.0.0.1:0").await.expect("an address");
    producer.connect(endpoint).expect("an endpoint");
    producer.wait_for_peers(1).await.expect("it connects");
    let receiving = tokio::spawn(async move {
        for _ in 0..MESSAGES {
            consumer.recv().await.expect("the socket is open");
        }
        Instant::now()
    });
    let begin = Instant::now();
    let call = async |message| producer.send_message(message).await.expect("it sends");
    send(call, around, MESSAGES).await;
    let end = receiving.await.expect("it receives");
    producer.close(Duration::from_secs(5)).await;
    f64::from(MESSAGES) / (end - begin).as_secs_f64()
}

async fn rate<S>(service: &mut S, around: Around, messages: u32) -> f64
where
    S: Service<Outbound, Error: std::fmt::Debug>,
{
    let begin = Instant::now();
    let call = async |message| {
        poll_fn(|cx| service.poll_ready(cx))
            .await
            .expect("it is ready");
        service.call(message).await.expect("it sends");
    };
    send(call, around, messages).await;
    f64::from(messages) / begin.elapsed().as_secs_f64()
}

async fn send(mut call: impl AsyncFnMut(Outbound), around: Around, messages: u32) {
    let sending = async {
        for _ in 0..messages {
            let message = Outbound::new(PAYLOAD);
            match around {
                Around::Each => call(message).instrument(info_span!("job")).await,
                Around::Nothing | Around::One => call(message).await,
            }
        }
    };
    match around {
        Around::One => sending.instrument(info_span!("all")).await,
        Around::Nothing | Around::Each => sending.await,
    }
}

/// Runs with a subscriber for this thread.
fn with_sampler<T>(share: f64, run: impl FnOnce() -> T) -> T {
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_simple_exporter(Nowhere)
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, run)
}

#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        black_box(spans);
        Ok(())
    }
}
