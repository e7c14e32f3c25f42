//! The instruction sets of the machine at hand, and how a kernel is run on one of them.
//!
//! Invariant: a [`Path`] is only made where its features were found on the machine, so that
//! running a kernel on it is safe.

#![allow(
    unsafe_code,
    reason = "calls functions compiled for instruction sets that were found on the machine"
)]

use std::sync::OnceLock;

use super::Isa;
#[cfg(target_arch = "aarch64")]
use super::neon::{self, Neon};
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// Work that is written once for all instruction sets.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;

    /// Does the work.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it.
    unsafe fn run<S: Isa>(self) -> Self::Output;
}

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Plain arithmetic.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2, FMA and AVX-VNNI.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX-512 and its VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// NEON, which every 64-bit ARM has.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// NEON with products of four signed bytes.
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    /// NEON with products of four bytes of which one side has no sign.
    #[cfg(target_arch = "aarch64")]
    NeonMixed,
}

impl Path {
    /// The instruction sets of this machine, the best last.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn all() -> Vec<Self> {
        known(&[
            (true, Self::Portable),
            (Avx2::<false>::is_here(), Self::Avx2),
            (Avx2::<true>::is_here(), Self::AvxVnni),
            (Avx512::is_here(), Self::Avx512),
        ])
    }

    /// The instruction sets of this machine, the best last.
    #[cfg(target_arch = "aarch64")]
    pub(crate) fn all() -> Vec<Self> {
        known(&[
            (true, Self::Portable),
            (Neon::<{ neon::PLAIN }>::is_here(), Self::Neon),
            (Neon::<{ neon::DOT }>::is_here(), Self::NeonDot),
            (Neon::<{ neon::MIXED }>::is_here(), Self::NeonMixed),
        ])
    }

    /// The instruction sets of this machine, the best last.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(crate) fn all() -> Vec<Self> {
        vec![Self::Portable]
    }

    /// The best instruction set of this machine.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Path> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().last().copied().unwrap_or(Self::Portable))
    }

    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => "neon-dotprod",
            #[cfg(target_arch = "aarch64")]
            Self::NeonMixed => "neon-i8mm",
        }
    }

    /// Whether [`Isa::dot_wide`] takes the zero off wide codes itself.
    pub(crate) fn wide_is_signed(self) -> bool {
        struct Asked;
        impl Kernel for Asked {
            type Output = bool;

            #[inline(always)]
            unsafe fn run<S: Isa>(self) -> bool {
                S::WIDE_IS_SIGNED
            }
        }
        self.run(Asked)
    }

    /// Runs `kernel`, compiled for this instruction set.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: paths are made by `Path::all` after their features were found; plain
        // arithmetic needs none.
        unsafe {
            match self {
                Self::Portable => kernel.run::<Portable>(),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => on_avx2(kernel),
                #[cfg(target_arch = "x86_64")]
                Self::AvxVnni => on_avx_vnni(kernel),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => on_avx512(kernel),
                #[cfg(target_arch = "aarch64")]
                Self::Neon => on_neon(kernel),
                #[cfg(target_arch = "aarch64")]
                Self::NeonDot => on_neon_dot(kernel),
                #[cfg(target_arch = "aarch64")]
                Self::NeonMixed => on_neon_mixed(kernel),
            }
        }
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn known(found: &[(bool, Path)]) -> Vec<Path> {
    let here = found.iter().filter(|(here, _)| *here);
    here.map(|(_, path)| *path).collect()
}

/// Generates functions compiled for `$features` that run a kernel on `$isa`.
macro_rules! compiled_for {
    ($($arch:literal $name:ident $features:literal $isa:ty;)*) => {
        $(
            #[cfg(target_arch = $arch)]
            #[target_feature(enable = $features)]
            unsafe fn $name<K: Kernel>(kernel: K) -> K::Output {
                // SAFETY: the caller saw that the machine has these features.
                unsafe { kernel.run::<$isa>() }
            }
        )*
    };
}

compiled_for! {
    "x86_64" on_avx2 "avx2,fma,f16c" Avx2<false>;
    "x86_64" on_avx_vnni "avx2,fma,f16c,avxvnni" Avx2<true>;
    "x86_64" on_avx512 "avx512f,avx512bw,avx512vl,avx512vnni,fma,f16c" Avx512;
    "aarch64" on_neon "neon" Neon<{ neon::PLAIN }>;
    "aarch64" on_neon_dot "neon,dotprod" Neon<{ neon::DOT }>;
    "aarch64" on_neon_mixed "neon,dotprod,i8mm" Neon<{ neon::MIXED }>;
}
