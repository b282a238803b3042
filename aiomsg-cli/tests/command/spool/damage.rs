//! A damaged store is told from a whole one, and what can be read is.

use std::fs;

use super::support::{Store, numbers, objects, text, three};

const PAGE: usize = 8192;

/// The place in the file of some bytes that are there once.
fn position(file: &[u8], bytes: &[u8]) -> usize {
    let mut found = file.windows(bytes.len()).enumerate();
    let first = found.find(|(_, window)| *window == bytes);
    first.expect("the bytes are there").0
}

#[test]
fn a_flipped_byte_is_found_and_named() {
    let store = three();
    let mut file = fs::read(store.file()).unwrap();
    let at = position(&file, b"the second");
    file[at] ^= 1;
    fs::write(store.file(), file).unwrap();

    let done = store.run("verify", &[]);
    done.fails(1, &["1 problem", "export"]);
    let said = "place 2 (waiting): the bytes are not those that were stored";
    assert!(done.text().contains(said), "{}", done.text());
    assert!(done.text().contains("whole: 2 waiting"), "{}", done.text());
    let told = objects(&store.run("verify", &["--json"]));
    assert_eq!(
        (&told[0]["problem"], &told[0]["from"]),
        (&"changed".into(), &2.into())
    );
    assert_eq!(told[1]["ok"], false);

    let done = store.run("export", &[]);
    done.fails(1, &["0 messages could not be read", "1 that were written"]);
    let exported = objects(&done);
    assert_eq!(numbers(&exported, "place"), [1, 2, 3]);
    assert_eq!(exported[1]["damaged"], true);
    assert_eq!(exported[1]["text"], "uhe second\nhas two lines");
    store
        .run("show", &["2"])
        .fails(1, &["place 2", "not those that were stored"]);
}

/// A page in the middle has some of the messages. The others are written, and those are
/// counted.
#[test]
fn a_damaged_page_is_read_around() {
    let store = Store::of((0..2000).map(|n| text(&format!("<{n}>{}", "x".repeat(90)))));
    store.set_aside(&["first"]);
    let mut file = fs::read(store.file()).unwrap();
    for marked in ["<500>", "<1400>"] {
        let page = position(&file, marked.as_bytes()) / PAGE * PAGE;
        file[page..page + PAGE].fill(0xa5);
    }
    fs::write(store.file(), file).unwrap();

    let done = store.run("export", &[]);
    done.fails(1, &["messages could not be read, and 0 that were written"]);
    let notes: Vec<_> = done
        .stderr
        .lines()
        .filter(|it| it.starts_with("note:"))
        .collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    let exported = objects(&done);
    let lost = done
        .stderr
        .split(&[' ', '\n'][..])
        .filter_map(|it| it.parse::<usize>().ok());
    // The places of both gaps, and the sum of the messages in them.
    let lost: Vec<_> = lost.collect();
    let (gaps, sum) = (&lost[..4], lost[4]);
    let places: Vec<_> = (gaps[0]..=gaps[1]).chain(gaps[2]..=gaps[3]).collect();
    assert_eq!(exported.len() + sum, 2000);
    assert_eq!(places.len(), sum);
    assert!(places.contains(&501) && places.contains(&1401), "{gaps:?}");
    assert!((40..200).contains(&sum), "{sum}");
    let read = numbers(&exported, "place");
    assert!(read.iter().all(|&it| !places.contains(&(it as usize))));
    assert!(read.contains(&1) && read.contains(&2000));

    let done = store.run("verify", &[]);
    done.fails(1, &["problems"]);
    let range = format!("places {} to {} (waiting)", gaps[0], gaps[1]);
    assert!(done.text().contains(&range), "{}", done.text());
    store
        .run("ls", &["-n", "2000"])
        .fails(1, &["is damaged", "spool verify", "spool export"]);
}

/// Many places before it have no message any more. They are leapt over, and the count is
/// that of the messages.
#[test]
fn a_damaged_page_behind_a_wide_gap_is_read_around() {
    let store = Store::of((0..30_000).map(|n| text(&format!("<{n}>"))));
    store.with(async |spool| {
        let mut messages = spool.messages().unwrap();
        for _ in 0..29_000 {
            messages.next().await.unwrap().done().await.unwrap();
        }
    });
    let mut file = fs::read(store.file()).unwrap();
    let page = position(&file, b"<29005>") / PAGE * PAGE;
    file[page..page + PAGE].fill(0xa5);
    fs::write(store.file(), file).unwrap();
    let done = store.run("export", &[]);
    let read = numbers(&objects(&done), "place");
    let lost = 1000 - read.len();
    assert!((20..300).contains(&lost), "{lost}");
    // None behind the damage is left out.
    assert!(read.windows(2).all(|two| two[0] + 1 == two[1]));
    assert_eq!(read.last(), Some(&30_000));
    done.fails(1, &[&format!("{lost} messages could not be read")]);
    let note = format!("places 1 to {} (waiting)", read[0] - 1);
    assert!(done.stderr.contains(&note), "{}", done.stderr);
}

#[test]
fn totals_that_are_wrong_are_found() {
    let store = three();
    // Its row has the next place and the numbers of messages and bytes, one byte each.
    let mut file = fs::read(store.file()).unwrap();
    let at = position(&file, &[4, 3, 36]);
    file[at + 1] = 7;
    fs::write(store.file(), file).unwrap();
    let done = store.run("verify", &[]);
    done.fails(1, &["1 problem"]);
    let said = "totals (waiting): 7 messages with 36 bytes are said, 3 with 36 are there";
    assert!(done.text().contains(said), "{}", done.text());
}
