//! A span for each message.

use super::*;

/// Puts each message into a span of its own: all of a layer that a program
/// needs for that.
#[derive(Clone, Copy)]
struct SpanLayer<F>(F);

impl<S, F: Clone> tower::Layer<S> for SpanLayer<F> {
    type Service = InSpan<S, F>;

    fn layer(&self, inner: S) -> InSpan<S, F> {
        InSpan {
            inner,
            span: self.0.clone(),
        }
    }
}

#[derive(Clone)]
struct InSpan<S, F> {
    inner: S,
    span: F,
}

impl<S, F, R> Service<R> for InSpan<S, F>
where
    S: Service<R>,
    F: Fn(&R) -> tracing::Span,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = tracing::instrument::Instrumented<S::Future>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: R) -> Self::Future {
        use tracing::Instrument;
        let span = (self.span)(&message);
        let future = span.in_scope(|| self.inner.call(message));
        future.instrument(span)
    }
}

/// A layer within, that says something before and after it has waited.
fn talks<S, R>(
    gate: &Gate,
) -> impl tower::Layer<
    S,
    Service: Service<R, Response = S::Response, Error = S::Error, Future: Send> + Clone + Send,
> + use<S, R>
where
    S: Service<R, Future: Send> + Clone + Send + 'static,
    R: Payload + Send + 'static,
{
    let gate = gate.clone();
    layer_fn(move |inner: S| {
        let gate = gate.clone();
        tower::service_fn(move |message: R| {
            let (gate, inner) = (gate.clone(), inner.clone());
            let payload = message.text();
            tracing::info!(target: "foreign", payload, "called");
            async move {
                tracing::info!(target: "foreign", payload, "begins");
                gate.pass().await;
                let result = inner.oneshot(message).await;
                tracing::info!(target: "foreign", payload, "done");
                result
            }
        })
    })
}

trait Payload {
    fn text(&self) -> String;
}

impl Payload for Outbound {
    fn text(&self) -> String {
        String::from_utf8_lossy(self.payload()).into_owned()
    }
}

impl Payload for Delivery {
    fn text(&self) -> String {
        String::from_utf8_lossy(self.payload()).into_owned()
    }
}

/// Notes the events of this test, each with the spans that it is in.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    spans: HashMap<u64, String>,
    /// Those that are entered, the innermost last. There is one thread.
    entered: Vec<u64>,
    events: Vec<(String, String)>,
}

/// What was noted, as `name{field=value}`.
struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => self.0 = format!("{value:?}{}", self.0),
            name => self.0 += &format!("{{{name}={value:?}}}"),
        }
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl tracing::Subscriber for Notes {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "foreign"
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        let mut noted = self.0.lock().unwrap();
        let id = noted.spans.len() as u64 + 1;
        noted.spans.insert(id, fields.0);
        tracing::span::Id::from_u64(id)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let mut noted = self.0.lock().unwrap();
        let spans: Vec<_> = noted.entered.iter().map(|id| &*noted.spans[id]).collect();
        let spans = spans.join("/");
        noted.events.push((fields.0, spans));
    }

    fn enter(&self, span: &tracing::span::Id) {
        self.0.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, span: &tracing::span::Id) {
        let left = self.0.lock().unwrap().entered.pop();
        assert_eq!(left, Some(span.into_u64()));
    }
}

impl Notes {
    /// Each message was talked of three times, in a span of its own.
    fn check(&self, spans: &[String]) {
        let noted = self.0.lock().unwrap();
        assert!(noted.entered.is_empty());
        assert_eq!(noted.events.len(), spans.len() * 3, "{:?}", noted.events);
        for (n, span) in spans.iter().enumerate() {
            let payload = format!("{{payload={n}}}");
            let of_this = noted.events.iter().filter_map(|(event, spans)| {
                let event = event.strip_suffix(&payload)?;
                Some((event, &**spans))
            });
            let expected = ["called", "begins", "done"].map(|event| (event, &**span));
            assert_eq!(of_this.collect::<Vec<_>>(), expected);
        }
        assert_eq!(noted.spans.len(), spans.len(), "a span each");
    }
}

#[tokio::test]
async fn each_message_that_is_sent_has_a_span_of_its_own() {
    let notes = Notes::default();
    let _noting = tracing::subscriber::set_default(notes.clone());
    let gate = Gate::new();
    let sender = Socket::builder()
        .layer(SpanLayer(|message: &Outbound| {
            let bytes = message.payload().len();
            tracing::info_span!(target: "foreign", "send", payload = message.text(), bytes)
        }))
        .layer(talks::<aiomsg::send::StandardSend, Outbound>(&gate))
        .build()
        .unwrap();
    let receiver = Socket::new().unwrap();
    joined(&sender, &receiver).await;
    // All are begun before one is done.
    let mut sending = Vec::new();
    for n in 0..3 {
        let sender = sender.clone();
        sending.push(tokio::spawn(
            async move { sender.send(n.to_string()).await },
        ));
        gate.come(1).await;
    }
    gate.let_go(3);
    for sent in sending {
        within("the send", sent).await.unwrap().unwrap();
        next(&receiver).await;
    }
    let span = |n| format!("send{{payload={n}}}{{bytes=1}}");
    notes.check(&(0..3).map(span).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_message_that_is_received_has_a_span_of_its_own() {
    let notes = Notes::default();
    let _noting = tracing::subscriber::set_default(notes.clone());
    let gate = Gate::new();
    let receiver = Socket::builder()
        .receive_layer(SpanLayer(|message: &Delivery| {
            let from = message.from();
            tracing::info_span!(target: "foreign", "receive", %from)
        }))
        .receive_layer(talks::<aiomsg::layer::ReceivePath, Delivery>(&gate))
        .build()
        .unwrap();
    // From three connections, so that all are begun before one is done.
    let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
    let mut senders = Vec::new();
    for n in 0..3 {
        let sender = Socket::new().unwrap();
        sender.connect(endpoint.clone()).unwrap();
        sender.send(n.to_string()).await.unwrap();
        gate.come(1).await;
        senders.push(sender);
    }
    gate.let_go(3);
    for _ in &senders {
        next(&receiver).await;
    }
    let span = |sender: &Socket| format!("receive{{from={}}}", sender.identity());
    notes.check(&senders.iter().map(span).collect::<Vec<_>>());
}
