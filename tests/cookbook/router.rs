use crate::program::example;

/// Each request has its handler, and the client learns why one was not handled.
#[tokio::test]
async fn requests_are_routed_and_errors_come_back() {
    let mut program = example("router").run();
    let lines = program.end().await;
    assert_eq!(
        lines,
        [
            "orders.create: order 1",
            "orders.create: no, an order has at least one piece",
            "orders.count: 1",
            "report: no, request timed out",
            "orders.cancel: no, there is no route \"orders.cancel\"",
            "closed",
        ]
    );
}
