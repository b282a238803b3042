//! A client that sends each typed line to `echo_relay`, and prints the messages
//! that come back.
//!
//! ```text
//! cargo run --example echo_client [ADDRESS]
//! ```

use std::error::Error;
use std::time::Duration;

use aiomsg::Socket;
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;

    let socket = Socket::new()?;
    socket.connect(address)?;
    println!("connecting to {address}");

    let mut typed = typed_lines();
    let talk = async {
        let mut received = 0;
        while received < count {
            // A socket sends and receives at the same time, and a dropped recv
            // loses nothing.
            tokio::select! {
                Some(line) = typed.recv() => socket.send_text(line).await?,
                message = socket.recv_text() => {
                    println!("received {}", message?);
                    received += 1;
                }
            }
        }
        Ok::<_, Box<dyn Error>>(())
    };
    tokio::select! {
        talked = talk => talked?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    let report = socket.close(Duration::from_secs(5)).await;
    println!("closed, {} messages unsent", report.unsent.len());
    Ok(())
}

/// Reads the terminal in a thread of its own: the runtime would wait for one of
/// its own threads at the end, until somebody presses return.
fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
