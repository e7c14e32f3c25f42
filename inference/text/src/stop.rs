//! Finds stop strings in a stream of text, wherever pieces are cut.
//!
//! Invariant: no text of a stop string, nor any behind it, is given out.

/// What a piece of text led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Text that may be given out.
    pub text: String,
    /// Whether a stop string was found; nothing follows.
    pub stopped: bool,
}

/// Finds stop strings in a stream of text.
#[derive(Clone, Debug)]
pub struct StopMatcher {
    stops: Vec<String>,
    /// Text that may be the beginning of a stop string.
    held: String,
}

impl StopMatcher {
    /// A matcher for `stops`, none of which is empty.
    pub fn new(stops: Vec<String>) -> Self {
        Self {
            stops,
            held: String::new(),
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str) -> Stopped {
        self.held.push_str(piece);
        if let Some(at) = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min()
        {
            self.held.truncate(at);
            return Stopped {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let behind = self.held.split_off(self.held.len() - self.hold_back());
        Stopped {
            text: std::mem::replace(&mut self.held, behind),
            stopped: false,
        }
    }

    /// Ends the stream: what was held back was text after all.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Bytes at the end that begin some stop string; the most of all.
    fn hold_back(&self) -> usize {
        let begins = |start: &usize| {
            self.stops
                .iter()
                .any(|stop| stop.starts_with(&self.held[*start..]))
        };
        let mut starts = self.held.char_indices().map(|(start, _)| start);
        starts
            .find(begins)
            .map_or(0, |start| self.held.len() - start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(stops: &[&str], pieces: &[&str], expected: &[&str], stopped: bool) {
        let mut matcher = StopMatcher::new(stops.iter().map(|&stop| stop.to_owned()).collect());
        let mut found = Vec::new();
        let mut ended = false;
        for piece in pieces {
            let step = matcher.push(piece);
            found.push(step.text);
            ended = step.stopped;
            if ended {
                break;
            }
        }
        if !ended {
            found.push(matcher.finish());
        }
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), ended),
            (expected.to_vec(), stopped)
        );
    }

    #[test]
    fn a_stop_string_across_pieces_is_found_and_kept_back() {
        check(&["END"], &["one E", "N", "D two"], &["one ", "", ""], true);
    }

    #[test]
    fn what_only_began_like_a_stop_string_is_given_out() {
        check(&["END"], &["E", "NE", "ND"], &["", "EN", ""], true);
        check(&["END"], &["xEN", "o"], &["x", "ENo", ""], false);
        check(&["END"], &["EN"], &["", "EN"], false);
    }

    #[test]
    fn the_first_of_several_ends_the_text() {
        check(&["b", "ab"], &["xab"], &["x"], true);
        check(&["\n\n", "。"], &["é\n", "。"], &["é", "\n"], true);
    }

    #[test]
    fn without_stop_strings_nothing_is_held_back() {
        check(&[], &["a", "b"], &["a", "b", ""], false);
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_text_before_the_first_stop(text in "[ab]{0,20}", stop in "[ab]{1,3}", cut in 1_usize..5) {
            let mut matcher = StopMatcher::new(vec![stop.clone()]);
            let characters: Vec<char> = text.chars().collect();
            let mut given = String::new();
            let mut stopped = false;
            for piece in characters.chunks(cut) {
                let step = matcher.push(&piece.iter().collect::<String>());
                given.push_str(&step.text);
                stopped = step.stopped;
                if stopped { break; }
            }
            if !stopped { given.push_str(&matcher.finish()); }
            prop_assert_eq!(given.as_str(), text.find(&stop).map_or(text.as_str(), |at| &text[..at]));
        }
    }
}
