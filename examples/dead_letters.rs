//! A user's layer around the receive path: messages that the layers below
//! refuse go into a dead letter queue, and count as received.
//!
//! ```text
//! cargo run --example dead_letters [ADDRESS]
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg::parts::vocabulary::error::{BoxError, chain};
use aiomsg::{Delivery, Socket};
use tokio::sync::mpsc;
use tower::{Service, ServiceBuilder, filter::FilterLayer, layer::layer_fn};

/// A refused message, and the reason.
type DeadLetter = (Delivery, BoxError);

struct DeadLetters<S>(S, mpsc::Sender<DeadLetter>);

impl<S> Service<Delivery> for DeadLetters<S>
where
    S: Service<Delivery, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = ();
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        let (letter, queue) = (message.clone(), self.1.clone());
        let taking = self.0.call(message);
        Box::pin(async move {
            let Err(error) = taking.await else {
                return Ok(());
            };
            // A full queue holds back the peer.
            Ok(queue.send((letter, error.into())).await?)
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");

    let (queue, mut dead_letters) = mpsc::channel(100);
    let receiver = Socket::builder()
        // Both as one stack: the outer layer sees the error of the filter itself.
        .receive_layer(
            ServiceBuilder::new()
                .layer(layer_fn(move |inner| DeadLetters(inner, queue.clone())))
                .layer(FilterLayer::new(|message: Delivery| {
                    match message.payload().starts_with(b"good") {
                        true => Ok(message),
                        false => Err("it does not begin with good"),
                    }
                })),
        )
        .build()?;
    let sender = Socket::builder().at_least_once().build()?;
    sender.connect(receiver.bind(address).await?)?;

    sender.send("bad news").await?;
    sender.send("good news").await?;
    println!("received {}", receiver.recv_text().await?);
    let (letter, error) = dead_letters.recv().await.ok_or("no dead letter")?;
    println!("dead letter {:?}: {}", letter.payload(), chain(&*error));
    // Both are acknowledged, so neither is sent again.
    let report = sender.close(Duration::from_secs(5)).await;
    println!("{} to send again", report.unacknowledged.len());
    Ok(())
}
