use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use aiomsg_core::{Connection, Error, Frame, Identified, Identity};
use futures_core::Stream;
use futures_sink::Sink;
use tower::Layer;

/// The frames of all connections.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Tally {
    /// Frames that were given to a connection.
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Relaxed)
    }

    /// Frames that came from one.
    pub fn received(&self) -> u64 {
        self.0.received.load(Relaxed)
    }

    /// The layer that counts: `builder.connection_layer(tally.layer())`.
    pub fn layer(&self) -> TallyLayer {
        TallyLayer(self.clone())
    }
}

/// See [`Tally::layer`].
#[derive(Debug, Clone)]
pub struct TallyLayer(Tally);

impl<C> Layer<C> for TallyLayer {
    type Service = TallyConnection<C>;

    fn layer(&self, inner: C) -> TallyConnection<C> {
        TallyConnection {
            inner,
            tally: self.0.clone(),
        }
    }
}

/// See [`Tally::layer`].
#[derive(Debug)]
pub struct TallyConnection<C> {
    inner: C,
    tally: Tally,
}

impl<C: Connection> Stream for TallyConnection<C> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = Pin::new(&mut self.inner).poll_next(cx);
        if matches!(item, Poll::Ready(Some(Ok(_)))) {
            self.tally.0.received.fetch_add(1, Relaxed);
        }
        item
    }
}

impl<C: Connection> Sink<Frame> for TallyConnection<C> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        self.tally.0.sent.fetch_add(1, Relaxed);
        Pin::new(&mut self.inner).start_send(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// Forwarded, so that layers around this one know the peer of the connection.
impl<C: Identified> Identified for TallyConnection<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}
