//! Endpoints as text.

use aiomsg_core::Endpoint;

/// What is read as an endpoint is written as one that is the same.
pub fn endpoint(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match text.parse::<Endpoint>() {
        Ok(endpoint) => {
            let shown = endpoint.to_string();
            assert_eq!(shown.parse(), Ok(endpoint), "{text:?}, shown as {shown:?}");
        }
        Err(error) => assert!(error.to_string().contains(text), "{error}"),
    }
}
