//! A client that sends `request_server` one request after the other.
//!
//! ```text
//! cargo run --example request_client [ADDRESS]
//! ```

use std::time::Duration;

use aiomsg::Socket;
use aiomsg::layer::Requests;
use aiomsg::parts::vocabulary::error::chain;
use bytes::Bytes;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;
    let pause: u64 = std::env::var("PAUSE_MS").map_or(Ok(1000), |ms| ms.parse())?;

    // The pending requests. One layer sends them, another takes their answers
    // out of the received messages.
    let requests = Requests::new();
    let socket = Socket::builder()
        .receive_layer(requests.answers())
        .build()?;
    socket.connect(address)?;
    println!("connecting to {address}");

    // A service from bytes to bytes: any of tower's layers fits around it.
    let mut client = ServiceBuilder::new()
        .timeout(Duration::from_secs(5))
        .layer(requests.layer())
        .service(socket.clone());

    let ask = async {
        for n in 1..=count {
            let request = Bytes::from(n.to_string());
            match client.ready().await?.call(request).await {
                Ok(answer) => println!("{n}: {}", String::from_utf8_lossy(&answer)),
                Err(error) => println!("{n}: no answer, {}", chain(&*error)),
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Ok::<_, BoxError>(())
    };
    tokio::select! {
        asked = ask => asked?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    socket.close(Duration::from_secs(5)).await;
    println!("closed, {} answers came too late", requests.late());
    Ok(())
}
