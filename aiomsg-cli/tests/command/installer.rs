//! `deploy/install.sh`, with a release in a folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const BINARY: &str = env!("CARGO_BIN_EXE_aiomsg");

/// A release for this machine, as `.github/workflows/release.yml` packs it.
fn release(folder: &Path) -> String {
    let system = match cfg!(target_os = "macos") {
        true => "apple-darwin",
        false => "unknown-linux-musl",
    };
    let name = format!("aiomsg-{}-{system}", std::env::consts::ARCH);
    let content = folder.join(&name);
    fs::create_dir(&content).unwrap();
    fs::copy(BINARY, content.join("aiomsg")).unwrap();
    let archive = format!("{name}.tar.gz");
    run(Command::new("tar")
        .current_dir(folder)
        .args(["-czf", &archive, &name]));
    let sum = match cfg!(target_os = "macos") {
        true => run(Command::new("shasum")
            .current_dir(folder)
            .args(["-a", "256", &archive])),
        false => run(Command::new("sha256sum").current_dir(folder).arg(&archive)),
    };
    fs::write(folder.join(format!("{archive}.sha256")), sum.stdout).unwrap();
    archive
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn install(release: &Path, into: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/install.sh");
    Command::new("sh")
        .arg(script)
        .env("AIOMSG_URL", format!("file://{}", release.display()))
        .env("AIOMSG_DIR", into)
        .output()
        .unwrap()
}

#[test]
fn it_installs_a_release_and_refuses_a_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let [from, into] = ["from", "into"].map(|name| folder.path().join(name));
    fs::create_dir(&from).unwrap();
    let archive = from.join(release(&from));

    let output = install(&from, &into);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        said.contains(&format!("installed aiomsg {version} as ")),
        "{said}"
    );
    assert!(said.contains("is not in PATH"), "{said}");
    run(Command::new(into.join("aiomsg")).arg("--version"));

    // A damaged download is not installed.
    fs::remove_file(into.join("aiomsg")).unwrap();
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let output = install(&from, &into);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the download is damaged"), "{said}");
    assert!(!into.join("aiomsg").exists());

    fs::remove_file(&archive).unwrap();
    let output = install(&from, &into);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot be downloaded"), "{said}");
}
