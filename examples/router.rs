//! A server with a handler for each kind of request, and a client that asks for all of them.
//!
//! ```text
//! cargo run --example router
//! ```
//!
//! Both ends are in this program, so that one command shows them; they are connected by TCP.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aiomsg::layer::Requests;
use aiomsg::parts::layers::request::Request;
use aiomsg::receive::Router;
use aiomsg::{AckMode, Delivery, Socket};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Socket::builder().ack_mode(AckMode::Handled).build()?;
    let endpoint = server.bind("127.0.0.1:0").await?;
    let serving = tokio::spawn(server.serve(router()));

    let requests = Requests::new().timeout(Duration::from_secs(5));
    let client = Socket::builder()
        .receive_layer(requests.answers())
        .build()?;
    client.connect(endpoint)?;
    let service = requests.layer().layer(client.clone());

    ask(&service, "orders.create", "two pieces").await;
    ask(&service, "orders.create", "").await;
    ask(&service, "orders.count", "").await;
    ask(&service, "report", "").await;
    ask(&service, "orders.cancel", "1").await;

    client.close(Duration::from_secs(5)).await;
    server.close(Duration::from_secs(5)).await;
    serving.await??;
    println!("closed");
    Ok(())
}

/// Handlers are async functions, closures with what they need, or services with tower's
/// layers around them.
fn router() -> Router {
    let orders = Arc::new(Mutex::new(Vec::new()));
    let known = Arc::clone(&orders);
    let count = move |_: Delivery| {
        let count = known.lock().map_or(0, |orders| orders.len());
        async move { count.to_string() }
    };
    let create = move |order: Delivery| {
        let orders = Arc::clone(&orders);
        async move {
            if order.payload().is_empty() {
                // The client gets this text.
                return Err(BoxError::from("an order has at least one piece"));
            }
            let mut orders = orders.lock().map_err(|error| error.to_string())?;
            orders.push(order.into_payload());
            Ok(format!("order {}", orders.len()))
        }
    };
    let report = ServiceBuilder::new()
        .timeout(Duration::from_millis(100))
        .service(service_fn(slow_report));
    Router::new()
        .nest(
            "orders.",
            Router::new().route("create", create).route("count", count),
        )
        .route("report", report)
}

async fn slow_report(_: Delivery) -> Result<String, BoxError> {
    tokio::time::sleep(Duration::from_secs(60)).await;
    Ok("a long report".to_owned())
}

async fn ask(service: &Request<Socket>, route: &str, payload: &'static str) {
    let request = service.clone().route(route);
    match request.oneshot(payload.into()).await {
        Ok(answer) => println!("{route}: {}", String::from_utf8_lossy(&answer)),
        // The server has said no, and why.
        Err(error) if error.is_unhandled() => {
            println!("{route}: no, {}", error.reason().unwrap_or_default());
        }
        // Perhaps nobody is there.
        Err(error) => println!("{route}: no answer, {}", error.chain()),
    }
}
