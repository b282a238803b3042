//! A peer whose TLS is that of rustls, and whose TCP is in our hands.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use aiomsg::tls::rustls::crypto::ring as provider;
use aiomsg::tls::rustls::pki_types::pem::PemObject;
use aiomsg::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use aiomsg::tls::rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, RootCertStore, StreamOwned, version,
};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::*;

/// Blocks: for a thread of its own.
pub(super) struct RawClient(StreamOwned<ClientConnection, TcpStream>);

/// How a client of this port connects, by TLS 1.2 with one cipher suite: records
/// are easy to make there.
pub(super) struct Settings {
    port: u16,
    config: ClientConfig,
}

impl World {
    pub(super) fn raw_client(&self) -> Settings {
        let issued = self.root.issue(Wanted::named("raw"));
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.root.pem().as_bytes());
        roots.add(root.unwrap()).unwrap();
        let mut with = provider::default_provider();
        with.cipher_suites =
            vec![provider::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];
        let mut config = ClientConfig::builder_with_provider(with.into())
            .with_protocol_versions(&[&version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(issued.chain.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap(),
            )
            .unwrap();
        config.enable_secret_extraction = true;
        Settings {
            port: self.port(),
            config,
        }
    }
}

impl Settings {
    /// Connects, and is let in under this identity.
    pub(super) fn connect(self, identity: [u8; 16]) -> RawClient {
        let name = "127.0.0.1".try_into().unwrap();
        let session = ClientConnection::new(self.config.into(), name).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = RawClient(StreamOwned::new(session, stream));
        client.write(&hello_v1(&identity));
        client.0.read_exact(&mut [0; 22]).unwrap();
        client
    }
}

impl RawClient {
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }

    /// Ends TCP, and not TLS.
    pub(super) fn cut(&mut self) {
        self.0.sock.shutdown(Shutdown::Write).unwrap();
    }

    /// Sends these messages of a handshake within the connection, each in a
    /// record as rustls itself would not make them, and reads to the end.
    pub(super) fn handshakes(self, messages: &[Vec<u8>]) {
        let StreamOwned { conn, mut sock } = self.0;
        let (first, secrets) = conn.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
            panic!("there is one cipher suite");
        };
        let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).unwrap());
        for (sequence, message) in (first..).zip(messages) {
            let mut nonce: [u8; 12] = iv.as_ref().try_into().unwrap();
            for (at, byte) in sequence.to_be_bytes().iter().enumerate() {
                nonce[4 + at] ^= byte;
            }
            let head = [22, 3, 3];
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            let aad = [&sequence.to_be_bytes()[..], &head, &length].concat();
            let mut sealed = message.clone();
            let nonce = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed)
                .unwrap();
            let length = u16::try_from(sealed.len()).unwrap().to_be_bytes();
            sock.write_all(&[&head[..], &length, &sealed].concat())
                .unwrap();
        }
        // A reset is an end, too.
        let _ = sock.read_to_end(&mut Vec::new());
    }
}
