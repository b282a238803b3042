//! Which messages were sent, and which came back.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// Numbered messages. What has come back is forgotten but for its count, so
/// that a long run takes no more memory than a short one.
#[derive(Debug, Default)]
pub(crate) struct Ledger(RefCell<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Those that are not back, each with the number of kills before it was
    /// last sent.
    missing: BTreeMap<u64, usize>,
    echoes: u64,
    sent_again: u64,
    /// One more than the highest number that is back.
    newest: u64,
}

impl Ledger {
    /// The next message to send, after so many kills.
    pub(crate) fn send(&self, kills: usize) -> String {
        let mut state = self.0.borrow_mut();
        let number = state.next;
        state.next += 1;
        state.missing.insert(number, kills);
        number.to_string()
    }

    /// A message is back, perhaps not for the first time.
    pub(crate) fn is_back(&self, message: &[u8]) {
        let number = std::str::from_utf8(message).ok();
        let number: u64 = number
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("not one of ours: {}", message.escape_ascii()));
        let mut state = self.0.borrow_mut();
        assert!(number < state.next, "{number} was never sent");
        state.missing.remove(&number);
        state.echoes += 1;
        state.newest = state.newest.max(number + 1);
    }

    /// Messages that are not back and were last sent before the last of so
    /// many kills. They count as sent now.
    pub(crate) fn send_again(&self, kills: usize) -> Vec<String> {
        let mut state = self.0.borrow_mut();
        let mut again = Vec::new();
        for (number, sent) in &mut state.missing {
            if *sent < kills {
                *sent = kills;
                again.push(number.to_string());
            }
        }
        state.sent_again += again.len() as u64;
        again
    }

    /// How many were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.0.borrow().next
    }

    /// Whether a message is back that has this number or a higher one.
    pub(crate) fn has_come_to(&self, number: u64) -> bool {
        self.0.borrow().newest > number
    }

    /// How many are not back.
    pub(crate) fn missing(&self) -> usize {
        self.0.borrow().missing.len()
    }

    pub(crate) fn summary(&self) -> String {
        let state = self.0.borrow();
        let (sent, missing) = (state.next, state.missing.len() as u64);
        let duplicates = state.echoes - (sent - missing);
        let again = state.sent_again;
        format!(
            "{sent} messages, {duplicates} duplicates, {again} sent again by us, {missing} lost"
        )
    }
}
