//! Noticing that nobody reads standard output any more, before the next write
//! does: the next message may be long in coming.

use tokio::sync::oneshot;

/// The other end of a pipe.
pub(crate) struct Closed(Option<oneshot::Receiver<()>>);

impl Closed {
    /// For an output that has no other end.
    pub(crate) fn never() -> Self {
        Self(None)
    }

    /// Of standard output: a thread waits for its end.
    #[cfg(unix)]
    pub(crate) fn of_stdout() -> Self {
        use rustix::event::{PollFd, PollFlags, poll};

        let (told, closed) = oneshot::channel();
        let thread = std::thread::Builder::new().name("output".to_owned());
        let started = thread.spawn(move || {
            let stdout = std::io::stdout();
            loop {
                // Nothing is asked for, so this returns for an end or an error,
                // and for a file not at all.
                let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
                match poll(&mut watched, None) {
                    Err(rustix::io::Errno::INTR) => {}
                    Ok(1..) if watched[0].revents().intersects(PollFlags::ERR) => {
                        let _ = told.send(());
                        return;
                    }
                    _ => return,
                }
            }
        });
        // Without the thread, the next write finds out.
        Self(started.is_ok().then_some(closed))
    }

    #[cfg(not(unix))]
    pub(crate) fn of_stdout() -> Self {
        Self::never()
    }

    /// Ready when the other end is closed. Cancel safe.
    pub(crate) async fn wait(&mut self) {
        if let Some(closed) = &mut self.0 {
            let told = closed.await;
            self.0 = None;
            if told.is_ok() {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}
