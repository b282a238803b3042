//! The complete names that a short one may stand for.

use hickory_resolver::proto::ProtoError;
use hickory_resolver::proto::rr::Name;

/// The search domains of the system.
#[derive(Debug, Default)]
pub(super) struct Search {
    domains: Vec<Name>,
    /// The number of dots from which on a name is tried as it is first.
    dots: usize,
}

impl Search {
    pub(super) fn new(domains: Vec<Name>, dots: usize) -> Self {
        Self { domains, dots }
    }

    /// Returns the names to try, in order.
    pub(super) fn names(&self, host: &str) -> Result<Vec<Name>, ProtoError> {
        let name = Name::from_utf8(host)?;
        let mut complete = name.clone();
        complete.set_fqdn(true);
        if name.is_fqdn() {
            return Ok(vec![complete]);
        }
        // Of a domain with which the name would be too long, there is none.
        let within = self.domains.iter().filter_map(|domain| {
            let mut joined = name.clone().append_domain(domain).ok()?;
            joined.set_fqdn(true);
            Some(joined)
        });
        let mut names: Vec<_> = within.collect();
        let first = host.matches('.').count() >= self.dots;
        names.insert(if first { 0 } else { names.len() }, complete);
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_searched_as_by_the_system() {
        let domain = |it: &str| Name::from_utf8(it).unwrap();
        let search = Search::new(vec![domain("ns.svc.local"), domain("svc.local.")], 2);
        for (host, names) in [
            ("jobs.", vec!["jobs."]),
            (
                "jobs",
                vec!["jobs.ns.svc.local.", "jobs.svc.local.", "jobs."],
            ),
            (
                "_a._tcp.jobs",
                vec![
                    "_a._tcp.jobs.",
                    "_a._tcp.jobs.ns.svc.local.",
                    "_a._tcp.jobs.svc.local.",
                ],
            ),
        ] {
            let found = search.names(host).unwrap();
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, names);
        }
        assert!(search.names(&"a".repeat(64)).is_err());
        let name = Search::default().names("jobs").unwrap();
        assert_eq!(name, [domain("jobs.")]);
    }
}
