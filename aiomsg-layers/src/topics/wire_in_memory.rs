// Two ends of a connection in memory, for the examples and the tests. Included
// by both, so every path is a full one.

/// One end of a connection.
pub(crate) struct Wire {
    peer: aiomsg_core::Identity,
    rx: futures::channel::mpsc::Receiver<aiomsg_core::Frame>,
    tx: futures::channel::mpsc::Sender<aiomsg_core::Frame>,
}

impl Wire {
    /// Both ends. The peer of the first one has this name.
    pub(crate) fn pair(peer: &str) -> (Wire, Wire) {
        let (a, b) = (
            futures::channel::mpsc::channel(10_000),
            futures::channel::mpsc::channel(10_000),
        );
        let end = |peer, rx, tx| Wire {
            peer: aiomsg_core::Identity::new(peer).unwrap(),
            rx,
            tx,
        };
        (end(peer, a.1, b.0), end("test", b.1, a.0))
    }
}

impl aiomsg_core::Identified for Wire {
    fn identity(&self) -> &aiomsg_core::Identity {
        &self.peer
    }
}

impl futures::Stream for Wire {
    type Item = Result<aiomsg_core::Frame, aiomsg_core::Error>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        futures::StreamExt::poll_next_unpin(&mut self.rx, cx).map(|frame| frame.map(Ok))
    }
}

impl futures::Sink<aiomsg_core::Frame> for Wire {
    type Error = aiomsg_core::Error;
    fn poll_ready(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), aiomsg_core::Error>> {
        let ready = self.tx.poll_ready(cx);
        ready.map_err(|_| aiomsg_core::ErrorKind::Disconnected.into())
    }
    fn start_send(
        mut self: std::pin::Pin<&mut Self>,
        frame: aiomsg_core::Frame,
    ) -> Result<(), aiomsg_core::Error> {
        let sent = self.tx.start_send(frame);
        sent.map_err(|_| aiomsg_core::ErrorKind::Disconnected.into())
    }
    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), aiomsg_core::Error>> {
        std::task::Poll::Ready(Ok(()))
    }
    fn poll_close(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), aiomsg_core::Error>> {
        self.tx.close_channel();
        std::task::Poll::Ready(Ok(()))
    }
}
