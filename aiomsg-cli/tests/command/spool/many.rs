//! A large store takes no more memory than a small one.

use super::support::{Store, numbers, objects, text};

const MANY: u64 = 100_000;

/// Messages of 300 bytes.
fn many() -> Store {
    let filler = "x".repeat(290);
    let store = Store::of([]);
    store.with(async |spool| {
        for first in (0..MANY).step_by(1000) {
            let messages = (first..first + 1000).map(|n| text(&format!("{n:010}{filler}")));
            spool.append_many(messages).await.unwrap();
        }
    });
    store
}

#[test]
fn a_large_store_is_read_a_page_at_a_time() {
    let store = many();
    #[cfg(target_os = "linux")]
    for (what, args) in [("export", &[][..]), ("ls", &["-n", "100000", "--json"])] {
        use std::io::{BufRead, BufReader};

        use super::super::process::Process;

        let dir = store.path().to_str().unwrap();
        let (process, stdout) = Process::with_stdout(&[&["spool", what, dir], args].concat());
        let mut lines = BufReader::new(stdout).lines();
        // The pipe is full behind the last but a few, so the process is there still.
        for _ in 0..MANY - 1000 {
            lines.next().unwrap().unwrap();
        }
        assert!(
            process.peak_memory() < 64 << 10,
            "{} KiB",
            process.peak_memory()
        );
        assert_eq!(lines.count(), 1000);
        process.finish().ends(0);
    }
    let verified = store.run("verify", &[]);
    assert!(verified.ends(0).text().contains("100000 waiting messages"));
    let listed = objects(&store.run("ls", &["--after", "99998", "--json"]));
    assert_eq!(numbers(&listed, "place"), [99_999, 100_000]);
    let done = store.run("purge", &["--waiting", "--yes"]);
    assert!(done.ends(0).text().starts_with("deleted 100000"));
    // The room goes back to the system.
    let stats = store.run("stats", &["--json"]).ends(0).json();
    let on_disk = stats["disk_bytes"].as_u64().unwrap();
    assert!(on_disk < 1 << 20, "{on_disk} bytes");
}
