//! The connections to the server, one after the other.
//!
//! A server that is killed answers nothing that it was asked before. So a question is asked
//! again as soon as there is a new connection, and not when its time is up.

use std::pin::Pin;

use async_nats::Event;
use tokio::sync::watch;

/// Counts the connections. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(watch::Sender<u64>);

type Listened = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl Connections {
    /// What the client tells its events to.
    pub(super) fn listener(&self) -> impl Fn(Event) -> Listened + Send + Sync + 'static {
        let count = self.0.clone();
        move |event| {
            if matches!(event, Event::Connected) {
                count.send_modify(|count| *count += 1);
            }
            Box::pin(std::future::ready(()))
        }
    }

    /// The connection that there is now, or that was last.
    pub(super) fn now(&self) -> ThisConnection {
        ThisConnection(self.0.subscribe())
    }
}

/// A connection to the server.
#[derive(Debug)]
pub(super) struct ThisConnection(watch::Receiver<u64>);

impl ThisConnection {
    /// Ready when there is another connection.
    pub(super) async fn replaced(&mut self) {
        if self.0.changed().await.is_err() {
            // There is no other one any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// Questions to a server that was killed waited for 3 s to 5 s.
    #[test]
    fn a_question_ends_with_its_connection() {
        let connections = Connections::default();
        let listener = connections.listener();
        let tell = |event| listener(event).now_or_never().unwrap();
        tell(Event::Connected);
        let mut first = connections.now();
        assert!(first.replaced().now_or_never().is_none());
        tell(Event::Disconnected);
        assert!(
            first.replaced().now_or_never().is_none(),
            "its answer may be here"
        );
        tell(Event::Connected);
        assert!(connections.now().replaced().now_or_never().is_none());
        assert!(first.replaced().now_or_never().is_some());
    }
}
