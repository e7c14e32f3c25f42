//! Samples into hostile input, the same for the same seed.

/// Numbers at which arithmetic goes wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    7,
    31,
    255,
    65_535,
    1 << 20,
    1 << 31,
    (1 << 31) - 1,
    u32::MAX as u64,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];
/// Most changes to one sample.
const CHANGES_MAX: u64 = 6;
/// Longest input; samples are far shorter.
const BYTES_MAX: usize = 1 << 16;

/// The numbers of splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Numbers that begin at `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `count`, 0 if that is 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % (count.max(1) as u64)).unwrap_or(0)
    }
}

/// One of `samples`, changed in a few places.
pub(crate) fn mutate(samples: &[Vec<u8>], words: &[&str], random: &mut Random) -> Vec<u8> {
    let mut bytes = samples
        .get(random.below(samples.len()))
        .cloned()
        .unwrap_or_default();
    for _ in 0..=random.next() % CHANGES_MAX {
        change(&mut bytes, samples, words, random);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, samples: &[Vec<u8>], words: &[&str], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let length = 1 + random.below(16).min(bytes.len().saturating_sub(at));
    let end = (at + length).min(bytes.len());
    match random.below(9) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next().to_le_bytes()[0];
            }
        }
        3 => drop(bytes.drain(at..end)),
        4 => {
            let copy = bytes[at..end].to_vec();
            insert(bytes, at, &copy.repeat(1 + random.below(64)));
        }
        5 => {
            let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
            let width = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
            bytes[at..at + width].copy_from_slice(&number[..width]);
        }
        6 if !words.is_empty() => insert(bytes, at, words[random.below(words.len())].as_bytes()),
        7 => {
            let number = NUMBERS[random.below(NUMBERS.len())].to_string();
            insert(bytes, at, number.as_bytes());
        }
        _ => {
            let other = &samples[random.below(samples.len())];
            let from = random.below(other.len());
            let to = (from + 1 + random.below(64)).min(other.len());
            insert(bytes, at, &other[from..to]);
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, more: &[u8]) {
    let at = at.min(bytes.len());
    bytes.splice(at..at, more.iter().copied());
}
