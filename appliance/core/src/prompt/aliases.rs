//! Names replaced by typed aliases, and back.
//!
//! A small model copies names badly, so the program owns them: `@W1` is the
//! first workload, `@P2` the second pod, `@I1` an image, `@H1` a host. Numbering follows relevance: what the
//! best candidate is about is number 1. Reversible by construction; text
//! that holds something alias-shaped of its own is defused before.

use std::collections::BTreeMap;

use super::places;
use crate::object::ObjectRef;

/// Names and their aliases for one prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    /// Alias and the name it stands for, in order of numbering.
    pairs: Vec<(String, String)>,
    by_name: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

/// The letter of a kind: names of one class share a numbering.
fn class(kind: &str) -> &'static str {
    match kind {
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "Job"
        | "CronJob"
        | "ReplicationController" => "W",
        "Pod" => "P",
        "Service" | "Endpoints" | "EndpointSlice" | "Ingress" => "S",
        "Node" => "N",
        "Namespace" => "Q",
        "PersistentVolumeClaim" | "PersistentVolume" | "StorageClass" => "V",
        _ => "O",
    }
}

/// Evidence of the alert itself is about no object of the cluster.
const ALERT_KIND: &str = "Alert";

/// How many names of one class get an alias; the rest stay as they are.
const PER_CLASS_MAX: usize = 9;

impl Aliases {
    /// Gives `object` an alias if it has none and its class is not full.
    pub fn add(&mut self, object: &ObjectRef) {
        if object.kind == ALERT_KIND {
            return;
        }
        self.add_name(class(&object.kind), &object.name);
        if let Some(namespace) = &object.namespace {
            self.add_name("Q", namespace);
        }
    }

    /// Gives the hosts and images named in `text` aliases of their own.
    pub fn add_places(&mut self, text: &str) {
        for (class, place) in places::of(text) {
            if !self.begins_with_known(place) {
                self.add_name(class, place);
            }
        }
    }

    /// `cart.shop.svc` shows by its first label whose name it is; that is kept.
    fn begins_with_known(&self, host: &str) -> bool {
        let first = host.split('.').next().unwrap_or_default();
        self.by_name.contains_key(first)
    }

    fn add_name(&mut self, class: &'static str, name: &str) {
        if !(2..=NAME_BYTES_MAX).contains(&name.len()) || self.by_name.contains_key(name) {
            return;
        }
        let count = self.counts.entry(class).or_default();
        if *count == PER_CLASS_MAX {
            return;
        }
        *count += 1;
        let alias = format!("@{class}{count}");
        self.by_name.insert(name.to_owned(), alias.clone());
        self.pairs.push((alias, name.to_owned()));
    }

    /// The aliases, in order of numbering.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(alias, _)| alias.as_str())
    }

    /// The alias of `name`, or the name itself.
    pub fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.by_name.get(name).map_or(name, String::as_str)
    }

    /// Replaces every known name in `text`, longest first, at word boundaries.
    pub fn hide(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut previous = ' ';
        while let Some(next) = rest.chars().next() {
            if is_name_char(previous) {
                // Inside a word: a name cannot begin here.
            } else if let Some(name) = self.name_at(rest) {
                out.push_str(&self.by_name[name]);
                rest = &rest[name.len()..];
                previous = 'x';
                continue;
            }
            // An alias-shaped text of the site's own must not come back as a name.
            match next {
                '@' => out.push(DEFUSED),
                DEFUSED | LITERAL => out.extend([LITERAL, next]),
                _ => out.push(next),
            }
            previous = next;
            rest = &rest[next.len_utf8()..];
        }
        out
    }

    fn name_at(&self, rest: &str) -> Option<&str> {
        let is_part = |character| is_name_char(character) || IMAGE_PARTS.contains(&character);
        let mut end = rest
            .find(|character| !is_part(character))
            .unwrap_or(rest.len())
            .min(NAME_BYTES_MAX);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        // A host keeps its domain, and a sentence its full stop.
        while end > 0 {
            if let Some((name, _)) = self.by_name.get_key_value(&rest[..end]) {
                return Some(name);
            }
            end = rest[..end].rfind(['.', '/', ':', '@'])?;
        }
        None
    }

    /// Puts the names back into text that uses aliases, in one pass: what a name
    /// brings in is not read again.
    pub fn reveal(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['@', DEFUSED, LITERAL]) {
            let (before, marked) = rest.split_at(at);
            out.push_str(before);
            if let Some((alias, name)) = self.alias_at(marked) {
                out.push_str(name);
                rest = &marked[alias.len()..];
                continue;
            }
            let mut chars = marked.chars();
            match (chars.next(), chars.as_str().chars().next()) {
                (Some(LITERAL), Some(own @ (DEFUSED | LITERAL))) => {
                    out.push(own);
                    chars.next();
                }
                (Some('@' | DEFUSED), _) => out.push('@'),
                (mark, _) => out.extend(mark),
            }
            rest = chars.as_str();
        }
        out.push_str(rest);
        out
    }

    /// The longest alias that `text` begins with: `@W1` is not the head of `@W10`.
    fn alias_at(&self, text: &str) -> Option<(&str, &str)> {
        let starting = self
            .pairs
            .iter()
            .filter(|(alias, _)| text.starts_with(alias.as_str()));
        let longest = starting.max_by_key(|(alias, _)| alias.len())?;
        Some((&longest.0, &longest.1))
    }
}

/// Stands for an `@` of the site's own.
const DEFUSED: char = '＠';

/// Stands before a [`DEFUSED`] or [`LITERAL`] that is the site's own.
const LITERAL: char = '﹫';

/// What parts registry, path, tag and digest of an image.
const IMAGE_PARTS: [char; 3] = ['/', ':', '@'];

/// No name that gets an alias is longer.
const NAME_BYTES_MAX: usize = 512;

/// `/` and `:` part names from kinds, registries, tags and ports.
fn is_name_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases() -> Aliases {
        let mut aliases = Aliases::default();
        aliases.add(&ObjectRef::namespaced("Deployment", "shop", "cart"));
        aliases.add(&ObjectRef::namespaced("Pod", "shop", "cart-7d9f-x2k"));
        aliases.add(&ObjectRef::cluster("Node", "worker-1"));
        aliases
    }

    #[track_caller]
    fn check(text: &str, hidden: &str) {
        assert_eq!(aliases().hide(text), hidden);
        assert_eq!(aliases().reveal(hidden), text);
    }

    #[test]
    fn names_are_replaced_at_word_boundaries_only() {
        check(
            "pod cart-7d9f-x2k of cart on worker-1",
            "pod @P1 of @W1 on @N1",
        );
        check("carts are not cart", "carts are not @W1");
        check("my-cart stays", "my-cart stays");
        check(
            "rollout undo deployment/cart",
            "rollout undo deployment/@W1",
        );
    }

    #[test]
    fn a_host_keeps_its_domain() {
        check(
            "dial cart.shop.svc:8080 refused",
            "dial @W1.shop.svc:8080 refused",
        );
    }

    #[test]
    fn alias_shaped_text_of_the_site_is_not_taken_for_an_alias() {
        check("log says @W1", "log says ＠W1");
    }

    #[test]
    fn hosts_and_images_are_typed() {
        let mut aliases = aliases();
        aliases.add_places("pulling image \"reg.corp.lan:5000/shop/cart:1.2\" from 10.4.0.7:443");
        let text = "image reg.corp.lan:5000/shop/cart:1.2 at 10.4.0.7:443, cart.shop.svc:80";
        let hidden = "image @I1 at @H1:443, @W1.shop.svc:80";
        assert_eq!(aliases.hide(text), hidden);
        assert_eq!(aliases.reveal(hidden), text);
    }

    #[test]
    fn a_class_is_bounded() {
        let mut aliases = Aliases::default();
        for number in 0..20 {
            aliases.add(&ObjectRef::cluster("Node", format!("node-{number}")));
        }
        assert_eq!(aliases.iter().count(), PER_CLASS_MAX);
        assert_eq!(aliases.hide("node-15"), "node-15");
    }
}
