//! A spool on NATS servers: `nats://HOST:PORT/STREAM`.

use std::path::Path;

use aiomsg_spool::{Spool, SpoolBuilder, SpoolError};

/// The server and the stream that this names.
fn parse(url: &str) -> Result<(&str, &str), String> {
    let form = "expected a folder, or nats://HOST:PORT/STREAM";
    let rest = url.strip_prefix("nats://").ok_or(form)?;
    let (host, stream) = rest.split_once('/').ok_or(form)?;
    let is_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
    if host.is_empty() {
        return Err(form.to_owned());
    }
    if stream.is_empty() || !stream.chars().all(is_name) {
        return Err(format!(
            "the name of a stream is of letters, digits, - and _, not \"{stream}\""
        ));
    }
    Ok((&url[..url.len() - stream.len() - 1], stream))
}

/// Says what is wrong with the name of a server and its stream.
pub(super) fn check(url: &Path) -> Result<(), String> {
    parse(&url.to_string_lossy())?;
    match cfg!(feature = "jetstream") {
        true => Ok(()),
        false => Err(
            "this program was built without it: `cargo install --path aiomsg-cli --features \
             jetstream` builds one with it"
                .to_owned(),
        ),
    }
}

#[cfg(feature = "jetstream")]
pub(super) async fn open(builder: SpoolBuilder, url: &Path) -> Result<Spool, SpoolError> {
    let url = url.to_string_lossy();
    // It is checked with all other settings.
    let (server, stream) = parse(&url).map_err(|_| SpoolError::Closed)?;
    let settings = aiomsg_spool::JetstreamSettings::new(stream);
    builder.connect(server, settings).await
}

#[cfg(not(feature = "jetstream"))]
#[expect(
    clippy::unused_async,
    reason = "a server is connected to with patience"
)]
pub(super) async fn open(_: SpoolBuilder, _: &Path) -> Result<Spool, SpoolError> {
    Err(SpoolError::Closed)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_server_has_a_stream() {
        for (url, parsed) in [
            ("nats://host:4222/jobs", ("nats://host:4222", "jobs")),
            (
                "nats://user:a@b/my-jobs_2",
                ("nats://user:a@b", "my-jobs_2"),
            ),
        ] {
            assert_eq!(parse(url), Ok(parsed));
        }
        for url in [
            "nats://host:4222",
            "nats://host/",
            "nats:///jobs",
            "nats://host/a.b",
            "nats://host/a/b",
            "http://host/jobs",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
