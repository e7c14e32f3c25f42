//! What to run next, and what would repair: commands for a stated cause.
//!
//! An analyzer that knows the very command says it itself. For all others the
//! tables beside this file say, cause by cause, where to look and what to
//! change; this file makes commands of that for the objects of the case. A
//! command for an object that was not captured is left out, and so is one
//! that would do nothing, such as undoing the only revision.
//!
//! Invariant: every word that comes from outside is one word of the shell, a
//! next check only looks, and a repair carries the catalogue's risk unless
//! its table says it is smaller.

mod limits;
mod look;
mod place;
mod repair;
mod scale;
mod table;

use jiff::SignedDuration;

use super::{Case, Finding};
use crate::analysis::Risk;
use crate::facts::ChangeKind;

use self::place::Place;

/// Next checks a finding has at least, where its table knows as many.
const CHECKS_MIN: usize = 2;
/// How long before the alert a rollout may lie and still be what to take back.
const ROLLED_OUT: SignedDuration = SignedDuration::from_hours(24);
/// Repairs taken from the table at most: the usual one and another way.
const REPAIRS_MAX: usize = 2;

/// Where to look, and what it would tell.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Sight,
    why: &'static str,
}

/// A command that only looks.
#[derive(Clone, Copy, Debug)]
enum Sight {
    /// An object with its events.
    Describe(Place),
    /// The last lines of a container or, for a workload, of its pods.
    Logs(Place),
    /// The revisions of the workload.
    History,
    /// The pods of the finding's namespace and their nodes.
    Pods,
    /// The pods of the node.
    NodePods,
    /// What the pods of the finding's namespace use.
    Top,
    /// Objects of that kind in the finding's namespace.
    List(&'static str),
    /// A program that only looks, run on the node.
    OnNode(&'static str),
    /// A command that names no object.
    Fixed(&'static str),
}

/// What would repair, and what that changes.
#[derive(Clone, Copy, Debug)]
struct Repair {
    by: Means,
    why: &'static str,
    risk: Option<Risk>,
}

/// A command that changes something.
#[derive(Clone, Copy, Debug)]
enum Means {
    /// Back to the workload's revision before, where there is one.
    Undo,
    /// An object in an editor.
    Edit(Place),
    /// What the next apply of the workload's manifest would set.
    EditApplied,
    /// A field set by a merge patch, and the patch that takes it back.
    Patch(Place, &'static str, &'static str),
    /// All pods of a workload anew, one after the other.
    Restart(Place),
    /// A released volume made available to other claims.
    Release,
    /// An object deleted, to be made anew by what declares it.
    Delete(Place),
    /// A pod forgotten without waiting for its node.
    ForceDelete,
    /// More replicas, or a higher maximum where an autoscaler sets them.
    ScaleOut,
    /// A higher bound of the autoscaler: `minReplicas` or `maxReplicas`.
    Bound(&'static str),
    /// A higher limit of the container in question for that resource.
    Limit(&'static str),
    /// A larger claim, where its class lets it grow.
    Expand,
    /// The claim's class made to let its claims grow, where it does not yet.
    AllowExpansion,
    /// No more pods onto the node.
    Cordon,
    /// The node's pods elsewhere.
    Drain,
    /// The node declared off, so that its volumes and pods are let go.
    OutOfService,
    /// A program run on the node.
    OnNode(&'static str),
    /// The node's container runtime restarted.
    RestartRuntime,
    /// A static pod's process ended, which its kubelet starts anew: the part's
    /// names and the program.
    EndStatic(&'static [&'static str], &'static str),
    /// A program run in a pod of the part of those names.
    InPart(&'static [&'static str], &'static str),
    /// The Job run again: by its CronJob, or by whoever declares it.
    RunAgain,
    /// The `ServiceAccount` that the workload names and lacks.
    CreateAccount,
    /// The Service that the `StatefulSet` names and lacks.
    CreateService,
}

/// What a table says about one cause.
#[derive(Clone, Copy, Debug, Default)]
struct Remedy {
    looks: &'static [Look],
    repairs: &'static [Repair],
}

const fn look(at: Sight, why: &'static str) -> Look {
    Look { at, why }
}

const fn repair(by: Means, why: &'static str) -> Repair {
    Repair {
        by,
        why,
        risk: None,
    }
}

impl Repair {
    /// The same with a smaller risk than the catalogue's, which speaks of the
    /// riskiest way.
    const fn at_risk(self, risk: Risk) -> Self {
        Self {
            risk: Some(risk),
            ..self
        }
    }
}

/// Adds to `finding` the checks and repairs its analyzer left to the tables.
pub(crate) fn complete(case: &Case<'_>, finding: &mut Finding) {
    let remedy = table::of(finding.cause);
    for look in remedy.looks {
        if finding.next_checks.len() >= CHECKS_MIN {
            break;
        }
        let check = look::check(case, finding, look);
        // The same list in another layout tells nothing new.
        let known = |command: &str| {
            let mut all = finding.next_checks.iter().map(|one| one.command.as_str());
            all.any(|one| one.starts_with(command) || command.starts_with(one))
        };
        let fresh = check.filter(|check| !known(&check.command));
        finding.next_checks.extend(fresh);
    }
    if finding.next_checks.is_empty() {
        finding.next_checks.push(look::first(finding));
    }
    if !finding.actions.is_empty() {
        return;
    }
    let mut repairs: Vec<&Repair> = remedy.repairs.iter().collect();
    let rolled_out = rolled_out(case, finding);
    repairs.sort_by_key(|repair| match (repair.by, rolled_out) {
        (Means::Undo, true) => 0,
        (Means::Undo, false) => 2,
        _ => 1,
    });
    finding.actions = repairs
        .into_iter()
        .filter_map(|repair| repair::action(case, finding, repair))
        .take(REPAIRS_MAX)
        .collect();
}

/// Whether the workload at the heart of it was rolled out in the day before:
/// going back is then the first thing to try, and else the last.
fn rolled_out(case: &Case<'_>, finding: &Finding) -> bool {
    let Some(workload) = place::find(case, finding, Place::Workload) else {
        return false;
    };
    let mut changes = case.facts.changes_before(case.started_at, ROLLED_OUT);
    changes.any(|change| change.kind == ChangeKind::Rollout && change.object == workload)
}

#[cfg(test)]
mod tests;
