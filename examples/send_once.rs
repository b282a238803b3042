//! A program that sends one message and ends, in four ways.
//!
//! ```text
//! cargo run --example send_once send|close|drain|acked [ADDRESS]
//! ```
//!
//! - `send` ends right after `send`: the message is lost, and the log says so.
//! - `close` closes the socket: the message arrives if the receiver is there.
//! - `drain` waits for the receiver first, if it is not there yet.
//! - `acked` waits until the receiver has acknowledged the message.
//!
//! Run `subscriber bind` in another terminal, before it or a second later.

use std::error::Error;
use std::time::Duration;

use aiomsg::Socket;
use aiomsg::close::CloseReport;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Or nobody would see the warnings.
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN);
    log.with_ansi(false).init();
    let mut arguments = std::env::args().skip(1);
    let way = arguments.next().unwrap_or_default();
    let address = arguments.next();
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    match way.as_str() {
        "send" => {
            let socket = Socket::new()?;
            socket.connect(address)?;
            socket.send("hello").await?;
        }
        "close" => {
            let socket = Socket::new()?;
            socket.connect(address)?;
            socket.send("hello").await?;
            // Connecting is under way, and close waits for it.
            closed(&socket.close(Duration::from_secs(5)).await);
        }
        "drain" => {
            let socket = Socket::new()?;
            socket.connect(address)?;
            socket.send("hello").await?;
            let report = socket.drain(Duration::from_secs(30)).await;
            println!("drained, {} messages wait", report.messages());
            closed(&socket.close(Duration::from_secs(5)).await);
        }
        "acked" => {
            let socket = Socket::builder().at_least_once().build()?;
            socket.connect(address)?;
            // It waits for as long as it takes.
            let acked = socket.send_acked("hello");
            tokio::time::timeout(Duration::from_secs(30), acked).await??;
            println!("acknowledged");
        }
        _ => return Err("usage: send_once send|close|drain|acked [ADDRESS]".into()),
    }
    Ok(())
}

fn closed(report: &CloseReport) {
    println!("closed, {} messages unsent", report.unsent.len());
}
