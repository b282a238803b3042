//! A message that a consumer does not take, and those behind it.

use super::*;
use aiomsg::DeliveryGuarantee;

const MIB: usize = 1 << 20;

/// It ended the connection to the consumer for ever, and nothing passed any more.
#[tokio::test]
async fn a_message_that_no_consumer_takes_is_given_up_and_the_others_pass() {
    for options in [&[][..], &["--at-least-once", "both"]] {
        for consumers in [1, 3] {
            let proxy = Proxy::start(options).await;
            let consumers: Vec<_> = (0..consumers)
                .map(|_| {
                    let consumer = Socket::builder().max_message_size(MIB).build().unwrap();
                    connected(consumer, &proxy.backend)
                })
                .collect();
            let guarantee = match options.is_empty() {
                true => DeliveryGuarantee::AtMostOnce,
                false => DeliveryGuarantee::AtLeastOnce,
            };
            let producer = Socket::builder().delivery_guarantee(guarantee);
            let producer = connected(producer.build().unwrap(), &proxy.frontend);
            producer.send(vec![7; 16 * MIB]).await.unwrap();
            for n in 0..30 {
                producer.send(n.to_string()).await.unwrap();
            }
            let mut got = std::collections::BTreeSet::new();
            within("the others", async {
                while got.len() < 30 {
                    for consumer in &consumers {
                        let pause = Duration::from_millis(5);
                        let message = tokio::time::timeout(pause, consumer.recv_text()).await;
                        got.extend(message.into_iter().map(Result::unwrap));
                    }
                }
            })
            .await;
            if options.is_empty() {
                let dropped = "aiomsg_dropped_messages_total";
                until_metric(&proxy, dropped, "poison").await;
            }
        }
    }
}

async fn until_metric(proxy: &Proxy, name: &str, reason: &str) {
    within("the metric", async {
        loop {
            let page = http::get(&proxy.metrics).await.body;
            let mut lines = page.lines();
            let there =
                |line: &str| line.contains(name) && line.contains(reason) && !line.ends_with(" 0");
            if lines.any(there) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}
