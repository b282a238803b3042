//! A DNS server on loopback, with records in memory.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aiomsg_core::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// The response code of a server that has failed.
pub(super) const SERVFAIL: u8 = 2;

/// The zone: the records of each name and type, or a response code.
type Zone = HashMap<(String, u16), Result<Vec<(u32, Vec<u8>)>, u8>>;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Two sockets at one port. The system chooses one that is free for UDP, and somebody else's
/// connection may have it for TCP.
async fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        match TcpListener::bind(udp.local_addr().unwrap()).await {
            Ok(tcp) => return (udp, tcp),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse),
        }
    }
    panic!("no port is free for both");
}

impl Server {
    pub(super) async fn start() -> Self {
        let (udp, tcp) = sockets().await;
        let address = udp.local_addr().unwrap();
        let zone = Arc::<Mutex<Zone>>::default();
        let shared = Arc::clone(&zone);
        let task = tokio::spawn(async move {
            tokio::join!(serve_udp(udp, &shared), serve_tcp(tcp, &shared));
        });
        Self {
            address,
            zone,
            task,
        }
    }

    fn add(&self, name: &str, kind: u16, ttl: u32, data: Vec<u8>) {
        let mut zone = self.zone.lock();
        let records = zone
            .entry((name.to_owned(), kind))
            .or_insert(Ok(Vec::new()));
        records.as_mut().unwrap().push((ttl, data));
    }

    pub(super) fn address(&self, name: &str, ttl: u32, ip: &str) {
        match ip.parse().unwrap() {
            IpAddr::V4(ip) => self.add(name, A, ttl, ip.octets().to_vec()),
            IpAddr::V6(ip) => self.add(name, AAAA, ttl, ip.octets().to_vec()),
        }
    }

    /// An alias, for both kinds of addresses.
    pub(super) fn alias(&self, name: &str, ttl: u32, target: &str) {
        self.add(name, CNAME, ttl, encoded(target));
    }

    pub(super) fn service(&self, name: &str, ttl: u32, priority: u16, host: &str, port: u16) {
        let mut data = [priority, 0, port].map(u16::to_be_bytes).concat();
        data.extend(encoded(host));
        self.add(name, SRV, ttl, data);
    }

    /// Makes lookups of IPv6 addresses fail.
    pub(super) fn fail_v6(&self, name: &str) {
        self.zone
            .lock()
            .insert((name.to_owned(), AAAA), Err(SERVFAIL));
    }

    pub(super) fn remove(&self, name: &str) {
        self.zone.lock().retain(|(it, _), _| it != name);
    }
}

/// The longest answer by UDP. A longer one is asked for by TCP.
const LONGEST: usize = 512;

async fn serve_udp(socket: UdpSocket, zone: &Mutex<Zone>) {
    let mut query = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut query).await.unwrap();
        let mut answer = answer(&query[..length], &zone.lock());
        if answer.len() > LONGEST {
            // Truncated: the question alone.
            answer[2] |= 2;
            answer[7] = 0;
            answer[6] = 0;
            answer.truncate(12 + question(&query).len());
        }
        socket.send_to(&answer, from).await.unwrap();
    }
}

/// One query for each connection.
async fn serve_tcp(listener: TcpListener, zone: &Mutex<Zone>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u16().await.unwrap();
        let mut query = vec![0; length.into()];
        stream.read_exact(&mut query).await.unwrap();
        let answer = answer(&query, &zone.lock());
        let length = u16::try_from(answer.len()).unwrap();
        stream.write_u16(length).await.unwrap();
        stream.write_all(&answer).await.unwrap();
    }
}

/// A name, its type and its class.
fn question(query: &[u8]) -> &[u8] {
    let mut at = 12;
    while query[at] != 0 {
        at += 1 + usize::from(query[at]);
    }
    &query[12..at + 5]
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|it| !it.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

fn answer(query: &[u8], zone: &Zone) -> Vec<u8> {
    let question = question(query);
    let mut labels = Vec::new();
    let mut rest = question;
    while rest[0] != 0 {
        let (label, behind) = rest[1..].split_at(rest[0].into());
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        rest = behind;
    }
    let kind = u16::from_be_bytes([rest[1], rest[2]]);

    let mut name = labels.join(".");
    let mut code = 0;
    let mut records = Vec::new();
    let mut push = |name: &str, kind: u16, ttl: u32, data: &[u8]| {
        let mut record = encoded(name);
        record.extend([kind, 1].map(u16::to_be_bytes).concat());
        record.extend(ttl.to_be_bytes());
        record.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        record.extend(data);
        records.push(record);
    };
    if let Some(Ok(alias)) = zone.get(&(name.clone(), CNAME)) {
        let (ttl, target) = &alias[0];
        push(&name, CNAME, *ttl, target);
        name = "target.test".to_owned();
    }
    match zone.get(&(name.clone(), kind)) {
        Some(Ok(found)) => {
            for (ttl, data) in found {
                push(&name, kind, *ttl, data);
            }
        }
        Some(Err(failure)) => code = *failure,
        None if !zone.keys().any(|(known, _)| *known == name) => code = 3, // NXDOMAIN
        None => {}
    }
    let mut answer = query[..2].to_vec();
    answer.extend([0x85, 0x80 | code]);
    let counts = [1, u16::try_from(records.len()).unwrap(), 0, 0];
    answer.extend(counts.map(u16::to_be_bytes).concat());
    answer.extend(question);
    answer.extend(records.concat());
    answer
}
