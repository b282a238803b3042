use super::*;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;

/// Notes how many slices each vectored write had.
struct Slices(Arc<Mutex<Vec<usize>>>);

impl AsyncRead for Slices {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Slices {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap().push(bufs.len());
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn vectored_writes_reach_the_stream() {
    let seen = Arc::default();
    let info = IoInfo::new(RemoteAddr::Unix(None));
    let mut io = Io::new(Slices(Arc::clone(&seen)), info);

    assert!(io.is_write_vectored());
    let written = io
        .write_vectored(&[IoSlice::new(b"head"), IoSlice::new(b"body")])
        .await
        .unwrap();

    assert_eq!(written, 8);
    assert_eq!(*seen.lock().unwrap(), [2]);
}

#[test]
fn addresses_are_shown() {
    for (address, shown) in [
        (RemoteAddr::Inet(([127, 0, 0, 1], 7).into()), "127.0.0.1:7"),
        (RemoteAddr::Unix(Some("/run/a".into())), "unix:///run/a"),
        (RemoteAddr::Unix(None), "unix://(unnamed)"),
        (RemoteAddr::Mem("a".into()), "mem://a"),
    ] {
        assert_eq!(address.to_string(), shown);
    }
}

#[test]
fn errors_without_tls_stay_what_they_are() {
    let reset = explain(io::ErrorKind::ConnectionReset.into());
    assert!(reset.is_disconnected());
}
