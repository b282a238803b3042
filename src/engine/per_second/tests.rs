use super::*;
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn so_many_a_second_and_the_rest_is_counted() {
    let refusals = PerSecond::new(2);
    let mut told = 0;
    for _ in 0..10 {
        told += u32::from(refusals.admit());
    }
    assert_eq!(told, 2);
    assert_eq!(refusals.take_omitted(), None, "there may be more");
    advance(SECOND).await;
    assert_eq!(refusals.take_omitted(), Some(8));
    assert_eq!(refusals.take_omitted(), None);
    assert!(refusals.admit());
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_goes_on_is_told_of_each_second() {
    let refusals = PerSecond::new(2);
    let mut omitted = Vec::new();
    for _ in 0..5 {
        for _ in 0..10 {
            if refusals.admit() {
                omitted.extend(refusals.take_omitted());
            }
        }
        advance(SECOND).await;
    }
    assert_eq!(omitted, [8, 8, 8, 8]);
}
