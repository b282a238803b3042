//! The signals of a console on Windows.

use std::io;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close,
    ctrl_logoff, ctrl_shutdown,
};

use super::stopped::Stopped;

/// Hears Ctrl-C, Ctrl-Break, the end of the console, and that of the session or system.
#[derive(Debug)]
pub(super) struct Console {
    interrupt: CtrlC,
    r#break: CtrlBreak,
    close: CtrlClose,
    logoff: CtrlLogoff,
    shutdown: CtrlShutdown,
}

impl Console {
    /// From now on the signals are heard, and none is missed between two calls.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            r#break: ctrl_break()?,
            close: ctrl_close()?,
            logoff: ctrl_logoff()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// The next signal. Cancel safe.
    pub(super) async fn asked(&mut self) -> Stopped {
        let stopped = tokio::select! {
            Some(()) = self.interrupt.recv() => Stopped::INTERRUPTED,
            Some(()) = self.r#break.recv() => Stopped::INTERRUPTED,
            Some(()) = self.close.recv() => Stopped::ENDED,
            Some(()) = self.logoff.recv() => Stopped::ENDED,
            Some(()) = self.shutdown.recv() => Stopped::ENDED,
            else => std::future::pending().await,
        };
        stopped
    }
}
