//! `logs.txt`: the containers' logs of one pod, one after another between
//! START and END lines, as `kubectl cluster-info dump` writes them.

use appliance_core::snapshot::ContainerLog;

/// Most bytes of one container's log that are kept, its end.
const LOG_MAX: usize = 64 << 20;
/// How kubectl writes that a log could not be had.
const REFUSED: &str = "Request log error:";

/// One container's part of the file, or why there is none.
pub(super) enum Part {
    Log(ContainerLog),
    Missing { container: String, why: String },
}

/// Splits the file. Text outside of START and END is a log without a
/// container's name. Lines that only imitate END of another container are text.
pub(super) fn parse(text: &str, namespace: &str, pod: &str, previous: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut open: Option<(String, usize)> = None;
    let (mut at, mut outside_from) = (0, 0);
    for line in text.split_inclusive('\n') {
        let (from, next) = (at, at + line.len());
        at = next;
        let line = line.trim_end();
        match &open {
            None => {
                if let Some(container) = mark(line, "START", namespace, pod) {
                    parts.extend(part(
                        &text[outside_from..from],
                        "",
                        namespace,
                        pod,
                        previous,
                    ));
                    open = Some((container.to_owned(), next));
                }
            }
            Some((container, start)) => {
                if mark(line, "END", namespace, pod) == Some(container) {
                    parts.extend(part(
                        &text[*start..from],
                        container,
                        namespace,
                        pod,
                        previous,
                    ));
                    open = None;
                    outside_from = next;
                }
            }
        }
    }
    let (container, from) = open.unwrap_or((String::new(), outside_from));
    parts.extend(part(&text[from..], &container, namespace, pod, previous));
    parts
}

/// The container that a mark line names, if it is one of this pod's.
fn mark<'a>(line: &'a str, word: &str, namespace: &str, pod: &str) -> Option<&'a str> {
    let rest = line
        .strip_prefix("==== ")?
        .strip_suffix(" ====")?
        .strip_prefix(word)?
        .strip_prefix(" logs for container ")?;
    let (container, of) = rest.split_once(" of pod ")?;
    let (of_namespace, of_pod) = of.split_once('/')?;
    (of_namespace == namespace && of_pod == pod).then_some(container)
}

fn part(text: &str, container: &str, namespace: &str, pod: &str, previous: bool) -> Option<Part> {
    if container.is_empty() && text.trim().is_empty() {
        return None;
    }
    if let Some(why) = text.trim().strip_prefix(REFUSED)
        && !why.contains('\n')
    {
        return Some(Part::Missing {
            container: container.to_owned(),
            why: why.trim().to_owned(),
        });
    }
    let (kept, truncated) = end_of(text);
    Some(Part::Log(ContainerLog {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        container: container.to_owned(),
        previous,
        text: kept.to_owned(),
        truncated,
    }))
}

/// The last [`LOG_MAX`] bytes from a line's start on, and what was cut.
fn end_of(text: &str) -> (&str, String) {
    let Some(mut from) = text.len().checked_sub(LOG_MAX).filter(|from| *from > 0) else {
        return (text, String::new());
    };
    while !text.is_char_boundary(from) {
        from += 1;
    }
    from += text[from..].find('\n').map_or(0, |at| at + 1);
    (
        &text[from..],
        format!("the first {from} bytes are left out"),
    )
}
