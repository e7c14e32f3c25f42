//! Plain loops compiled for the vectors of the machine at hand.

use pulp::{Arch, Simd, WithSimd};

/// Does `work`, a closure that is `#[inline(always)]`, compiled for the machine's vectors.
///
/// Called through `FnMut`, since what calls a closure through `FnOnce` is compiled by itself, for the least of all machines,
/// and what is called from there with it.
pub(crate) fn vectorized<R>(work: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Work(work))
}

struct Work<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Work<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}
