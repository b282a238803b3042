//! Traces across messages of [aiomsg], by `tracing` and OpenTelemetry.
//!
//! A span of the sender and a span of the receiver belong to one trace when the message
//! carries the trace context between them. The layers of this crate make the spans, and
//! carry the context in the headers of messages, as W3C's `traceparent` and `tracestate`.
//!
//! | layer | around | span | kind |
//! |---|---|---|---|
//! | [`TraceLayer`] | the send path | `send` | producer |
//! | [`ExtractTraceLayer`] | the receive path, or a service that handles messages | `process` | consumer |
//! | [`ServeTraceLayer`] | a handler whose replies carry the context back | `process` | consumer |
//! | [`RequestTraceLayer`] | a service of requests and answers | `request` | client |
//!
//! [`BatchTrace`] makes one span for many messages, which links to the traces of all.
//!
//! The spans are spans of `tracing`, at the level INFO and with the target
//! `aiomsg_opentelemetry`. `tracing_opentelemetry::layer()` in the subscriber sends them to a
//! collector. The format of the context is that of the global propagator of OpenTelemetry, or
//! of one that a layer is given: without either, messages carry no context.
//!
//! # Which messages are traced
//!
//! Most messages are in no sampled trace, and cost next to nothing:
//!
//! - The current span is sampled, or it is a span of a subscriber without OpenTelemetry: the
//!   message gets a span, and a context in its headers.
//! - The current span is not sampled: no span and, unless
//!   [`propagate_unsampled`](TraceLayer::propagate_unsampled) is set, no headers.
//! - There is no span: no span and no headers, but for the share of messages with which
//!   [`start_traces`](TraceLayer::start_traces) begins a trace.
//!
//! # Names
//!
//! The fields of the spans have the names of OpenTelemetry's conventions for messaging:
//!
//! | field | value |
//! |---|---|
//! | `messaging.system` | `aiomsg` |
//! | `messaging.operation.name`, `messaging.operation.type` | `send`, `process` or `receive` |
//! | `messaging.destination.name` | the name set on the layer; otherwise, of an addressed message, the first 4 bytes of the identity of its peer |
//! | `messaging.message.id` | the id of the message, if it has one |
//! | `messaging.message.body.size` | the length of the payload in bytes |
//! | `messaging.client.id` | the first 4 bytes of the identity of the sender of a received message |
//! | `messaging.batch.message_count` | the number of messages of a batch |
//! | `error.type` | for a failure: the [`ErrorKind`](aiomsg_core::ErrorKind), or `_OTHER` |
//!
//! [aiomsg]: https://docs.rs/aiomsg

#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod carrier;
mod extract;
mod failure;
mod future;
mod request;
mod send;
mod serve;
mod settings;
#[cfg(test)]
mod test_traces;

pub use batch::BatchTrace;
pub use extract::{ExtractTrace, ExtractTraceLayer};
pub use future::TraceFuture;
pub use request::{RequestTrace, RequestTraceLayer};
pub use send::{Trace, TraceLayer};
pub use serve::{ServeTrace, ServeTraceFuture, ServeTraceLayer, TracedReply};
pub use settings::Propagator;
