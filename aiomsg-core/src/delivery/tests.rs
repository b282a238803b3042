use super::*;

#[test]
fn an_id_and_a_certificate_keep_each_other() {
    let certificate = Certificate::new("der", [1; 32].into());
    let id = MessageId::from_bytes([2; 16]);
    let plain = || Delivery::new(Identity::from([3; 16]), "job");
    let one = plain().with_id(id).with_certificate(certificate.clone());
    let other = plain().with_certificate(certificate.clone()).with_id(id);
    assert_eq!(one, other);
    assert_eq!(one.id(), Some(id));
    assert_eq!(one.certificate(), Some(&certificate));

    let newer = MessageId::from_bytes([4; 16]);
    let again = one.with_id(newer).with_payload("another");
    assert_eq!(again.id(), Some(newer));
    assert_eq!(again.certificate(), Some(&certificate));
    assert_eq!(plain().certificate(), None);
    assert_eq!(plain().with_id(id).certificate(), None);
}

#[test]
fn a_message_is_acknowledged_by_what_received_it() {
    use std::sync::Arc;
    use std::sync::Mutex;

    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let acker = {
        let acknowledged = Arc::clone(&acknowledged);
        Acker::new(move |message| {
            let id = message.id();
            acknowledged.lock().unwrap().extend(id);
            id.is_some()
        })
    };
    let mut message = Delivery::new(Identity::from([3; 16]), "job");
    assert!(!message.ack());
    message.set_acker(acker);
    assert!(!message.ack(), "it asks for none");
    let id = MessageId::from_bytes([2; 16]);
    let message = message.with_id(id).with_payload("another");
    assert!(message.ack());
    assert_eq!(*acknowledged.lock().unwrap(), [id]);
    assert_eq!(
        message,
        Delivery::new(Identity::from([3; 16]), "another").with_id(id)
    );
}

#[test]
fn a_message_is_no_larger_for_what_few_have() {
    let parts = size_of::<Bytes>() + size_of::<Identity>() + 24;
    assert_eq!(size_of::<Delivery>(), parts);
}
