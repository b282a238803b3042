//! Requests through tower's middleware.

use super::*;

#[tokio::test]
async fn timeout_and_the_answer_that_comes_late() {
    let gate = Gate::new();
    let held = gate.clone();
    let slow = service_fn(move |payload: Bytes| {
        let gate = held.clone();
        async move {
            if payload == "slow" {
                gate.pass().await;
            }
            Ok::<_, Error>(payload)
        }
    });
    let (_server, endpoint) = answering(slow).await;
    let requests = Requests::new();
    let (socket, service) = asker(&requests, &[endpoint]).await;
    let service = TimeoutLayer::new(SECOND / 10).layer(service);
    let error = ask(&service, "slow").await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>());
    assert!(requests.is_empty(), "its place is free");
    assert_eq!(requests.late(), 0);

    gate.come(1).await;
    gate.let_go(1);
    until("the late answer", || requests.late() == 1).await;
    assert_eq!(requests.unknown(), 0);
    assert_eq!(socket.stats().unreceived_messages, 0, "nobody gets it");
    let patient = requests.layer().layer(socket);
    assert_eq!(ask(&patient, "quick").await.unwrap(), "quick");
}

#[tokio::test(start_paused = true)]
async fn a_request_has_a_time_of_its_own() {
    let never = service_fn(|_: Bytes| std::future::pending::<Result<Bytes, Error>>());
    let (_server, endpoint) = answering(never).await;
    let requests = Requests::new().timeout(SECOND * 3);
    let (_socket, service) = asker(&requests, &[endpoint]).await;
    let start = Instant::now();
    let error = ask(&service, "x").await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(start.elapsed(), SECOND * 3);
    assert!(requests.is_empty());
}

/// Asks again when the time was up.
#[derive(Clone)]
struct Again;

impl Policy<Bytes, Bytes, Error> for Again {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut Bytes, result: &mut Result<Bytes, Error>) -> Option<Self::Future> {
        let timed_out = result.as_ref().is_err_and(Error::is_timeout);
        timed_out.then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, payload: &Bytes) -> Option<Bytes> {
        Some(payload.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn retry_asks_again_under_another_id() {
    let tries: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let noted = Arc::clone(&tries);
    let (server, endpoint) = receiver().await;
    // It hears the first two, and does not answer.
    let third = service_fn(move |message: Delivery| {
        let mut tries = noted.lock().unwrap();
        tries.push(message.payload().clone());
        let answers = tries.len() > 2;
        async move { Ok::<_, Error>(answers.then(|| message.into_payload())) }
    });
    tokio::spawn(server.serve(third).into_future());
    let requests = Requests::new().timeout(SECOND);
    let (_socket, service) = asker(&requests, &[endpoint]).await;
    let service = RetryLayer::new(Again).layer(service);
    let start = Instant::now();
    assert_eq!(ask(&service, "x").await.unwrap(), "x");
    assert!(start.elapsed() >= SECOND * 2, "{:?}", start.elapsed());
    let tries = tries.lock().unwrap();
    assert_eq!(tries.len(), 3);
    for (n, request) in tries.iter().enumerate() {
        assert!(request.ends_with(b"\0x"));
        assert!(!tries[..n].contains(request));
    }
}

/// The server dies with a request that it was working on, and another one is
/// started in its place.
#[tokio::test]
async fn retry_over_a_restart_of_the_server() {
    let gate = Gate::new();
    let held = gate.clone();
    let dies = service_fn(move |payload: Bytes| {
        let gate = held.clone();
        async move {
            gate.pass().await;
            Ok::<_, Error>(payload)
        }
    });
    let (first, endpoint) = answering(dies).await;
    let requests = Requests::new().timeout(SECOND / 2);
    let (_socket, service) = asker(&requests, std::slice::from_ref(&endpoint)).await;
    let service = RetryLayer::new(Again).layer(service);
    let asked = tokio::spawn({
        let service = service.clone();
        async move { ask(&service, "x").await }
    });
    gate.come(1).await;
    first.unbind(endpoint.clone()).await.unwrap();
    first.close(Duration::ZERO).await;

    let second = Socket::new().unwrap();
    second.bind(endpoint).await.unwrap();
    serve(&second, echo("the second", Duration::ZERO));
    let answer = within("the answer", asked).await.unwrap().unwrap();
    assert_eq!(answer, "the second: x");
    assert_eq!(ask(&service, "y").await.unwrap(), "the second: y");
}

type Asked = BoxCloneService<Bytes, Bytes, Error>;

#[tokio::test(start_paused = true)]
async fn balance_asks_the_server_that_is_quicker() {
    let (slow, slow_at) = answering(echo("slow", SECOND * 10)).await;
    let (fast, fast_at) = answering(echo("fast", SECOND / 1000)).await;
    let mut sockets = Vec::new();
    let mut services = Vec::new();
    for endpoint in [slow_at, fast_at] {
        let requests = Requests::new();
        let (socket, service) = asker(&requests, &[endpoint]).await;
        sockets.push((socket, requests));
        let service: Asked = service.boxed_clone();
        services.push(PendingRequests::new(service, CompleteOnResponse::default()));
    }
    let mut balance = Balance::new(ServiceList::new::<Bytes>(services));
    let mut pending = Vec::new();
    for n in 0..100 {
        let ready = within("a server", balance.ready()).await.unwrap();
        pending.push(tokio::spawn(ready.call(n.to_string().into())));
        sleep(SECOND / 100).await;
    }
    let mut answers = Vec::new();
    for answer in pending {
        answers.push(within("an answer", answer).await.unwrap().unwrap());
    }
    let by_slow = answers.iter().filter(|it| it.starts_with(b"slow")).count();
    assert!(by_slow <= 10, "{by_slow}");
    assert_eq!(slow.stats().received_messages, by_slow as u64);
    assert_eq!(fast.stats().received_messages, 100 - by_slow as u64);
    assert!(sockets.iter().all(|(_, requests)| requests.is_empty()));
}

/// The same over one socket, between its peers; and a peer that never answers
/// is asked little.
#[tokio::test(start_paused = true)]
async fn balance_between_the_peers_of_a_socket() {
    let never = service_fn(|_: Bytes| std::future::pending::<Result<Bytes, Error>>());
    let (stuck, stuck_at) = answering(never).await;
    let (well, well_at) = answering(echo("well", SECOND / 1000)).await;
    let requests = Requests::new();
    let (_socket, service) = asker(&requests, &[stuck_at, well_at]).await;
    let services = [&stuck, &well].map(|server| {
        let service = service.clone().to(server.identity().clone());
        PendingRequests::new(service, CompleteOnResponse::default())
    });
    let mut balance = Balance::new(ServiceList::new::<Bytes>(services));
    let mut answered = 0;
    for n in 0..50 {
        let ready = within("a server", balance.ready()).await.unwrap();
        let mut asked = Box::pin(ready.call(n.to_string().into()));
        let answer = tokio::time::timeout(SECOND, &mut asked).await;
        match answer {
            Ok(answer) => {
                assert_eq!(answer.unwrap(), format!("well: {n}"));
                answered += 1;
            }
            // It stays pending, and counts as load.
            Err(_) => drop(tokio::spawn(asked)),
        }
    }
    assert!(answered >= 48, "{answered}");
}

/// All of them, as a program has them.
#[tokio::test]
async fn a_client_of_many_layers() {
    let (_server, endpoint) = answering(echo("server", Duration::ZERO)).await;
    let requests = Requests::new().limit(8);
    let (_socket, service) = asker(&requests, &[endpoint]).await;
    let most = Arc::new(AtomicUsize::new(0));
    let (seen, table) = (Arc::clone(&most), requests.clone());
    let client = ServiceBuilder::new()
        .buffer(16)
        .timeout(SECOND * 20)
        .concurrency_limit(4)
        .layer(RetryLayer::new(Again))
        .map_response(move |answer: Bytes| {
            seen.fetch_max(table.len(), Ordering::Relaxed);
            answer
        })
        .service(service);
    let all = (0..200).map(|n| {
        let client = client.clone();
        let asked: BoxFuture<'static, ()> = async move {
            let answer = client.oneshot(Bytes::from(n.to_string())).await.unwrap();
            assert_eq!(answer, format!("server: {n}"));
        }
        .boxed();
        asked
    });
    within("all answers", join_all(all)).await;
    assert!(most.load(Ordering::Relaxed) <= 4);
    assert!(requests.is_empty());
}
