//! Whether messages are taken from the frontend.

use tokio::sync::watch;

/// The state of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It hands messages on.
    Running,
    /// It takes no messages: those that have come wait, and producers are held back.
    Paused,
    /// It is about to end, and finishes what it has begun.
    Draining,
    /// The frontend is closed, and its received messages are forwarded.
    Emptying,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Draining | Self::Emptying => "draining",
        }
    }

    /// Whether the proxy is about to end.
    pub(super) fn is_ending(self) -> bool {
        matches!(self, Self::Draining | Self::Emptying)
    }
}

/// The state, with the methods that change it.
#[derive(Debug)]
pub(crate) struct Control(watch::Sender<State>);

impl Control {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(State::Running))
    }

    pub(crate) fn state(&self) -> State {
        *self.0.borrow()
    }

    pub(crate) fn gate(&self) -> Gate {
        Gate(self.0.subscribe())
    }

    /// Pauses, unless the proxy is about to end. Says whether that changed
    /// anything.
    pub(crate) fn pause(&self) -> bool {
        self.swap(State::Running, State::Paused)
    }

    /// Goes on after a pause.
    pub(crate) fn resume(&self) -> bool {
        self.swap(State::Paused, State::Running)
    }

    fn swap(&self, from: State, to: State) -> bool {
        self.0.send_if_modified(|state| {
            let changes = *state == from;
            if changes {
                *state = to;
            }
            changes
        })
    }

    pub(super) fn set(&self, state: State) {
        self.0.send_replace(state);
    }
}

/// The state, for the tasks that depend on it.
#[derive(Debug, Clone)]
pub(crate) struct Gate(watch::Receiver<State>);

impl Gate {
    pub(super) fn state(&self) -> State {
        *self.0.borrow()
    }

    /// Waits for a state that is as it should be. Never ready when there will be
    /// no other state.
    pub(super) async fn wait_for(&mut self, is_so: impl Fn(State) -> bool) {
        if self.0.wait_for(|state| is_so(*state)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
