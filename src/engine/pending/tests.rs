use super::*;

fn at(ip: &str) -> RemoteAddr {
    RemoteAddr::Inet((ip.parse::<IpAddr>().unwrap(), 7).into())
}

fn excess(turn: &mut Turn) -> Option<Excess> {
    turn.ended.try_recv().ok()
}

#[test]
fn one_address_has_its_own_limit_and_the_oldest_goes() {
    let mut pending = PendingHandshakes::new(10, 2);
    let mut other = pending.admit(&at("10.0.0.2"));
    let mut turns: Vec<_> = (0..4).map(|_| pending.admit(&at("10.0.0.1"))).collect();
    let ended: Vec<_> = turns.iter_mut().map(excess).collect();
    let of_one = Some(Excess::OfOne);
    assert_eq!(ended, [of_one, of_one, None, None]);
    assert_eq!(excess(&mut other), None);
}

#[test]
fn whoever_has_the_most_makes_room() {
    let mut pending = PendingHandshakes::new(4, 3);
    let mut good = pending.admit(&at("10.0.0.1"));
    let mut flood: Vec<_> = (0..3).map(|_| pending.admit(&at("10.0.0.2"))).collect();
    let mut late = pending.admit(&at("10.0.0.3"));
    assert_eq!(excess(&mut good), None, "although it is the oldest");
    assert_eq!(excess(&mut late), None);
    let ended: Vec<_> = flood.iter_mut().map(excess).collect();
    assert_eq!(ended, [Some(Excess::All), None, None]);
}

#[test]
fn of_equals_the_oldest_makes_room() {
    let mut pending = PendingHandshakes::new(3, 3);
    let from = |n: u8| at(&format!("10.0.0.{n}"));
    let mut turns: Vec<_> = (0..5).map(|n| pending.admit(&from(n))).collect();
    let ended: Vec<_> = turns.iter_mut().map(excess).collect();
    let all = Some(Excess::All);
    assert_eq!(ended, [all, all, None, None, None]);
}

#[test]
fn addresses_that_one_has_many_of_count_as_one() {
    let origin = |ip| Origin::of(&at(ip));
    assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:0:0:2"));
    assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
    assert_eq!(origin("::ffff:10.0.0.1"), origin("10.0.0.1"));
    assert_ne!(origin("10.0.0.1"), origin("10.0.0.2"));
    assert_eq!(Origin::of(&RemoteAddr::Unix(None)), Origin::Local);
}

#[test]
fn nothing_is_kept_of_what_is_over() {
    let mut pending = PendingHandshakes::new(100, 10);
    for n in 0..1000_u16 {
        let ip = Ipv4Addr::from(u32::from(n) << 8).to_string();
        drop(pending.admit(&at(&ip)));
    }
    let turns: Vec<_> = (0..1000).map(|_| pending.admit(&at("10.0.0.1"))).collect();
    assert_eq!(lock(&pending.table).all.len(), 10);
    drop(turns);
    let table = lock(&pending.table);
    assert!(table.all.is_empty() && table.by_origin.is_empty());
    assert!(table.ranks.is_empty());
}
