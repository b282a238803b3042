use super::*;
use std::cell::RefCell;

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn families_alternate_and_the_first_goes_first() {
    let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
    let order = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
    assert_eq!(interleave(given), order);
}

#[tokio::test(start_paused = true)]
async fn a_silent_address_delays_the_next_by_250_ms() {
    let begin = Instant::now();
    let started = RefCell::new(Vec::new());
    let winner = race(addresses(&["1.0.0.1:1", "1.0.0.2:1", "1.0.0.3:1"]), |at| {
        started.borrow_mut().push(begin.elapsed());
        async move {
            match at.ip().to_string().as_str() {
                "1.0.0.3" => Ok(at),
                _ => std::future::pending().await,
            }
        }
    })
    .await
    .unwrap();

    assert_eq!(winner.to_string(), "1.0.0.3:1");
    assert_eq!(*started.borrow(), [Duration::ZERO, STAGGER, STAGGER * 2]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_starts_the_next_at_once() {
    let begin = Instant::now();
    let failures = race(addresses(&["1.0.0.1:1", "1.0.0.2:1"]), |_| async {
        Err::<(), _>(io::ErrorKind::ConnectionRefused.into())
    })
    .await
    .unwrap_err();

    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!(failures.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_address_may_still_win() {
    let winner = race(addresses(&["1.0.0.1:1", "1.0.0.2:1"]), |at| async move {
        match at.ip().to_string().as_str() {
            "1.0.0.1" => sleep(STAGGER * 2).await,
            _ => return Err(io::ErrorKind::ConnectionRefused.into()),
        }
        Ok(at)
    })
    .await
    .unwrap();
    assert_eq!(winner.to_string(), "1.0.0.1:1");
}

#[tokio::test(start_paused = true)]
async fn no_address_is_a_failure_and_not_a_hang() {
    let failures = race(Vec::new(), |_| async { Ok(()) }).await.unwrap_err();
    assert!(failures.is_empty());
}
