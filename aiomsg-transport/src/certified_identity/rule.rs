use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use aiomsg_core::{Certificate, Error, ErrorKind, Fingerprint, Identity};

type CustomRule = Arc<dyn Fn(&Certificate, &Identity) -> bool + Send + Sync>;
type PlainRule = Arc<dyn Fn(&Identity) -> bool + Send + Sync>;

/// The rule that allows identities.
#[derive(Clone)]
pub(super) struct Rules {
    rule: Rule,
    plain: Option<PlainRule>,
}

#[derive(Clone)]
pub(super) enum Rule {
    Table(Arc<Table>),
    Custom(CustomRule),
}

pub(super) struct Table {
    entries: HashSet<(Fingerprint, Identity)>,
    identities: HashSet<Identity>,
}

impl Rules {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, plain: None }
    }

    pub(super) fn allow_plain(
        &mut self,
        plain: impl Fn(&Identity) -> bool + Send + Sync + 'static,
    ) {
        self.plain = Some(Arc::new(plain));
    }

    /// Whether a peer may connect at all.
    pub(super) fn admit(&self, certificate: Option<&Certificate>) -> Result<(), Error> {
        match certificate.is_some() || self.plain.is_some() {
            true => Ok(()),
            false => Err(refused(
                "the peer presents no certificate, and identities are bound to certificates here",
            )),
        }
    }

    /// Whether the peer may have this identity.
    pub(super) fn check(
        &self,
        certificate: Option<&Certificate>,
        identity: &Identity,
    ) -> Result<(), Error> {
        let Some(certificate) = certificate else {
            let plain = self.plain.as_ref().is_some_and(|plain| plain(identity));
            return match plain && !self.rule.reserves(identity) {
                true => Ok(()),
                false => Err(refused("a peer without a certificate may not have it")),
            };
        };
        match self.rule.allows(certificate, identity) {
            true => Ok(()),
            false => Err(refused(format_args!(
                "the certificate {certificate} does not stand for it"
            ))),
        }
    }
}

fn refused(reason: impl fmt::Display) -> Error {
    Error::new(ErrorKind::IdentityRefused).with_reason(reason.to_string())
}

impl Rule {
    fn allows(&self, certificate: &Certificate, identity: &Identity) -> bool {
        match self {
            Self::Table(table) => {
                let entry = (certificate.fingerprint(), identity.clone());
                table.entries.contains(&entry)
            }
            Self::Custom(rule) => rule(certificate, identity),
        }
    }

    /// Whether only a certificate allows it.
    fn reserves(&self, identity: &Identity) -> bool {
        match self {
            Self::Table(table) => table.identities.contains(identity),
            Self::Custom(_) => false,
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match &self.rule {
            Rule::Table(table) => format!("a table of {}", table.entries.len()),
            Rule::Custom(_) => "a function".to_owned(),
        };
        f.debug_struct("Rules")
            .field("rule", &rule)
            .field("without_certificate", &self.plain.is_some())
            .finish()
    }
}

impl FromIterator<(Fingerprint, Identity)> for Table {
    fn from_iter<I: IntoIterator<Item = (Fingerprint, Identity)>>(entries: I) -> Self {
        let entries: HashSet<_> = entries.into_iter().collect();
        let identities = entries.iter().map(|(_, identity)| identity.clone());
        Self {
            identities: identities.collect(),
            entries,
        }
    }
}

/// Whether the identity is one of the names.
pub(super) fn names(certificate: &Certificate, identity: &Identity) -> bool {
    let has = |name: &str| certificate.has_name(name);
    if std::str::from_utf8(identity.as_bytes()).is_ok_and(has) {
        return true;
    }
    let hex = identity.to_string();
    if identity.len() != 16 {
        return false;
    }
    let uuid = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hex[part]);
    has(&hex) || has(&format!("urn:uuid:{}", uuid.join("-")))
}

#[cfg(test)]
mod tests;
