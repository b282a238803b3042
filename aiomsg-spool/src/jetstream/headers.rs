//! Headers of messages, as headers of NATS.
//!
//! Each one is a line `Aiomsg-Header: name="value"`. NATS cuts white space off the ends of a
//! value, which the quotes keep, and several lines of one name stay in their order.

use aiomsg_core::{Error, Headers};
use async_nats::{HeaderMap, HeaderValue};
use bytes::{BufMut, BytesMut};

use crate::store::HEADERS;

/// The header of NATS that each of ours is.
const NAME: &str = "Aiomsg-Header";

/// Adds headers of a message to those of NATS.
pub(super) fn put(headers: &Headers, nats: &mut HeaderMap) {
    for (name, value) in headers {
        // Neither has a line break.
        nats.append(NAME, HeaderValue::from(format!("{name}=\"{value}\"")));
    }
}

/// The headers of a message among those of NATS. Those of others are left out.
pub(super) fn take(nats: &HeaderMap) -> Result<Headers, Error> {
    let mut block = BytesMut::new();
    for line in nats.get_all(NAME) {
        let Some((name, value)) = split(line.as_str()) else {
            continue;
        };
        let (Ok(name_len), Ok(value_len)) = (name.len().try_into(), value.len().try_into()) else {
            continue;
        };
        block.put_u8(name_len);
        block.put_slice(name.as_bytes());
        block.put_u16(value_len);
        block.put_slice(value.as_bytes());
    }
    Headers::from_bytes(block.freeze(), HEADERS)
}

fn split(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    Some((name, value.strip_prefix('"')?.strip_suffix('"')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_back_in_their_order() {
        let mut headers = Headers::new();
        for (name, value) in [
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ),
            ("spaces", "  at both ends  "),
            ("quotes", "\"a\"=\"b\""),
            ("empty", ""),
            ("a", "später"),
        ] {
            headers.insert(name, value).unwrap();
        }
        let mut nats = HeaderMap::new();
        nats.insert("Nats-Msg-Id", "17");
        put(&headers, &mut nats);
        assert_eq!(take(&nats).unwrap(), headers);
    }

    #[test]
    fn those_of_strangers_are_left_out_or_named() {
        let mut nats = HeaderMap::new();
        nats.insert("traceparent", "not ours");
        nats.append(NAME, "no value");
        nats.append(NAME, "unquoted=value");
        assert!(take(&nats).unwrap().is_empty());
        nats.append(NAME, "two words=\"\"");
        let error = take(&nats).unwrap_err().to_string();
        assert!(error.contains("lower-case"), "{error}");
    }
}
