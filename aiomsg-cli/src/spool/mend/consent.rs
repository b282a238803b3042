//! Asking before something is deleted.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use crate::common::failure::{Failure, Outcome};
use crate::common::off_thread::off_thread;
use crate::common::said::said;
use crate::common::stop::Stop;

/// Ready when the deletion is wanted.
pub(super) async fn ask(dir: &Path, what: &str, stop: &mut Stop) -> Outcome {
    let dir = dir.display();
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "{dir}: this deletes {what}; add --yes to do so"
        )));
    }
    let question = format!("{dir}: delete {what}? [y/N] ");
    let asking = off_thread(move || answer(&question));
    match stop
        .unless_asked_before("anything was deleted", asking)
        .await?
    {
        true => Ok(()),
        false => Err(Failure::failed("nothing was deleted")),
    }
}

fn answer(question: &str) -> Outcome<bool> {
    let wrong = |error: io::Error| Failure::failed(format!("no answer: {}", said(&error)));
    let mut screen = io::stderr().lock();
    screen.write_all(question.as_bytes()).map_err(wrong)?;
    screen.flush().map_err(wrong)?;
    drop(screen);
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(wrong)?;
    let word = line.trim().to_ascii_lowercase();
    Ok(word == "y" || word == "yes")
}
