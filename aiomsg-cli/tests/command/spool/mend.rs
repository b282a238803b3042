//! Dead letters are requeued, and messages deleted.

use aiomsg_spool::inspect::{Inspector, Part};

use super::support::{Store, numbers, objects, text, three};

/// Ten messages, of which the first four are dead.
fn with_dead() -> Store {
    let store = Store::of((0..10).map(|n| text(&n.to_string())));
    store.set_aside(&["a", "b", "c", "d"]);
    store
}

#[test]
fn dead_letters_wait_again_at_the_end() {
    let store = with_dead();
    let id = |part, place: u64| {
        let listed = Inspector::open(store.path()).unwrap();
        listed.list(part, place - 1, 1).unwrap()[0].id.unwrap()
    };
    let first = id(Part::Dead, 1);
    let done = store.run("requeue", &[]);
    assert_eq!(done.ends(0).text(), "requeued 4 dead letters, 4 B\n");
    assert_eq!(id(Part::Waiting, 11), first);
    store.run("verify", &[]).ends(0);
    let order: Vec<_> = store.next(10).into_iter().collect();
    let expected = ["4", "5", "6", "7", "8", "9", "0", "1", "2", "3"];
    assert_eq!(order, expected.map(|text| (text.to_owned(), 0)));
    let again = store.run("requeue", &["--json"]).ends(0).json();
    assert_eq!(again["messages"], 0);
}

#[test]
fn dead_letters_are_requeued_by_their_places() {
    let store = with_dead();
    let done = store.run("requeue", &["2", "4", "--json"]).ends(0).json();
    assert_eq!(
        (&done["done"], &done["messages"]),
        (&"requeued".into(), &2.into())
    );
    let dead = objects(&store.run("ls", &["--dead", "--json"]));
    assert_eq!(numbers(&dead, "place"), [1, 3]);
    // The second one waits, under another place.
    let done = store.run("requeue", &["1", "2", "77"]);
    done.fails(1, &["no dead letter has place 2", "1 more"]);
    assert_eq!(done.text(), "requeued 1 dead letter, 1 B\n");
    store.run("verify", &[]).ends(0);
}

#[test]
fn deleting_is_confirmed() {
    let store = with_dead();
    store
        .run("purge", &[])
        .fails(2, &["4 dead letters, 4 B", "--yes"]);
    store
        .run("purge", &["--waiting"])
        .fails(2, &["6 waiting messages, 6 B", "--yes"]);
    let stats = store.run("stats", &["--json"]).ends(0).json();
    assert_eq!(stats["dead"]["messages"], 4);

    let done = store.run("purge", &["--yes", "3"]);
    assert_eq!(done.ends(0).text(), "deleted 1 dead letter, 1 B\n");
    let done = store.run("purge", &["--yes", "--json"]).ends(0).json();
    assert_eq!(
        (&done["done"], &done["messages"]),
        (&"deleted".into(), &3.into())
    );
    let done = store.run("purge", &["--waiting", "--yes", "5"]);
    assert_eq!(done.ends(0).text(), "deleted 1 waiting message, 1 B\n");
    let done = store.run("purge", &["--waiting", "--yes"]);
    assert_eq!(done.ends(0).text(), "deleted 5 waiting messages, 5 B\n");
    store.run("verify", &[]).ends(0);
    store.run("purge", &["--yes", "1"]).fails(1, &["place 1"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_is_asked() {
    use std::fs::File;
    use std::io::Write;

    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

    use super::super::process::{Process, command};

    for (answer, code, left) in [("n\n", 1, 1), ("\n", 1, 1), ("yes\n", 0, 0)] {
        let store = three();
        store.set_aside(&["a"]);
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let person = openpt(flags).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let keyboard = ioctl_tiocgptpeer(&person, flags).unwrap();
        let mut command = command(&["spool", "purge", store.path().to_str().unwrap()]);
        let process = Process::of(command.stdin(keyboard).spawn().unwrap());
        let mut person = File::from(person);
        person.write_all(answer.as_bytes()).unwrap();
        let done = process.finish();
        let question = "delete 1 dead letter, 9 B? [y/N] ";
        assert!(done.ends(code).stderr.contains(question), "{}", done.stderr);
        assert_eq!(
            done.stderr.contains("error: nothing was deleted"),
            code == 1
        );
        let stats = store.run("stats", &["--json"]).ends(0).json();
        assert_eq!(stats["dead"]["messages"], left);
    }
}
