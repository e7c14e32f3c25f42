//! Storage types of weights: names, numbers and block sizes.
//!
//! # Source
//! `ggml-common.h` and `ggml.h` of ggml (block layouts and type numbers), `docs/gguf.md`.

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// 32-bit reals.
    F32,
    /// 16-bit IEEE reals.
    F16,
    /// The upper halves of 32-bit reals.
    Bf16,
    /// 32 weights of 4 bits around 8, one scale.
    Q4_0,
    /// 32 weights of 4 bits, one scale and one minimum.
    Q4_1,
    /// 32 weights of 5 bits around 16, one scale.
    Q5_0,
    /// 32 weights of 5 bits, one scale and one minimum.
    Q5_1,
    /// 32 signed bytes, one scale.
    Q8_0,
    /// 256 weights of 2 bits, 4-bit scales and minima per 16.
    Q2K,
    /// 256 weights of 3 bits around 4, 6-bit scales per 16.
    Q3K,
    /// 256 weights of 4 bits, 6-bit scales and minima per 32.
    Q4K,
    /// 256 weights of 5 bits, 6-bit scales and minima per 32.
    Q5K,
    /// 256 weights of 6 bits around 32, 8-bit scales per 16.
    Q6K,
    /// 32 indices of 4 bits into a table, one scale.
    Iq4Nl,
    /// 256 indices of 4 bits into a table, 6-bit scales per 32.
    Iq4Xs,
    /// 32 reals of 4 bits (E2M1), one power of two (E8M0).
    Mxfp4,
}

impl Dtype {
    /// Every storage type.
    pub const ALL: [Self; 16] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Iq4Nl,
        Self::Iq4Xs,
        Self::Mxfp4,
    ];

    /// The storage type with GGUF's `number`, if it is one of ours.
    pub fn from_gguf(number: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dtype| dtype.gguf_number() == number)
    }

    /// The number GGUF has for it.
    pub fn gguf_number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
            Self::Q2K => 10,
            Self::Q3K => 11,
            Self::Q4K => 12,
            Self::Q5K => 13,
            Self::Q6K => 14,
            Self::Iq4Nl => 20,
            Self::Iq4Xs => 23,
            Self::Bf16 => 30,
            Self::Mxfp4 => 39,
        }
    }

    /// The name GGUF has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q2K => "Q2_K",
            Self::Q3K => "Q3_K",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
            Self::Iq4Nl => "IQ4_NL",
            Self::Iq4Xs => "IQ4_XS",
            Self::Mxfp4 => "MXFP4",
        }
    }

    /// Weights that are stored together.
    pub fn block_weights(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            Self::Q4_0
            | Self::Q4_1
            | Self::Q5_0
            | Self::Q5_1
            | Self::Q8_0
            | Self::Iq4Nl
            | Self::Mxfp4 => 32,
            Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K | Self::Iq4Xs => 256,
        }
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Mxfp4 => 17,
            Self::Q4_0 | Self::Iq4Nl => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q2K => 84,
            Self::Q3K => 110,
            Self::Iq4Xs => 136,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of a row of `columns` weights, which are a whole number of blocks.
    pub fn row_bytes(self, columns: usize) -> usize {
        columns / self.block_weights() * self.block_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_types() {
        for dtype in Dtype::ALL {
            assert_eq!(Dtype::from_gguf(dtype.gguf_number()), Some(dtype));
        }
        assert_eq!(Dtype::from_gguf(9), None, "Q8_1 is for activations");
    }
}
