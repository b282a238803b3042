//! Cutting bytes into messages.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;

use crate::common::failure::{Failure, Outcome};

/// The largest message.
pub(super) const MAX: usize = aiomsg::parts::transport::codec::DEFAULT_MAX_MESSAGE;

/// Where one message ends and the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// All is one message.
    Whole,
    /// At each newline.
    Lines,
    /// Where the length that precedes it says.
    LengthPrefixed,
    /// After this number of bytes at most.
    Pieces(usize),
}

/// The next piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Message(Bytes),
    /// A line that is longer than a message may be. This number of its bytes were read,
    /// and [`skip_line`] reads the rest.
    TooLong(u64),
    End,
}

/// The input that is cut.
pub(super) type Reader = BufReader<Box<dyn Read + Send>>;

/// How much is read at once.
const BUFFER: usize = 64 << 10;

impl Cut {
    pub(super) fn pieces(size: usize) -> Outcome<Self> {
        match size <= MAX {
            true => Ok(Self::Pieces(size)),
            false => Err(Failure::usage(format!(
                "--chunk-size: {size} bytes are more than a message has, {MAX} (64 MiB) at most"
            ))),
        }
    }

    pub(super) fn reader(self, from: Box<dyn Read + Send>) -> Reader {
        let capacity = match self {
            Self::Pieces(size) => size,
            _ => BUFFER,
        };
        BufReader::with_capacity(capacity, from)
    }

    /// The next message. Memory is taken as bytes arrive, whatever a length says.
    pub(super) fn next(self, reader: &mut Reader) -> io::Result<Next> {
        match self {
            Self::Whole => whole(reader).map(Next::Message),
            Self::Lines => line(reader),
            Self::LengthPrefixed => length_prefixed(reader).map(Next::of),
            Self::Pieces(_) => {
                let piece = Bytes::copy_from_slice(reader.fill_buf()?);
                reader.consume(piece.len());
                Ok(Next::of((!piece.is_empty()).then_some(piece)))
            }
        }
    }

    /// Whether the next message is in the buffer already, so that reading it
    /// waits for nothing.
    pub(super) fn is_at_hand(self, reader: &Reader) -> bool {
        let buffer = reader.buffer();
        match self {
            Self::Whole | Self::Pieces(_) => false,
            Self::Lines => buffer.contains(&b'\n'),
            Self::LengthPrefixed => buffer
                .split_first_chunk()
                .is_some_and(|(len, rest)| rest.len() >= u32::from_be_bytes(*len) as usize),
        }
    }
}

impl Next {
    fn of(message: Option<Bytes>) -> Self {
        message.map_or(Self::End, Self::Message)
    }
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

fn whole(reader: &mut Reader) -> io::Result<Bytes> {
    let mut message = Vec::new();
    reader.take(MAX as u64 + 1).read_to_end(&mut message)?;
    match message.len() > MAX {
        true => Err(too_long_whole("more than that")),
        false => Ok(message.into()),
    }
}

pub(super) fn too_long_whole(len: &str) -> io::Error {
    wrong(format!(
        "a message has at most {MAX} bytes (64 MiB), and it has {len}: cut it with --chunk-size \
         64KiB, or with --lines"
    ))
}

fn line(reader: &mut Reader) -> io::Result<Next> {
    let mut line = Vec::new();
    // The newline may be one byte more.
    reader.take(MAX as u64 + 1).read_until(b'\n', &mut line)?;
    match line.last() {
        None => return Ok(Next::End),
        Some(b'\n') => {
            line.pop();
        }
        Some(_) if line.len() > MAX => return Ok(Next::TooLong(line.len() as u64)),
        Some(_) => {}
    }
    Ok(Next::Message(line.into()))
}

/// Reads the line to its end, keeps nothing of it, and says how many bytes there
/// were, without the newline.
pub(super) fn skip_line(reader: &mut Reader) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let there = reader.fill_buf()?;
        let end = there.iter().position(|byte| *byte == b'\n');
        let bytes = end.unwrap_or(there.len());
        if bytes == 0 && end.is_none() {
            return Ok(skipped);
        }
        skipped += bytes as u64;
        reader.consume(bytes + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(skipped);
        }
    }
}

fn length_prefixed(reader: &mut Reader) -> io::Result<Option<Bytes>> {
    let mut len = Vec::with_capacity(4);
    reader.take(4).read_to_end(&mut len)?;
    let len = match <[u8; 4]>::try_from(len.as_slice()) {
        Ok(len) => u32::from_be_bytes(len) as usize,
        Err(_) if len.is_empty() => return Ok(None),
        Err(_) => {
            let got = len.len();
            return Err(wrong(format!(
                "it ends within a length, after {got} of its 4 bytes"
            )));
        }
    };
    if len > MAX {
        return Err(wrong(format!(
            "a length says {len} bytes, and a message has at most {MAX} (64 MiB): is it \
             length-prefixed?"
        )));
    }
    let mut message = Vec::with_capacity(len.min(BUFFER));
    reader.take(len as u64).read_to_end(&mut message)?;
    match message.len() == len {
        true => Ok(Some(message.into())),
        false => Err(wrong(format!(
            "it ends within a message, after {} of its {len} bytes",
            message.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(cut: Cut, bytes: &[u8]) -> (Vec<Bytes>, Option<String>) {
        let mut reader = cut.reader(Box::new(io::Cursor::new(bytes.to_vec())));
        let mut messages = Vec::new();
        loop {
            match cut.next(&mut reader) {
                Ok(Next::Message(message)) => messages.push(message),
                Ok(Next::TooLong(len)) => return (messages, Some(format!("{len} bytes"))),
                Ok(Next::End) => return (messages, None),
                Err(error) => return (messages, Some(error.to_string())),
            }
        }
    }

    #[test]
    fn lines_lose_their_newline_and_nothing_else() {
        let (lines, error) = cut(Cut::Lines, b"one\r\n\n\xff two\nlast");
        assert_eq!(error, None);
        assert_eq!(lines, [&b"one\r"[..], b"", b"\xff two", b"last"]);
        assert_eq!(cut(Cut::Lines, b""), (vec![], None));
    }

    /// A line of this length, and the bytes behind it.
    fn long(len: usize, then: &'static [u8]) -> Reader {
        let line = io::repeat(b'x').take(len as u64);
        Cut::Lines.reader(Box::new(line.chain(then)))
    }

    #[test]
    fn a_line_may_be_as_long_as_a_message_and_is_skipped_beyond_that() {
        let mut reader = long(MAX, b"\nnext\n");
        let Ok(Next::Message(line)) = Cut::Lines.next(&mut reader) else {
            panic!("it is not too long");
        };
        assert_eq!(line.len(), MAX);

        for (then, next) in [
            (&b"\nnext\n"[..], Next::Message("next".into())),
            (b"\n\n", Next::Message("".into())),
            (b"\n", Next::End),
            (b"", Next::End),
        ] {
            let mut reader = long(MAX + 100_000, then);
            let Ok(Next::TooLong(read)) = Cut::Lines.next(&mut reader) else {
                panic!("it is too long");
            };
            let rest = skip_line(&mut reader).unwrap();
            assert_eq!(read + rest, MAX as u64 + 100_000);
            assert_eq!(Cut::Lines.next(&mut reader).unwrap(), next);
        }
    }

    #[test]
    fn lengths_are_believed_up_to_the_limit() {
        let (messages, error) = cut(Cut::LengthPrefixed, b"\0\0\0\x02hi\0\0\0\0\0\0\0\x01\n");
        assert_eq!(
            (messages, error),
            (vec!["hi".into(), "".into(), "\n".into()], None)
        );
        for (bytes, why) in [
            (&b"\0\0\0"[..], "after 3 of its 4 bytes"),
            (b"\0\0\0\x05hi", "after 2 of its 5 bytes"),
            (b"GET / HTTP/1.1", "at most 67108864"),
        ] {
            let error = cut(Cut::LengthPrefixed, bytes).1.unwrap_or_default();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn pieces_have_the_size_that_was_said() {
        let (pieces, error) = cut(Cut::Pieces(4), b"0123456789");
        assert_eq!(
            (pieces, error),
            (vec!["0123".into(), "4567".into(), "89".into()], None)
        );
        assert!(Cut::pieces(MAX).is_ok());
        assert!(Cut::pieces(MAX + 1).is_err());
    }

    #[test]
    fn what_is_at_hand_is_in_the_buffer_to_its_end() {
        let at_hand = |cut: Cut, bytes: &'static [u8]| {
            let mut reader = cut.reader(Box::new(bytes));
            reader.fill_buf().map(drop).is_ok() && cut.is_at_hand(&reader)
        };
        assert!(at_hand(Cut::Lines, b"one\ntw"));
        assert!(!at_hand(Cut::Lines, b"tw"));
        assert!(at_hand(Cut::LengthPrefixed, b"\0\0\0\x02hi"));
        assert!(!at_hand(Cut::LengthPrefixed, b"\0\0\0\x03hi"));
        assert!(!at_hand(Cut::LengthPrefixed, b"\0\0"));
    }
}
