use super::*;

/// Each kind as the first release wrote it; the files are never regenerated.
const GOLDEN: [(u8, &[u8]); 4] = [
    (
        NOTIFICATION,
        include_bytes!("../../tests/golden/notification.1"),
    ),
    (ANALYSIS, include_bytes!("../../tests/golden/analysis.1")),
    (FEEDBACK, include_bytes!("../../tests/golden/feedback.1")),
    (NOTE, include_bytes!("../../tests/golden/note.1")),
];

#[test]
fn records_of_the_first_release_are_read_and_written_alike() {
    for (kind, bytes) in GOLDEN {
        let record = Record::decode(kind, bytes.to_vec()).expect("readable");
        let (again, payload) = record.encode().expect("writable");
        assert_eq!((again, payload.parts().concat().as_slice()), (kind, bytes));
    }
}

#[test]
fn a_notification_keeps_its_body_byte_for_byte() {
    let body = Bytes::from_static(b"{\n\"a\":\"\\u0000\"}\n\xff\n");
    let record = Record::Notification {
        received_at: Timestamp::UNIX_EPOCH,
        sender: "10.0.0.9\nx".into(),
        body,
    };
    let (kind, payload) = record.encode().expect("writable");
    assert_eq!(
        Record::decode(kind, payload.parts().concat()).expect("readable"),
        record
    );
}

#[test]
fn unknown_and_broken_records_are_told() {
    assert!(matches!(
        Record::decode(99, vec![]),
        Err(RecordError::Kind { kind: 99 })
    ));
    for kind in [NOTIFICATION, ANALYSIS, FEEDBACK, NOTE] {
        assert!(matches!(
            Record::decode(kind, b"{".to_vec()),
            Err(RecordError::Malformed { .. })
        ));
    }
}
