//! Handlers of JSON.

use super::*;
use aiomsg::receive::Json;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    pieces: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    total: u32,
}

async fn create(Json(order): Json<Order>) -> Result<Json<Receipt>, String> {
    match order.pieces {
        0 => Err("an order has at least one piece".to_owned()),
        pieces => Ok(Json(Receipt { total: pieces * 12 })),
    }
}

async fn count(Json(orders): Json<Vec<Order>>) -> Json<usize> {
    Json(orders.len())
}

/// What has no form in JSON: its keys are no text.
async fn table(_: Delivery) -> Json<BTreeMap<(u8, u8), u8>> {
    Json(BTreeMap::from([((1, 2), 3)]))
}

#[tokio::test]
async fn typed_handlers_read_and_write_json() {
    let router = Router::new()
        .route("create", create)
        .route("count", count)
        .route("table", table)
        .route("closure", async |Json(text): Json<String>| {
            text.len().to_string()
        });
    let (server, endpoint) = routing(router).await;
    let mut events = server.events();
    let (_socket, service) = asker(&endpoint).await;
    let receipt = ask(&service, "create", r#"{"pieces": 2}"#).await.unwrap();
    assert_eq!(receipt, r#"{"total":24}"#);
    let two = r#"[{"pieces": 1}, {"pieces": 2}]"#;
    assert_eq!(ask(&service, "count", two).await.unwrap(), "2");
    assert_eq!(ask(&service, "closure", r#""four""#).await.unwrap(), "4");

    let error = ask(&service, "create", r#"{"pieces": 0}"#)
        .await
        .unwrap_err();
    assert_eq!(error.reason(), Some("an order has at least one piece"));
    for (request, wrong) in [
        ("{", "EOF while parsing an object at line 1 column 1"),
        (
            r#"{"pieces": -1}"#,
            "invalid value: integer `-1`, expected u32",
        ),
        ("{}", "missing field `pieces` at line 1 column 2"),
    ] {
        let error = ask(&service, "create", request).await.unwrap_err();
        assert!(error.is_unhandled());
        let reason = error.reason().unwrap();
        let begin = "the payload cannot be converted: the message is not the json of the handler";
        assert!(reason.starts_with(begin), "{reason}");
        assert!(reason.contains(wrong), "{reason}");
    }
    let error = ask(&service, "table", "").await.unwrap_err();
    let reason = error.reason().unwrap();
    assert!(reason.contains("key must be a string"), "{reason}");

    let refused = event(&mut events, "a refusal", |event| match event {
        Event::Refused { error, .. } if error.is_payload() => Some(error),
        _ => None,
    });
    assert!(refused.await.chain().to_string().contains("EOF"));
}

/// And without a router.
#[tokio::test]
async fn a_typed_handler_serves_a_socket() {
    let (server, endpoint) = receiver().await;
    tokio::spawn(server.serve(create));
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send_json(&Order { pieces: 3 }).await.unwrap();
    let receipt: Receipt = within("it", client.recv_json()).await.unwrap();
    assert_eq!(receipt.total, 36);
}
