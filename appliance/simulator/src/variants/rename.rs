//! Other names for everything that people name.
//!
//! A bijection over the names of namespaces, nodes, workloads, Services,
//! configuration, storage, hosts and image repositories. What controllers
//! derive from them (pods, ReplicaSets, claims, DNS names) follows, since a
//! name is replaced wherever it stands between other characters. Names that
//! Kubernetes itself gives stay.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::Files;

/// Lists whose items people name.
const NAMED: [&str; 17] = [
    "nodes.json",
    "namespaces.json",
    "persistentvolumes.json",
    "storageclasses.json",
    "deployments.json",
    "statefulsets.json",
    "daemonsets.json",
    "cronjobs.json",
    "services.json",
    "configmaps.json",
    "secrets.json",
    "ingresses.json",
    "networkpolicies.json",
    "horizontalpodautoscalers.json",
    "serviceaccounts.json",
    "resourcequotas.json",
    "poddisruptionbudgets.json",
];

/// What Kubernetes, or everybody, calls the same on every cluster: names, a
/// resource's word (`requests.storage`) and a mesh's own (`istio-proxy`).
const FIXED: [&str; 5] = [
    "default",
    "kubernetes",
    "kube-root-ca.crt",
    "storage",
    "istio",
];

/// Namespaces of software that calls its parts the same wherever it is
/// installed; the namespaces themselves are named by people.
const INSTALLED: [&str; 4] = [
    "metallb-system",
    "monitoring",
    "rook-ceph",
    "longhorn-system",
];

/// Whether what lies in that namespace is called the same on every cluster.
fn is_system(namespace: &str) -> bool {
    is_kubes(namespace) || INSTALLED.contains(&namespace)
}

fn is_kubes(name: &str) -> bool {
    name.starts_with("kube-")
}

/// New names by old ones.
#[derive(Clone, Debug, Default)]
pub struct Names {
    new: BTreeMap<String, String>,
    /// Old names by their first two bytes, longest first.
    by_start: HashMap<[u8; 2], Vec<String>>,
    taken: HashSet<String>,
}

impl Names {
    /// New names for all of `files`; another `salt`, other names.
    pub fn of(files: &Files, salt: u64) -> Self {
        let mut names = Self::default();
        for file in NAMED {
            for item in files.items(file) {
                let meta = &item["metadata"];
                let system = meta["namespace"].as_str().is_some_and(is_system)
                    || meta["name"].as_str().is_some_and(is_kubes);
                let derived = meta["ownerReferences"].is_array();
                if !system && !derived {
                    names.add(meta["name"].as_str().unwrap_or_default(), salt);
                }
            }
        }
        for pod in files.items("pods.json") {
            let system = pod["metadata"]["namespace"].as_str().is_some_and(is_system);
            let containers = pod["spec"]["containers"].as_array().cloned();
            for container in containers.into_iter().flatten().filter(|_| !system) {
                names.add_image(container["image"].as_str().unwrap_or_default(), salt);
            }
        }
        for ingress in files.items("ingresses.json") {
            let rules = ingress["spec"]["rules"].as_array().cloned();
            for rule in rules.into_iter().flatten() {
                names.add(rule["host"].as_str().unwrap_or_default(), salt);
            }
        }
        names
    }

    /// Host and path of an image; its tag stays.
    fn add_image(&mut self, image: &str, salt: u64) {
        let Some((host, rest)) = image.split_once('/') else {
            return;
        };
        self.add(host.split(':').next().unwrap_or_default(), salt);
        let path = rest.split([':', '@']).next().unwrap_or_default();
        path.split('/').for_each(|part| self.add(part, salt));
    }

    fn add(&mut self, name: &str, salt: u64) {
        const MIN: usize = 2;
        if name.len() < MIN || FIXED.contains(&name) || self.new.contains_key(name) {
            return;
        }
        let mut salt = salt;
        loop {
            let new = other(name, salt);
            if self.taken.insert(new.clone()) {
                self.new.insert(name.to_owned(), new);
                let start = [name.as_bytes()[0], name.as_bytes()[1]];
                let same = self.by_start.entry(start).or_default();
                same.push(name.to_owned());
                same.sort_by_key(|name| std::cmp::Reverse(name.len()));
                return;
            }
            salt += 1000;
        }
    }

    /// `text` with every known name replaced, longest first.
    pub fn in_text(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut out = String::with_capacity(text.len());
        let (mut copied, mut at) = (0, 0);
        while at + 1 < bytes.len() {
            let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
            if begins && let Some(old) = self.longest_at(&bytes[at..]) {
                out.push_str(&text[copied..at]);
                out.push_str(&self.new[old]);
                at += old.len();
                copied = at;
            } else {
                at += 1;
            }
        }
        out.push_str(&text[copied..]);
        out
    }

    fn longest_at(&self, bytes: &[u8]) -> Option<&String> {
        let same = self.by_start.get(&[bytes[0], bytes[1]])?;
        same.iter().find(|old| {
            bytes.starts_with(old.as_bytes())
                && !bytes.get(old.len()).is_some_and(u8::is_ascii_alphanumeric)
        })
    }

    /// The string values of a JSON document; its keys are the API's.
    pub fn in_values(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.in_text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.in_values(item)),
            Value::Object(fields) => fields.values_mut().for_each(|item| self.in_values(item)),
            _ => {}
        }
    }

    /// What stands in double quotes: the label values of OpenMetrics.
    pub fn in_quotes(&self, text: &str) -> String {
        let renamed = text.lines().map(|line| {
            let parts = line.split('"').enumerate().map(|(place, part)| {
                if place % 2 == 1 {
                    self.in_text(part)
                } else {
                    part.to_owned()
                }
            });
            parts.collect::<Vec<_>>().join("\"")
        });
        let mut out = renamed.collect::<Vec<_>>().join("\n");
        out.push('\n');
        out
    }

    /// A path of folders; names of files stay.
    pub fn in_path(&self, path: &str) -> String {
        match path.rsplit_once('/') {
            Some((folders, file)) => format!("{}/{file}", self.in_text(folders)),
            None => path.to_owned(),
        }
    }
}

/// Another name of about the same form: letters and digits, dots and dashes kept.
fn other(name: &str, salt: u64) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz";
    // FNV-1a: any fixed mixing will do.
    let mut state = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325 ^ salt, |state, byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let mut part = || {
        let mut text = String::new();
        for _ in 0..6 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text.push(char::from(LETTERS[(state >> 33) as usize % LETTERS.len()]));
        }
        text
    };
    let parts: Vec<String> = name.split('.').map(|_| part()).collect();
    parts.join(".")
}
