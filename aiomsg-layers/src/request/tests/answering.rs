//! Messages that arrive, and answers to them.

use super::*;

// ===== received messages =====

#[test]
fn malformed_messages_do_no_harm() {
    let requests = Requests::new();
    let arriving = Arriving::new(&requests);
    let long_id = [vec![b'x'; 64], vec![0]].concat();
    for passed_on in [vec![], b"text".to_vec(), vec![b'x'; 10_000], long_id] {
        assert!(arriving.take(&peer("p"), passed_on));
    }
    assert_eq!(requests.unknown(), 0);
    for taken in [&b"\0"[..], b"\0\0\0", b"\xff\0", &[0; 10_000]] {
        assert!(!arriving.take(&peer("p"), taken.to_vec()));
    }
    assert_eq!((requests.late(), requests.unknown()), (0, 4));
}

#[test]
fn the_receive_path_fails_as_its_inner_service_does() {
    let failing = service_fn(|_: Delivery| async { Err::<(), _>("no room") });
    let arriving = Requests::new().answers().layer(failing);
    let message = |payload: &'static str| Delivery::new(peer("p"), payload);
    let text = arriving.clone().oneshot(message("text"));
    assert_eq!(text.now_or_never().unwrap(), Err("no room"));
    let answer = arriving.oneshot(message("id\0answer"));
    assert_eq!(answer.now_or_never().unwrap(), Ok(None));
}

// ===== answering =====

fn reply(payload: &'static [u8]) -> Result<Bytes, Error> {
    let handle = service_fn(|payload: Bytes| async move {
        match &payload[..] {
            b"fail" => Err(BoxError::from("failed")),
            _ => Ok([b"got ", &payload[..]].concat()),
        }
    });
    let answer = ReplyLayer::new()
        .layer(handle)
        .oneshot(Delivery::new(peer("p"), payload));
    answer.now_or_never().unwrap()
}

#[test]
fn an_answer_has_the_id_of_its_request() {
    assert_eq!(reply(b"id\0this").unwrap(), &b"id\0got this"[..]);
    assert_eq!(reply(b"id\0").unwrap(), &b"id\0got "[..]);
    assert_eq!(
        reply(b"\xff\xfe\0a\0b").unwrap(),
        &b"\xff\xfe\0got a\0b"[..]
    );
    assert_eq!(reply(b"\0").unwrap(), &b"\0got "[..], "an empty id");
    assert!(reply(b"id\0fail").unwrap_err().is_layer());
}

#[test]
fn a_message_without_an_id_is_no_request() {
    for message in [&b""[..], b"text", &[b'x'; 10_000]] {
        let error = reply(message).unwrap_err();
        assert!(error.is_payload());
        assert_eq!(
            error.to_string(),
            "peer 70: the payload cannot be converted: \
             it is no request: none of its first 64 bytes is zero"
        );
    }
}
