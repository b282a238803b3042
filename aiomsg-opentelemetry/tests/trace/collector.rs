//! A receiver of OTLP, which draws the traces that it gets.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, span::SpanKind};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Listens on this machine until the test ends.
pub(crate) struct Collector {
    url: String,
    got: Spans,
}

#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Received>>>);

/// A span, and the service that it is of.
#[derive(Clone)]
struct Received(String, Span);

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got = Spans::default();
        let service = TraceServiceServer::new(got.clone());
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { url, got }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Draws each span that has no parent, with all below it. A span whose parent is
    /// missing has a tree of its own, too.
    pub(crate) fn trees(&self) -> Vec<String> {
        let all = self.got.0.lock().unwrap().clone();
        let has_parent = |child: &Received| all.iter().any(|it| it.is_parent_of(child));
        let roots = all.iter().filter(|it| !has_parent(it));
        roots.map(|root| draw(root, &all)).collect()
    }
}

#[tonic::async_trait]
impl TraceService for Spans {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_one in request.into_inner().resource_spans {
            let service = service(&of_one);
            let spans = of_one.scope_spans.into_iter().flat_map(|it| it.spans);
            let spans = spans.map(|span| Received(service.clone(), span));
            self.0.lock().unwrap().extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn service(spans: &ResourceSpans) -> String {
    let attributes = &spans.resource.as_ref().unwrap().attributes;
    let name = attributes.iter().find(|it| it.key == "service.name");
    match name.unwrap().value.as_ref().unwrap().value.as_ref() {
        Some(Value::StringValue(name)) => name.clone(),
        other => panic!("a service has a name, not {other:?}"),
    }
}

impl Received {
    fn is_parent_of(&self, child: &Self) -> bool {
        self.1.trace_id == child.1.trace_id && self.1.span_id == child.1.parent_span_id
    }
}

fn draw(root: &Received, all: &[Received]) -> String {
    let Received(service, span) = root;
    let kind = match span.kind() {
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Unspecified => "unspecified",
    };
    let mut drawn = format!("{}, {kind}, {service}\n", span.name);
    let children = all.iter().filter(|it| root.is_parent_of(it));
    let mut children: Vec<_> = children.map(|child| draw(child, all)).collect();
    children.sort();
    for line in children.iter().flat_map(|it| it.lines()) {
        writeln!(drawn, "  {line}").unwrap();
    }
    drawn
}
