//! Peers that connect by WebSocket, by the options of the command line or a file.

use aiomsg::SocketBuilder;
use clap::Args;

/// Which peers are accepted by WebSocket.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "WebSocket")]
pub(crate) struct WebSocketArgs {
    /// Accepts browsers and others by WebSocket, too, at every tcp:// and tls://
    /// endpoint that it listens at. Pages must come from the same host.
    #[arg(long = "websocket", id = "websocket", requires = "bind")]
    pub(crate) accepts: bool,
    /// Accepts pages of this origin, too, such as https://example.org, or of every
    /// site: *; may be repeated.
    #[arg(
        long = "websocket-origin",
        id = "websocket_origin",
        value_name = "ORIGIN",
        requires = "websocket"
    )]
    pub(crate) origins: Vec<String>,
    /// Accepts this path only, such as /jobs [default: any]
    #[arg(
        long = "websocket-path",
        id = "websocket_path",
        value_name = "PATH",
        requires = "websocket"
    )]
    pub(crate) path: Option<String>,
}

/// Headers of the requests for `ws://` and `wss://` endpoints.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "WebSocket")]
pub(crate) struct WebSocketHeaders {
    /// Adds a header to the requests for ws:// and wss:// endpoints, such as
    /// "Authorization: Bearer TOKEN"; may be repeated.
    #[arg(
        long = "websocket-header",
        id = "websocket_header",
        value_name = "HEADER",
        value_parser = header,
        requires = "connect"
    )]
    pub(crate) headers: Vec<(String, String)>,
}

pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err("it has no \":\": expected NAME: VALUE".to_owned());
    };
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl WebSocketArgs {
    /// What is wrong with these, by the setting and the reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if cfg!(not(feature = "websocket")) && self.accepts {
            return Err(("websocket", NOT_BUILT.to_owned()));
        }
        if let Some(path) = &self.path
            && !path.starts_with('/')
        {
            let what = format!("\"{path}\" does not begin with a slash");
            return Err(("websocket-path", what));
        }
        let bad = self.origins.iter().find(|it| !is_origin(it));
        match bad {
            Some(bad) => Err((
                "websocket-origin",
                format!(
                    "\"{bad}\" is not an origin: expected a scheme, a host and perhaps a port, such \
                     as https://example.org, or *"
                ),
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn apply(&self, builder: SocketBuilder) -> SocketBuilder {
        #[cfg(feature = "websocket")]
        if self.accepts {
            let mut guard = aiomsg::websocket::WebSocketGuard::new();
            if !self.origins.is_empty() {
                guard = guard.origins(self.origins.clone());
            }
            if let Some(path) = &self.path {
                guard = guard.path(path);
            }
            return builder.websocket(guard);
        }
        builder
    }
}

const NOT_BUILT: &str = "this build has no websocket: it was made without the feature of that name";

/// `*`, `null`, or a scheme and a host, with a port or without.
fn is_origin(text: &str) -> bool {
    let is_place =
        |place: &str| !place.is_empty() && !place.contains(|c: char| c == '/' || c.is_whitespace());
    match text.split_once("://") {
        Some((scheme, place)) => !scheme.is_empty() && is_place(place.trim_end_matches('/')),
        None => matches!(text, "*" | "null"),
    }
}

impl WebSocketHeaders {
    pub(crate) fn apply(&self, builder: SocketBuilder) -> SocketBuilder {
        #[cfg(feature = "websocket")]
        {
            let headers = self.headers.iter();
            headers.fold(builder, |builder, (name, value)| {
                builder.websocket_header(name, value)
            })
        }
        #[cfg(not(feature = "websocket"))]
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_and_paths_are_checked() {
        for (origin, good) in [
            ("*", true),
            ("null", true),
            ("https://example.org", true),
            ("http://[::1]:8080/", true),
            ("example.org", false),
            ("https://", false),
            ("https://example.org/page", false),
            ("", false),
        ] {
            let args = WebSocketArgs {
                origins: vec![origin.to_owned()],
                ..WebSocketArgs::default()
            };
            assert_eq!(args.check().is_ok(), good, "{origin}");
        }
        let args = WebSocketArgs {
            path: Some("jobs".to_owned()),
            ..WebSocketArgs::default()
        };
        let (setting, what) = args.check().unwrap_err();
        assert_eq!(setting, "websocket-path");
        assert!(what.contains("\"jobs\""), "{what}");
    }

    #[test]
    fn a_header_has_a_name_and_a_value() {
        let read = header("Authorization: Bearer a:b").unwrap();
        assert_eq!(read, ("Authorization".into(), "Bearer a:b".into()));
        assert!(header("no colon").unwrap_err().contains("NAME: VALUE"));
    }
}
