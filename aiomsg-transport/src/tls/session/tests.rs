use super::*;
use tokio_rustls::rustls::{CertificateError, Error as TlsError};

/// The reason of a refusal was lost to peers that had sent data right
/// behind their part of the handshake: closing on it reset the connection.
#[tokio::test]
async fn a_refused_peer_that_sent_more_is_not_reset() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut peer = TcpStream::connect(address).await.unwrap();
    let (mut ours, _) = listener.accept().await.unwrap();
    peer.write_all(&[0; 10_000]).await.unwrap();
    ours.readable().await.unwrap();

    ours.write_all(b"alert").await.unwrap();
    let reason = TlsError::from(CertificateError::UnknownIssuer);
    let error = io::Error::new(io::ErrorKind::InvalidData, reason);
    let read = async move {
        let mut bytes = Vec::new();
        peer.read_to_end(&mut bytes).await.map(|_| bytes)
    };
    let (error, read) = tokio::join!(refuse(error, ours), read);

    assert!(error.is_tls(), "{error}");
    assert_eq!(read.unwrap(), b"alert");
}
