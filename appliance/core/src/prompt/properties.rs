//! Aliases over arbitrary names: what is hidden comes back as it was.

use proptest::prelude::*;

use super::tests::{ByLength, card, profile};
use super::{Aliases, Prompt};
use crate::object::ObjectRef;

const KINDS: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "Pod",
    "Service",
    "Node",
    "Namespace",
    "PersistentVolumeClaim",
    "ConfigMap",
    "Secret",
];

/// Names as Kubernetes allows them, names that contain one another, and names
/// that nobody should give.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z][a-z0-9-]{0,12}",
        3 => prop::sample::select(vec!["cart", "cart-db", "cart-db-0", "my-cart", "cart.shop", "db", "w1", "n1"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["@W1", "@", "＠", "＠W1", "W1", "@W1@W2", "e1", "c1"]).prop_map(str::to_owned),
        1 => "\\PC{1,10}",
    ]
}

fn object() -> impl Strategy<Value = ObjectRef> {
    let namespace = prop::option::of(name());
    (prop::sample::select(KINDS), namespace, name()).prop_map(|(kind, namespace, name)| ObjectRef {
        kind: kind.to_owned(),
        namespace,
        name,
    })
}

fn objects(most: usize) -> impl Strategy<Value = Vec<ObjectRef>> {
    prop::collection::vec(object(), 0..most)
}

/// Text in which names, marks and prose run into one another.
fn text(names: Vec<String>) -> impl Strategy<Value = String> {
    let known = if names.is_empty() {
        vec!["x".to_owned()]
    } else {
        names
    };
    let piece = prop_oneof![
        3 => prop::sample::select(known),
        2 => prop::sample::select(vec![" ", "-", ".", "/", ":", ",", "@", "＠", "@W1", "@P2", "＠＠", "﹫", "10", "\"", "\n"]).prop_map(str::to_owned),
        1 => "[a-z ]{1,6}",
        1 => "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

fn aliases_of(objects: &[ObjectRef]) -> Aliases {
    let mut aliases = Aliases::default();
    for object in objects {
        aliases.add(object);
    }
    aliases
}

fn case(most: usize) -> impl Strategy<Value = (Vec<ObjectRef>, String)> {
    objects(most).prop_flat_map(|objects| {
        let names = objects.iter().map(|object| object.name.clone()).collect();
        text(names).prop_map(move |text| (objects.clone(), text))
    })
}

proptest! {
    #[test]
    fn what_is_hidden_comes_back((objects, text) in case(12)) {
        let aliases = aliases_of(&objects);
        let hidden = aliases.hide(&text);
        prop_assert_eq!(aliases.reveal(&hidden), text, "hidden as {}", hidden);
    }

    #[test]
    fn what_is_hidden_among_two_hundred_objects_comes_back((objects, text) in case(200)) {
        let aliases = aliases_of(&objects);
        prop_assert_eq!(aliases.reveal(&aliases.hide(&text)), text);
    }

    #[test]
    fn an_alias_stands_for_one_name_and_a_name_has_one_alias(objects in objects(60)) {
        let aliases = aliases_of(&objects);
        let all: Vec<&str> = aliases.iter().collect();
        let names: Vec<String> = all.iter().map(|alias| aliases.reveal(alias)).collect();
        for (alias, name) in all.iter().zip(&names) {
            prop_assert_eq!(aliases.name(name), *alias);
        }
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        prop_assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn adding_again_changes_no_number(objects in objects(30)) {
        let once = aliases_of(&objects);
        let twice = aliases_of(&[objects.clone(), objects].concat());
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn a_name_as_a_word_of_its_own_never_reaches_a_small_model(name in "[a-z][a-z0-9-]{2,20}[a-z0-9]", before in "[ /:\"(]", after in "[ /:\",)]") {
        let aliases = aliases_of(&[ObjectRef::namespaced("Deployment", "shop", name.as_str())]);
        let hidden = aliases.hide(&format!("{before}{name}{after}"));
        prop_assume!(name != "shop");
        prop_assert_eq!(hidden, format!("{before}@W1{after}"));
    }

    #[test]
    fn a_big_model_reads_names_as_they_are(name in "[a-z][a-z0-9-]{2,20}[a-z0-9]") {
        let mut card = card(1);
        card.causes[0].object.name.clone_from(&name);
        let natural = Prompt::write(&card, &profile(8192, false), &ByLength);
        let candidate = format!("of Deployment {name},");
        prop_assert!(natural.messages[1].text.contains(&candidate));
        prop_assert_eq!(natural.aliases.iter().count(), 0);
        prop_assert_eq!(natural.aliases.reveal("mail ops@W1"), "mail ops@W1");
        let aliased = Prompt::write(&card, &profile(8192, true), &ByLength);
        prop_assert!(!aliased.messages[1].text.contains(&candidate));
        prop_assert!(aliased.messages[1].text.contains("of Deployment @W1,"));
    }
}
