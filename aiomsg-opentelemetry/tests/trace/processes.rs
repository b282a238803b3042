//! The three programs, each in a process of its own: this very test binary, told by an
//! environment variable to be one in place of a test.

use std::future::Future;
use std::process::Stdio;
use std::time::Duration;

use aiomsg::layer::{ReplyLayer, Requests};
use aiomsg::{Delivery, Error, Outbound, Socket};
use aiomsg_opentelemetry::{ExtractTraceLayer, RequestTraceLayer, ServeTraceLayer, TraceLayer};
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tracing::{Instrument, info_span};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::PATIENCE;

/// What a process is told, by lines: the collector, and for two of them an endpoint.
const TOLD: &str = "AIOMSG_TRACED_PROCESS";

/// What the lines of a process begin with. The test harness has lines of its own.
const SAYS: &str = "says: ";

/// One of the three. It is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(name: &str, told: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                &*format!("processes::{name}_process"),
                "--exact",
                "--nocapture",
            ])
            .env(TOLD, told.join("\n"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next thing that it says.
    pub(crate) async fn line(&mut self) -> String {
        let saying = async {
            loop {
                let line = self.lines.next_line().await.unwrap();
                let line = line.expect("the process goes on");
                if let Some(said) = line.strip_prefix(SAYS) {
                    return said.to_owned();
                }
            }
        };
        timeout(PATIENCE, saying).await.expect("it says something")
    }

    /// Has it end in good order.
    pub(crate) async fn end(&mut self) {
        drop(self.child.stdin.take());
        let ended = timeout(PATIENCE, self.child.wait()).await;
        assert!(ended.expect("it ends").unwrap().success());
    }
}

fn say(what: &str) {
    println!("{SAYS}{what}");
}

/// The parent closes the pipe, also by its death.
async fn told_to_end() {
    let _ = tokio::io::stdin().read_u8().await;
}

/// Runs a program with a tracer. Does nothing in a run of the tests.
fn run<F: Future<Output = ()>>(name: &'static str, program: impl FnOnce(String) -> F) {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    // The test harness has begun a line.
    println!();
    let (collector, endpoint) = told.split_once('\n').unwrap_or((&told, ""));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(collector);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.build().unwrap())
        .with_resource(Resource::builder_empty().with_service_name(name).build())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(name));
    // The spans of gRPC are not ours.
    let layer = layer.with_filter(Targets::new().with_targets([
        ("aiomsg_opentelemetry", LevelFilter::INFO),
        (module_path!(), LevelFilter::INFO),
    ]));
    tracing_subscriber::registry().with(layer).init();
    global::set_text_map_propagator(TraceContextPropagator::new());
    runtime.block_on(program(endpoint.to_owned()));
    provider.shutdown().unwrap();
}

#[test]
fn asker_process() {
    run("asker", |endpoint| async move {
        let requests = Requests::new().timeout(PATIENCE);
        let answers = ServiceBuilder::new()
            .layer(ExtractTraceLayer::new().receiving())
            .layer(requests.answers());
        let socket = Socket::builder()
            .layer(TraceLayer::new())
            .receive_layer(answers)
            .build()
            .unwrap();
        socket.connect(&*endpoint).unwrap();
        let ask = ServiceBuilder::new()
            .layer(RequestTraceLayer::new().destination("prices"))
            .layer(requests.layer())
            .service(socket.clone());
        let asking = ask.oneshot("what is the answer?".into());
        let answer = asking.instrument(info_span!("question")).await.unwrap();
        say(str::from_utf8(&answer).unwrap());
        told_to_end().await;
        socket.close(Duration::from_secs(5)).await;
    });
}

/// Traces what goes to the worker, and copies the headers of what comes back.
#[test]
fn relay_process() {
    run("relay", |_| async {
        let front = Socket::new().unwrap();
        let back = Socket::builder()
            .layer(TraceLayer::new().destination("jobs"))
            .build()
            .unwrap();
        for socket_endpoint in [
            front.bind("127.0.0.1:0").await.unwrap(),
            back.bind("127.0.0.1:0").await.unwrap(),
        ] {
            say(&socket_endpoint.to_string());
        }
        let to_worker = back.clone();
        let forward = service_fn(move |job: Delivery| {
            let back = to_worker.clone();
            async move { back.send_message(copy(&job)).await }
        });
        let there = front.serve(ExtractTraceLayer::new().layer(forward));
        let answers = async {
            loop {
                let answer = back.recv_message().await.unwrap();
                front.send_message(copy(&answer)).await.unwrap();
            }
        };
        tokio::select! {
            ended = there => panic!("{ended:?}"),
            never = answers => never,
            () = told_to_end() => {}
        }
    });
}

fn copy(message: &Delivery) -> Outbound {
    Outbound::new(message.payload().clone()).with_headers(message.headers().clone())
}

#[test]
fn worker_process() {
    run("worker", |endpoint| async move {
        let socket = Socket::new().unwrap();
        socket.connect(&*endpoint).unwrap();
        let work = service_fn(|question: bytes::Bytes| {
            async move {
                assert_eq!(question, "what is the answer?");
                Ok::<_, Error>("the answer is 42")
            }
            .instrument(info_span!("work"))
        });
        let handler = ServiceBuilder::new()
            .layer(ServeTraceLayer::new().destination("prices"))
            .layer(ReplyLayer::new())
            .service(work);
        let serving = socket.serve(handler);
        serving.with_graceful_shutdown(told_to_end()).await.unwrap();
        socket.close(Duration::from_secs(5)).await;
    });
}
