use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::sync::Mutex;
use aiomsg_core::{Addresses, BoxError, Name};
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

type Answer = Result<Addresses, &'static str>;

/// Gives the answers of a list, and the last one again and again.
#[derive(Clone, Default)]
struct Mock {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Instant>>>,
}

impl Mock {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let mock = Self::default();
        mock.answers.lock().extend(answers);
        mock
    }

    fn follow(&self) -> Follow<BoxCloneSyncService<Name, Addresses, BoxError>> {
        let mock = self.clone();
        let resolver = service_fn(move |name: Name| {
            assert_eq!(name, Name::new("workers", 7));
            mock.asked.lock().push(Instant::now());
            let mut answers = mock.answers.lock();
            let answer = match answers.len() {
                1 => answers[0].clone(),
                _ => answers.pop_front().expect("an answer"),
            };
            async move { answer.map_err(BoxError::from) }
        });
        Follow::new(BoxCloneSyncService::new(resolver), Name::new("workers", 7))
    }

    /// The times between the lookups.
    fn gaps(&self) -> Vec<Duration> {
        let asked = self.asked.lock();
        asked.windows(2).map(|two| two[1] - two[0]).collect()
    }
}

fn address(n: u8) -> SocketAddr {
    ([10, 0, 0, n], 7).into()
}

fn some(numbers: impl IntoIterator<Item = u8>) -> Addresses {
    Addresses::new(numbers.into_iter().map(address))
}

fn addresses(numbers: impl IntoIterator<Item = u8>) -> Vec<SocketAddr> {
    numbers.into_iter().map(address).collect()
}

fn changed(followed: Followed) -> Change {
    match followed {
        Followed::Changed(change) => change,
        Followed::Failed { error, .. } => panic!("failed: {error}"),
    }
}

fn failed(followed: Followed) -> (String, Duration) {
    match followed {
        Followed::Failed { error, retry_in } => (error.chain().to_string(), retry_in),
        Followed::Changed(change) => panic!("{change:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_come_and_go() {
    let answers = [some([1, 2]), some([2, 1]), some([2, 3]), some([4])];
    let mock = Mock::new(answers.map(Ok));
    let mut follow = mock.follow();
    let change = changed(follow.next().await);
    assert_eq!(change.added, addresses([1, 2]));
    assert_eq!(change.removed, []);
    // The same in another order is no news.
    let change = changed(follow.next().await);
    assert_eq!(change.added, addresses([3]));
    assert_eq!(change.removed, addresses([1]));
    let change = changed(follow.next().await);
    assert_eq!(change.added, addresses([4]));
    assert_eq!(change.removed, addresses([2, 3]));
    for gap in mock.gaps() {
        assert!((SECOND * 30..=SECOND * 36).contains(&gap), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_named_twice_counts_once() {
    let mut follow = Mock::new([Ok(some([1, 1, 2, 1]))]).follow();
    let change = changed(follow.next().await);
    assert_eq!(change.added, addresses([1, 2]));
    assert_eq!(change.omitted, 0);
}

#[tokio::test(start_paused = true)]
async fn the_next_lookup_comes_when_the_answer_has_expired() {
    let day = SECOND * 24 * 3600;
    for (ttl, least) in [
        (SECOND * 5, SECOND * 5),
        (Duration::ZERO, SECOND),
        (day, SECOND * 3600),
        (Duration::MAX, SECOND * 3600),
    ] {
        let mock = Mock::new([Ok(some([1]).ttl(ttl)), Ok(some([2]))]);
        let mut follow = mock.follow();
        changed(follow.next().await);
        changed(follow.next().await);
        let gap = mock.gaps()[0];
        assert!(
            (least..=least.mul_f64(1.21)).contains(&gap),
            "{ttl:?}: {gap:?}"
        );
    }
}

/// Thirty years stand for ever.
#[tokio::test(start_paused = true)]
async fn the_longest_interval_overflows_nothing() {
    let answers = [Ok(some([1])), Err("no server"), Ok(some([2]))];
    let mock = Mock::new(answers);
    let mut follow = mock.follow().interval(Duration::MAX);
    changed(follow.next().await);
    let (_, retry_in) = failed(follow.next().await);
    assert_eq!(changed(follow.next().await).added, addresses([2]));
    let year = SECOND * 365 * 24 * 3600;
    let gaps = mock.gaps();
    assert!((year * 30..=year * 36).contains(&gaps[0]), "{gaps:?}");
    assert!(
        (retry_in..=retry_in + SECOND).contains(&gaps[1]),
        "{gaps:?}"
    );
}

/// Sockets that started together would ask together, again and again.
#[tokio::test(start_paused = true)]
async fn lookups_are_spread() {
    let mut gaps = std::collections::HashSet::new();
    for _ in 0..50 {
        let mock = Mock::new([Ok(some([1])), Ok(some([2]))]);
        let mut follow = mock.follow();
        changed(follow.next().await);
        changed(follow.next().await);
        gaps.extend(mock.gaps());
    }
    assert!(gaps.len() > 25, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_lookup_keeps_all_and_is_repeated_after_delays_that_grow() {
    let mut answers = vec![Ok(some([1, 2]))];
    answers.extend([const { Err("no server") }; 8]);
    answers.push(Ok(some([1, 2, 3])));
    let mock = Mock::new(answers);
    let mut follow = mock.follow();
    changed(follow.next().await);
    let mut delays = Vec::new();
    for _ in 0..8 {
        let (error, retry_in) = failed(follow.next().await);
        assert!(error.contains("no server"), "{error}");
        delays.push(retry_in);
    }
    assert!(delays[0] <= SECOND, "{delays:?}");
    assert!(
        (SECOND * 15..=SECOND * 30).contains(&delays[7]),
        "{delays:?}"
    );
    let change = changed(follow.next().await);
    assert_eq!(change.added, addresses([3]));
    assert_eq!(change.removed, []);
}

/// A DNS server that has just started knows no name for a moment.
#[tokio::test(start_paused = true)]
async fn an_empty_answer_counts_when_two_more_confirm_it() {
    let none = || Ok(Addresses::default());
    let mock = Mock::new([
        Ok(some([1, 2])),
        none(),
        none(),
        Ok(some([1, 2])), // it was for a moment
        none(),
        Err("no server"), // confirms nothing
        none(),
        none(),
        none(),
    ]);
    let mut follow = mock.follow();
    changed(follow.next().await);
    for missing in [2, 1] {
        let (error, retry_in) = failed(follow.next().await);
        let words = format!("\"workers\" has no address; the 2 that it had stay, until {missing}");
        assert!(error.contains(&words), "{error}");
        assert!(retry_in <= SECOND * 2);
    }
    assert_eq!(changed(follow.next().await), Change::default());
    for words in ["until 2", "no server", "until 1"] {
        let (error, _) = failed(follow.next().await);
        assert!(error.contains(words), "{error}");
    }
    let change = changed(follow.next().await);
    assert_eq!(change.removed, addresses([1, 2]));
    assert_eq!(change.added, []);
    // From then on, it is a name without addresses.
    let (error, _) = failed(follow.next().await);
    assert!(error.ends_with("has no address"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_there_yet_is_reported_and_asked_for_again() {
    let mock = Mock::new([
        Ok(Addresses::default()),
        Err("no server"),
        Ok(Addresses::default()),
        Ok(some([1])),
    ]);
    let mut follow = mock.follow();
    let mut delays = Vec::new();
    for _ in 0..3 {
        delays.push(failed(follow.next().await).1);
    }
    assert!((SECOND * 2..=SECOND * 4).contains(&delays[2]), "{delays:?}");
    assert_eq!(changed(follow.next().await).added, addresses([1]));
    for (gap, delay) in mock.gaps().into_iter().zip(delays) {
        // The timers count in milliseconds.
        assert!(
            gap >= delay && gap - delay < SECOND / 100,
            "{gap:?} {delay:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_too_many_addresses_the_followed_ones_stay() {
    let mock = Mock::new([
        Ok(some([200, 201])),
        Ok(some((0..100).chain([201]))),
        Ok(some(0..100)),
        Ok(some(0..3)),
    ]);
    let mut follow = mock.follow().max_addresses(4);
    assert_eq!(changed(follow.next().await).omitted, 0);
    let change = changed(follow.next().await);
    assert_eq!(change.removed, addresses([200]));
    assert_eq!((change.added.len(), change.omitted), (3, 97));
    let before = change.added;
    let change = changed(follow.next().await);
    assert_eq!(change.removed, addresses([201]));
    assert_eq!((change.added.len(), change.omitted), (1, 96));
    let followed = [before, change.added].concat();
    let change = changed(follow.next().await);
    assert_eq!(change.omitted, 0);
    let mut now: Vec<_> = followed
        .into_iter()
        .filter(|it| !change.removed.contains(it))
        .collect();
    now.extend(change.added);
    now.sort();
    assert_eq!(now, addresses(0..3));
}

/// All sockets that follow a name would otherwise choose the same addresses of many, and
/// the rest would get no work.
#[tokio::test(start_paused = true)]
async fn sockets_choose_different_addresses_of_too_many() {
    let mut chosen = std::collections::HashSet::new();
    for _ in 0..50 {
        let mut follow = Mock::new([Ok(some(0..100))]).follow().max_addresses(2);
        chosen.extend(changed(follow.next().await).added);
    }
    assert!(chosen.len() > 20, "{chosen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_does_not_answer_or_panics_has_failed() {
    let silent = service_fn(|_: Name| std::future::pending::<Result<Addresses, BoxError>>());
    let mut follow = Follow::new(silent, Name::new("workers", 7));
    let (error, _) = failed(follow.next().await);
    assert!(error.contains("\"workers\" within 15s"), "{error}");

    let panics = service_fn(|_: Name| async { panic!("out of luck") });
    let panics = panics.map_result(|it: Result<Addresses, BoxError>| it);
    let mut follow = Follow::new(panics, Name::new("workers", 7));
    let (error, _) = failed(follow.next().await);
    assert!(error.contains("the resolver"), "{error}");
    assert!(error.contains("out of luck"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_loses_nothing() {
    let mock = Mock::new([Ok(some([1])), Ok(some([2])), Ok(some([2]))]);
    let mut follow = mock.follow().interval(SECOND * 10);
    changed(follow.next().await);
    for _ in 0..9 {
        let waited = tokio::time::timeout(SECOND, follow.next()).await;
        assert!(waited.is_err());
    }
    assert_eq!(changed(follow.next().await).added, addresses([2]));
    assert_eq!(mock.gaps().len(), 1);
}
