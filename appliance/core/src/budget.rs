//! Splits a model's context window among ranked lines.
//!
//! Decides which lines are kept whole, shortened or left out; leaves their
//! wording to [`crate::prompt`]. Pure: token counts come from the caller.
//!
//! Invariant: what [`ContextBudget::fit`] keeps, joined by newlines, has at
//! most [`ContextBudget::evidence_tokens`] tokens by the caller's count.

use crate::ports::TokenCounter;

/// Tokens of a context window, by use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextBudget {
    /// The model's window.
    pub window_tokens: usize,
    /// Kept free for the answer.
    pub output_tokens: usize,
    /// Taken by instructions and the chat template.
    pub overhead_tokens: usize,
}

/// A line that wants a place in the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankedLine {
    /// Lower ranks are kept first.
    pub rank: u32,
    /// The text, one line.
    pub text: String,
    /// Shortest form that still says something: a prefix length in characters;
    /// zero when the line is kept whole or not at all.
    pub shortest_chars: usize,
}

/// What was kept, in the order the lines were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fitted {
    /// Index of the line among those given, and its text as kept.
    pub kept: Vec<(usize, String)>,
    /// How many lines were shortened.
    pub shortened: usize,
    /// How many lines were left out.
    pub left_out: usize,
}

impl Fitted {
    /// A note for the reader on what was cut; empty when nothing was.
    pub fn note(&self) -> String {
        match (self.shortened, self.left_out) {
            (0, 0) => String::new(),
            (shortened, left_out) => {
                format!("cut to the window: {shortened} lines shortened, {left_out} left out")
            }
        }
    }

    fn text(&self) -> String {
        let lines: Vec<&str> = self.kept.iter().map(|(_, text)| text.as_str()).collect();
        lines.join("\n")
    }
}

/// Appended to a shortened line.
const ELLIPSIS: &str = " …";

impl ContextBudget {
    /// Tokens left for evidence.
    pub fn evidence_tokens(&self) -> usize {
        self.window_tokens
            .saturating_sub(self.output_tokens)
            .saturating_sub(self.overhead_tokens)
    }

    /// Keeps as many lines as fit, best rank first.
    ///
    /// A tokenizer may count a joined text differently from its lines, so the
    /// result is counted whole and the worst-ranked lines go until it fits.
    pub fn fit(&self, lines: &[RankedLine], counter: &dyn TokenCounter) -> Fitted {
        let available = self.evidence_tokens();
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by_key(|&index| (lines[index].rank, index));

        let mut used = 0;
        let mut chosen: Vec<(usize, String, bool)> = Vec::new();
        for &index in &order {
            let line = &lines[index];
            let cost = counter.count(&line.text) + 1;
            if used + cost <= available {
                used += cost;
                chosen.push((index, line.text.clone(), false));
            } else if let Some((text, cost)) =
                shorten(line, available.saturating_sub(used), counter)
            {
                used += cost;
                chosen.push((index, text, true));
            }
        }
        loop {
            let fitted = arrange(&chosen, lines.len());
            if chosen.is_empty() || counter.count(&fitted.text()) <= available {
                return fitted;
            }
            chosen.pop();
        }
    }
}

fn arrange(chosen: &[(usize, String, bool)], total: usize) -> Fitted {
    let mut kept: Vec<(usize, String)> = chosen
        .iter()
        .map(|(index, text, _)| (*index, text.clone()))
        .collect();
    kept.sort_by_key(|(index, _)| *index);
    Fitted {
        shortened: chosen.iter().filter(|(_, _, cut)| *cut).count(),
        left_out: total - kept.len(),
        kept,
    }
}

/// The longest prefix of `line` that costs at most `available` tokens, if it
/// is not shorter than the line allows.
fn shorten(
    line: &RankedLine,
    available: usize,
    counter: &dyn TokenCounter,
) -> Option<(String, usize)> {
    if line.shortest_chars == 0 {
        return None;
    }
    let chars: Vec<char> = line.text.chars().collect();
    let mut length = chars.len() / 2;
    while length >= line.shortest_chars {
        let text: String = chars[..length].iter().collect::<String>() + ELLIPSIS;
        let cost = counter.count(&text) + 1;
        if cost <= available {
            return Some((text, cost));
        }
        length /= 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Counts one token per four characters, at least one.
    struct ByLength;

    impl TokenCounter for ByLength {
        fn count(&self, text: &str) -> usize {
            text.chars().count().div_ceil(4)
        }
    }

    fn line(rank: u32, chars: usize, shortest_chars: usize) -> RankedLine {
        RankedLine {
            rank,
            text: "x".repeat(chars),
            shortest_chars,
        }
    }

    fn budget(evidence: usize) -> ContextBudget {
        ContextBudget {
            window_tokens: evidence + 300,
            output_tokens: 200,
            overhead_tokens: 100,
        }
    }

    #[test]
    fn everything_is_kept_when_it_fits() {
        let fitted = budget(100).fit(&[line(1, 40, 0), line(2, 40, 0)], &ByLength);
        assert_eq!(fitted.kept.len(), 2);
        assert_eq!(fitted.note(), "");
    }

    #[test]
    fn worse_ranks_are_shortened_then_left_out_and_the_note_says_so() {
        let lines = [line(1, 80, 0), line(3, 400, 0), line(2, 400, 20)];
        let fitted = budget(50).fit(&lines, &ByLength);
        assert_eq!(
            fitted.note(),
            "cut to the window: 1 lines shortened, 1 left out"
        );
        assert_eq!(fitted.kept[0].0, 0);
        assert_eq!(fitted.kept[1].0, 2);
    }

    #[test]
    fn a_window_smaller_than_its_reserves_keeps_nothing() {
        let tiny = ContextBudget {
            window_tokens: 64,
            output_tokens: 200,
            overhead_tokens: 10,
        };
        assert!(tiny.fit(&[line(1, 8, 0)], &ByLength).kept.is_empty());
    }

    proptest! {
        #[test]
        fn no_set_of_lines_overflows_the_window(
            lines in prop::collection::vec((0u32..9, 0usize..900, 0usize..60), 0..60),
            evidence in 0usize..600,
        ) {
            let lines: Vec<RankedLine> =
                lines.into_iter().map(|(rank, chars, shortest)| line(rank, chars, shortest)).collect();
            let fitted = budget(evidence).fit(&lines, &ByLength);
            prop_assert!(ByLength.count(&fitted.text()) <= evidence);
            prop_assert_eq!(fitted.kept.len() + fitted.left_out, lines.len());
        }
    }
}
