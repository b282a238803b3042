//! What goes wrong, and when.

use std::time::Duration;

use super::draw::Draw;
use super::{Edge, HostPlan};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// What is up on this edge ends now.
    Cut(usize, Cut),
    /// What is up on this edge ends after so many more bytes from the end that dialled,
    /// or from the one that bound.
    CutAfter(usize, bool, usize, Cut),
    /// Nothing passes on what is up on this edge, in one direction or both.
    Stall(usize, [bool; 2]),
    Resume(usize),
    /// New connections of this edge are ended at once, or let in.
    Refuse(usize),
    LetIn(usize),
    /// The host takes no more messages, or goes on.
    StopReading(usize),
    GoOnReading(usize),
    /// The host ends without a word, and comes back after a while.
    Kill(usize, Duration),
    /// The host is closed within a time, and comes back after a while.
    Close(usize, Duration, Duration),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// `SO_LINGER` of 0, at both ends.
    Reset,
    /// The end that dialled is reset, the other one sees an orderly end.
    ResetDialler,
    ResetBinder,
    /// Both see an orderly end.
    End,
}

pub(super) fn draw(
    draw: &mut Draw,
    hosts: &[HostPlan],
    edges: &[Edge],
    quiet: bool,
    trouble: Duration,
) -> Vec<(Duration, Fault)> {
    let mut faults = Vec::new();
    let last = trouble.as_millis() as u64;
    for _ in 0..draw.0.usize(2..16) {
        let at = draw.millis(0, last);
        let until = at + draw.millis(10, 800);
        let edge = draw.0.usize(0..edges.len());
        let host = draw.0.usize(0..hosts.len());
        let how = draw.of(&[Cut::Reset, Cut::ResetDialler, Cut::ResetBinder, Cut::End]);
        match draw.0.u32(0..12) {
            0 | 1 => {
                faults.push((at, Fault::StopReading(host)));
                faults.push((until, Fault::GoOnReading(host)));
            }
            2 => {
                let deadline = match quiet {
                    true => Duration::from_secs(20),
                    false => draw.millis(0, 3_000),
                };
                let away = draw.millis(0, 400);
                faults.push((at, Fault::Close(host, deadline, away)));
            }
            _ if quiet => {}
            3 | 4 => faults.push((at, Fault::Cut(edge, how))),
            5..=7 => {
                let after = match draw.0.bool() {
                    true => draw.0.usize(0..100),
                    false => draw.0.usize(0..20_000),
                };
                faults.push((at, Fault::CutAfter(edge, draw.0.bool(), after, how)));
            }
            8 | 9 => {
                let which = draw.of(&[[true, true], [true, false], [false, true]]);
                faults.push((at, Fault::Stall(edge, which)));
                faults.push((until, Fault::Resume(edge)));
            }
            10 => {
                faults.push((at, Fault::Refuse(edge)));
                faults.push((at, Fault::Cut(edge, how)));
                faults.push((until, Fault::LetIn(edge)));
            }
            _ => faults.push((at, Fault::Kill(host, draw.millis(0, 400)))),
        }
    }
    faults.retain(|(at, _)| *at < trouble);
    faults.sort_by_key(|(at, _)| *at);
    faults
}
