use super::*;

#[test]
fn the_last_try_is_one_by_itself() {
    for max_resends in 1..10 {
        assert_eq!(Care::of(max_resends, max_resends), Care::Alone);
        assert_eq!(Care::of(0, max_resends), Care::None);
    }
    assert_eq!(Care::of(1, 5), Care::None);
    assert_eq!(Care::of(2, 5), Care::Few);
}

#[test]
fn more_go_at_once_while_all_is_well() {
    let mut suspects = Suspects::default();
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let count = (0..100).filter(|_| suspects.admit(None, Care::Few)).count();
        rounds.push(count);
        for _ in 0..count {
            suspects.release(None, true);
        }
    }
    assert_eq!(rounds, [1, 2, 8, MOST]);
    assert!(suspects.admit(None, Care::Few));
    suspects.release(None, false);
    assert!(suspects.admit(None, Care::Few) && !suspects.admit(None, Care::Few));
}

#[test]
fn one_by_itself_has_no_company() {
    let mut suspects = Suspects::default();
    let peer = Identity::random();
    assert!(suspects.admit(None, Care::Alone));
    assert!(!suspects.admit(None, Care::Few) && !suspects.admit(None, Care::Alone));
    assert!(suspects.admit(Some(&peer), Care::Alone), "of another line");
    suspects.release(None, true);
    assert!(suspects.admit(None, Care::Few));
    assert!(!suspects.admit(None, Care::Alone));
}
