//! Sends each line that is typed to `echo_relay`, and prints what comes from
//! there.
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
            // A socket may be used for both directions at once, and dropping
            // a recv that is not ready loses nothing.
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

/// Reads the terminal in a thread of its own: one of the runtime's would have
/// to be waited for at the end, until somebody presses return.
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
