//! How packed tiles lie in memory, by storage type.
//!
//! A tile has [`TILE_ROWS`] rows. Along the columns it is a sequence of units, each a whole
//! number of *slabs* of 32 columns followed by the unit's scales:
//!
//! - a slab has planes of 128 bytes, one byte for each row and column of a group of four columns;
//!   with `LOW` bits a code, plane `p` holds groups `p`, `p + LOW`, ... side by side in its bits,
//!   and `HIGH` more planes hold the upper bits the same way;
//! - a unit of 32 columns has a scale (and a minimum) for each row;
//! - a unit of 256 columns has a scale (and a scale of minima) for each row, then whole scales
//!   of each group of columns (and whole minima, those of two neighboring groups side by side).
//!
//! Invariant: [`Format::UNIT_BYTES`] is what packing writes and what kernels read.

use crate::dtype::Dtype;
use crate::widen::{IQ4_VALUES, MXFP4_VALUES};

/// Rows of a tile: two vectors of the widest instruction set.
pub(crate) const TILE_ROWS: usize = 32;
/// Bytes of a plane: [`TILE_ROWS`] rows and four columns.
pub(crate) const PLANE: usize = 4 * TILE_ROWS;
/// Columns of a slab.
pub(crate) const SLAB: usize = 32;

/// One packed storage type.
pub(crate) trait Format {
    /// What it is packed from.
    const DTYPE: Dtype;
    /// Lower bits of a code: 2, 4 or 8; also how many planes they take.
    const LOW: usize;
    /// Upper bits of a code: 0 to 2.
    const HIGH: usize = 0;
    /// What codes stand for where that is not the code itself.
    const TABLE: Option<[u8; 16]> = None;
    /// Codes, or what they stand for, pass 127.
    const WIDE: bool = Self::LOW == 8 || Self::TABLE.is_some();
    /// What is taken off every code.
    const ZERO: i32 = 0;
    /// Columns of a unit: 32 or 256.
    const UNIT: usize;
    /// Columns that share a whole scale, in units of 256.
    const GROUP: usize = 32;
    /// Minima are added (32) or taken off (256).
    const MINS: bool = false;
    /// Scales of units are exponents instead of half-precision reals.
    const EXPONENT: bool = false;

    /// Bytes of a slab.
    const SLAB_BYTES: usize = PLANE * (Self::LOW + Self::HIGH);
    /// Where the unit's scales begin.
    const SCALES_AT: usize = Self::SLAB_BYTES * (Self::UNIT / SLAB);
    /// Bytes of a row's scale.
    const SCALE_BYTES: usize = if Self::EXPONENT { 1 } else { 2 };
    /// Where the unit's minima begin.
    const MINS_AT: usize = Self::SCALES_AT + TILE_ROWS * Self::SCALE_BYTES;
    /// Where the whole scales of groups begin.
    const GROUPS_AT: usize = Self::MINS_AT + if Self::MINS { TILE_ROWS * 2 } else { 0 };
    /// Groups of a unit of 256 columns; none in others.
    const GROUPS: usize = if Self::UNIT == 256 {
        Self::UNIT / Self::GROUP
    } else {
        0
    };
    /// Where the whole minima of groups begin.
    const GROUP_MINS_AT: usize = Self::GROUPS_AT + Self::GROUPS * TILE_ROWS;
    /// Bytes of a unit.
    const UNIT_BYTES: usize = Self::GROUP_MINS_AT
        + if Self::MINS {
            Self::GROUPS * TILE_ROWS
        } else {
            0
        };
}

/// `table` moved up by 128, so that its values are codes around 128.
const fn raised(table: [i8; 16]) -> [u8; 16] {
    let mut raised = [0; 16];
    let mut at = 0;
    while at < 16 {
        raised[at] = table[at].cast_unsigned() ^ 0x80;
        at += 1;
    }
    raised
}

/// The type `$name` with the constants given.
macro_rules! format {
    ($($name:ident { $($constant:ident: $kind:ty = $value:expr),* })*) => {
        $(
            #[doc = concat!("Packed `", stringify!($name), "`.")]
            #[derive(Clone, Copy)]
            pub(crate) struct $name;

            impl Format for $name {
                const DTYPE: Dtype = Dtype::$name;
                $(const $constant: $kind = $value;)*
            }
        )*
    };
}

format! {
    Q8_0 { LOW: usize = 8, ZERO: i32 = 128, UNIT: usize = 32 }
    Q4_0 { LOW: usize = 4, ZERO: i32 = 8, UNIT: usize = 32 }
    Q4_1 { LOW: usize = 4, UNIT: usize = 32, MINS: bool = true }
    Q5_0 { LOW: usize = 4, HIGH: usize = 1, ZERO: i32 = 16, UNIT: usize = 32 }
    Q5_1 { LOW: usize = 4, HIGH: usize = 1, UNIT: usize = 32, MINS: bool = true }
    Iq4Nl { LOW: usize = 4, TABLE: Option<[u8; 16]> = Some(raised(IQ4_VALUES)), ZERO: i32 = 128, UNIT: usize = 32 }
    Mxfp4 {
        LOW: usize = 4, TABLE: Option<[u8; 16]> = Some(raised(MXFP4_VALUES)), ZERO: i32 = 128, UNIT: usize = 32, EXPONENT: bool = true
    }
    Q2K { LOW: usize = 2, UNIT: usize = 256, GROUP: usize = 16, MINS: bool = true }
    Q3K { LOW: usize = 2, HIGH: usize = 1, ZERO: i32 = 4, UNIT: usize = 256, GROUP: usize = 16 }
    Q4K { LOW: usize = 4, UNIT: usize = 256, MINS: bool = true }
    Q5K { LOW: usize = 4, HIGH: usize = 1, UNIT: usize = 256, MINS: bool = true }
    Q6K { LOW: usize = 4, HIGH: usize = 2, ZERO: i32 = 32, UNIT: usize = 256, GROUP: usize = 16 }
    Iq4Xs { LOW: usize = 4, TABLE: Option<[u8; 16]> = Some(raised(IQ4_VALUES)), ZERO: i32 = 128, UNIT: usize = 256 }
}

/// Runs `$body` with `$format` standing for the packed type of `$dtype`; gives its value, or `None` if there is no packed type.
macro_rules! with_format {
    ($dtype:expr, $format:ident => $body:expr) => {{
        macro_rules! run {
            ($name:ident) => {{
                type $format = $crate::packed::format::$name;
                Some($body)
            }};
        }
        match $dtype {
            $crate::dtype::Dtype::Q8_0 => run!(Q8_0),
            $crate::dtype::Dtype::Q4_0 => run!(Q4_0),
            $crate::dtype::Dtype::Q4_1 => run!(Q4_1),
            $crate::dtype::Dtype::Q5_0 => run!(Q5_0),
            $crate::dtype::Dtype::Q5_1 => run!(Q5_1),
            $crate::dtype::Dtype::Iq4Nl => run!(Iq4Nl),
            $crate::dtype::Dtype::Mxfp4 => run!(Mxfp4),
            $crate::dtype::Dtype::Q2K => run!(Q2K),
            $crate::dtype::Dtype::Q3K => run!(Q3K),
            $crate::dtype::Dtype::Q4K => run!(Q4K),
            $crate::dtype::Dtype::Q5K => run!(Q5K),
            $crate::dtype::Dtype::Q6K => run!(Q6K),
            $crate::dtype::Dtype::Iq4Xs => run!(Iq4Xs),
            $crate::dtype::Dtype::F32 | $crate::dtype::Dtype::F16 | $crate::dtype::Dtype::Bf16 => {
                None
            }
        }
    }};
}
pub(crate) use with_format;
