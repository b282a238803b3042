//! Why a message was not handled, here and for its sender.

use std::error::Error as StdError;

use aiomsg_core::error::chain;
use aiomsg_core::{BoxError, Error};
use aiomsg_layers::shared::catch;

/// Why a message was not handled.
#[derive(Debug)]
pub(super) enum Unhandled {
    Failed(BoxError),
    Panicked(Error),
}

impl Unhandled {
    pub(super) fn failed(error: impl Into<BoxError>) -> Self {
        Self::Failed(error.into())
    }

    /// The text for the sender of the message. That of a panic says what only those who
    /// have the source should know.
    pub(super) fn text(&self, shown: bool) -> String {
        match self {
            _ if !shown => "the handler failed".to_owned(),
            Self::Panicked(_) => "the handler panicked".to_owned(),
            // Its text is made by the program.
            Self::Failed(error) => catch("the text of an error", || text(error))
                .unwrap_or_else(|_| "the handler failed".to_owned()),
        }
    }
}

fn text(error: &BoxError) -> String {
    let error: &(dyn StdError + 'static) = &**error;
    let Some(ours) = error.downcast_ref::<Error>() else {
        return chain(error).to_string();
    };
    match (ours.reason(), error.source()) {
        // The other end says this kind by itself.
        (Some(reason), _) if ours.is_unhandled() => reason.to_owned(),
        // A layer of ours has put the handler's error into a box.
        (None, Some(source)) if ours.is_layer() => chain(source).to_string(),
        _ => chain(error).to_string(),
    }
}

impl From<Unhandled> for BoxError {
    fn from(unhandled: Unhandled) -> Self {
        match unhandled {
            Unhandled::Failed(error) => error,
            Unhandled::Panicked(error) => error.into(),
        }
    }
}
