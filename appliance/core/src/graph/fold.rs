//! Folds findings: what is excluded goes, the finer identifier beats its
//! parent, symptoms go under the cause that explains them.

use crate::causes::{Cause, Exclusion, Family, Finding, Strength};

use super::Edges;

/// Symptoms whose evidence a cause takes over.
const TAKEN_MAX: usize = 3;

/// How far from a root a cause stands by its nature.
///
/// 0 is a root cause; 1 may have one behind it (a probe that fails, a crash);
/// 2 always has one (a Service without ready pods, a rollout that is stuck);
/// 3 is the word that nothing is wrong.
pub(super) fn level(cause: Cause) -> u8 {
    use Cause as C;
    match cause {
        C::NoReadyEndpoints
        | C::DependencyRefused
        | C::DependencyTimeout
        | C::RolloutStuck
        | C::JobFailedBackoff
        | C::StatefulSetBlocked
        | C::GenerationMismatch
        | C::PdbBlocks
        | C::HpaMaxed
        | C::PvcUnbound
        | C::WaitingFirstConsumer
        | C::KubeletOrRuntimeFault
        | C::ScrapeTargetDown
        | C::ConfigChangeRegression => 2,
        C::ReadinessFailing
        | C::LivenessKill
        | C::SlowStart
        | C::CrashAppException
        | C::CrashExit0Loop
        | C::InitFailedOrHung
        | C::PodSandboxNetwork
        | C::MountVolumeFailed
        | C::StuckTerminating
        | C::EvictedPressure
        | C::PodNetworkDelay
        | C::DnsNameWrong
        | C::UpstreamRateLimited
        | C::LatencyRegressionRollout
        | C::TrafficDrop
        | C::QueueBacklog
        | C::NodeFlapping
        | C::HpaNoMetrics
        | C::UntoleratedTaint => 1,
        C::WatchdogInfoInhibitor
        | C::AlreadyRecovered
        | C::RolloutInProgress
        | C::PlannedMaintenance
        | C::OutsideVisibility
        | C::AlertObjectAbsent
        | C::ExpectedFailure
        | C::CapacityAdvice => 3,
        _ => 0,
    }
}

/// Findings sorted by what they say, so that the order they came in is forgotten.
pub(super) fn in_fixed_order(mut found: Vec<Finding>) -> Vec<Finding> {
    for finding in &mut found {
        finding.explains.sort();
        finding
            .because
            .sort_by(|a, b| (a.kind, &a.object, &a.title).cmp(&(b.kind, &b.object, &b.title)));
    }
    found.sort_by(|a, b| {
        (level(a.cause), a.cause, &a.object, a.strength).cmp(&(
            level(b.cause),
            b.cause,
            &b.object,
            b.strength,
        ))
    });
    found
}

/// Drops weak findings that an exclusion contradicts; the exclusion stays.
pub(super) fn eliminate(found: &mut Vec<Finding>, mut excluded: Vec<Exclusion>) -> Vec<Exclusion> {
    excluded.sort_by(|a, b| (a.cause, &a.object).cmp(&(b.cause, &b.object)));
    found.retain(|finding| {
        finding.strength > Strength::Likely
            || !excluded.iter().any(|exclusion| {
                exclusion.cause == finding.cause && exclusion.object == finding.object
            })
    });
    excluded
}

/// A finer identifier on the same object takes its parent's place and evidence.
pub(super) fn finer_over_parent(found: &[Finding]) -> Vec<Finding> {
    let is_parent = |general: &Finding, fine: &Finding| {
        fine.cause.parent() == Some(general.cause)
            && fine.object == general.object
            && (fine.strength > Strength::Hint || general.strength == Strength::Hint)
    };
    let (parents, mut kept): (Vec<Finding>, Vec<Finding>) = found
        .iter()
        .cloned()
        .partition(|finding| found.iter().any(|fine| is_parent(finding, fine)));
    for parent in parents {
        for fine in &mut kept {
            if is_parent(&parent, fine) {
                let strength = fine.strength.max(parent.strength);
                *fine = fine
                    .clone()
                    .because(parent.because.clone())
                    .explains(parent.explains.clone())
                    .since(parent.since);
                fine.strength = strength;
            }
        }
    }
    kept
}

/// Symptoms go under causes; each kept finding comes with the number it took.
pub(super) fn symptoms_under_causes(found: &[Finding], edges: &Edges) -> Vec<(Finding, usize)> {
    let reaches: Vec<_> = found
        .iter()
        .map(|finding| {
            let from = std::iter::once(finding.object.clone()).chain(finding.explains.clone());
            edges.reach_all(from)
        })
        .collect();
    let mut kept: Vec<(Finding, usize)> = Vec::new();
    let mut folded: Vec<(Finding, Cause, crate::object::ObjectRef)> = Vec::new();
    for (position, symptom) in found.iter().enumerate() {
        let under = found.iter().enumerate().find(|(other, cause)| {
            let reached = reaches[*other].contains(&symptom.object);
            let mutual = reaches[position].contains(&cause.object);
            *other != position
                && (explains(cause, symptom) && (reached || is_same_thing(cause, symptom, edges))
                    || waits_for(cause, symptom) && reached && !mutual)
        });
        match under {
            Some((_, cause)) => folded.push((symptom.clone(), cause.cause, cause.object.clone())),
            None => kept.push((symptom.clone(), 0)),
        }
    }
    for (symptom, cause, object) in folded {
        let target = kept
            .iter_mut()
            .find(|(finding, _)| finding.cause == cause && finding.object == object);
        // A cause that was folded itself passes nothing on: its own cause reaches further.
        if let Some((finding, count)) = target {
            let taken = symptom.because.into_iter().take(TAKEN_MAX);
            *finding = finding.clone().because(taken).explains([symptom.object]);
            *count += 1;
        }
    }
    kept
}

/// Whether `cause` is of a nature to bring `symptom` about, strong enough to
/// take it over, and not itself the word that all is well.
fn explains(cause: &Finding, symptom: &Finding) -> bool {
    let (deep, shallow) = (level(cause.cause), level(symptom.cause));
    let node_first = cause.object.kind == "Node"
        && symptom.object.kind != "Node"
        && matches!(
            symptom.cause,
            Cause::ServiceDnsFailure | Cause::RegistryUnreachable | Cause::KubeProxyNodeLocal
        );
    let part_first = names_part(cause.cause)
        && cause.object == symptom.object
        && symptom.cause.family() == Family::Runtime;
    let strong = cause.strength > Strength::Hint;
    strong && shallow < 3 && (deep < shallow || deep == 0 && (node_first || part_first))
}

/// Whether `symptom` may be no more than waiting for `cause`: a program that
/// says it is not ready while what it depends on is not, or answers nobody.
fn waits_for(cause: &Finding, symptom: &Finding) -> bool {
    let unready = matches!(
        cause.cause,
        Cause::DependencyRefused | Cause::NoReadyEndpoints | Cause::ReadinessFailing
    ) || level(cause.cause) == 1 && cause.cause.family() == Family::Runtime;
    symptom.cause == Cause::ReadinessFailing
        && cause.object != symptom.object
        && cause.strength > Strength::Hint
        && unready
}

/// Whether a cause is that a named part of the cluster fails: how its process
/// ends is then evidence of it, not another cause.
fn names_part(cause: Cause) -> bool {
    use Cause as C;
    matches!(
        cause,
        C::CorednsDownOrOverloaded
            | C::KubeProxyDown
            | C::LoadBalancerBgpL2
            | C::ProvisionerDown
            | C::SchedulerDown
            | C::ControllerManagerDown
            | C::EtcdNoSpace
            | C::EtcdNoQuorumLeader
            | C::PrometheusSick
            | C::AlertmanagerDelivery
            | C::KubeStateMetricsOrExporterMissing
    )
}

/// Whether both are about one workload: its pod, `ReplicaSet`, Service or claim.
fn is_same_thing(cause: &Finding, symptom: &Finding, edges: &Edges) -> bool {
    edges.reach(&symptom.object).contains(&cause.object)
        && symptom.object.namespace == cause.object.namespace
        && symptom.object.kind == "Pod"
}
