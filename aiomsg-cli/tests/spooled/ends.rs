//! A producer and a consumer of ours, each in a process of its own: this very test binary,
//! told by an environment variable to be one in place of a test.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use aiomsg::layer::{BoxError, DedupLayer};
use aiomsg::{AckMode, Delivery, Socket, SocketBuilder, TlsConfig};
use aiomsg_spool::Spool;
use futures::future::join_all;
use tokio::io::AsyncReadExt;
use tokio::time::sleep;
use tower::{Layer, service_fn};

use crate::ledger::Ledger;
use crate::proxy::Place;
use crate::running::{PATIENCE, Running};

/// `ENDPOINT FOLDER_OF_CERTIFICATES`, and for the producer `STORE FIRST_NUMBER`, by lines.
const END: &str = "AIOMSG_SPOOLED_END";

/// Messages at a time, which share a commit.
const BURST: u64 = 8;

/// Between two bursts, so that there are less than 65,536 messages in a minute: a server gives
/// out again after 30 s what it gave to a proxy that was killed, and a consumer remembers so
/// many messages.
const PAUSE: Duration = Duration::from_millis(8);

/// What a producer says when its store is empty.
const EMPTY: &str = "all are acknowledged";

/// One of the two.
pub(crate) struct End {
    running: Running,
    /// How many of its lines the ledger has.
    noted: usize,
}

impl End {
    /// A producer with a store of its own, which numbers its messages from here on.
    pub(crate) fn producer(place: &Place<'_>, store: &Path, first: u64) -> Self {
        let more = format!("{}\n{first}", store.display());
        Self::start("producer", place, &place.frontend, &more)
    }

    pub(crate) fn consumer(place: &Place<'_>) -> Self {
        Self::start("consumer", place, &place.backend, "")
    }

    fn start(what: &str, place: &Place<'_>, address: &str, more: &str) -> Self {
        let certificates = place.certificates().map(|it| it.display().to_string());
        let endpoint = place.endpoint(address);
        let told = format!("{endpoint}\n{}\n{more}", certificates.unwrap_or_default());
        let test = format!("ends::{what}_process");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([&*test, "--exact", "--nocapture"])
            .env(END, told)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            running: Running::start(&format!("the {what}"), &mut command),
            noted: 0,
        }
    }

    /// Notes what it has said so far.
    pub(crate) async fn note(&mut self, ledger: &mut Ledger) {
        let noted = &mut self.noted;
        let look = |output: &crate::running::Output| {
            output.lines[*noted..].iter().for_each(|it| ledger.note(it));
            *noted = output.lines.len();
            Some(())
        };
        let _ = self.running.find(look).await;
    }

    /// No code of it runs any more. What it has said by then counts.
    pub(crate) async fn kill(mut self, ledger: &mut Ledger) {
        self.running.kill();
        let (_, output) = self.running.ended().await;
        output.lines[self.noted..]
            .iter()
            .for_each(|it| ledger.note(it));
    }

    /// Ends a producer: all that it has stored is acknowledged.
    pub(crate) async fn end_empty(mut self, ledger: &mut Ledger) {
        drop(self.running.take_stdin());
        let (status, output) = self.running.ended().await;
        output.lines[self.noted..]
            .iter()
            .for_each(|it| ledger.note(it));
        let empty = output.lines.iter().any(|it| it == EMPTY);
        assert!(status.success() && empty, "{status}: {:?}", output.errors);
    }
}

/// What the process is told. `None`: it is a test like any other.
fn told() -> Option<Vec<String>> {
    let told = std::env::var(END).ok()?;
    // The test harness has begun a line.
    println!();
    Some(told.split('\n').map(str::to_owned).collect())
}

/// So that it does not outlive the test, whose death closes the pipe.
async fn told_to_end() {
    let _ = tokio::io::stdin().read_u8().await;
}

fn builder(certificates: &str) -> SocketBuilder {
    let builder = Socket::builder().reconnect_delay(|_| Duration::from_millis(20));
    if certificates.is_empty() {
        return builder;
    }
    let folder = Path::new(certificates);
    let tls = TlsConfig::builder()
        .certificate_files(folder.join("peer.cert"), folder.join("peer.key"))
        .trust_file(folder.join("proxy.cert"))
        .build();
    builder.tls(tls.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producer_process() {
    let Some(told) = told() else { return };
    let [endpoint, certificates, store, first] = &told[..] else {
        panic!("{told:?}");
    };
    let spool = Spool::open(store).await.unwrap();
    let socket = builder(certificates)
        // Consumers know a message by its sender and its id.
        .identity(*b"the one producer")
        .at_least_once()
        .ack_timeout(Duration::from_secs(1))
        .max_resends(u32::MAX)
        .layer(spool.layer())
        .build()
        .unwrap();
    socket.connect(&**endpoint).unwrap();
    let sending = async {
        let mut next: u64 = first.parse().unwrap();
        loop {
            let burst = (next..next + BURST).map(async |number| {
                println!("try {number}");
                socket.send(number.to_string()).await.unwrap();
                println!("ok {number}");
            });
            join_all(burst).await;
            next += BURST;
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = sending => {}
        () = told_to_end() => {}
    }
    let left = spool.drain(PATIENCE / 2).await.unwrap();
    assert_eq!(left, 0, "messages of the producer are not acknowledged");
    socket.close(PATIENCE).await;
    spool.close().await.unwrap();
    println!("{EMPTY}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumer_process() {
    let Some(told) = told() else { return };
    let (endpoint, certificates) = (&told[0], &told[1]);
    let socket = builder(certificates)
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    socket.connect(&**endpoint).unwrap();
    let handler = DedupLayer::new().layer(service_fn(async |job: Delivery| {
        println!("did {}", std::str::from_utf8(job.payload())?);
        Ok::<_, BoxError>(())
    }));
    tokio::select! {
        ended = socket.serve(handler).into_future() => ended.unwrap(),
        () = told_to_end() => {}
    }
}
