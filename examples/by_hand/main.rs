//! Either end of a conversation, with a socket put together by hand.
//!
//! ```text
//! cargo run --example by_hand [bind|connect] [roundrobin|publish|atleastonce] [ADDRESS]
//! ```
//!
//! The socket is in `socket.rs`: read that. Its peers see no difference from an
//! `aiomsg::Socket`. The other end is this program again, or any other example,
//! such as `clock_client`.

mod socket;

use std::error::Error;
use std::time::Duration;

use aiomsg_core::{Discard, Endpoint, Identity, Outbound};
use socket::{Mode, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (end, mode, address) = (args.next(), args.next(), args.next());
    let mode = match mode.as_deref() {
        None | Some("roundrobin") => Mode::RoundRobin,
        Some("publish") => Mode::Publish,
        Some("atleastonce") => Mode::RoundRobinAtLeastOnce,
        Some(other) => return Err(format!("\"{other}\" is no mode").into()),
    };
    let address: Endpoint = address.as_deref().unwrap_or("127.0.0.1:25000").parse()?;
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;
    let pause: u64 = std::env::var("PAUSE_MS").map_or(Ok(1000), |ms| ms.parse())?;
    let me = std::process::id();

    let lost = Discard::new(|lost| println!("lost a message: {}", lost.reason));
    let socket = Socket::new(Identity::random(), mode, lost);
    match end.as_deref() {
        None | Some("bind") => println!("listening at {}", socket.bind(&address).await?),
        Some("connect") => {
            println!("connecting to {address}");
            socket.connect(address);
        }
        Some(other) => return Err(format!("\"{other}\" is neither connect nor bind").into()),
    }

    let talk = async {
        for n in 1..=count {
            println!("sending {n} of {me}");
            socket.send(Outbound::new(format!("{n} of {me}"))).await?;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        // Messages without a peer wait in the buffer, and close would only
        // hand them back.
        while socket.buffered() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    let listen = async {
        loop {
            let message = socket.recv().await?;
            println!("received {}", String::from_utf8_lossy(message.payload()));
        }
    };
    tokio::select! {
        talked = talk => talked?,
        listened = listen => return listened,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    let unsent = socket.close(Duration::from_secs(5)).await;
    println!("closed, {} messages unsent", unsent.len());
    Ok(())
}
