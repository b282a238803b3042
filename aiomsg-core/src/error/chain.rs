//! An error and its sources in one line.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::{Error, Remedy};

/// Displays an error and all of its sources in one line.
///
/// `Display` of an error says one level, and the next one is its source. What
/// prints an error for people prints the chain:
///
/// ```
/// use aiomsg_core::error::{Error, ErrorKind, chain};
///
/// let system = std::io::Error::other("Disk quota exceeded");
/// let error = Error::new(ErrorKind::Io).with_source(system);
/// assert_eq!(error.to_string(), "input or output failed");
/// assert_eq!(
///     chain(&error).to_string(),
///     "input or output failed: disk quota exceeded",
/// );
/// ```
///
/// Some errors of other crates repeat their source; the chain does not. The
/// [`Remedy`] of an [`Error`] comes last.
pub fn chain<'a>(error: &'a (dyn StdError + 'static)) -> Chain<'a> {
    Chain {
        error,
        remedy: remedy(error),
    }
}

/// The `Display` of an error and its sources: see [`chain`].
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a> {
    error: &'a (dyn StdError + 'static),
    remedy: Option<Remedy>,
}

impl Chain<'_> {
    /// Leaves the remedy out: for programs that name an option of their own.
    #[must_use]
    pub fn without_remedy(mut self) -> Self {
        self.remedy = None;
        self
    }
}

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut above = text(self.error);
        f.write_str(&above)?;
        for error in sources(self.error) {
            let text = text(error);
            // As errors of other crates do, tower's among them.
            if above.to_lowercase().ends_with(&text.to_lowercase()) {
                continue;
            }
            write!(f, ": {text}")?;
            above = text;
        }
        match self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// What is below an error, from the nearest down.
pub(super) fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

fn remedy(error: &(dyn StdError + 'static)) -> Option<Remedy> {
    let all = std::iter::once(error).chain(sources(error));
    all.filter_map(Error::of).find_map(Error::remedy)
}

/// The text of one level. Errors of the system begin with a capital letter, and ours
/// do not.
fn text(error: &(dyn StdError + 'static)) -> String {
    let text = error.to_string();
    if !error.is::<io::Error>() {
        return text;
    }
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        // "Connection refused", but not "SUN_LEN".
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            let mut lower: String = first.to_lowercase().collect();
            lower.push_str(&text[first.len_utf8()..]);
            lower
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests;
