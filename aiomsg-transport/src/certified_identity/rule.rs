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
mod tests {
    use super::*;
    use aiomsg_core::certificate::CertificateName;

    fn named(name: CertificateName) -> Certificate {
        Certificate::new("der", [0; 32].into()).with_names([name])
    }

    #[test]
    fn an_identity_is_a_name_as_text_digits_or_uuid() {
        let text = Identity::new("worker-7.example.com").unwrap();
        assert!(names(
            &named(CertificateName::Dns("Worker-7.example.com".into())),
            &text
        ));
        let digits = Identity::from([0xab; 16]);
        assert!(names(
            &named(CertificateName::Dns("ab".repeat(16))),
            &digits
        ));
        let uuid = "urn:uuid:abababab-abab-abab-abab-abababababab";
        assert!(names(&named(CertificateName::Uri(uuid.into())), &digits));
        let common = Certificate::new("der", [0; 32].into()).with_common_name("worker number 07");
        assert!(names(&common, &Identity::from(*b"worker number 07")));
        assert!(!names(&common, &Identity::from(*b"worker number 08")));
        // The digits of six bytes are no name of ours: another identity's text is.
        let short = Identity::new([0xab; 6]).unwrap();
        assert!(!names(&named(CertificateName::Dns("ab".repeat(6))), &short));
    }

    #[test]
    fn a_table_keeps_its_identities_from_everyone_else() {
        let mut rules = Rules::new(Rule::Table(Arc::new(
            [
                ([1; 32].into(), Identity::from([1; 16])),
                ([2; 32].into(), Identity::from([2; 16])),
            ]
            .into_iter()
            .collect(),
        )));
        let check = |rules: &Rules, certificate: Option<u8>, identity: u8| {
            let certificate = certificate.map(certificate_of);
            rules.check(certificate.as_ref(), &Identity::from([identity; 16]))
        };
        assert!(check(&rules, Some(1), 1).is_ok());
        for (shown, identity) in [(1, 2), (2, 1), (3, 1), (1, 3)] {
            let error = check(&rules, Some(shown), identity).unwrap_err();
            assert!(error.is_identity_refused(), "{error}");
            let fingerprint = certificate_of(shown).fingerprint().to_string();
            assert!(error.to_string().contains(&fingerprint), "{error}");
        }
        assert!(rules.admit(None).unwrap_err().is_identity_refused());

        rules.allow_plain(|_| true);
        assert!(rules.admit(None).is_ok());
        assert!(check(&rules, None, 3).is_ok());
        assert!(check(&rules, None, 1).is_err(), "it is somebody's");
    }

    fn certificate_of(n: u8) -> Certificate {
        Certificate::new("der", [n; 32].into())
    }
}
