//! The signals of all commands. They wait, blocked, from the first line of `main`
//! until the command hears them: one that comes early is not to end the process
//! in its own way.
//!
//! Handlers of two signals that have come would run in the opposite order. So one
//! thread waits for all.

use std::io;

use nix::sys::signal::{SigSet, Signal};
use tokio::sync::mpsc;

use super::stopped::Stopped;

/// Those that ask any command to end.
const ENDS: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];

/// Those that tell a proxy something, and end another command.
const OTHERS: [Signal; 3] = [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// One more than a command waits for: it ends the process, whatever holds that up.
const LAST: u32 = 3;

/// From now on no signal ends the process; they wait. To be called before anything
/// else, and before any other thread is there.
pub(crate) fn hold() {
    set(&ENDS, true);
    set(&OTHERS, true);
}

/// Restores the system's actions for signals, also for those that have come.
pub(crate) fn release() {
    set(&ENDS, false);
    set(&OTHERS, false);
}

/// The same for those that only a proxy is told, except these.
pub(crate) fn release_all_but(kept: &[Signal]) {
    let rest = OTHERS.into_iter().filter(|signal| !kept.contains(signal));
    set(&rest.collect::<Vec<_>>(), false);
}

fn set(signals: &[Signal], hold: bool) {
    let set: SigSet = signals.iter().copied().collect();
    // It fails for signals that cannot be blocked, and these can.
    let _ = match hold {
        true => set.thread_block(),
        false => set.thread_unblock(),
    };
}

/// Hears the signals that ask the command to end, and these; the others keep their action.
pub(super) fn hear(
    also_end: &[Signal],
    others: &[Signal],
    mut tell: impl FnMut(Signal) + Send + 'static,
) -> io::Result<mpsc::Receiver<Stopped>> {
    let ends: SigSet = ENDS.iter().chain(also_end).copied().collect();
    let mut all = ends;
    all.extend(others.iter().copied());
    let (to, asked) = mpsc::channel(LAST as usize);
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || {
        let mut count = 0;
        while let Ok(signal) = all.wait() {
            if !ends.contains(signal) {
                tell(signal);
                continue;
            }
            count += 1;
            let stopped = Stopped::by(signal);
            if count >= LAST {
                std::process::exit(stopped.0.into());
            }
            // There is room for all of them, and the listener may be gone.
            let _ = to.try_send(stopped);
        }
    })?;
    Ok(asked)
}
