use bytes::{BufMut, Bytes, BytesMut};

const UNSUBSCRIBE: u8 = 0x00;
const SUBSCRIBE: u8 = 0x01;

/// What a message to a publisher may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command<T> {
    /// To be sent what begins with this.
    Subscribe(T),
    /// To be sent it no more.
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
    /// The message that says so.
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
