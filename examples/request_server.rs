//! A server that answers a number with its square.
//!
//! ```text
//! cargo run --example request_server [ADDRESS]
//! ```
//!
//! Run `request_client` in another terminal, as often as you like.

use std::error::Error;
use std::time::Duration;

use aiomsg::layer::ReplyLayer;
use aiomsg::{AckMode, Socket};
use bytes::Bytes;
use tower::{BoxError, ServiceBuilder, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");

    // A request is acknowledged, if its sender wants that, when it is handled.
    let socket = Socket::builder().ack_mode(AckMode::Handled).build()?;
    println!("listening at {}", socket.bind(address).await?);

    // The service sees payloads only: the layer strips the id from a request and
    // puts it before the answer. More of tower's layers fit between them.
    let square = ServiceBuilder::new()
        .layer(ReplyLayer::new())
        .timeout(Duration::from_secs(1))
        .service(service_fn(square));

    // The server handles sixteen requests at a time. Further ones wait in the
    // socket, and then at the clients.
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let serving = socket.serve(square).concurrency(16);
    serving.with_graceful_shutdown(stop).await?;

    let report = socket.close(Duration::from_secs(5)).await;
    println!("closed, {} answers unsent", report.unsent.len());
    Ok(())
}

async fn square(request: Bytes) -> Result<String, BoxError> {
    let text = std::str::from_utf8(&request)?;
    // The client gets an error with this text.
    let number: i64 = text
        .parse()
        .map_err(|error| format!("not a number: {error}"))?;
    let answer = number.saturating_mul(number).to_string();
    println!("{text}: {answer}");
    Ok(answer)
}
