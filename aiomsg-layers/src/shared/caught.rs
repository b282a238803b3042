use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Error, ErrorKind};
use pin_project::{pin_project, pinned_drop};

/// Turns a panic of `call` into an error, which names the user's part: "`what` panicked". The
/// message of the panic is the source of the error.
///
/// Users' code is called this way wherever a panic in it would end more than the one call.
///
/// # Errors
///
/// [`Error::is_layer`], when `call` panics.
///
/// ```
/// use aiomsg_layers::shared::catch;
/// use std::error::Error;
///
/// let error = catch("the delay function", || panic!("no such try")).map(|()| 1).unwrap_err();
/// assert_eq!(error.to_string(), "a layer failed: the delay function panicked");
/// assert_eq!(error.source().unwrap().to_string(), "no such try");
/// ```
pub fn catch<T>(what: &'static str, call: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| panicked(what, payload))
}

/// The error of a panic with this payload, as
/// [`JoinError::into_panic`](https://docs.rs/tokio/latest/tokio/task/struct.JoinError.html)
/// returns it.
pub fn panicked(what: &'static str, payload: Box<dyn Any + Send>) -> Error {
    let said = match payload.downcast_ref::<&'static str>() {
        Some(said) => Some((*said).to_owned()),
        None => payload.downcast_ref::<String>().cloned(),
    };
    discard(payload);
    let error = Error::new(ErrorKind::Layer).with_reason(format!("{what} panicked"));
    match said {
        Some(said) => error.with_source(said),
        None => error,
    }
}

/// The destructor of a payload is users' code, too.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
}

/// Drops a value with a user's destructor. A panic in it is logged, and goes no further.
pub fn drop_caught<T>(what: &'static str, value: T) {
    if let Err(error) = catch(what, || drop(value)) {
        note(&error);
    }
}

/// Logs a panic that no error reports. A log subscriber may panic as well.
pub fn note(error: &Error) {
    let _ = catch("the subscriber of logs", || {
        tracing::warn!(error = %error.chain(), "a panic was caught");
    });
}

/// A future that fails when the inner future panics: in a poll, or in its destructor, which
/// runs when it is ready. See [`catch`].
pub fn caught<F: Future>(what: &'static str, future: F) -> Caught<F> {
    Caught {
        future: Some(future),
        what,
    }
}

/// The future of [`caught`].
#[pin_project(PinnedDrop)]
pub struct Caught<F> {
    /// `None` when it has ended.
    #[pin]
    future: Option<F>,
    what: &'static str,
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let what = *this.what;
        let mut output = None;
        let polled = catch(what, || {
            let future = this.future.as_mut().as_pin_mut();
            if let Some(Poll::Ready(ready)) = future.map(|it| it.poll(cx)) {
                output = Some(ready);
                this.future.set(None);
            }
        });
        match (polled, output) {
            (Ok(()), None) => Poll::Pending,
            (Ok(()), Some(output)) => Poll::Ready(Ok(output)),
            // It has its output, which a panic of the destructor does not undo.
            (Err(error), Some(output)) => {
                note(&error);
                Poll::Ready(Ok(output))
            }
            (Err(error), None) => {
                end(what, this.future);
                Poll::Ready(Err(error))
            }
        }
    }
}

/// Drops the future where it is.
#[cold]
fn end<F>(what: &'static str, mut future: Pin<&mut Option<F>>) {
    if let Err(error) = catch(what, || future.set(None)) {
        note(&error);
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Caught<F> {
    #[inline]
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if this.future.is_some() {
            end(this.what, this.future);
        }
    }
}

impl<F> fmt::Debug for Caught<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caught").field("what", &self.what).finish()
    }
}
