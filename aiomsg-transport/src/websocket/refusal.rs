use super::error::WebSocketError;

/// An HTTP request that is answered with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: &'static str,
    /// A header line of its own, with its line end.
    header: &'static str,
    reason: String,
}

impl Refusal {
    fn new(status: &'static str, reason: impl Into<String>) -> Self {
        Self {
            status,
            header: "",
            reason: reason.into(),
        }
    }

    pub(super) fn bad_request(reason: impl Into<String>) -> Self {
        Self::new("400 Bad Request", reason)
    }

    /// The origin is not allowed.
    pub(super) fn forbidden(reason: impl Into<String>) -> Self {
        Self::new("403 Forbidden", reason)
    }

    /// Another path is the one of WebSocket.
    pub(super) fn not_found() -> Self {
        Self::new("404 Not Found", "no aiomsg socket has this path")
    }

    pub(super) fn not_get() -> Self {
        Self {
            header: "Allow: GET\r\n",
            ..Self::new("405 Method Not Allowed", "only GET is understood")
        }
    }

    pub(super) fn too_large() -> Self {
        let reason = "the head of the request is too large";
        Self::new("431 Request Header Fields Too Large", reason)
    }

    /// A plain request, of a probe or a browser's tab.
    pub(super) fn upgrade_required() -> Self {
        Self {
            header: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            ..Self::new(
                "426 Upgrade Required",
                "an aiomsg socket listens here: connect with aiomsg, or by WebSocket",
            )
        }
    }

    /// The whole answer.
    pub(super) fn answer(&self) -> String {
        let Self {
            status,
            header,
            reason,
        } = self;
        let len = reason.len() + 1;
        format!(
            "HTTP/1.1 {status}\r\n{header}Content-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {len}\r\nConnection: close\r\n\r\n{reason}\n"
        )
    }
}

impl From<Refusal> for WebSocketError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused {
            status: refusal.status,
            reason: refusal.reason,
        }
    }
}
