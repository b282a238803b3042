//! A connection whose type is erased.

use std::fmt;
use std::ops::ControlFlow;
use std::task::{Context, Poll};

use aiomsg_core::{Connection, Error, Frame, FrameSource, FrameVisitor};

/// A connection whose type is erased: a dynamic call for each frame.
pub(super) struct Erased(Box<dyn AnyConnection>);

impl Erased {
    pub(super) fn new(connection: impl Connection + 'static) -> Self {
        Self(Box::new(connection))
    }
}

type Visit<'a> = dyn FnMut(Frame) -> ControlFlow<()> + 'a;

trait AnyConnection: Send {
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        visit: &mut Visit<'_>,
    ) -> Poll<Option<Result<(), Error>>>;

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>>;

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn AnySource,
    ) -> Poll<Result<(), Error>>;

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;
}

impl<C: Connection> AnyConnection for C {
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        mut visit: &mut Visit<'_>,
    ) -> Poll<Option<Result<(), Error>>> {
        Connection::poll_recv(self, cx, &mut visit)
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        Connection::poll_ended(self, cx)
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn AnySource,
    ) -> Poll<Result<(), Error>> {
        Connection::poll_send(self, cx, &mut Source(source))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Connection::poll_flush(self, cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Connection::poll_close(self, cx)
    }
}

trait AnySource {
    fn feed(&mut self, visit: &mut Visit<'_>) -> ControlFlow<()>;
}

impl<S: FrameSource> AnySource for S {
    fn feed(&mut self, mut visit: &mut Visit<'_>) -> ControlFlow<()> {
        FrameSource::feed(self, &mut visit)
    }
}

struct Source<'a>(&'a mut dyn AnySource);

impl FrameSource for Source<'_> {
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        self.0.feed(&mut |frame| visitor.visit(frame))
    }
}

impl Connection for Erased {
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        self.0.poll_recv(cx, &mut |frame| visitor.visit(frame))
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        self.0.poll_ended(cx)
    }

    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        self.0.poll_send(cx, source)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_close(cx)
    }
}

impl fmt::Debug for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Erased")
    }
}
