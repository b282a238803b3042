//! A failure as fields of a span.

use std::any::Any;
use std::fmt;

use aiomsg_core::{BoxError, Error};
use tracing::Span;

/// Records the failure of a call. The span has the fields for it, empty so far.
pub(crate) fn record<E: fmt::Display + 'static>(span: &Span, error: &E) {
    match kind(error) {
        Some(kind) => span.record("error.type", tracing::field::debug(kind)),
        // Of the conventions: the type is not known, and one must be named.
        None => span.record("error.type", "_OTHER"),
    };
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", tracing::field::display(error));
}

/// The kind of an error of ours, also out of one of tower's boxes.
fn kind(error: &dyn Any) -> Option<aiomsg_core::ErrorKind> {
    let own = error.downcast_ref::<Error>().or_else(|| {
        let boxed = error.downcast_ref::<BoxError>()?;
        boxed.downcast_ref::<Error>()
    })?;
    Some(own.kind())
}
