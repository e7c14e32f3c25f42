//! Names of systems, workloads, images and nodes, in the styles sites use.
//!
//! Every scenario works under every name: recipes speak of roles, and a seed
//! decides what things are called.

use super::rng::Rng;

/// What a workload does in the system; every system has each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    /// What users see; calls most others.
    Front,
    /// Reads from the database.
    Catalog,
    /// Keeps short-lived state.
    Cart,
    /// Calls payment and orders.
    Checkout,
    /// Talks to the outside.
    Payment,
    /// Writes to the database.
    Orders,
    /// Nice to have.
    Advice,
    /// Works in the background.
    Worker,
    /// The StatefulSet.
    Database,
}

/// All roles but the database, in the order of [`System::words`].
pub(crate) const ROLES: [Role; 8] = [
    Role::Front,
    Role::Catalog,
    Role::Cart,
    Role::Checkout,
    Role::Payment,
    Role::Orders,
    Role::Advice,
    Role::Worker,
];

struct System {
    name: &'static str,
    words: [&'static str; 8],
    database: &'static str,
}

const SYSTEMS: &[System] = &[
    System {
        name: "shop",
        words: [
            "storefront",
            "catalog",
            "cart",
            "checkout",
            "payment",
            "orders",
            "recommend",
            "mailer",
        ],
        database: "orders-db",
    },
    System {
        name: "bank",
        words: [
            "portal",
            "accounts",
            "sessions",
            "transfers",
            "clearing",
            "statements",
            "offers",
            "notifier",
        ],
        database: "ledger",
    },
    System {
        name: "media",
        words: [
            "player",
            "library",
            "playlists",
            "subscribe",
            "billing",
            "profiles",
            "suggest",
            "transcoder",
        ],
        database: "profiles-db",
    },
    System {
        name: "clinic",
        words: [
            "desk",
            "patients",
            "waiting-room",
            "prescriptions",
            "invoicing",
            "records",
            "reminders",
            "archiver",
        ],
        database: "records-db",
    },
    System {
        name: "freight",
        words: [
            "dashboard",
            "inventory",
            "tracking",
            "dispatch",
            "customs",
            "shipments",
            "routing",
            "labels",
        ],
        database: "shipments-db",
    },
    System {
        name: "plant",
        words: [
            "hmi",
            "devices",
            "telemetry",
            "commands",
            "alarms",
            "batches",
            "forecast",
            "historian",
        ],
        database: "batch-store",
    },
    System {
        name: "campus",
        words: [
            "web",
            "courses",
            "timetable",
            "enrol",
            "fees",
            "grades",
            "mentor",
            "exporter",
        ],
        database: "grades-db",
    },
];

/// The names of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Namespace of the system.
    pub(crate) namespace: String,
    /// The system's own word.
    pub(crate) system: &'static str,
    /// The label that tells workloads apart.
    pub(crate) label: &'static str,
    /// Cluster name.
    pub(crate) cluster: String,
    /// The site's domain.
    pub(crate) domain: &'static str,
    /// Node names.
    pub(crate) nodes: Vec<String>,
    workloads: Vec<String>,
    database: String,
    images: String,
    tags: u64,
}

impl Names {
    pub(crate) fn generate(rng: &mut Rng) -> Self {
        let system = rng.pick(SYSTEMS);
        let domain = *rng.pick(&[
            "corp.lan",
            "site.internal",
            "plant7.local",
            "intra.example",
            "dc2.example",
        ]);
        let company = *rng.pick(&["acme", "nordic", "helio", "umbra", "vela"]);
        let style = rng.range(0, 5);
        let styled = |word: &str| match style {
            0 => word.to_owned(),
            1 => format!("{word}-service"),
            2 => format!("{}service", word.replace('-', "")),
            3 => format!("{company}-{word}"),
            _ => format!("{word}-api"),
        };
        let namespace = match rng.range(0, 5) {
            0 => system.name.to_owned(),
            1 => format!("{}-prod", system.name),
            2 => format!("team-{}", rng.pick(&["amber", "cobalt", "jade", "onyx"])),
            3 => "production".to_owned(),
            _ => format!("{company}-{}", system.name),
        };
        let images = match rng.range(0, 4) {
            0 => format!("registry.{domain}/{}", system.name),
            1 => format!("harbor.{domain}:5000/{company}"),
            2 => format!("{domain}/{company}/{}", system.name),
            _ => format!("docker-local.{domain}/{company}"),
        };
        let count = rng.range(3, 6);
        let nodes = node_names(rng, count, domain);
        Self {
            workloads: system.words.iter().map(|word| styled(word)).collect(),
            database: system.database.to_owned(),
            system: system.name,
            label: *rng.pick::<&'static str>(&["app", "app.kubernetes.io/name", "k8s-app"]),
            cluster: format!("{company}-{}", rng.pick(&["prod", "edge-1", "dc2", "main"])),
            domain,
            namespace,
            nodes,
            images,
            tags: rng.next(),
        }
    }

    /// The name of the workload of a role.
    pub(crate) fn of(&self, role: Role) -> &str {
        match ROLES.iter().position(|other| *other == role) {
            Some(index) => &self.workloads[index],
            None => &self.database,
        }
    }

    /// The image repository of a role.
    pub(crate) fn image(&self, role: Role) -> String {
        format!("{}/{}", self.images, self.of(role))
    }

    /// The host of the registry.
    pub(crate) fn registry(&self) -> &str {
        self.images.split('/').next().unwrap_or_default()
    }

    /// The tag of a release, in the site's style; later releases have later tags.
    pub(crate) fn tag(&self, release: i64) -> String {
        match self.tags % 4 {
            0 => format!("1.{release}.{}", self.tags / 7 % 5),
            1 => format!("v2.{release}.0"),
            2 => format!("2026.{release}"),
            _ => {
                let hash = blake3::hash(format!("{}-{release}", self.tags).as_bytes());
                hash.to_hex()[..8].to_owned()
            }
        }
    }
}

fn node_names(rng: &mut Rng, count: i64, domain: &str) -> Vec<String> {
    let style = rng.range(0, 5);
    let rack = rng.range(1, 9);
    (1..=count)
        .map(|index| match style {
            0 => format!("node-{index}"),
            1 => format!("worker-{index:02}"),
            2 => format!("k8s-w{index}.{domain}"),
            3 => format!("rack{rack}-u{:02}", index * 4 + 3),
            _ => format!("bm-{:03}", rack * 10 + index),
        })
        .collect()
}
