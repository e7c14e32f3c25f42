//! A stream of bytes into pieces of whole characters.
//!
//! Invariant: the pieces together are the lossy UTF-8 reading of the bytes together.

/// A stream of bytes into pieces of whole characters.
#[derive(Clone, Debug, Default)]
pub struct Detokenizer {
    /// The beginning of a character, at most 3 bytes.
    held: Vec<u8>,
}

impl Detokenizer {
    /// Takes the bytes of the next token and gives the characters that are
    /// whole now; bytes that cannot be UTF-8 become U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.held.len());
        let mut rest = self.held.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(whole) => {
                    text.push_str(whole);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (whole, behind) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(whole));
                    rest = behind;
                    let Some(broken) = error.error_len() else {
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[broken..];
                }
            }
        }
        self.held = rest.to_vec();
        text
    }

    /// Whether the bytes so far end with a whole character.
    pub fn is_whole(&self) -> bool {
        self.held.is_empty()
    }

    /// Ends the stream: a character left incomplete becomes U+FFFD.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.held).into_owned();
        self.held.clear();
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_comes_when_it_is_whole() {
        let mut detokenizer = Detokenizer::default();
        let pieces: Vec<String> = "aé漢"
            .bytes()
            .map(|byte| detokenizer.push(&[byte]))
            .collect();
        assert_eq!(pieces, ["a", "", "é", "", "", "漢"]);
        assert_eq!(detokenizer.finish(), "");
    }

    #[test]
    fn bytes_that_are_no_character_are_replaced() {
        let mut detokenizer = Detokenizer::default();
        assert_eq!(detokenizer.push(b"a\xffb\xe6"), "a\u{fffd}b");
        assert_eq!(detokenizer.finish(), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn pieces_together_read_as_the_bytes_together(tokens in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..20)) {
            let mut detokenizer = Detokenizer::default();
            let mut text: String = tokens.iter().map(|bytes| detokenizer.push(bytes)).collect();
            text.push_str(&detokenizer.finish());
            let bytes = tokens.concat();
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
