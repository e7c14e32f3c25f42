use super::*;
use crate::world::resource::find;

fn pod(name: &str, phase: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop"}, "status": {"phase": phase}})
}

#[test]
fn an_earlier_state_is_rebuilt_from_the_changes() {
    let pods = find("", "v1", "pods").unwrap();
    let mut world = World::new();
    world.put(pods, pod("a", "Pending"));
    let then = world.put(pods, pod("b", "Pending"));
    world.put(pods, pod("a", "Running"));
    world.delete(pods, "shop", "b");
    let shelf = world.objects_at(pods, then).unwrap();
    assert_eq!(shelf.len(), 2);
    assert_eq!(
        shelf[&Key::new("shop", "a")].pointer("/status/phase"),
        Some(&json!("Pending"))
    );
}

#[test]
fn the_log_of_changes_is_bounded_and_says_so() {
    let pods = find("", "v1", "pods").unwrap();
    let mut world = World::new();
    for round in 0..=CHANGES_MAX {
        world.put(pods, pod("a", &round.to_string()));
    }
    assert_eq!(world.oldest_version(), 1);
    assert!(world.changes_since(pods, 0).is_none());
    assert_eq!(world.changes_since(pods, 1).unwrap().count(), CHANGES_MAX);
}

#[test]
fn putting_the_same_state_again_changes_nothing() {
    let pods = find("", "v1", "pods").unwrap();
    let mut world = World::new();
    let first = world.put(pods, pod("a", "Running"));
    assert_eq!(world.put(pods, pod("a", "Running")), first);
}

#[test]
fn becoming_another_world_shows_as_ordinary_changes() {
    let pods = find("", "v1", "pods").unwrap();
    let mut before = World::new();
    before.put(pods, pod("a", "Running"));
    before.put(pods, pod("b", "Running"));
    let mut after = before.clone();
    after.delete(pods, "shop", "a");
    after.put(pods, pod("b", "Failed"));
    let start = before.version();
    before.become_like(&after);
    let changes: Vec<_> = before
        .changes_since(pods, start)
        .unwrap()
        .map(|change| (change.key.name.as_str(), change.after.is_some()))
        .collect();
    assert_eq!(changes, [("a", false), ("b", true)]);
}
