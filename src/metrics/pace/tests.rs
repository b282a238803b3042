use super::*;
use tokio::time::advance;

fn timed(pace: &mut Pace, calls: usize) -> usize {
    (0..calls).filter(|_| pace.start().is_some()).count()
}

#[tokio::test(start_paused = true)]
async fn each_call_of_a_moderate_rate_is_timed() {
    let mut pace = Pace::new();
    for _ in 0..5_000 {
        assert!(pace.start().is_some());
        advance(ONE_MORE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_flood_one_call_in_64_is_timed() {
    let mut pace = Pace::new();
    assert_eq!(timed(&mut pace, BURST as usize), BURST as usize);
    assert_eq!(timed(&mut pace, 6_400), 100);
}

/// Or a call that comes alone after a flood would be one of the 63 that are not timed.
#[tokio::test(start_paused = true)]
async fn after_a_flood_each_call_is_timed_again() {
    let mut pace = Pace::new();
    timed(&mut pace, 10_000);
    advance(Duration::from_secs(1)).await;
    // The clock is read at one in 64.
    timed(&mut pace, STRIDE as usize);
    assert_eq!(timed(&mut pace, 500), 500);
}

/// Hours of silence do not add up.
#[tokio::test(start_paused = true)]
async fn a_burst_is_bounded_after_any_pause() {
    let mut pace = Pace::new();
    timed(&mut pace, 10_000);
    advance(Duration::from_secs(500_000)).await;
    timed(&mut pace, STRIDE as usize);
    assert!(timed(&mut pace, 10_000) < BURST as usize + 10_000 / STRIDE as usize + 1);
}
