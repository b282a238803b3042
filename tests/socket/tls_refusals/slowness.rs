use super::*;

/// The first record of a handshake, and more to come.
const BEGINNING: [u8; 9] = [22, 3, 1, 1, 0, 1, 0, 0, 252];

/// One deadline over all of it: bytes do not put it off.
#[tokio::test(start_paused = true)]
async fn a_byte_a_second() {
    let root = Authority::root("root");
    let own = root.issue(Wanted::named("server"));
    let server = Socket::builder().tls(own.and_trust(&root.pem())).build();
    let server = server.unwrap();
    let mut events = server.events();
    let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
    let start = tokio::time::Instant::now();
    let mut slow = Raw::connect(&endpoint).await;
    let drip = async {
        for byte in BEGINNING.into_iter().chain(std::iter::repeat(7)) {
            slow.write([byte]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        error = refused(&mut events) => assert!(error.is_timeout(), "{error}"),
        () = drip => unreachable!("it drips for ever"),
    }
    assert!(start.elapsed() < Duration::from_secs(12));
}

/// Hundreds that say nothing, hundreds that drip, and a flood of garbage, all
/// from one address: a good peer gets in meanwhile. The same with thousands is
/// `cargo run --release -p aiomsg-bench -- hostile`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once() {
    const MANY: usize = 300;
    let settings = Socket::builder().max_pending_handshakes(MANY / 2);
    let mut world = World::with(settings.event_capacity(100 * MANY)).await;
    let silent = async {
        let mut held = Vec::new();
        for _ in 0..MANY {
            held.push(Raw::connect(&world.endpoint).await);
        }
        held
    };
    let dripping = async {
        let mut held = Vec::new();
        for _ in 0..MANY {
            let mut slow = Raw::connect(&world.endpoint).await;
            slow.write(BEGINNING).await;
            held.push(slow);
        }
        held
    };
    let garbage = async {
        for n in 0..MANY {
            let mut bad = Raw::connect(&world.endpoint).await;
            // It may have been refused by its first byte.
            let _ = bad.0.write_all(&[n as u8; 1000]).await;
        }
    };
    let (silent, mut dripping, ()) = tokio::join!(silent, dripping, garbage);
    let (good, _) = world.dials(world.good_tls(), &world.endpoint);
    good.send("among them all").await.unwrap();
    let message = within("a good peer", world.others.recv()).await;
    assert_eq!(message.unwrap(), "among them all");

    let mut reasons = [0; 2];
    within("the refusals", async {
        while reasons.contains(&0) {
            if let Some(Event::AcceptFailed { error, .. }) = world.events.next().await {
                reasons[0] += usize::from(error.is_limit());
                reasons[1] += usize::from(error.is_tls());
            }
        }
    })
    .await;
    for slow in &mut dripping {
        let _ = slow.0.write_all(&[0]).await;
    }
    drop(silent);
    world.good_is_unharmed().await;
}
