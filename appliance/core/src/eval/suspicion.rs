//! Whether the suspected change is one that was made, and whether one was.
//!
//! A recipe knows what was changed; a recorded case mostly does not, so that
//! there only the object of the suspected change can be compared with the
//! object of the cause.

use serde::Serialize;

use super::{Expected, Share, ownership};
use crate::analysis::Analysis;
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// Changed objects that the report names of one case.
const NAMED_MAX: usize = 3;

/// How the suspected change of one analysis compares with what was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// Something was changed, and that is suspected.
    Right,
    /// Something was changed, and something else is suspected.
    Wrong,
    /// Something was changed, and nothing is suspected.
    Missed,
    /// Nothing was changed, or nothing is wrong, and a change is suspected.
    Needless,
    /// Nothing was changed, or nothing is wrong, and nothing is suspected.
    Quiet,
    /// What was changed is not known; suspected is a change of the right object.
    OfRightObject,
    /// What was changed is not known; suspected is a change of another object.
    OfOtherObject,
    /// What was changed is not known, and nothing is suspected.
    Unknown,
}

/// The object whose change is suspected.
pub(super) fn suspected(analysis: &Analysis) -> Option<&ObjectRef> {
    let mut changes = analysis.changes.iter();
    let found = changes.find(|change| !change.suspected.is_empty());
    found.map(|change| &change.object)
}

impl Suspicion {
    /// Judges the suspected change of `analysis`.
    pub(super) fn of(analysis: &Analysis, snapshot: &Snapshot, expected: &Expected) -> Self {
        let suspected = suspected(analysis);
        let changed = match &expected.changed {
            _ if expected.healthy => Some(&[][..]),
            known => known.as_deref(),
        };
        match (changed, suspected) {
            (Some([]), None) => Self::Quiet,
            (Some([]), Some(_)) => Self::Needless,
            (Some(_), None) => Self::Missed,
            (Some(changed), Some(object)) => {
                let is_it = |one: &ObjectRef| {
                    one == object
                        || ownership::is_owned_by(object, one, snapshot)
                        || ownership::is_owned_by(one, object, snapshot)
                };
                if changed.iter().any(is_it) {
                    Self::Right
                } else {
                    Self::Wrong
                }
            }
            (None, None) => Self::Unknown,
            (None, Some(object)) if expected.accepts_object(object, snapshot) => {
                Self::OfRightObject
            }
            (None, Some(_)) => Self::OfOtherObject,
        }
    }

    fn is_fault(self) -> bool {
        matches!(self, Self::Wrong | Self::Missed | Self::Needless)
    }
}

/// A case whose suspected change is not the right one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrongSuspicion {
    /// Name of the case.
    pub case: String,
    /// In which way it is wrong.
    pub how: Suspicion,
    /// What is suspected, in words; empty for nothing.
    pub suspected: String,
    /// What was changed, in words; empty for nothing.
    pub changed: String,
}

/// Suspected changes over many cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Suspicions {
    /// Cases with a change in which that is the suspected one.
    pub right: Share,
    /// Of those, cases in which nothing is suspected.
    pub missed: usize,
    /// Cases without a change, or without trouble, in which one is suspected.
    pub needless: Share,
    /// Cases of which it is not known what was changed, in which a change is suspected.
    pub of_unknown: Share,
    /// Of those suspected, changes of the right object.
    pub of_right_object: usize,
    /// The cases that are not right, with what was suspected.
    pub wrong: Vec<WrongSuspicion>,
}

impl Suspicions {
    pub(super) fn add(&mut self, case: &str, score: &super::CaseScore) {
        use Suspicion as S;
        let how = score.suspicion;
        match how {
            S::Right | S::Wrong | S::Missed => self.right.add(how == S::Right),
            S::Needless | S::Quiet => self.needless.add(how == S::Needless),
            S::OfRightObject | S::OfOtherObject | S::Unknown => {
                self.of_unknown.add(how != S::Unknown);
            }
        }
        self.missed += usize::from(how == S::Missed);
        self.of_right_object += usize::from(how == S::OfRightObject);
        if how.is_fault() {
            let suspected = score.suspected.as_ref().map(ToString::to_string);
            self.wrong.push(WrongSuspicion {
                case: case.to_owned(),
                how,
                suspected: suspected.unwrap_or_default(),
                changed: in_words(&score.changed),
            });
        }
    }

    /// The lines of the report for a person.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .wrong
            .iter()
            .map(|one| {
                let of = |words: &str| {
                    let words = if words.is_empty() { "nothing" } else { words };
                    words.to_owned()
                };
                format!(
                    "{}: changed {}, suspected {}",
                    one.case,
                    of(&one.changed),
                    of(&one.suspected)
                )
            })
            .collect();
        let Share { of, total } = self.right;
        lines.push(format!(
            "suspected change: right {of}/{total} where one was made ({} without a suspect), suspected {}/{} where none was",
            self.missed, self.needless.of, self.needless.total
        ));
        if self.of_unknown.total > 0 {
            lines.push(format!(
                "where it is not known what was changed: suspected in {}/{}, of the right object in {}",
                self.of_unknown.of, self.of_unknown.total, self.of_right_object
            ));
        }
        lines
    }
}

/// The first few of `changed`, and how many there are besides.
fn in_words(changed: &[String]) -> String {
    let shown = &changed[..changed.len().min(NAMED_MAX)];
    let more = changed.len() - shown.len();
    let rest = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    shown.join(", ") + &rest
}

#[cfg(test)]
mod tests {
    use super::super::tests::{analysis, labels, snapshot};
    use super::super::{Evaluation, Expected, Scored, score};
    use super::Suspicion;
    use crate::analysis::ChangeEntry;
    use crate::evidence::EvidenceId;
    use crate::object::ObjectRef;

    const WEB: &str = r#"{"kind": "Deployment", "namespace": "shop", "name": "web"}"#;

    #[track_caller]
    fn check(expected: &str, suspected: Option<&str>, how: Suspicion, line: &str) {
        let object = |name: &str| ObjectRef::namespaced("Deployment", "shop", name);
        let mut analysis = analysis("OomOwnLimit", object("web"));
        analysis.changes.extend(suspected.map(|name| ChangeEntry {
            at: jiff::Timestamp::UNIX_EPOCH,
            object: object(name),
            what: "rolled out".to_owned(),
            evidence: EvidenceId(1),
            suspected: "nearest change".to_owned(),
        }));
        let expected = Expected::parse(expected, &labels()).unwrap();
        let scored = score(&analysis, &snapshot(), &expected);
        assert_eq!(scored.suspicion, how);
        let mut all = Evaluation::default();
        all.add(Scored {
            case: "one".to_owned(),
            score: scored,
            by: "rules".to_owned(),
            seconds: 0.1,
            peak_bytes: None,
        });
        assert!(all.text().contains(line), "{}", all.text());
    }

    #[test]
    fn a_suspected_change_is_held_against_what_was_changed() {
        let changed = |what: &str| {
            format!(r#"{{"cause": "OomOwnLimit", "object": {WEB}, "changed": [{what}]}}"#)
        };
        let known = changed(WEB);
        check(&known, Some("web"), Suspicion::Right, "right 1/1 where");
        check(
            &known,
            Some("other"),
            Suspicion::Wrong,
            "one: changed Deployment shop/web, suspected Deployment shop/other",
        );
        check(&known, None, Suspicion::Missed, "(1 without a suspect)");
        check(
            &changed(""),
            None,
            Suspicion::Quiet,
            "suspected 0/1 where none",
        );
        check(
            &changed(""),
            Some("web"),
            Suspicion::Needless,
            "suspected 1/1 where none",
        );
    }

    #[test]
    fn a_change_in_a_healthy_cluster_led_to_nothing() {
        let healthy = format!(r#"{{"healthy": true, "changed": [{WEB}]}}"#);
        check(
            &healthy,
            Some("web"),
            Suspicion::Needless,
            "suspected 1/1 where none",
        );
        check(&healthy, None, Suspicion::Quiet, "suspected 0/1 where none");
    }

    #[test]
    fn where_nobody_knows_what_was_changed_the_right_object_is_counted() {
        let unknown = format!(r#"{{"cause": "OomOwnLimit", "object": {WEB}}}"#);
        check(
            &unknown,
            Some("web"),
            Suspicion::OfRightObject,
            "of the right object in 1",
        );
        check(
            &unknown,
            Some("other"),
            Suspicion::OfOtherObject,
            "suspected in 1/1, of the right object in 0",
        );
        check(&unknown, None, Suspicion::Unknown, "suspected in 0/1");
    }

    #[test]
    fn of_many_changes_the_report_names_the_first() {
        let names = |count: usize| (0..count).map(|n| format!("c{n}")).collect::<Vec<_>>();
        assert_eq!(super::in_words(&names(0)), "");
        assert_eq!(super::in_words(&names(3)), "c0, c1, c2");
        assert_eq!(super::in_words(&names(40)), "c0, c1, c2 and 37 more");
    }
}
