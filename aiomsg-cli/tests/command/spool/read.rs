//! Commands that only read, also beside a process that writes.

use aiomsg::Outbound;
use aiomsg_spool::Spool;
use serde_json::Value;

use super::support::{Store, numbers, objects, runtime, text, three};

#[test]
fn messages_are_listed_a_page_at_a_time() {
    let store = three();
    let listed = store.run("ls", &[]);
    let lines: Vec<_> = listed.ends(0).text().lines().collect();
    assert!(lines[0].contains("place") && lines[0].ends_with("text"));
    assert!(
        lines[1].ends_with("-                the first"),
        "{lines:?}"
    );
    assert!(
        lines[2].ends_with("a-peer-of-16-byt the second…"),
        "{lines:?}"
    );
    assert!(lines[3].contains("3 B"), "{lines:?}");
    assert_eq!((lines.len(), &*listed.stderr), (4, ""));
    assert!(lines.iter().all(|line| line.chars().count() <= 100));

    let first = store.run("ls", &["--limit", "2", "--json"]);
    let objects_of_first = objects(first.ends(0));
    assert_eq!(numbers(&objects_of_first, "place"), [1, 2]);
    assert_eq!(objects_of_first[1]["peer"], "a-peer-of-16-byt");
    assert!(first.stderr.contains("--after 2"), "{}", first.stderr);
    let second = store.run("ls", &["--after", "2", "--json"]);
    assert_eq!(numbers(&objects(second.ends(0)), "place"), [3]);
    assert_eq!(second.stderr, "");
}

#[test]
fn dead_letters_are_listed_with_their_reasons() {
    let store = three();
    store.set_aside(&["the peer is \x1b[2J gone"]);
    let listed = store.run("ls", &["--dead"]);
    let reason = "the peer is \\x1b[2J gone";
    assert!(listed.ends(0).text().contains(reason), "{}", listed.text());
    let listed = store.run("ls", &["--dead", "--json"]).ends(0).json();
    assert_eq!(listed["reason"], "the peer is \x1b[2J gone");
    assert_eq!(listed["part"], "dead");
    let waiting = store.run("ls", &["--json"]);
    assert_eq!(numbers(&objects(&waiting), "place"), [2, 3]);
}

#[test]
fn one_message_is_shown() {
    let store = three();
    store.set_aside(&["no peer wants it"]);
    let shown = store.run("show", &["1"]);
    let shown = shown.ends(0).text();
    for part in [
        "1, dead",
        "no peer wants it",
        "tries      0",
        "\n\nthe first\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = store.run("show", &["2"]);
    let end = "\n\nthe second\nhas two lines\n";
    assert!(shown.ends(0).text().ends_with(end), "{}", shown.text());
    let hex = "00000000  ff 00 41 ";
    for args in [&["3"][..], &["3", "--hex"]] {
        let shown = store.run("show", args);
        assert!(shown.ends(0).text().contains(hex), "{}", shown.text());
    }
    assert_eq!(
        store.run("show", &["3", "--raw"]).ends(0).stdout,
        [0xff, 0, 0x41]
    );
    let shown = store.run("show", &["3", "--json"]).ends(0).json();
    assert_eq!(shown["base64"], "/wBB");
    assert_eq!(shown["damaged"], false);
    assert_eq!(shown["id"].as_str().unwrap().len(), 32);
    store.run("show", &["7"]).fails(1, &["place 7"]);
}

#[test]
fn the_numbers_are_told() {
    let empty = Store::of([]);
    let stats = empty.run("stats", &["--json"]).ends(0).json();
    assert_eq!(stats["waiting"]["messages"], 0);
    assert_eq!(
        (&stats["oldest"], &stats["next_place"]),
        (&Value::Null, &1.into())
    );
    assert!(
        empty
            .run("stats", &[])
            .ends(0)
            .text()
            .contains("dead       0 messages")
    );
    for what in ["ls", "export", "verify"] {
        empty.run(what, &[]).ends(0);
    }

    let store = three();
    store.set_aside(&["one"]);
    let stats = store.run("stats", &["--json"]).ends(0).json();
    assert_eq!(stats["waiting"]["messages"], 2);
    assert_eq!(stats["dead"]["bytes"], "the first".len());
    assert!(stats["disk_bytes"].as_u64().unwrap() > 8192);
    let said = store.run("stats", &[]);
    let said = said.ends(0).text();
    assert!(said.contains("waiting    2 messages, 27 B"), "{said}");
    assert!(said.contains("dead       1 message, 9 B"), "{said}");
}

#[test]
fn all_is_exported_with_its_payload() {
    let store = three();
    store.set_aside(&["one"]);
    let exported = objects(store.run("export", &["--json"]).ends(0));
    assert_eq!(numbers(&exported, "place"), [2, 3, 1]);
    assert_eq!(exported[0]["text"], "the second\nhas two lines");
    assert_eq!(exported[1]["base64"], "/wBB");
    assert_eq!(exported[2]["reason"], "one");
    for (args, places) in [
        (&["--dead"][..], &[1][..]),
        (&["--waiting"], &[2, 3]),
        (&["--limit", "1"], &[2]),
    ] {
        let exported = objects(store.run("export", args).ends(0));
        assert_eq!(numbers(&exported, "place"), places, "{args:?}");
    }
}

/// As after the end of a process that had no time to close it: its log has the messages.
#[test]
fn a_store_that_was_not_closed_is_read_with_its_log() {
    let store = three();
    let runtime = runtime();
    let spool = runtime.block_on(Spool::open(store.path())).unwrap();
    runtime.block_on(spool.append(text("a fourth"))).unwrap();
    let copy = Store::empty();
    for name in ["spool.db", "spool.db-wal"] {
        std::fs::copy(store.path().join(name), copy.path().join(name)).unwrap();
    }
    runtime.block_on(spool.close()).unwrap();
    let read = objects(copy.run("ls", &["--json"]).ends(0));
    assert_eq!(numbers(&read, "place"), [1, 2, 3, 4]);
    copy.run("verify", &[]).ends(0);
}

#[test]
fn a_store_is_read_beside_the_process_that_writes_it() {
    let store = three();
    let runtime = runtime();
    let spool = runtime.block_on(Spool::open(store.path())).unwrap();
    runtime.block_on(spool.append(text("a fourth"))).unwrap();
    for what in ["ls", "export"] {
        let read = objects(store.run(what, &["--json"]).ends(0));
        assert_eq!(numbers(&read, "place"), [1, 2, 3, 4], "{what}");
    }
    let verified = store.run("verify", &[]);
    assert!(verified.ends(0).text().contains("4 waiting"));
    assert_eq!(
        store.run("show", &["4", "--raw"]).ends(0).text(),
        "a fourth"
    );
    let stats = store.run("stats", &["--json"]).ends(0).json();
    assert_eq!(stats["waiting"]["messages"], 4);

    let me = format!("(process {})", std::process::id());
    let wanted = ["is in use by", &me, "end that first"];
    store.run("requeue", &[]).fails(1, &wanted);
    store
        .run("purge", &["--waiting", "--yes"])
        .fails(1, &wanted);
    // None of that has changed it, or held it up.
    runtime.block_on(spool.append(text("a fifth"))).unwrap();
    let stats = runtime.block_on(spool.stats()).unwrap();
    assert_eq!(stats.waiting.messages, 5);
    runtime.block_on(spool.close()).unwrap();
}

#[test]
fn headers_are_shown() {
    let message = Outbound::new("job").header("trace-id", "17");
    let store = Store::of([message, Outbound::new("plain")]);
    let expected = serde_json::json!({"trace-id": "17"});
    for (what, options) in [
        ("show", &["1", "--json"][..]),
        ("ls", &["--json", "-n", "1"]),
        ("export", &["-n", "1"]),
    ] {
        let shown = store.run(what, options);
        assert_eq!(shown.ends(0).json()["headers"], expected, "{what}");
    }
    let plain = store.run("show", &["2", "--json"]);
    assert_eq!(plain.ends(0).json().get("headers"), None);
    let text = store.run("show", &["1"]);
    let line = "header     trace-id: 17\n";
    assert!(text.ends(0).text().contains(line), "{}", text.text());
}
