//! Requests through tower's middleware.

use super::*;

#[tokio::test(start_paused = true)]
async fn timeout_and_concurrency_limit() {
    let requests = Requests::new();
    let stack = ServiceBuilder::new()
        .timeout(SECOND * 2)
        .concurrency_limit(2)
        .layer(requests.layer());

    let quick = stack.clone().service(answering(&requests, "p", SECOND));
    let begin = Instant::now();
    let four = join_all((0..4).map(|_| ask(&quick, "x"))).await;
    assert_eq!(begin.elapsed(), SECOND * 2, "two at a time");
    for answer in four {
        assert_eq!(answer.unwrap(), "p: x");
    }

    let slow = stack.service(answering(&requests, "p", SECOND * 3));
    let error = Error::from_boxed(ask(&slow, "x").await.unwrap_err());
    assert!(error.is_layer(), "tower's, not ours");
    assert!(requests.is_empty());
    sleep(SECOND * 3).await;
    assert_eq!(requests.late(), 1);
}

#[derive(Clone)]
struct Again(usize);

impl Policy<Bytes, Bytes, Error> for Again {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut Bytes, result: &mut Result<Bytes, Error>) -> Option<Self::Future> {
        let again = self.0 > 0 && result.as_ref().is_err_and(Error::is_timeout);
        self.0 = self.0.saturating_sub(1);
        again.then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, payload: &Bytes) -> Option<Bytes> {
        Some(payload.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_has_an_id_of_its_own() {
    let (wire, requests) = (Wire::default(), Requests::new().timeout(SECOND));
    let arriving = Arriving::new(&requests);
    let service = RetryLayer::new(Again(5)).layer(requests.layer().layer(wire.service()));
    let request = tokio::spawn(async move { ask(&service, "x").await });
    sleep(SECOND * 5 / 2).await;
    assert_eq!(wire.len(), 3);
    assert_eq!(wire.sent(0).1, wire.sent(2).1);
    assert_ne!(wire.id(0), wire.id(2));
    arriving.answer(&peer("p"), &wire.id(1), "late");
    arriving.answer(&peer("p"), &wire.id(2), "in time");
    assert_eq!(request.await.unwrap().unwrap(), "in time");
    assert_eq!((requests.late(), requests.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn balance_asks_the_peer_with_fewer_pending_requests() {
    let requests = Requests::new();
    let slow = answering(&requests, "slow", SECOND * 10).boxed_clone();
    let fast = answering(&requests, "fast", SECOND / 1000).boxed_clone();
    let peers = [("slow", slow), ("fast", fast)].map(|(name, sending)| {
        let service = requests.layer().layer(sending).to(peer(name));
        PendingRequests::new(service, CompleteOnResponse::default())
    });
    let mut balance = Balance::new(ServiceList::new::<Bytes>(peers));
    let begin = Instant::now();
    let (mut slow, mut fast) = (0, 0);
    let mut pending = Vec::new();
    for _ in 0..100 {
        let answer = balance.ready().await.unwrap().call("x".into());
        pending.push(tokio::spawn(answer));
        sleep(SECOND / 100).await;
    }
    for answer in join_all(pending).await {
        match &answer.unwrap().unwrap()[..] {
            b"slow: x" => slow += 1,
            b"fast: x" => fast += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(begin.elapsed() <= SECOND * 11);
    assert_eq!((slow + fast, slow <= 1), (100, true), "{slow} and {fast}");
    assert!(requests.is_empty());
}
