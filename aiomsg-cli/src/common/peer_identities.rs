//! Identities bound to certificates, by the options of the command line or a file.

use std::str::FromStr;

use aiomsg::peer::{CertifiedIdentityLayer, Fingerprint};
use aiomsg::{Endpoint, Identity, SocketBuilder};
use clap::Args;

use super::identity;
use super::naming::Naming;
use super::tls::TlsFiles;

/// Who may have which identity.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct PeerIdentities {
    /// Lets the peer with the certificate of this SHA-256 fingerprint have this
    /// identity (text, or hex:…), and refuses peers that are not listed; may be
    /// repeated.
    #[arg(
        long = "peer-identity",
        value_name = "FINGERPRINT=IDENTITY",
        conflicts_with = "peer_identity_by_name"
    )]
    pub(crate) table: Vec<PeerIdentity>,
    /// Lets a peer have an identity only if it is one of the names in its
    /// certificate, and refuses others.
    #[arg(long = "peer-identity-by-name", id = "peer_identity_by_name")]
    pub(crate) by_name: bool,
}

/// A certificate, and an identity that its owner may have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PeerIdentity {
    certificate: Fingerprint,
    identity: Identity,
}

impl FromStr for PeerIdentity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((fingerprint, name)) = text.split_once('=') else {
            return Err(format!(
                "\"{text}\" has no \"=\": expected FINGERPRINT=IDENTITY, the fingerprint as \
                 openssl x509 -noout -fingerprint -sha256 shows it"
            ));
        };
        let certificate = fingerprint.parse().map_err(|_| {
            format!(
                "\"{fingerprint}\" is not a SHA-256 fingerprint: expected 32 pairs of hexadecimal \
                 digits, with colons or without"
            )
        })?;
        let identity = identity::parse(name)?;
        Ok(Self {
            certificate,
            identity,
        })
    }
}

impl PeerIdentities {
    /// Whether identities are bound to certificates.
    pub(crate) fn is_set(&self) -> bool {
        self.by_name || !self.table.is_empty()
    }

    /// The setting that was made, by its name.
    pub(crate) fn setting(&self) -> &'static str {
        match self.by_name {
            true => "peer-identity-by-name",
            false => "peer-identity",
        }
    }

    /// Adds the layer that refuses peers, around connecting and accepting.
    pub(crate) fn apply(&self, builder: SocketBuilder) -> SocketBuilder {
        if !self.is_set() {
            return builder;
        }
        let layer = match self.by_name {
            true => CertifiedIdentityLayer::names(),
            false => CertifiedIdentityLayer::table(
                self.table
                    .iter()
                    .map(|it| (it.certificate, it.identity.clone())),
            ),
        };
        builder.accept_layer(layer.clone()).dial_layer(layer)
    }

    /// Refuses an endpoint where peers have no certificate, and so would all be refused.
    pub(crate) fn check(
        &self,
        endpoint: &Endpoint,
        binds: bool,
        tls: &TlsFiles,
        naming: Naming,
    ) -> Result<(), String> {
        if !self.is_set() {
            return Ok(());
        }
        let setting = naming.socket(self.setting());
        if !endpoint.is_tls() {
            return Err(format!(
                "{endpoint}: with {setting}, only tls:// and wss:// endpoints can be used, as a peer without \
                 a certificate would be refused"
            ));
        }
        if binds && tls.trust.is_empty() && tls.pin.is_empty() {
            return Err(format!(
                "{endpoint}: listening with {setting} needs {} or {}, so that peers present a \
                 certificate",
                naming.tls("pin"),
                naming.tls("trust")
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_and_an_identity_are_read_and_nonsense_is_named() {
        let fingerprint = "9F:".repeat(31) + "01";
        let read: PeerIdentity = format!("{fingerprint}=a=b").parse().unwrap();
        assert_eq!(read.identity.as_bytes(), b"a=b");
        assert_eq!(read.certificate.to_string().len(), 95);
        for (text, words) in [
            (fingerprint.clone(), "no \"=\""),
            ("9F=x".to_owned(), "\"9F\" is not a SHA-256 fingerprint"),
            (format!("{fingerprint}="), "1 to 255 bytes"),
            (format!("{fingerprint}=hex:0"), "pairs"),
        ] {
            let error = text.parse::<PeerIdentity>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
