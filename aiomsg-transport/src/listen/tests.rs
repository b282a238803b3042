use super::*;

/// accept() failing for want of file descriptors must lead to a pause, one
/// aborted connection must not.
#[test]
fn errors_of_one_connection_are_told_from_those_of_the_system() {
    let transient = |error: io::Error| is_transient(&system(error));
    for kind in [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::HostUnreachable,
    ] {
        assert!(transient(kind.into()), "{kind}");
    }
    for kind in [io::ErrorKind::OutOfMemory, io::ErrorKind::InvalidInput] {
        assert!(!transient(kind.into()), "{kind}");
    }
    #[cfg(target_os = "linux")]
    for (name, code) in [("ENFILE", 23), ("EMFILE", 24), ("ENOBUFS", 105)] {
        assert!(!transient(io::Error::from_raw_os_error(code)), "{name}");
    }
    assert!(!is_transient(&aiomsg_core::ErrorKind::Closed.into()));
}
