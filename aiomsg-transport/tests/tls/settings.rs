//! Settings that cannot be used.

use super::*;

#[track_caller]
fn unusable(builder: TlsConfigBuilder, expected: &[&str]) {
    let error = builder.build().unwrap_err();
    assert!(error.is_config(), "{error}");
    for part in expected {
        assert!(error.chain().to_string().contains(part), "{error}");
    }
}

#[test]
fn what_is_wrong_in_a_file_is_named() {
    let missing = CERTIFICATES.folder.join("missing");
    let empty = CERTIFICATES.folder.join("empty");
    std::fs::write(&empty, "").unwrap();
    let broken = CERTIFICATES.folder.join("broken");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nMII").unwrap();
    let garbage = CERTIFICATES.folder.join("garbage");
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&garbage, pem).unwrap();
    let locked = CERTIFICATES.folder.join("locked");
    openssl(&[
        "rsa",
        "-aes256",
        "-passout",
        "pass:secret",
        "-in",
        text(&ONE.key),
        "-out",
        text(&locked),
    ]);

    let tls = TlsConfig::builder;
    unusable(tls(), &["neither"]);
    unusable(
        tls().trust_file(&missing),
        &[text(&missing), "no such file"],
    );
    unusable(tls().trust_file(&empty), &[text(&empty), "no certificate"]);
    unusable(
        tls().trust_file(&ONE.key),
        &[text(&ONE.key), "no certificate"],
    );
    unusable(
        tls().trust_file(&broken),
        &[text(&broken), "not well-formed"],
    );
    unusable(
        tls().trust_file(&garbage),
        &[text(&garbage), "cannot be used"],
    );
    unusable(
        tls().trust_pem("x"),
        &["bytes given as trusted", "no certificate"],
    );
    let with_key = |key: &Path| tls().certificate_files(&ONE.cert, key);
    unusable(with_key(&missing), &[text(&missing), "no such file"]);
    unusable(with_key(&ONE.cert), &[text(&ONE.cert), "no private key"]);
    unusable(with_key(&locked), &[text(&locked), "encrypted"]);
    unusable(
        with_key(&OTHER.key),
        &[text(&OTHER.key), text(&ONE.cert), "not that of"],
    );
    let name = tls().trust_file(&ONE.cert).server_name("not a name");
    unusable(name, &["\"not a name\""]);
}

#[tokio::test]
async fn missing_settings_are_named_before_anything_is_dialled_or_bound() {
    // Nobody listens there: a dial would end with another error.
    let endpoint = Endpoint::tls("127.0.0.1", 1);
    let presents_only = presents(&ONE).build().unwrap();
    let trusts_only = TlsConfig::builder().trust_file(&ONE.cert).build().unwrap();

    let bind = async |options| Listener::bind(&endpoint, &options).await.unwrap_err();
    let dial = |connector: Connector| connector.oneshot(endpoint.clone());
    for (error, expected) in [
        (
            dial(Connector::new()).await.unwrap_err(),
            "TlsConfig::builder()",
        ),
        (
            dial(Connector::new().tls(presents_only)).await.unwrap_err(),
            "trust_file",
        ),
        (bind(ListenOptions::new()).await, "TlsConfig::builder()"),
        (
            bind(ListenOptions::new().tls(trusts_only)).await,
            "certificate_files",
        ),
    ] {
        assert!(error.is_config(), "{error}");
        assert!(error.chain().to_string().contains(expected), "{error}");
        assert_eq!(error.endpoint(), Some(&endpoint));
    }
}
