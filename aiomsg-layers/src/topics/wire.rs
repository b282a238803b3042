use bytes::{BufMut, Bytes, BytesMut};

const UNSUBSCRIBE: u8 = 0x00;
const SUBSCRIBE: u8 = 0x01;

/// A command to a publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command<T> {
    /// Subscribe to messages that begin with this.
    Subscribe(T),
    /// Unsubscribe from them.
    Unsubscribe(T),
}

impl<'a> Command<&'a [u8]> {
    /// The command in a message, `None` for an ordinary message.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        match payload.split_first()? {
            (&SUBSCRIBE, prefix) => Some(Self::Subscribe(prefix)),
            (&UNSUBSCRIBE, prefix) => Some(Self::Unsubscribe(prefix)),
            _ => None,
        }
    }
}

impl<T: AsRef<[u8]>> Command<T> {
    /// The message with this command.
    pub(super) fn payload(&self) -> Bytes {
        let (first, prefix) = match self {
            Self::Subscribe(prefix) => (SUBSCRIBE, prefix.as_ref()),
            Self::Unsubscribe(prefix) => (UNSUBSCRIBE, prefix.as_ref()),
        };
        let mut payload = BytesMut::with_capacity(1 + prefix.len());
        payload.put_u8(first);
        payload.put_slice(prefix);
        payload.freeze()
    }
}
