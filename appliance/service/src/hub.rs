//! Analyses in the making, for those who watch them.
//!
//! The pipeline owns an analysis; closing a tab does not cancel it, and a
//! second viewer joins from what has been written so far.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use appliance_http::wire::{AnalysisEvent, Phase};
use tokio::sync::broadcast;

/// Events a slow viewer may fall behind before it is told to start over; one
/// analysis has fewer.
const BACKLOG_MAX: usize = 256;

/// Who is at which phase, with the text so far.
#[derive(Debug, Default)]
pub struct Hub {
    // A plain mutex: held for a map look-up and a push, never across an await.
    live: Mutex<HashMap<String, Live>>,
}

#[derive(Debug)]
struct Live {
    phase: Phase,
    text: String,
    events: broadcast::Sender<AnalysisEvent>,
}

/// What a viewer gets: the beginning, and what follows.
#[derive(Debug)]
pub struct Watch {
    /// Phase and text so far.
    pub beginning: AnalysisEvent,
    /// What follows.
    pub events: broadcast::Receiver<AnalysisEvent>,
}

impl Hub {
    /// The incident's analysis enters `phase`.
    pub fn phase(&self, incident: &str, phase: Phase, detail: impl Into<String>) {
        let detail = detail.into();
        let mut all = self.lock();
        let live = all.entry(incident.to_owned()).or_insert_with(|| Live {
            phase,
            text: String::new(),
            events: broadcast::channel(BACKLOG_MAX).0,
        });
        live.phase = phase;
        // Nobody watching is no error.
        let _ = live.events.send(AnalysisEvent::Phase { phase, detail });
    }

    /// The model wrote another checked sentence.
    pub fn text(&self, incident: &str, sentence: &str) {
        if let Some(live) = self.lock().get_mut(incident) {
            if !live.text.is_empty() {
                live.text.push(' ');
            }
            live.text.push_str(sentence);
            let _ = live.events.send(AnalysisEvent::Text {
                text: format!("{sentence} "),
            });
        }
    }

    /// The analysis ended; `failure` says why it did not end well.
    pub fn end(&self, incident: &str, failure: Option<String>) {
        if let Some(live) = self.lock().remove(incident) {
            let event = failure.map_or(AnalysisEvent::Done, |detail| AnalysisEvent::Failed {
                detail,
            });
            let _ = live.events.send(event);
        }
    }

    /// The phase of an analysis in the making.
    pub fn phase_of(&self, incident: &str) -> Option<Phase> {
        self.lock().get(incident).map(|live| live.phase)
    }

    /// Joins an analysis in the making.
    pub fn watch(&self, incident: &str) -> Option<Watch> {
        self.lock().get(incident).map(|live| Watch {
            beginning: AnalysisEvent::Snapshot {
                phase: live.phase,
                text: live.text.clone(),
            },
            events: live.events.subscribe(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_viewer_joins_from_what_was_written() {
        let hub = Hub::default();
        hub.phase("INC-1", Phase::Writing, "");
        hub.text("INC-1", "It restarts.");
        let watch = hub.watch("INC-1").expect("it is being written");
        assert_eq!(
            watch.beginning,
            AnalysisEvent::Snapshot {
                phase: Phase::Writing,
                text: "It restarts.".to_owned()
            }
        );
    }

    #[test]
    fn the_end_reaches_viewers_and_frees_the_entry() {
        let hub = Hub::default();
        hub.phase("INC-1", Phase::Collecting, "");
        let mut watch = hub.watch("INC-1").expect("it is being made");
        hub.end("INC-1", None);
        assert_eq!(watch.events.try_recv(), Ok(AnalysisEvent::Done));
        assert!(hub.watch("INC-1").is_none());
    }
}
