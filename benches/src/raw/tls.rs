//! TLS by tokio-rustls, with the suites and versions that aiomsg has.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::library::{Certificate, Failure};

type Streams = Vec<TlsStream<TcpStream>>;

pub(super) async fn connect(
    certificate: &Certificate,
    streams: Vec<TcpStream>,
) -> Result<Streams, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificate.certificate)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let mut secure = Vec::with_capacity(streams.len());
    for stream in streams {
        let name = ServerName::try_from("localhost")?;
        secure.push(connector.connect(name, stream).await?.into());
    }
    Ok(secure)
}

pub(super) async fn accept(
    certificate: &Certificate,
    streams: Vec<TcpStream>,
) -> Result<Streams, Failure> {
    let chain = vec![CertificateDer::from_pem_file(&certificate.certificate)?];
    let key = PrivateKeyDer::from_pem_file(&certificate.key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut secure = Vec::with_capacity(streams.len());
    for stream in streams {
        secure.push(acceptor.accept(stream).await?.into());
    }
    Ok(secure)
}
