use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    let found = match toml::from_str::<Config>(text) {
        Err(error) => error.message().to_owned(),
        Ok(config) => config
            .check()
            .map_or_else(|error| error.to_string(), |()| "ok".to_owned()),
    };
    assert!(
        found.contains(expected),
        "{found:?} does not say {expected:?}"
    );
}

#[test]
fn an_empty_file_is_a_whole_configuration() {
    check("", "ok");
}

#[test]
fn unknown_keys_are_errors() {
    check("listne = \"127.0.0.1:1\"", "unknown field `listne`");
    check(
        "[[sinks]]\ntype = \"webhook\"\nurl = \"http://a\"\ncolour = 1",
        "unknown field `colour`",
    );
}

#[test]
fn listening_beyond_loopback_needs_credentials() {
    check(
        "listen = \"0.0.0.0:8470\"",
        "refusing to listen on 0.0.0.0:8470 without authentication",
    );
    check("listen = \"[::1]:8470\"", "ok");
}

#[test]
fn urls_and_files_are_checked() {
    check(
        "[prometheus]\nurl = \"prometheus:9090\"",
        "is no http:// or https:// URL",
    );
    check(
        "[model]\nfile = \"/nowhere/model.gguf\"",
        "/nowhere/model.gguf is no model file",
    );
    check(
        "[inference]\nembedding_model = \"/nowhere/minilm\"",
        "inference.embedding_model: /nowhere/minilm is no folder",
    );
    let bert = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../inference/embedding/fixtures/tiny-bert"
    );
    check(&format!("[inference]\nembedding_model = {bert:?}"), "ok");
    check(
        &format!("[model]\nfile = {bert:?}"),
        "turns texts into vectors and writes none",
    );
}

#[test]
fn flags_override_the_file() {
    let options = ServeOptions {
        listen: Some(SocketAddr::from(([127, 0, 0, 1], 9))),
        model: ModelOptions {
            model: None,
            no_model: true,
        },
        ..ServeOptions::default()
    };
    let config = Config::resolve(&options).expect("the defaults hold");
    assert_eq!(config.listen.port(), 9);
    assert!(!config.model.enabled);
}

#[test]
fn the_printed_defaults_are_read_back_equal() {
    let printed = toml::to_string(&Config::default()).expect("the configuration is TOML");
    assert_eq!(
        toml::from_str::<Config>(&printed).expect("it reads back"),
        Config::default()
    );
}
