//! The answer to a request.

use tungstenite::error::ProtocolError;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};

use crate::websocket::guard::WebSocketGuard;
use crate::websocket::refusal::Refusal;

/// Returns the answer to this head of a request: the upgrade, if the guard allows it.
pub(super) fn upgrade(head: &[u8], guard: &WebSocketGuard) -> Result<String, Refusal> {
    let request = match Request::try_parse(head) {
        Ok(Some((len, request))) if len == head.len() => request,
        // A line that ends without a carriage return ends the head elsewhere.
        Ok(Some(_)) => return Err(Refusal::bad_request("the request has two ends")),
        Ok(None) => return Err(Refusal::bad_request("the request has no end")),
        Err(tungstenite::Error::Protocol(ProtocolError::WrongHttpMethod)) => {
            return Err(Refusal::not_get());
        }
        Err(error) => return Err(Refusal::bad_request(error.to_string())),
    };
    guard.admit(&request)?;
    let malformed = |error: tungstenite::Error| Refusal::bad_request(error.to_string());
    let response = create_response(&request).map_err(malformed)?;
    let mut answer = Vec::new();
    write_response(&mut answer, &response).map_err(malformed)?;
    // All headers of it are ASCII.
    String::from_utf8(answer).map_err(|_| Refusal::bad_request("the answer is no text"))
}

#[cfg(test)]
mod tests;
