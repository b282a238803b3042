//! What a peer writes to its standard output.

use std::collections::VecDeque;

use serde_json::Value;

/// An event of a peer.
pub(super) struct Event(pub(super) Value);

impl Event {
    /// The fields of a "recv" event.
    pub(super) fn message(&self) -> (Vec<u8>, Vec<u8>) {
        (self.bytes("from"), self.bytes("data"))
    }

    pub(super) fn bytes(&self, field: &str) -> Vec<u8> {
        decode(self.0[field].as_str().expect("the field is a string"))
    }
}

/// Removes the first event of this kind.
pub(super) fn take(events: &mut VecDeque<Value>, kind: &str) -> Option<Event> {
    let index = events.iter().position(|event| event["event"] == kind)?;
    events.remove(index).map(Event)
}

pub(super) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

fn decode(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hexadecimal digits are ASCII");
            u8::from_str_radix(pair, 16).expect("the peer writes hexadecimal digits")
        })
        .collect()
}
