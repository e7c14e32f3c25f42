//! Log lines by shape: what a container says, how often, since when.
//!
//! Lines become entries (a stack trace is one), entries become templates.
//! Time and memory are bounded: one pass per log, and at most so many shapes
//! per container. What was left out is told as a gap.

mod entry;
mod line;
mod novelty;
mod time;

use std::collections::HashMap;

use jiff::Timestamp;

use self::entry::{Entry, entries};
use self::line::Line;
use super::{Change, LogTemplate};
use crate::object::ObjectRef;
use crate::snapshot::{ContainerLog, Gap, Snapshot};

/// Shapes of troubled lines kept per container.
const TROUBLED_MAX: usize = 200;
/// Shapes of other lines kept per container.
const CALM_MAX: usize = 100;
/// Bytes of a verbatim line that are kept.
const EXEMPLAR_MAX: usize = 2000;

/// Finds the log shapes of `snapshot`, troubled and frequent ones first, and
/// says what was left out.
pub(super) fn find(
    snapshot: &Snapshot,
    changes: &[Change],
    started_at: Timestamp,
) -> (Vec<LogTemplate>, Vec<Gap>) {
    let mut templates = Vec::new();
    let mut gaps = Vec::new();
    for log in &snapshot.logs {
        let (found, left_out) = templates_of(log, snapshot.captured_at);
        templates.extend(found);
        if left_out > 0 {
            gaps.push(Gap {
                source: "logs".to_owned(),
                detail: format!(
                    "{left_out} lines of {}/{} container {} have shapes beyond the {} that are kept",
                    log.namespace,
                    log.pod,
                    log.container,
                    TROUBLED_MAX + CALM_MAX
                ),
            });
        }
    }
    novelty::mark(&mut templates, snapshot, changes, started_at);
    templates.sort_by(|a, b| {
        let rank = |t: &LogTemplate| (!t.trouble, !t.new_since_change, std::cmp::Reverse(t.last));
        rank(a)
            .cmp(&rank(b))
            .then(b.count.cmp(&a.count))
            .then_with(|| {
                (&a.pod, &a.container, &a.template).cmp(&(&b.pod, &b.container, &b.template))
            })
    });
    (templates, gaps)
}

/// One shape while its log is read; the exemplar is a place in the text.
struct Gathered<'a> {
    exemplar: Entry<'a>,
    count: usize,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    trouble: bool,
}

fn templates_of(log: &ContainerLog, captured_at: Timestamp) -> (Vec<LogTemplate>, usize) {
    let mut shapes: HashMap<String, Gathered<'_>> = HashMap::new();
    let (mut troubled, mut calm, mut left_out) = (0, 0, 0);
    let mut shape = String::new();
    for mut entry in entries(&log.text, captured_at) {
        let line = Line::of(&entry);
        let at = line.time();
        shape.clear();
        line.write_shape(&mut shape);
        // Words and failing statuses are part of the shape, so one look serves all its lines.
        let trouble = !shapes.contains_key(shape.as_str()) && line.is_trouble(&shape);
        entry.at = at;
        if let Some(known) = shapes.get_mut(shape.as_str()) {
            known.see(entry);
            continue;
        }
        let (kept, most) = if trouble {
            (&mut troubled, TROUBLED_MAX)
        } else {
            (&mut calm, CALM_MAX)
        };
        if *kept == most {
            left_out += 1;
            continue;
        }
        *kept += 1;
        shapes.insert(shape.clone(), Gathered::new(entry, trouble));
    }
    let templates = shapes
        .into_iter()
        .map(|(template, gathered)| gathered.finish(log, template))
        .collect();
    (templates, left_out)
}

impl<'a> Gathered<'a> {
    fn new(entry: Entry<'a>, trouble: bool) -> Self {
        Self {
            count: 1,
            first: entry.at,
            last: entry.at,
            trouble,
            exemplar: entry,
        }
    }

    fn see(&mut self, entry: Entry<'a>) {
        self.count += 1;
        if entry.at.is_some() {
            self.first = self
                .first
                .map_or(entry.at, |first| entry.at.min(Some(first)));
            self.last = self.last.max(entry.at);
        }
        self.exemplar = entry;
    }

    fn finish(self, log: &ContainerLog, template: String) -> LogTemplate {
        LogTemplate {
            pod: ObjectRef::namespaced("Pod", &log.namespace, &log.pod),
            container: log.container.clone(),
            previous: log.previous,
            template,
            exemplar: self.exemplar.verbatim(EXEMPLAR_MAX),
            count: self.count,
            first: self.first,
            last: self.last,
            trouble: self.trouble,
            new_since_change: false,
        }
    }
}

#[cfg(test)]
mod tests;
