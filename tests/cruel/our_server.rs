//! An echo server of ours, in a process of its own.
//!
//! It is this very test binary, told by an environment variable to serve in
//! place of a test.
//!
//! A message is acknowledged when its echo has been acknowledged, and not when
//! the echo is in a queue of a process that may be killed: so what its client
//! has sent comes back, whatever happens to the server.

use std::path::Path;
use std::process::{Command, Stdio};

use aiomsg::{AckMode, Delivery, DeliveryGuarantee, Outbound, Socket, TlsConfig};
use tokio::io::AsyncReadExt;
use tower::service_fn;

use crate::program::running::Running;
use crate::server::{Certificates, Identity};

/// `ADDRESS IDENTITY [FOLDER_OF_CERTIFICATES]`.
const SERVE: &str = "AIOMSG_CRUEL_SERVE";

/// What the process says when it is ready.
const READY: &str = "ready at ";

pub(crate) struct OurServer(Running);

impl OurServer {
    pub(crate) async fn start(
        address: &str,
        identity: Identity,
        tls: Option<&Certificates>,
    ) -> Self {
        let endpoint = endpoint(address, tls.is_some());
        let identity = std::str::from_utf8(&identity).unwrap().to_owned();
        let folder = tls.map_or(String::new(), |tls| tls.folder().display().to_string());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["our_server::server_process", "--exact", "--nocapture"])
            .env(SERVE, format!("{endpoint}\n{identity}\n{folder}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let server = Running::start("our server", &mut command);
        // The test harness may have begun the line.
        let is_ready = |line: &String| line.contains(READY).then_some(());
        server
            .wait(READY, |output| output.lines.iter().find_map(is_ready))
            .await;
        Self(server)
    }

    /// `SIGKILL`: no code of ours runs any more.
    pub(crate) async fn kill(mut self) {
        self.0.kill();
    }
}

/// Where our sockets find a server.
pub(crate) fn endpoint(address: &str, tls: bool) -> String {
    match tls {
        true => format!("tls://{address}"),
        false => format!("tcp://{address}"),
    }
}

/// The process itself; and, where it is run as a test, a test of what the
/// process does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_process() {
    let Ok(what) = std::env::var(SERVE) else {
        let (server, endpoint) = serve("tcp://127.0.0.1:0", *b"the rust process", None).await;
        let client = Socket::builder().at_least_once().build().unwrap();
        client.connect(endpoint).unwrap();
        client.send_acked("anybody?").await.unwrap();
        // It is here before its message is acknowledged.
        assert_eq!(client.stats().unreceived_messages, 1);
        assert_eq!(client.recv().await.unwrap(), "anybody?");
        server.abort();
        return;
    };
    let [endpoint, identity, folder] = what.split('\n').collect::<Vec<_>>()[..] else {
        panic!("{what}");
    };
    let identity = identity.as_bytes().try_into().unwrap();
    let tls = (!folder.is_empty()).then(|| {
        let folder = Path::new(folder);
        TlsConfig::builder()
            .certificate_files(folder.join("server.cert"), folder.join("server.key"))
            .trust_file(folder.join("client.cert"))
            .build()
            .unwrap()
    });
    let (mut server, endpoint) = serve(endpoint, identity, tls).await;
    println!("{READY}{endpoint}");
    // So that it does not outlive the test that started it, whose death closes
    // the pipe.
    let mut stdin = tokio::io::stdin();
    tokio::select! {
        ended = &mut server => ended.unwrap(),
        _ = stdin.read_u8() => {}
    }
}

async fn serve(
    endpoint: &str,
    identity: Identity,
    tls: Option<TlsConfig>,
) -> (tokio::task::JoinHandle<()>, aiomsg::Endpoint) {
    let mut builder = Socket::builder()
        .identity(identity)
        .ack_mode(AckMode::Handled)
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce);
    if let Some(tls) = tls {
        builder = builder.tls(tls);
    }
    let socket = builder.build().unwrap();
    let endpoint = socket.bind(endpoint).await.unwrap();
    let replies = socket.clone();
    let echo = service_fn(move |message: Delivery| {
        let replies = replies.clone();
        async move {
            let (from, payload, _) = message.into_parts();
            let echo = Outbound::new(payload).to(from).until_acked();
            replies.send_message(echo).await
        }
    });
    let serving = async move { socket.serve(echo).await.unwrap() };
    (tokio::spawn(serving), endpoint)
}
