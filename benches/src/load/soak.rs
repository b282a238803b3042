//! Half of the possible load for a long time.

use std::time::Duration;

use aiomsg::Socket;
use tokio::time::{Instant, interval_at};

use super::sequence::Seen;
use super::{start, told};
use crate::process::{Child, own_usage, readable, usage};

const SIZE: usize = 64;

/// How long it is measured what load is possible.
const FULL: Duration = Duration::from_secs(10);

/// How often a line is printed.
const LINE: Duration = Duration::from_secs(60);

/// Runs for a time, and prints a line a minute.
pub(crate) async fn run(time: Duration) {
    let mut proxy = start(["proxy", "--at-least-once"]);
    let (frontend, backend) = (told(&mut proxy, "frontend"), told(&mut proxy, "backend"));
    let receiver = Socket::new().expect("the settings are good");
    receiver
        .connect(backend.as_str())
        .expect("the address is good");

    let full = send(&frontend, FULL, None);
    let seen = receive(&receiver, full, |_| {}).await;
    let rate = seen.messages() / FULL.as_secs();
    println!("possible: {rate} messages of {SIZE} bytes a second, at-least-once, over two hops");

    let half = rate / 2;
    println!("half of that for {time:?}: {half} a second");
    println!(
        "{:>7}  {:>12}  {:>10}  {:>10}  {:>10}",
        "minute", "messages", "sender", "proxy", "receiver"
    );
    let sender = send(&frontend, time, Some(half));
    let (sender_id, mut minute) = (sender.id(), 0);
    let mut first = None;
    let seen = receive(&receiver, sender, |seen| {
        minute += 1;
        let sizes = [usage(sender_id), usage(proxy.id()), own_usage()].map(|usage| usage.resident);
        // The first minute is that of the warm-up.
        first.get_or_insert(sizes);
        let [sender, proxy, receiver] = sizes.map(readable);
        println!(
            "{minute:>7}  {:>12}  {sender:>10}  {proxy:>10}  {receiver:>10}",
            seen.messages()
        );
    })
    .await;
    println!(
        "{} messages, {} lost, {} repeated",
        seen.messages(),
        seen.lost,
        seen.repeated
    );
    assert_eq!(seen.lost, 0, "at-least-once");
}

fn send(address: &str, time: Duration, rate: Option<u64>) -> Child {
    let (size, seconds) = (SIZE.to_string(), time.as_secs().to_string());
    let rate = rate.map(|rate| rate.to_string());
    let mut args = vec![
        "sender",
        address,
        "--at-least-once",
        "--size",
        &size,
        "--seconds",
        &seconds,
    ];
    if let Some(rate) = &rate {
        args.extend(["--rate", rate]);
    }
    start(args)
}

/// Receives until all is there that the sender says it has sent.
async fn receive(socket: &Socket, mut sender: Child, mut each_minute: impl FnMut(&Seen)) -> Seen {
    let mut sent = tokio::task::spawn_blocking(move || told(&mut sender, "sent"));
    let (mut seen, mut total) = (Seen::default(), None);
    let mut lines = interval_at(Instant::now() + LINE, LINE);
    while total.is_none_or(|total| seen.messages() + seen.lost < total) {
        tokio::select! {
            biased;
            told = &mut sent, if total.is_none() => {
                let told = told.expect("the sender ends well");
                total = Some(told.parse().expect("it is a number"));
            }
            _ = lines.tick() => each_minute(&seen),
            message = socket.recv() => seen.note(&message.expect("the socket is open")),
        }
    }
    seen
}
