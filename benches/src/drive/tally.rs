//! What is seen of the messages at the other end.

use std::sync::Arc;

use super::source::{number_of, read};
use super::{Sizes, Timing};
use crate::library::{Failure, Outcome};

/// A message that arrives, as it is counted.
pub trait Incoming {
    /// Counts it, and checks what there is to check.
    ///
    /// # Errors
    ///
    /// When it is not what was sent.
    fn count(&self, tally: &mut Tally) -> Outcome;
}

impl<T: AsRef<[u8]>> Incoming for T {
    #[inline]
    fn count(&self, tally: &mut Tally) -> Outcome {
        tally.note(self.as_ref())
    }
}

/// Counts messages, and checks the length and the order of each.
///
/// A gap is no error: what is lost is the difference between what was sent and
/// what arrived. A message that comes after its successor, or again, is one.
#[derive(Debug)]
pub struct Tally {
    sizes: Sizes,
    received: u64,
    /// The number that comes next, by sender.
    next: Vec<u64>,
    timing: Option<Arc<Timing>>,
}

impl Tally {
    /// Of messages of these sizes.
    pub fn new(sizes: impl Into<Sizes>) -> Self {
        Self {
            sizes: sizes.into(),
            received: 0,
            next: Vec::new(),
            timing: None,
        }
    }

    /// Notes as well how long messages were under way.
    #[must_use]
    pub fn timed(mut self, timing: Option<Arc<Timing>>) -> Self {
        self.timing = timing;
        self
    }

    /// How many have arrived.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Counts a message.
    ///
    /// # Errors
    ///
    /// When it has another length, or comes out of order.
    #[inline]
    pub fn note(&mut self, payload: &[u8]) -> Outcome {
        let (sender, number) = read(number_of(payload));
        self.check_size(number, payload.len())?;
        match self.next.get_mut(sender) {
            Some(next) if *next <= number => *next = number + 1,
            _ => self.other(sender, number)?,
        }
        if let Some(timing) = &self.timing {
            timing.note(number, payload);
        }
        self.received += 1;
        Ok(())
    }

    /// Counts a message of which no more than the length is known. There is one sender, if
    /// messages have several sizes.
    ///
    /// # Errors
    ///
    /// When it has another length.
    #[inline]
    pub fn note_size(&mut self, size: usize) -> Outcome {
        self.check_size(self.received, size)?;
        self.received += 1;
        Ok(())
    }

    #[inline]
    fn check_size(&self, number: u64, size: usize) -> Outcome {
        let expected = self.sizes.of(number);
        match size == expected {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "a message of {size} bytes arrived, where it has {expected}"
            ))),
        }
    }

    /// From a new sender, or out of order.
    #[cold]
    fn other(&mut self, sender: usize, number: u64) -> Outcome {
        if let Some(next) = self.next.get(sender) {
            return Err(Failure::new(format!(
                "message {number} of sender {sender} arrived after {}",
                next - 1
            )));
        }
        if sender >= 1 << 10 {
            return Err(Failure::new(format!("there is no sender {sender}")));
        }
        self.next.resize(sender + 1, 0);
        self.next[sender] = number + 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    #[test]
    fn what_comes_in_order_is_counted_and_a_gap_is_no_error() {
        let (mut one, mut two) = (Source::new(64, 0), Source::new(64, 5));
        let mut tally = Tally::new(64);
        for _ in 0..10 {
            tally.note(&two.message()).unwrap();
            tally.note(&one.message()).unwrap();
            let _lost = one.message();
        }
        assert_eq!(tally.received(), 20);
    }

    #[test]
    fn another_length_or_order_is_an_error() {
        let mut source = Source::new(64, 0);
        let mut tally = Tally::new(64);
        let (first, second) = (source.message(), source.message());
        assert!(tally.note(&first[1..]).is_err());
        tally.note(&second).unwrap();
        assert!(tally.note(&first).is_err(), "late");
        assert!(tally.note(&second).is_err(), "again");
        assert_eq!(tally.received(), 1);
    }
}
