//! Endpoints whose addresses are all connected to.

use aiomsg::Endpoint;
use aiomsg::resolve::Name;

/// Says why the addresses of an endpoint cannot be followed.
pub(crate) fn check(endpoint: &Endpoint) -> Result<(), String> {
    let Some(name) = Name::of(endpoint) else {
        return Err(format!(
            "{endpoint}: it has no name to resolve, as tcp://name:port has; connect to it alone"
        ));
    };
    match (name.domain_of_service(), name.port()) {
        (None, 0) => Err(format!("{endpoint}: nobody listens at port 0")),
        (Some(_), port) if port > 0 => Err(format!(
            "{endpoint}: the SRV records of a service have the ports: write port 0"
        )),
        (Some(_), _) if cfg!(not(feature = "dns")) => Err(format!(
            "{endpoint}: this build knows no SRV records (feature dns): name the host and its port"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_followed_and_nothing_else() {
        for (endpoint, words) in [
            ("tcp://workers:25000", None),
            ("tls://10.0.0.1:25000", None),
            ("tcp://workers:0", Some("port 0")),
            ("tcp://_jobs._tcp.example.com:7", Some("write port 0")),
            ("unix:///run/app.sock", Some("no name")),
            ("tls://workers@10.0.0.1:7", Some("no name")),
        ] {
            let checked = check(&endpoint.parse().unwrap());
            match words {
                None => checked.unwrap(),
                Some(words) => {
                    let error = checked.unwrap_err();
                    assert!(error.contains(words) && error.contains(endpoint), "{error}");
                }
            }
        }
        let service = check(&"tcp://_jobs._tcp.example.com:0".parse().unwrap());
        assert_eq!(service.is_ok(), cfg!(feature = "dns"));
    }
}
