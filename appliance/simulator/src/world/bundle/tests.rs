use super::*;
use crate::world::resource::find;

fn sample_world() -> World {
    let mut world = World::new();
    world.freeze("2026-01-02T03:04:05Z".parse().unwrap());
    let pods = find("", "v1", "pods").unwrap();
    let secrets = find("", "v1", "secrets").unwrap();
    let namespaces = find("", "v1", "namespaces").unwrap();
    world.put(namespaces, json!({"metadata": {"name": "shop"}}));
    world.put(
        pods,
        json!({"metadata": {"name": "a", "namespace": "shop"}}),
    );
    let secret = json!({"metadata": {"name": "db", "namespace": "shop"}, "data": {"password": "aHVudGVyMg=="}});
    world.put(secrets, secret);
    let key = LogKey::current("shop", "a", "main");
    world.log(&key, None, "one");
    world.log(&key, None, "two");
    world.log(&LogKey::previous("shop", "a", "main"), None, "zero");
    world
}

#[test]
fn a_written_bundle_reads_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let world = sample_world();
    world.write_bundle(folder.path(), "test", "a test").unwrap();
    let read = World::load(folder.path()).unwrap();
    assert_eq!(read.now(), world.now());
    assert_eq!(read.version(), world.version());
    let pods = find("", "v1", "pods").unwrap();
    assert_eq!(read.get(pods, "shop", "a"), world.get(pods, "shop", "a"));
    let logs: Vec<_> = read
        .logs()
        .map(|(key, lines)| (key.previous, lines.len()))
        .collect();
    assert_eq!(logs, [(false, 2), (true, 1)]);
}

#[test]
fn values_of_secrets_never_reach_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    sample_world()
        .write_bundle(folder.path(), "test", "a test")
        .unwrap();
    let text = fs::read_to_string(folder.path().join("shop/secrets.json")).unwrap();
    assert!(text.contains("\"password\":\"\""));
    assert!(!text.contains("aHVudGVyMg"));
}

#[test]
fn an_archive_within_a_folder_reads_like_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    sample_world()
        .write_bundle(&folder.path().join("case"), "test", "a test")
        .unwrap();
    let path = folder.path().join("case.tar.zst");
    let mut archive =
        tar::Builder::new(zstd::Encoder::new(fs::File::create(&path).unwrap(), 1).unwrap());
    archive
        .append_dir_all("case", folder.path().join("case"))
        .unwrap();
    archive.into_inner().unwrap().finish().unwrap();
    let read = World::load(&path).unwrap();
    assert_eq!(read.logs().count(), 2);
    assert_eq!(read.version(), sample_world().version());
}

#[test]
fn a_folder_without_lists_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "x").unwrap();
    assert!(matches!(
        World::load(folder.path()),
        Err(BundleError::Empty(_))
    ));
}
