//! Gives each distinct draft an id, in the order in which they come.

use std::collections::HashMap;

use super::clean;
use crate::analysis::Evidence;
use crate::evidence::{Draft, EvidenceId, EvidenceKind};
use crate::object::ObjectRef;

/// Most pieces of evidence one analysis carries; a person reads no more.
const EVIDENCE_MAX: u16 = 120;
/// Most lines of one piece.
const LINES_MAX: usize = 30;
/// Most characters of one line.
const LINE_MAX: usize = 600;

type Key = (EvidenceKind, ObjectRef, String);

/// The evidence gathered so far.
#[derive(Default)]
pub(super) struct Ledger {
    evidence: Vec<Evidence>,
    ids: HashMap<Key, EvidenceId>,
}

impl Ledger {
    /// The id of `draft`, new or known; `None` when the ledger is full.
    pub(super) fn add(&mut self, draft: &Draft) -> Option<EvidenceId> {
        let (kind, object, title) = draft.key();
        let key = (kind, object.clone(), title.to_owned());
        if let Some(&id) = self.ids.get(&key) {
            return Some(id);
        }
        let id = EvidenceId(u16::try_from(self.evidence.len()).ok()? + 1);
        if id.0 > EVIDENCE_MAX {
            return None;
        }
        self.ids.insert(key, id);
        self.evidence.push(evidence(id, draft));
        Some(id)
    }

    /// The ids of `drafts`, each once.
    pub(super) fn add_all(&mut self, drafts: &[Draft]) -> Vec<EvidenceId> {
        let mut ids: Vec<EvidenceId> = Vec::new();
        for id in drafts.iter().filter_map(|draft| self.add(draft)) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    pub(super) fn finish(self) -> Vec<Evidence> {
        self.evidence
    }
}

fn evidence(id: EvidenceId, draft: &Draft) -> Evidence {
    let mut cut = Vec::new();
    if !draft.truncated.is_empty() {
        cut.push(draft.truncated.clone());
    }
    if draft.lines.len() > LINES_MAX {
        cut.push(format!("{} more lines", draft.lines.len() - LINES_MAX));
    }
    let kept = &draft.lines[..draft.lines.len().min(LINES_MAX)];
    if kept.iter().any(|line| line.chars().nth(LINE_MAX).is_some()) {
        cut.push(format!("lines beyond {LINE_MAX} characters"));
    }
    Evidence {
        id,
        kind: draft.kind,
        object: draft.object.clone(),
        at: draft.at,
        title: clean::line(&draft.title),
        lines: kept
            .iter()
            .map(|line| line.chars().take(LINE_MAX).collect())
            .collect(),
        query: draft.query.clone(),
        truncated: cut.join("; "),
    }
}
