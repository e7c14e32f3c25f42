use std::time::Instant;

use appliance_core::incident::Policy;
use appliance_core::resolver::Aliases;
use bytes::Bytes;

use super::*;

fn notification(number: u64) -> Record {
    let body = format!(
        r#"{{"version":"4","groupKey":"g","alerts":[{{"status":"firing","labels":{{"alertname":"A","namespace":"n{}","deployment":"w"}},"startsAt":"2027-01-15T08:00:00Z"}}]}}"#,
        number % 50
    );
    Record::Notification {
        received_at: Timestamp::from_second(1_800_000_000).expect("in range"),
        sender: "10.0.0.1".into(),
        body: Bytes::from(body),
    }
}

fn open(dir: &Path, last_seq: u64) -> (Store, Option<Rebuilt>) {
    Store::open(dir, Policy::default(), &Aliases::default(), last_seq).expect("open")
}

#[test]
fn a_record_applied_twice_changes_nothing() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, rebuilt) = open(dir.path(), 0);
    assert_eq!(rebuilt, None, "a first start is no rebuild");
    assert_eq!(store.apply(1, &notification(1)).expect("applied").len(), 1);
    let digest = store.digest().expect("digest");
    assert_eq!(store.apply(1, &notification(2)).expect("ignored"), []);
    assert_eq!(store.digest().expect("digest"), digest);
}

#[test]
fn an_index_left_in_the_middle_of_a_change_is_rebuilt() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, _) = open(dir.path(), 0);
    store.apply(1, &notification(1)).expect("applied");
    let dirty = Meta {
        dirty: true,
        ..store.meta()
    };
    store
        .index
        .write(store.meta_changes(&dirty).expect("meta"))
        .expect("write");
    store.sync().expect("sync");
    drop(store);
    let (store, rebuilt) = open(dir.path(), 1);
    assert!(
        rebuilt
            .expect("rebuilt")
            .reason
            .contains("middle of a change")
    );
    assert_eq!(store.applied_seq(), 0);
}

#[test]
fn a_lost_row_is_noticed() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, _) = open(dir.path(), 0);
    store.apply(1, &notification(1)).expect("applied");
    let (key, _) = store
        .index
        .pairs(&[rows::TRACKED])
        .expect("pairs")
        .remove(0);
    store.index.write(vec![(key, None)]).expect("write");
    store.sync().expect("sync");
    drop(store);
    assert!(
        open(dir.path(), 1)
            .1
            .expect("rebuilt")
            .reason
            .contains("values where")
    );
}

#[test]
fn an_index_that_cannot_be_on_disk_is_kept_in_memory() {
    let dir = tempfile::tempdir().expect("tempdir");
    fs::write(
        dir.path().join("index"),
        b"a file where the directory belongs",
    )
    .expect("write");
    let (store, rebuilt) = open(dir.path(), 0);
    assert!(
        rebuilt.expect("told").set_aside.is_some(),
        "the file is moved away"
    );
    store.apply(1, &notification(1)).expect("applied");
    let on_disk = store.digest().expect("digest");
    let memory = Store {
        index: Index::memory(),
        blobs: Blobs::open(&dir.path().join("blobs")).expect("open"),
        projection: Mutex::new(Projection::empty(Policy::default(), Aliases::default())),
        meta: RwLock::new(Meta::default()),
        policy: Policy::default(),
        list: RwLock::new(BTreeMap::new()),
        failure: RwLock::new(None),
    };
    memory.apply(1, &notification(1)).expect("applied");
    assert_eq!(
        memory.digest().expect("digest"),
        on_disk,
        "the same rows in memory"
    );
}

#[test]
fn applying_keeps_up() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (store, _) = open(dir.path(), 0);
    let started = Instant::now();
    for seq in 1..=2000 {
        store.apply(seq, &notification(seq)).expect("applied");
    }
    store.sync().expect("sync");
    let rate = 2000.0 / started.elapsed().as_secs_f64();
    assert!(rate > 200.0, "{rate:.0} records/s");
}
