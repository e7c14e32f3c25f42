//! Values and decisions of the appliance.
//!
//! From an alert to a card, in the order of the data's way: [`alert`] is what
//! Alertmanager said, [`incident`] decides which alerts belong together,
//! [`resolver`] names the first object to look at, [`snapshot`] is what was
//! captured of the cluster, [`facts`] are the things worth saying about it,
//! [`causes`] states what each fact pattern means, [`graph`] follows causes
//! along the cluster's edges and rules the rest out, [`card`] makes an
//! [`analysis::Analysis`] of it, [`budget`] and [`prompt`] hand it to a model
//! through [`ports`], and [`analysis`] checks what comes back.
//!
//! This crate knows no socket, file, clock or runtime: time and chance are
//! arguments. It builds for `wasm32-unknown-unknown`, and CI proves it.

pub mod alert;
pub mod analysis;
pub mod budget;
pub mod card;
pub mod causes;
pub mod eval;
pub mod evidence;
pub mod facts;
pub mod graph;
pub mod incident;
pub mod investigation;
pub mod object;
pub mod ports;
pub mod prompt;
pub mod question;
pub mod redaction;
pub mod resolver;
pub mod signals;
pub mod snapshot;
