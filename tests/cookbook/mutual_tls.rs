use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::program::example;

#[tokio::test]
async fn each_end_trusts_the_others_certificate() {
    let folder = Folder::new("trusted");
    folder.certificate("server").await;
    folder.certificate("client").await;
    let path = folder.path();

    let mut server = example("tls_server").args(["127.0.0.1:0", path]).run();
    let address = server.address("listening at ").await;
    let mut client = example("tls_client")
        .args([address.as_str(), path])
        .with("COUNT", 3)
        .run();
    let lines = client.end().await;
    let times = lines.iter().filter(|line| line.ends_with("s since 1970"));
    assert_eq!(times.count(), 3, "{lines:?}");
    let lines = server.stop().await;
    assert!(lines.iter().any(|line| line.starts_with("connected to ")));

    // Another certificate than the one that the server trusts.
    let stranger = Folder::new("stranger");
    stranger.certificate("client").await;
    std::fs::copy(folder.0.join("server.cert"), stranger.0.join("server.cert")).unwrap();
    let mut server = example("tls_server").args(["127.0.0.1:0", path]).run();
    let address = server.address("listening at ").await;
    let mut client = example("tls_client")
        .args([address.as_str(), stranger.path()])
        .run();
    let lines = server.line("refused: ").await;
    let refused = lines
        .iter()
        .find(|line| line.starts_with("refused"))
        .unwrap();
    assert!(refused.contains("certificate"), "{refused}");
    client.line("not connected: ").await;
    let lines = client.stop().await;
    assert!(!lines.iter().any(|line| line.starts_with("received")));
    server.stop().await;
}

/// A folder for files of this test, which is removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("cookbook-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a folder in the target folder");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the target folder's path is text")
    }

    /// Makes `NAME.cert` and `NAME.key` with the command of the README.
    async fn certificate(&self, name: &str) {
        let output = Command::new("openssl")
            .args(["req", "-newkey", "rsa:2048", "-nodes"])
            .args(["-keyout", &format!("{name}.key")])
            .args(["-x509", "-days", "365", "-out", &format!("{name}.cert")])
            .args([
                "-subj",
                "/C=GB/ST=Blah/L=Blah/O=Blah/OU=Blah/CN=example.com",
            ])
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap_or_else(|error| {
                panic!(
                    "this test makes certificates with the command `openssl`, which does not \
                     start: {error}; install it (on debian: apt-get install openssl)"
                )
            });
        assert!(output.status.success(), "openssl: {output:?}");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind is in the target folder, and does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
