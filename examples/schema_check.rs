//! A user's layer around the send path: it lets JSON objects with a field "kind"
//! pass. Any other message comes back in the error.
//!
//! ```text
//! cargo run --example schema_check [ADDRESS]
//! ```

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use aiomsg::{Error, ErrorKind, Outbound, Socket};
use futures::future::Either;
use serde_json::Value;
use tower::{Service, layer::layer_fn};

struct SchemaCheck<S>(S);

impl<S: Service<Outbound, Error = Error>> Service<Outbound> for SchemaCheck<S> {
    type Response = S::Response;
    type Error = Error;
    /// The future of the inner service, or a refusal: a message costs no box.
    type Future = Either<S::Future, Ready<Result<S::Response, Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        match check(message.payload()) {
            Ok(()) => Either::Left(self.0.call(message)),
            Err(error) => Either::Right(ready(Err(error.with_message(message)))),
        }
    }
}

fn check(payload: &[u8]) -> Result<(), Error> {
    let refused = Error::new(ErrorKind::Payload);
    match serde_json::from_slice(payload) {
        Ok(Value::Object(fields)) if fields.contains_key("kind") => Ok(()),
        Ok(_) => Err(refused.with_reason("it is no json object with a field \"kind\"")),
        Err(error) => Err(refused.with_reason("it is not json").with_source(error)),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");

    let receiver = Socket::new()?;
    let endpoint = receiver.bind(address).await?;
    let sender = Socket::builder().layer(layer_fn(SchemaCheck)).build()?;
    sender.connect(endpoint)?;

    for message in [
        r#"{"kind": "job", "number": 1}"#,
        r#"{"number": 2}"#,
        "number 3",
    ] {
        match sender.send(message).await {
            Ok(()) => println!("received {}", receiver.recv_text().await?),
            Err(mut error) => {
                println!("refused: {}", error.chain());
                if let Some(message) = error.take_message() {
                    println!("came back: {}", String::from_utf8_lossy(message.payload()));
                }
            }
        }
    }
    Ok(())
}
