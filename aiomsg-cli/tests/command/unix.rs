//! Unix sockets.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::process::{Process, run};

#[test]
fn the_mode_of_the_file_is_set() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let endpoint = format!("unix://{}", path.display());
    let mut there = Process::start(&["recv", "-b", &endpoint, "--unix-mode", "0600"]);
    let shown = there.endpoint();
    assert_eq!(shown, endpoint);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    run(&["doctor", &endpoint]).ends(0);
}

#[test]
fn a_mode_that_is_none_is_refused() {
    let args = ["recv", "-b", "unix://s", "--unix-mode", "1777"];
    run(&args).fails(2, &["\"1777\" is not the mode of a file"]);
    let abstract_name = format!("unix://@aiomsg-cli-{}", std::process::id());
    let args = ["recv", "-b", &abstract_name, "--unix-mode", "0600"];
    run(&args).fails(2, &["abstract name", "no file"]);
}

/// The advice was about names, and about ports.
#[test]
fn the_advice_about_a_path_is_about_paths() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("precious");
    fs::write(&file, "precious").unwrap();
    let long = format!("unix://{}/{}", dir.path().display(), "x".repeat(108));
    run(&["recv", "-b", &long]).fails(1, &["107", "choose another path"]);
    let taken = format!("unix://{}", file.display());
    run(&["recv", "-b", &taken]).fails(1, &["not a socket", "choose another path"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}
