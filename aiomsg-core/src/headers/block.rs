//! Headers in bytes.

use std::collections::HashSet;

use bytes::{BufMut, Bytes, BytesMut};

use super::HeaderLimits;

/// The bytes of the two lengths of a header.
const LENGTHS: usize = 3;

pub(super) fn encode<'a>(headers: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Bytes {
    let len = headers
        .clone()
        .map(|(name, value)| LENGTHS + name.len() + value.len());
    let mut block = BytesMut::with_capacity(len.sum());
    for (name, value) in headers {
        // Both were checked, so the lengths fit.
        block.put_u8(name.len() as u8);
        block.put_slice(name.as_bytes());
        block.put_u16(value.len() as u16);
        block.put_slice(value.as_bytes());
    }
    block.freeze()
}

/// The name and the value of the first header, and the bytes behind it.
pub(super) fn split(block: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&len, rest) = block.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(len))?;
    let (&len, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(len)))?;
    Some((name, value, rest))
}

/// Says what is wrong with headers of a peer.
pub(super) fn check(block: &[u8], limits: HeaderLimits) -> Result<(), String> {
    let refuse = |count| limits.refuse(count, block.len()).map_or(Ok(()), Err);
    refuse(0)?;
    // Few messages have more, and these need no memory of their own.
    let (mut first, mut count) = ([&block[..0]; 8], 0);
    let mut further = HashSet::new();
    let mut rest = block;
    while !rest.is_empty() {
        let at = block.len() - rest.len();
        let Some((name, value, more)) = split(rest) else {
            return Err(format!("the one at byte {at} is cut off"));
        };
        check_name(name).map_err(|reason| format!("the one at byte {at}: {reason}"))?;
        check_value(value).map_err(|reason| format!("the one at byte {at}: {reason}"))?;
        let is_new = !first.contains(&name)
            && match first.get_mut(count) {
                Some(place) => {
                    *place = name;
                    true
                }
                None => further.insert(name),
            };
        if !is_new {
            return Err(format!("the one at byte {at}: its name is there twice"));
        }
        count += 1;
        refuse(count)?;
        rest = more;
    }
    Ok(())
}

pub(super) fn check_name(name: &[u8]) -> Result<(), String> {
    if name.is_empty() || name.len() > 255 {
        return Err(format!(
            "a name has 1 to 255 bytes, this one has {}",
            name.len()
        ));
    }
    let is_good = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    match name.iter().all(is_good) {
        true => Ok(()),
        false => Err("a name has lower-case letters, digits, `-`, `_` and `.` only".to_owned()),
    }
}

pub(super) fn check_value(value: &[u8]) -> Result<(), String> {
    if value.len() > usize::from(u16::MAX) {
        return Err(format!(
            "a value has at most 65535 bytes, this one has {}",
            value.len()
        ));
    }
    let Ok(text) = str::from_utf8(value) else {
        return Err("its value is not UTF-8".to_owned());
    };
    match text.chars().any(char::is_control) {
        true => Err("its value has a control character".to_owned()),
        false => Ok(()),
    }
}
