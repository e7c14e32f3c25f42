//! The model's answer taken at its word, for measurement only.

use crate::analysis::{Analysis, Reading, StatedCause, Summary};

/// `card` with the model's choice first, as sure as the model is, on the
/// evidence the model cites; none of the candidates means no cause. The other
/// candidates follow as they stood.
pub fn alone(card: &Analysis, reading: &Reading, model: &str) -> Analysis {
    let mut analysis = card.clone();
    let place = reading.cause.map(|number| number.saturating_sub(1));
    match place.filter(|&place| place < card.causes.len()) {
        None => analysis.causes.clear(),
        Some(place) => {
            let chosen = analysis.causes.remove(place);
            let stated = StatedCause {
                confidence: reading.confidence,
                because: reading.because.clone(),
                against: reading.against.clone(),
                ..chosen
            };
            analysis.causes.insert(0, stated);
        }
    }
    let mut citations = reading.checked.citations.clone();
    citations.extend(&reading.because);
    citations.sort_unstable();
    citations.dedup();
    analysis.summary = Summary {
        text: reading.checked.kept.join(" "),
        by: format!("model:{model}"),
        citations,
    };
    analysis
}

/// The same card with its candidates the other way round.
pub fn reversed(card: &Analysis) -> Analysis {
    let mut analysis = card.clone();
    analysis.causes.reverse();
    analysis
}
