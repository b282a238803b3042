//! Whose reply it is.
//!
//! The wires carry no envelope: a consumer sees the proxy's identity, and not that
//! of a producer. What requests have is an id, up to the first zero byte, that
//! their answers repeat (see [`aiomsg::parts::layers::request`]). The proxy adds to the
//! id whom to answer, as in a mail address, and takes that off again:
//!
//! ```text
//!  producer         proxy                          consumer
//!  id 00 payload ─▶ id @ token 00 payload          ─▶
//!  id 00 answer  ◀─ id @ token 00 answer           ◀─
//! ```
//!
//! The token stands for the producer's identity. It is random, so no producer can
//! have a consumer send its reply to another one; and it belongs to a producer and
//! not to a request, so there is nothing to remember for each request, and a
//! request may have any number of replies, at any time.

use std::collections::HashMap;

use aiomsg::Identity;
use aiomsg::parts::vocabulary::sync::Mutex;
use bytes::{BufMut, Bytes, BytesMut};

/// Answering peers look for the zero byte among this number of first bytes.
const REACH: usize = 64;

/// 96 bits in hexadecimal digits.
const TOKEN_LEN: usize = 24;

/// The longest id that still can be answered.
pub(super) const LONGEST_ID: usize = REACH - 2 - TOKEN_LEN;

type Token = [u8; TOKEN_LEN];

/// The tokens of producers. Those of the producers that were seen last are kept:
/// at least [`KEPT`](Self::KEPT), at most twice as many.
#[derive(Debug, Default)]
pub(super) struct ReturnAddresses(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    tokens: HashMap<Identity, Token>,
    producers: HashMap<Token, Identity>,
}

impl ReturnAddresses {
    /// The most peers that may be connected.
    const KEPT: usize = 65_536;

    /// The message with the producer's address added to its id. `None`: it has
    /// no id, or none that can be answered.
    pub(super) fn put(&self, producer: &Identity, message: &Bytes) -> Option<Bytes> {
        let end = end_of_id(message).filter(|end| (1..=LONGEST_ID).contains(end))?;
        let token = self.token(producer);
        let mut addressed = BytesMut::with_capacity(message.len() + 1 + TOKEN_LEN);
        addressed.put_slice(&message[..end]);
        addressed.put_u8(b'@');
        addressed.put_slice(&token);
        addressed.put_slice(&message[end..]);
        Some(addressed.freeze())
    }

    /// Whom a reply is for, and the reply without the address. `None`: it has no
    /// address of ours.
    pub(super) fn take_off(&self, reply: &Bytes) -> Option<(Identity, Bytes)> {
        let end = end_of_id(reply)?;
        let at = end.checked_sub(TOKEN_LEN + 1)?;
        if reply[at] != b'@' {
            return None;
        }
        let token: Token = reply[at + 1..end].try_into().ok()?;
        let producer = {
            let generations = self.0.lock();
            let mut both = [&generations.young, &generations.old].into_iter();
            both.find_map(|it| it.producers.get(&token)).cloned()?
        };
        let mut plain = BytesMut::with_capacity(reply.len() - 1 - TOKEN_LEN);
        plain.put_slice(&reply[..at]);
        plain.put_slice(&reply[end..]);
        Some((producer, plain.freeze()))
    }

    fn token(&self, producer: &Identity) -> Token {
        let mut generations = self.0.lock();
        let Generations { young, old } = &mut *generations;
        if let Some(token) = young.tokens.get(producer) {
            return *token;
        }
        let token = match old.tokens.get(producer) {
            Some(token) => *token,
            None => random(),
        };
        if young.tokens.len() >= Self::KEPT {
            *old = std::mem::take(young);
        }
        young.tokens.insert(producer.clone(), token);
        young.producers.insert(token, producer.clone());
        token
    }
}

fn end_of_id(message: &[u8]) -> Option<usize> {
    message.iter().take(REACH).position(|byte| *byte == 0)
}

/// A random identity is random bytes, shown in hexadecimal digits.
fn random() -> Token {
    let digits = Identity::random().to_string();
    let mut token = [b'0'; TOKEN_LEN];
    for (to, from) in token.iter_mut().zip(digits.bytes()) {
        *to = from;
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str) -> Identity {
        Identity::new(name).unwrap()
    }

    #[test]
    fn a_reply_finds_its_producer_and_is_as_the_consumer_made_it() {
        let addresses = ReturnAddresses::default();
        // Two producers, with the same id.
        for producer in [identity("one"), identity("two")] {
            let sent = addresses.put(&producer, &Bytes::from("7\0job\0x")).unwrap();
            let end = sent.iter().position(|byte| *byte == 0).unwrap();
            assert!(end < REACH);
            let reply = [&sent[..end], b"\0done\0@"].concat();
            let (to, reply) = addresses.take_off(&reply.into()).unwrap();
            assert_eq!((to, &reply[..]), (producer, &b"7\0done\0@"[..]));
        }
    }

    #[test]
    fn an_id_of_any_bytes_can_be_answered_up_to_its_longest() {
        let addresses = ReturnAddresses::default();
        for id in [b"a@b@".to_vec(), vec![255], vec![b'x'; LONGEST_ID]] {
            let message = [&id[..], b"\0"].concat();
            let sent = addresses
                .put(&identity("c"), &message.clone().into())
                .unwrap();
            assert_eq!(addresses.take_off(&sent).unwrap().1, message);
        }
        for message in [
            "no zero byte",
            "\0no id",
            &format!("{}\0", "x".repeat(LONGEST_ID + 1)),
        ] {
            let message = Bytes::from(message.to_owned());
            assert_eq!(addresses.put(&identity("c"), &message), None, "{message:?}");
        }
    }

    #[test]
    fn what_has_no_address_of_ours_is_for_nobody() {
        let addresses = ReturnAddresses::default();
        addresses.put(&identity("c"), &Bytes::from("1\0")).unwrap();
        let invented = format!("1@{}\0", "0".repeat(TOKEN_LEN));
        let others = ReturnAddresses::default();
        let of_another_proxy = others.put(&identity("c"), &Bytes::from("1\0")).unwrap();
        for reply in ["", "\0", "1\0", "no zero byte", "@\0", &invented] {
            let reply = Bytes::from(reply.to_owned());
            assert_eq!(addresses.take_off(&reply), None, "{reply:?}");
        }
        assert_eq!(addresses.take_off(&of_another_proxy), None);
    }

    #[test]
    fn producers_that_were_seen_lately_are_kept_and_others_are_not() {
        let addresses = ReturnAddresses::default();
        let put = |n: usize| {
            let producer = identity(&n.to_string());
            addresses.put(&producer, &Bytes::from("1\0")).unwrap()
        };
        let (first, second) = (put(0), put(1));
        for n in 2..ReturnAddresses::KEPT {
            put(n);
        }
        put(ReturnAddresses::KEPT); // the first ones are old now
        assert_eq!(put(0), first, "seen again, it keeps its token");
        for n in 0..ReturnAddresses::KEPT {
            put(ReturnAddresses::KEPT + 1 + n);
        }
        assert!(addresses.take_off(&first).is_some());
        assert_eq!(addresses.take_off(&second), None);
    }
}
