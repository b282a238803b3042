//! Checks of endpoints to connect to. They report at once what would otherwise fail each dial.

use aiomsg_core::{Endpoint, Error, ErrorKind};

use crate::engine::config::Config;

pub(super) fn check_port(endpoint: &Endpoint) -> Result<(), Error> {
    match endpoint.port() {
        Some(0) => Err(Error::new(ErrorKind::Address)
            .with_reason("nobody listens at port 0")
            .at(endpoint.clone())),
        _ => Ok(()),
    }
}

pub(super) fn check_tls(config: &Config, endpoint: &Endpoint) -> Result<(), Error> {
    #[cfg(feature = "tls")]
    let missing = config.tls.is_none();
    #[cfg(not(feature = "tls"))]
    let missing = {
        let _ = config;
        true
    };
    match endpoint.is_tls() && missing {
        true => Err(Error::new(ErrorKind::Config)
            .with_reason("the socket has no tls settings: see SocketBuilder::tls")
            .at(endpoint.clone())),
        false => Ok(()),
    }
}
