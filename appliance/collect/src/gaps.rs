//! Gaps told once: what several sources lack for one reason is one line.

use std::collections::BTreeMap;

use appliance_core::snapshot::Gap;

/// More gaps than this with one reason are told as one.
const SAME_REASON_MAX: usize = 3;

/// Folds gaps with the same reason, so that an absent server is one line.
pub(crate) fn fold(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut order: Vec<String> = Vec::new();
    let mut sources: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for gap in gaps {
        let known = sources.entry(gap.detail.clone()).or_default();
        if known.is_empty() {
            order.push(gap.detail);
        }
        if !known.contains(&gap.source) {
            known.push(gap.source);
        }
    }
    order
        .into_iter()
        .flat_map(|detail| told(sources.remove(&detail).unwrap_or_default(), &detail))
        .collect()
}

fn told(sources: Vec<String>, detail: &str) -> Vec<Gap> {
    let gap = |source| Gap {
        source,
        detail: detail.to_owned(),
    };
    if sources.len() <= SAME_REASON_MAX {
        return sources.into_iter().map(gap).collect();
    }
    let more = sources.len() - SAME_REASON_MAX;
    let named = sources[..SAME_REASON_MAX].join(", ");
    vec![gap(format!("{named} and {more} more"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(count: usize) -> Vec<Gap> {
        (0..count)
            .map(|index| Gap {
                source: format!("kind{index} in shop"),
                detail: "timed out after 4.0 s".to_owned(),
            })
            .collect()
    }

    #[test]
    fn a_few_gaps_stay_apart() {
        assert_eq!(fold(gaps(3)).len(), 3);
    }

    #[test]
    fn many_gaps_of_one_reason_are_one_line() {
        let folded = fold(gaps(20));
        assert_eq!(folded.len(), 1);
        assert_eq!(
            folded[0].source,
            "kind0 in shop, kind1 in shop, kind2 in shop and 17 more"
        );
    }
}
