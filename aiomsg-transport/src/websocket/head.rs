//! Reading the head of an HTTP message, with a bound.

use bytes::BytesMut;

/// The most bytes of a head: 8 KiB, as with most HTTP servers.
pub(super) const MAX_HEAD: usize = 8 * 1024;

/// A head that is being read.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The bytes so far. Behind the head is what follows it.
    pub(super) bytes: BytesMut,
    /// How many of them were searched for the end.
    searched: usize,
}

/// A head is longer than [`MAX_HEAD`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Head {
    /// The room for more bytes. There is some until the head [is found to be too
    /// long](Head::end).
    pub(super) fn room(&self) -> usize {
        (MAX_HEAD + 1).saturating_sub(self.bytes.len())
    }

    /// Where the head ends, when all of it is there. Each byte is looked at about once,
    /// however small the pieces are.
    pub(super) fn end(&mut self) -> Result<Option<usize>, TooLong> {
        let from = self.searched.saturating_sub(3);
        self.searched = self.bytes.len();
        let mut ends = self.bytes[from..].windows(4);
        let end = ends.position(|four| four == b"\r\n\r\n");
        match end.map(|at| from + at + 4) {
            Some(end) if end <= MAX_HEAD => Ok(Some(end)),
            None if self.bytes.len() <= MAX_HEAD => Ok(None),
            _ => Err(TooLong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_found_in_any_pieces() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x82";
        for size in 1..text.len() {
            let mut head = Head::default();
            let mut found = None;
            for piece in text.chunks(size) {
                head.bytes.extend_from_slice(piece);
                found = head.end().unwrap();
            }
            let last = text.len() - 1;
            match found {
                Some(end) => assert_eq!(end, last, "pieces of {size}"),
                // It was found before the last piece.
                None => assert_eq!(head.bytes[..last], text[..last]),
            }
        }
    }

    #[test]
    fn a_head_is_bounded() {
        let mut head = Head::default();
        head.bytes.resize(MAX_HEAD, b'a');
        assert_eq!(head.end(), Ok(None));
        assert_eq!(head.room(), 1);
        head.bytes.extend_from_slice(b"\r\n\r\n");
        assert_eq!(head.end(), Err(TooLong));
    }
}
