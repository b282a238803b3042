//! The socket that is put together by hand, in the folder of examples, is equal
//! to the one of the builder: each scenario is run on either, and with one of
//! them at each end.

use super::*;
use aiomsg::Outbound;
use aiomsg::layer::Discard;
use aiomsg::{DeliveryGuarantee, Identity, SendMode};
use futures::future::join_all;
use hand::Mode;
use raw::Raw;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

#[path = "../../examples/by_hand/socket.rs"]
mod hand;
mod raw;

/// What the scenarios do with a socket.
trait Subject {
    fn new(identity: Identity, mode: Mode) -> Self;
    async fn bind(&self, endpoint: Endpoint) -> Endpoint;
    fn connect(&self, endpoint: &Endpoint);
    async fn accept(&self, message: Outbound);
    async fn next(&self) -> (Identity, String);
    async fn peers(&self, count: usize);
    fn waiting(&self) -> usize;
    async fn end(&self) -> Vec<Outbound>;
}

impl Subject for hand::Socket {
    fn new(identity: Identity, mode: Mode) -> Self {
        Self::new(identity, mode, Discard::new(|_| {}))
    }

    async fn bind(&self, endpoint: Endpoint) -> Endpoint {
        self.bind(&endpoint).await.unwrap()
    }

    fn connect(&self, endpoint: &Endpoint) {
        self.connect(endpoint.clone());
    }

    async fn accept(&self, message: Outbound) {
        within("room", self.send(message)).await.unwrap();
    }

    async fn next(&self) -> (Identity, String) {
        let message = within("a message", self.recv()).await.unwrap();
        (message.from().clone(), text(message.payload()))
    }

    async fn peers(&self, count: usize) {
        within("the peers", self.wait_for_peers(|peers| *peers == count)).await;
    }

    fn waiting(&self) -> usize {
        self.buffered()
    }

    async fn end(&self) -> Vec<Outbound> {
        self.close(Duration::from_secs(20)).await
    }
}

impl Subject for Socket {
    fn new(identity: Identity, mode: Mode) -> Self {
        let builder = Socket::builder().identity(identity);
        let builder = match mode {
            Mode::RoundRobin => builder,
            Mode::RoundRobinAtLeastOnce => {
                builder.delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
            }
            Mode::Publish => builder.send_mode(SendMode::Publish),
        };
        builder.build().unwrap()
    }

    async fn bind(&self, endpoint: Endpoint) -> Endpoint {
        self.bind(endpoint).await.unwrap()
    }

    fn connect(&self, endpoint: &Endpoint) {
        self.connect(endpoint.clone()).unwrap();
    }

    async fn accept(&self, message: Outbound) {
        within("room", self.send_message(message)).await.unwrap();
    }

    async fn next(&self) -> (Identity, String) {
        let (from, payload) = within("a message", self.recv_identity()).await.unwrap();
        (from, text(&payload))
    }

    async fn peers(&self, count: usize) {
        within("the peers", async {
            while self.stats().peers != count {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }

    fn waiting(&self) -> usize {
        self.stats().buffered_messages
    }

    async fn end(&self) -> Vec<Outbound> {
        let report = self.close(Duration::from_secs(20)).await;
        let (mut left, unacknowledged) = (report.unsent, report.unacknowledged);
        left.extend(unacknowledged);
        left
    }
}

fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).unwrap()
}

fn open<S: Subject>(mode: Mode) -> S {
    S::new(Identity::random(), mode)
}

fn any_port() -> Endpoint {
    Endpoint::tcp("127.0.0.1", 0)
}

/// Sends the numbers of a range.
async fn count<S: Subject>(socket: &S, numbers: std::ops::Range<u32>) {
    for n in numbers {
        socket.accept(Outbound::new(n.to_string())).await;
    }
}

/// Receives so many numbers.
async fn counted<S: Subject>(socket: &S, numbers: usize) -> Vec<u32> {
    let mut got = Vec::new();
    for _ in 0..numbers {
        got.push(socket.next().await.1.parse().unwrap());
    }
    got
}

/// A socket that is bound, with three that are connected to it.
async fn one_and_three<A: Subject, B: Subject>(mode: Mode) -> (A, [B; 3]) {
    let one = open::<A>(mode);
    let endpoint = one.bind(any_port()).await;
    let three = [(); 3].map(|()| open::<B>(Mode::RoundRobin));
    for socket in &three {
        socket.connect(&endpoint);
    }
    one.peers(3).await;
    (one, three)
}

// ===== the scenarios =====

/// Runs each with all four pairs of sockets.
macro_rules! scenarios {
    ($($name:ident)*) => {
        mod built {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                super::$name::<Socket, Socket>().await;
            })*
        }

        mod made_by_hand {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                super::$name::<hand::Socket, hand::Socket>().await;
            })*
        }

        mod made_by_hand_with_built {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                super::$name::<hand::Socket, Socket>().await;
            })*
        }

        mod built_with_made_by_hand {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                super::$name::<Socket, hand::Socket>().await;
            })*
        }
    };
}

scenarios! {
    round_robin_is_fair_and_complete
    the_end_that_connects_goes_round_as_well
    publish_reaches_all
    one_peer_gets_what_is_addressed_to_it
    an_absent_peer_gets_it_when_it_comes
    what_is_sent_before_anyone_is_there_keeps_its_order
    what_waits_for_a_bind_end_that_returns_keeps_its_order
    what_never_left_goes_to_another
    at_least_once_everything_is_acknowledged
    what_was_not_acknowledged_is_sent_again_under_its_id
    a_duplicate_of_an_identity_is_refused
    closing_sends_what_waits
    closing_hands_back_what_nobody_takes
    dropping_it_ends_its_tasks
}

async fn round_robin_is_fair_and_complete<A: Subject, B: Subject>() {
    let (one, three) = one_and_three::<A, B>(Mode::RoundRobin).await;
    count(&one, 0..300).await;
    let got = join_all(three.iter().map(|socket| counted(socket, 100))).await;
    for numbers in &got {
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
    let mut all = got.concat();
    all.sort_unstable();
    assert_eq!(all, (0..300).collect::<Vec<_>>());
}

async fn the_end_that_connects_goes_round_as_well<A: Subject, B: Subject>() {
    let one = open::<A>(Mode::RoundRobin);
    let three = [(); 3].map(|()| open::<B>(Mode::RoundRobin));
    for socket in &three {
        one.connect(&socket.bind(any_port()).await);
    }
    one.peers(3).await;
    count(&one, 0..30).await;
    let mut all = Vec::new();
    for socket in &three {
        all.extend(counted(socket, 10).await);
    }
    all.sort_unstable();
    assert_eq!(all, (0..30).collect::<Vec<_>>());
}

async fn publish_reaches_all<A: Subject, B: Subject>() {
    let (one, three) = one_and_three::<A, B>(Mode::Publish).await;
    count(&one, 0..100).await;
    for socket in &three {
        assert_eq!(counted(socket, 100).await, (0..100).collect::<Vec<_>>());
    }
}

async fn one_peer_gets_what_is_addressed_to_it<A: Subject, B: Subject>() {
    let (one, three) = one_and_three::<A, B>(Mode::Publish).await;
    for (n, socket) in three.iter().enumerate() {
        socket.accept(Outbound::new(n.to_string())).await;
        let (peer, question) = one.next().await;
        assert_eq!(question, n.to_string());
        one.accept(Outbound::new(format!("{n}, yes")).to(peer))
            .await;
        assert_eq!(socket.next().await.1, format!("{n}, yes"));
    }
}

async fn an_absent_peer_gets_it_when_it_comes<A: Subject, B: Subject>() {
    let absent = Identity::random();
    let one = open::<A>(Mode::RoundRobin);
    let endpoint = one.bind(any_port()).await;
    let other = open::<B>(Mode::RoundRobin);
    other.connect(&endpoint);
    one.peers(1).await;
    for n in 0..10 {
        one.accept(Outbound::new(n.to_string()).to(absent.clone()))
            .await;
    }
    one.accept(Outbound::new("for anyone")).await;
    assert_eq!(other.next().await.1, "for anyone");

    for round in 1..=2 {
        let back = B::new(absent.clone(), Mode::RoundRobin);
        back.connect(&endpoint);
        assert_eq!(counted(&back, 10).await, (0..10).collect::<Vec<_>>());
        drop(back);
        one.peers(1).await;
        if round == 1 {
            for n in 0..10 {
                one.accept(Outbound::new(n.to_string()).to(absent.clone()))
                    .await;
            }
        }
    }
}

async fn what_is_sent_before_anyone_is_there_keeps_its_order<A: Subject, B: Subject>() {
    let one = open::<A>(Mode::RoundRobin);
    let endpoint = one.bind(any_port()).await;
    count(&one, 0..500).await;
    assert_eq!(one.waiting(), 500);
    let other = open::<B>(Mode::RoundRobin);
    other.connect(&endpoint);
    count(&one, 500..1000).await;
    assert_eq!(counted(&other, 1000).await, (0..1000).collect::<Vec<_>>());
}

async fn what_waits_for_a_bind_end_that_returns_keeps_its_order<A: Subject, B: Subject>() {
    let one = open::<A>(Mode::RoundRobin);
    let other = open::<B>(Mode::RoundRobin);
    let endpoint = other.bind(any_port()).await;
    one.connect(&endpoint);
    count(&one, 0..10).await;
    assert_eq!(counted(&other, 10).await, (0..10).collect::<Vec<_>>());

    other.end().await;
    drop(other);
    one.peers(0).await;
    count(&one, 10..200).await;
    let back = open::<B>(Mode::RoundRobin);
    back.bind(endpoint).await;
    count(&one, 200..300).await;
    assert_eq!(counted(&back, 290).await, (10..300).collect::<Vec<_>>());
}

/// Every message arrives at one of the two, whole, and once: also those that a
/// dead connection had begun to send.
async fn what_never_left_goes_to_another<A: Subject, B: Subject>() {
    let one = open::<A>(Mode::RoundRobin);
    let endpoint = one.bind(any_port()).await;
    let mut lazy = Raw::connect(&endpoint, &[1; 16]).await;
    // It reads nothing: all that is between us fills up.
    let mut sent = 0_u32;
    let stuck = Duration::from_millis(200);
    let message = |n| Outbound::new(format!("{n:050000}"));
    while timeout(stuck, one.accept(message(sent))).await.is_ok() {
        sent += 1;
    }

    lazy.0.shutdown().await.unwrap();
    let mut bytes = Vec::new();
    within("the end", lazy.0.read_to_end(&mut bytes))
        .await
        .unwrap();
    let whole = bytes.len() / (4 + 1 + 50_000);

    let other = open::<B>(Mode::RoundRobin);
    other.connect(&endpoint);
    let rest = counted(&other, sent as usize - whole).await;
    assert_eq!(rest, (whole as u32..sent).collect::<Vec<_>>());
}

async fn at_least_once_everything_is_acknowledged<A: Subject, B: Subject>() {
    let (one, three) = one_and_three::<A, B>(Mode::RoundRobinAtLeastOnce).await;
    count(&one, 0..300).await;
    assert_eq!(one.end().await, []);
    let got = join_all(three.iter().map(|socket| counted(socket, 100))).await;
    let mut all = got.concat();
    all.sort_unstable();
    assert_eq!(all, (0..300).collect::<Vec<_>>());
}

async fn what_was_not_acknowledged_is_sent_again_under_its_id<A: Subject, B: Subject>() {
    let one = open::<A>(Mode::RoundRobinAtLeastOnce);
    let endpoint = one.bind(any_port()).await;
    let mut dying = Raw::connect(&endpoint, &[1; 16]).await;
    count(&one, 0..3).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let (id, payload) = dying.request().await;
        assert_eq!(payload, n.to_string());
        ids.push(id);
    }
    drop(dying);
    one.peers(0).await;

    let mut living = Raw::connect(&endpoint, &[2; 16]).await;
    for (n, id) in ids.iter().enumerate() {
        let (again, payload) = living.request().await;
        assert_eq!((again, payload), (*id, n.to_string()));
        living.acknowledge(id).await;
    }
    drop(living);
    one.peers(0).await;

    // What was acknowledged does not come once more.
    let other = open::<B>(Mode::RoundRobin);
    other.connect(&endpoint);
    count(&one, 3..4).await;
    assert_eq!(counted(&other, 1).await, [3]);
    assert_eq!(one.end().await, []);
}

async fn a_duplicate_of_an_identity_is_refused<A: Subject, B: Subject>() {
    let name = *b"the same name as";
    let one = open::<A>(Mode::RoundRobin);
    let endpoint = one.bind(any_port()).await;
    let first = B::new(name.into(), Mode::RoundRobin);
    first.connect(&endpoint);
    one.peers(1).await;

    // It may have to wait for an answer until it is decided that there is none.
    let second = async { Raw::connect(&endpoint, &name).await.closed().await };
    let alive = async {
        loop {
            // A sign of life: without one, the second would get the place.
            first.accept(Outbound::new("alive")).await;
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = alive => {}
        () = second => {}
    }
    assert_eq!(one.next().await, (name.into(), "alive".to_owned()));
    one.accept(Outbound::new("still you").to(name.into())).await;
    assert_eq!(first.next().await.1, "still you");
}

async fn closing_sends_what_waits<A: Subject, B: Subject>() {
    let one = open::<A>(Mode::RoundRobin);
    let other = open::<B>(Mode::RoundRobin);
    other.connect(&one.bind(any_port()).await);
    one.peers(1).await;
    count(&one, 0..5000).await;
    let (left, got) = tokio::join!(one.end(), counted(&other, 5000));
    assert_eq!(left, []);
    assert_eq!(got, (0..5000).collect::<Vec<_>>());
}

async fn closing_hands_back_what_nobody_takes<A: Subject, B: Subject>() {
    for mode in [Mode::RoundRobin, Mode::RoundRobinAtLeastOnce, Mode::Publish] {
        let one = open::<A>(mode);
        let other = open::<B>(Mode::RoundRobin);
        other.connect(&one.bind(any_port()).await);
        one.peers(1).await;
        other.end().await;
        one.peers(0).await;
        count(&one, 0..10).await;
        let left = one.end().await;
        let left = left.iter().map(|message| text(message.payload()));
        let all = (0..10).map(|n| n.to_string());
        assert!(left.eq(all), "{mode:?}");
    }
}

async fn dropping_it_ends_its_tasks<A: Subject, B: Subject>() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let none = tasks();
    for mode in [Mode::RoundRobin, Mode::RoundRobinAtLeastOnce, Mode::Publish] {
        let (one, three) = one_and_three::<A, B>(mode).await;
        let endpoint = one.bind(any_port()).await;
        let nobody = one.bind(any_port()).await;
        let mut raw = Raw::connect(&endpoint, &[1; 16]).await;
        one.peers(4).await;
        // Nothing listens there, and the socket goes on trying.
        three[0].connect(&Endpoint::tcp("127.0.0.1", 1));
        count(&one, 0..10).await;
        drop(one);
        raw.closed().await;
        drop(three);
        within("the end of all tasks", async {
            while tasks() > none {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        // The ports are free.
        open::<A>(mode).bind(nobody).await;
    }
}
