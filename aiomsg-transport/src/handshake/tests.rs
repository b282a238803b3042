//! Both ends against each other, and against peers whose bytes are written
//! out here.

use super::*;
use tokio::io::{DuplexStream, duplex};

const OURS: [u8; 16] = *b"we-are-sixteen-b";

fn ours() -> Handshake {
    Handshake::new(OURS.into())
}

fn v1(identity: &[u8; 16]) -> Vec<u8> {
    [&b"\0\0\0\x12\x01\x01"[..], identity].concat()
}

fn v2019(identity: &[u8]) -> Vec<u8> {
    [&(identity.len() as u32).to_be_bytes()[..], identity].concat()
}

async fn exactly(peer: &mut DuplexStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    peer.read_exact(&mut got).await.unwrap();
    assert_eq!(got, bytes);
}

/// Pitfall 5: a connecting end that reads first and an accepting end that
/// looks first waited for each other for good.
#[tokio::test(start_paused = true)]
async fn our_two_ends_meet_at_once_in_the_preferred_dialect() {
    for dialect in [Dialect::V1, Dialect::V2019] {
        let (mut a, mut b) = duplex(64);
        let started = tokio::time::Instant::now();
        let accepting = ours().dialects(Dialects::Prefer(dialect));
        let connecting = Handshake::new(Identity::from([7; 16]));
        let (accepted, connected) =
            tokio::join!(accepting.accept(&mut a), connecting.connect(&mut b));
        let (accepted, connected) = (accepted.unwrap(), connected.unwrap());
        assert_eq!(started.elapsed(), Duration::ZERO, "nobody was waited for");
        assert_eq!((accepted.dialect, connected.dialect), (dialect, dialect));
        assert_eq!(accepted.peer, [7; 16].into());
        assert_eq!(connected.peer, OURS.into());
    }
}

/// Pitfall 5, for whatever may be set: no end waits for the other to begin.
#[tokio::test(start_paused = true)]
async fn no_two_settings_wait_for_each_other() {
    use Dialects::{Only, Prefer};
    let [v1, v2019] = [Dialect::V1, Dialect::V2019];
    let settings = [Prefer(v1), Prefer(v2019), Only(v1), Only(v2019)];
    for accepts in settings {
        for connects in settings {
            let (mut a, mut b) = duplex(64);
            let started = tokio::time::Instant::now();
            let accepting = ours().dialects(accepts);
            let connecting = Handshake::new(Identity::from([7; 16])).dialects(connects);
            let ends = tokio::join!(accepting.accept(&mut a), connecting.connect(&mut b));
            let which = format!("{accepts:?}, {connects:?}");
            assert_eq!(started.elapsed(), Duration::ZERO, "{which}");
            match (accepts, connects) {
                (Only(one), Only(other)) if one != other => {
                    assert!(ends.0.is_err() && ends.1.is_err(), "{which}");
                }
                _ => assert_eq!(ends.0.unwrap().dialect, ends.1.unwrap().dialect, "{which}"),
            }
        }
    }
}

#[tokio::test]
async fn the_acceptor_answers_in_the_dialect_that_it_read() {
    let theirs = [9; 16];
    for (said, dialect, answer) in [
        (v1(&theirs), Dialect::V1, v1(&OURS)),
        (v2019(&theirs), Dialect::V2019, v2019(&OURS)),
        (v2019(b"server"), Dialect::V2019, v2019(&OURS)),
        (v2019(b"c"), Dialect::V2019, v2019(&OURS)),
    ] {
        let (mut a, mut peer) = duplex(64);
        peer.write_all(&said).await.unwrap();
        let established = ours().accept(&mut a).await.unwrap();
        assert_eq!(established.dialect, dialect);
        exactly(&mut peer, &answer).await;
    }
}

/// The 2019 library speaks at once, on either end; that of 2026 first looks
/// at one byte.
#[tokio::test]
async fn the_connector_completes_in_the_dialect_that_it_hears() {
    for (said, dialect, rest) in [
        (v1(&[9; 16]), Dialect::V1, v1(&OURS)),
        (v2019(&[9; 16]), Dialect::V2019, v2019(&OURS)),
        (v2019(b"server"), Dialect::V2019, v2019(&OURS)),
    ] {
        let (mut a, mut peer) = duplex(64);
        let peer = async {
            exactly(&mut peer, b"\0").await;
            peer.write_all(&said).await.unwrap();
            exactly(&mut peer, &rest[1..]).await;
        };
        let handshake = ours();
        let (established, ()) = tokio::join!(handshake.connect(&mut a), peer);
        assert_eq!(established.unwrap().dialect, dialect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_spoken_to_in_the_preferred_dialect() {
    for connecting in [true, false] {
        let (mut a, mut peer) = duplex(64);
        let started = tokio::time::Instant::now();
        let peer = async {
            exactly(&mut peer, &v1(&OURS)).await;
            peer.write_all(&v1(&[9; 16])).await.unwrap();
            peer
        };
        let handshake = ours().patience(Duration::from_millis(200));
        let (established, _peer) = tokio::join!(handshake.run(&mut a, connecting), peer);
        assert_eq!(established.unwrap().dialect, Dialect::V1);
        assert_eq!(started.elapsed(), Duration::from_millis(200));
    }
}

#[tokio::test]
async fn a_fixed_dialect_is_spoken_at_once_and_the_other_is_refused() {
    for connecting in [true, false] {
        for (fixed, ours_said, other) in [
            (Dialect::V1, v1(&OURS), v2019(&[9; 16])),
            (Dialect::V2019, v2019(&OURS), v1(&[9; 16])),
        ] {
            let (mut a, mut peer) = duplex(64);
            let handshake = ours().dialects(Dialects::Only(fixed));
            let peer = async {
                exactly(&mut peer, &ours_said).await;
                peer.write_all(&other).await.unwrap();
            };
            let (result, ()) = tokio::join!(handshake.run(&mut a, connecting), peer);
            let error = result.unwrap_err();
            assert!(error.is_version(), "{error}");
        }
    }
}

/// Pitfall 3: HELLO and DATA in one read.
#[tokio::test]
async fn what_follows_the_handshake_is_kept() {
    let (mut a, mut peer) = duplex(64);
    let mut said = v1(&[9; 16]);
    said.extend_from_slice(b"\0\0\0\x02\x03x");
    peer.write_all(&said).await.unwrap();
    let established = ours().accept(&mut a).await.unwrap();
    assert_eq!(&established.received[..], b"\0\0\0\x02\x03x");
}

/// Only the first length must come whole: its first three bytes alone are what
/// a connecting socket sends that waits for us.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_drips_is_understood() {
    for (said, dialect) in [
        (v1(&[9; 16]), Dialect::V1),
        (v2019(&[9; 16]), Dialect::V2019),
    ] {
        let (mut a, mut peer) = duplex(64);
        let peer = async {
            peer.write_all(&said[..4]).await.unwrap();
            for byte in &said[4..] {
                tokio::time::sleep(Duration::from_secs(3)).await;
                peer.write_all(&[*byte]).await.unwrap();
            }
            peer
        };
        let handshake = ours();
        let (established, _peer) = tokio::join!(handshake.accept(&mut a), peer);
        assert_eq!(established.unwrap().dialect, dialect);
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_by_name() {
    for (said, word) in [
        (&b"\x16\x03\x01\x02\0\x01"[..], "tls"),
        (b"GET / HTTP/1.1\r\n\r\n", "http"),
        (b"hello there", "not those of an aiomsg peer"),
        (b"\xff\xff\xff\xff", "not those of an aiomsg peer"),
        (b"\0\xff\xff\xff", "at most 255"),
        (b"\0\0\0\0", "empty"),
        (b"\0\0\0\x12\x01\x02", "version 2"),
    ] {
        for connecting in [true, false] {
            let (mut a, mut peer) = duplex(64);
            peer.write_all(said).await.unwrap();
            let error = ours().run(&mut a, connecting).await.unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}

#[tokio::test]
async fn a_peer_that_leaves_is_named() {
    let (mut a, peer) = duplex(64);
    drop(peer);
    let error = ours().accept(&mut a).await.unwrap_err();
    assert!(error.is_disconnected());
    assert_eq!(left_after(&error), Some(0));

    let (mut a, mut peer) = duplex(64);
    peer.write_all(b"\0\0\0\x10half").await.unwrap();
    drop(peer);
    let error = ours().accept(&mut a).await.unwrap_err();
    assert!(error.is_disconnected());
    assert_eq!(left_after(&error), Some(8));
}

mod splits {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// A handshake is the same in any pieces and with any pauses between them,
        /// and nothing behind it is lost. Only the first length must be whole for an
        /// accepting end: its first three bytes alone would look like a peer that
        /// waits.
        #[test]
        fn any_split_is_understood(
            identity in prop_oneof![
                proptest::collection::vec(any::<u8>(), 16),
                proptest::collection::vec(2u8.., 1..256),
            ],
            v1_hello in any::<bool>(),
            behind in proptest::collection::vec(any::<u8>(), 0..100),
            cuts in proptest::collection::vec((1usize..40, 0u64..900), 1..20),
            connecting in any::<bool>(),
            prefers_v1 in any::<bool>(),
        ) {
            let v1_hello = v1_hello && identity.len() == 16;
            let (said, dialect) = match v1_hello {
                true => (v1(&identity[..].try_into().unwrap()), Dialect::V1),
                false => (v2019(&identity), Dialect::V2019),
            };
            let said = [said, behind.clone()].concat();
            let prefers = if prefers_v1 { Dialect::V1 } else { Dialect::V2019 };
            let handshake = ours().dialects(Dialects::Prefer(prefers));
            let first = if connecting { cuts[0].0 } else { cuts[0].0.max(4) };

            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build().unwrap();
            let (established, rest, heard) = runtime.block_on(async {
                let (mut a, mut peer) = duplex(64);
                let shake = async {
                    let established = handshake.run(&mut a, connecting).await.unwrap();
                    let mut rest = established.received.to_vec();
                    while rest.len() < behind.len() {
                        a.read_buf(&mut rest).await.unwrap();
                    }
                    (established, rest)
                };
                let play = async {
                    let mut left = &said[..];
                    let mut cuts = cuts.iter().cycle();
                    let mut size = first;
                    // Short of its patience before the first length is whole.
                    let mut patience = 900;
                    while !left.is_empty() {
                        let (piece, more) = left.split_at(size.min(left.len()));
                        peer.write_all(piece).await.unwrap();
                        left = more;
                        let (next, pause) = cuts.next().unwrap();
                        let pause = (*pause).min(patience);
                        if said.len() - left.len() < 4 {
                            patience -= pause;
                        }
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                        size = *next;
                    }
                    let mut heard = vec![0; if v1_hello { 22 } else { 20 }];
                    peer.read_exact(&mut heard).await.unwrap();
                    heard
                };
                let ((established, rest), heard) = tokio::join!(shake, play);
                (established, rest, heard)
            });
            prop_assert_eq!(established.dialect, dialect);
            prop_assert_eq!(established.peer.as_bytes(), &identity[..]);
            prop_assert_eq!(rest, behind);
            prop_assert_eq!(heard, if v1_hello { v1(&OURS) } else { v2019(&OURS) });
        }
    }
}

/// An end that decides about a connection half-way has not sent its identity by then, if
/// the peer has: the peer cannot have admitted the connection.
#[tokio::test(start_paused = true)]
async fn half_way_nothing_is_told_unless_the_peer_waits_for_it() {
    use Dialects::{Only, Prefer};

    let theirs = [9; 16];
    for (dialect, hello, mine) in [
        (Dialect::V1, v1(&theirs), v1(&OURS)),
        (Dialect::V2019, v2019(&theirs), v2019(&OURS)),
    ] {
        for dialects in [Prefer(Dialect::V1), Only(dialect)] {
            for connecting in [true, false] {
                let which = format!("{dialects:?}, connecting: {connecting}");
                let (mut a, mut peer) = duplex(64);
                peer.write_all(&hello).await.unwrap();
                let start = tokio::time::Instant::now();
                let handshake = ours().dialects(dialects);
                let mut half_way = match connecting {
                    true => handshake.connect_half(&mut a).await.unwrap(),
                    false => handshake.accept_half(&mut a).await.unwrap(),
                };
                assert_eq!(start.elapsed(), Duration::ZERO, "{which}");
                assert!(!half_way.is_told() && !half_way.is_probed(), "{which}");
                assert_eq!(half_way.established().peer, theirs.into());
                let said = match (connecting, dialects) {
                    (false, _) => 0,
                    (true, Only(_)) => hello::head_len(dialect),
                    (true, Prefer(_)) => hello::PROBE.len(),
                };
                exactly(&mut peer, &mine[..said]).await;
                let more = timeout(Duration::from_secs(5), peer.read(&mut [0])).await;
                assert!(more.is_err(), "{which}");
                half_way.tell(&mut a).await.unwrap();
                half_way.tell(&mut a).await.unwrap();
                exactly(&mut peer, &mine[said..]).await;
                assert!(half_way.is_told());
            }
        }
    }
}

/// Two ends that each want to be the last to say who they are.
#[tokio::test(start_paused = true)]
async fn half_way_no_two_settings_wait_for_each_other() {
    use Dialects::{Only, Prefer};
    let [v1, v2019] = [Dialect::V1, Dialect::V2019];
    let settings = [Prefer(v1), Prefer(v2019), Only(v1), Only(v2019)];
    for accepts in settings {
        for connects in settings {
            // The length of the last one is that of a HELLO.
            for len in [16, 18] {
                let identity = Identity::new(vec![7; len]).unwrap();
                if len == 18 && connects != Only(v2019) {
                    continue;
                }
                let (mut a, mut b) = duplex(64);
                let start = tokio::time::Instant::now();
                let accepting = ours().dialects(accepts);
                let connecting = Handshake::new(identity).dialects(connects);
                // The accepting end answers, and the connecting one decides first.
                let connect = async {
                    let mut connected = connecting.connect_half(&mut b).await?;
                    let told = connected.is_told();
                    connected.tell(&mut b).await?;
                    Ok::<_, Error>((connected, told))
                };
                let accept = async move {
                    let mut accepted = accepting.accept_half(&mut a).await?;
                    accepted.tell(&mut a).await?;
                    Ok::<_, Error>((accepted, a))
                };
                let (accepted, connected) = tokio::join!(accept, connect);
                let which = format!("{accepts:?}, {connects:?}, {len}");
                assert!(start.elapsed() <= Duration::from_millis(25), "{which}");
                if let (Only(one), Only(other)) = (accepts, connects)
                    && one != other
                {
                    // Each end learns both dialects, to report them.
                    for error in [accepted.unwrap_err(), connected.unwrap_err()] {
                        let text = error.to_string();
                        let names = |it: Dialect| text.contains(&it.to_string());
                        assert!(error.is_version(), "{which}: {error}");
                        assert!(names(one) && names(other), "{which}: {error}");
                    }
                    continue;
                }
                let (accepted, _a) = accepted.unwrap();
                let (connected, told) = connected.unwrap();
                assert_eq!(told, len == 18, "{which}");
                assert_eq!(accepted.is_probed(), len != 18, "{which}");
                let dialect = accepted.established().dialect;
                assert_eq!(dialect, connected.established().dialect, "{which}");
            }
        }
    }
}
