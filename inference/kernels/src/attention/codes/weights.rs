//! What the values of a stretch are mixed by, as whole numbers of 16 bits.
//!
//! Each group of a value's numbers has weights of its own: the products with the group's scales.
//!
//! Invariant: a query's weights depend on its scores and on what it sees of the stretch alone.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "vector operations on whole blocks of positions"
)]

use std::ops::Range;

use super::super::share::{self, Share, Sums};
use super::super::work::{BLOCKS, STRETCH};
use super::{BLOCK_TOKENS, Layout, Places};
use crate::exp::powers_of_two;
use crate::isa::Isa;
use crate::quantize::extent;

/// What the largest weight of a stretch becomes: products of 256 of them with codes fit 32 bits.
const WEIGHT_MAX: f32 = 32_767.0;
/// If all weights are below this they are nothing: [`WEIGHT_MAX`] over them would be no number.
const WEIGHT_LEAST: f32 = 1e-30;
/// Groups whose weights are made together.
const PAIR: usize = 2;
/// Neighboring weights of a group, which those of the other of its pair follow.
const FOUR: usize = 4;

/// Of a few queries.
#[derive(Default)]
pub(super) struct Weights {
    /// Groups of a value, made even.
    groups: usize,
    /// Scales of the stretch's values, `[groups, STRETCH]`.
    value_scales: Vec<f32>,
    /// `[queries, groups / PAIR, STRETCH / FOUR, PAIR, FOUR]`.
    codes: Vec<i16>,
    /// `[queries, groups]`.
    scales: Vec<f32>,
    /// Of a pair of groups and one query, before they are rounded: `[PAIR, STRETCH]`.
    products: Vec<f32>,
}

/// Of one query.
#[derive(Clone, Copy)]
pub(super) struct Row {
    codes: *const i16,
    scales: *const f32,
}

impl Weights {
    /// Makes room for those of `queries` queries and `groups` groups.
    pub(super) fn resize(&mut self, queries: usize, groups: usize) {
        self.groups = groups.next_multiple_of(PAIR);
        self.value_scales.resize(self.groups * STRETCH, 0.0);
        // Those of a group that only makes the number even.
        self.value_scales[groups * STRETCH..].fill(0.0);
        self.codes.resize(queries * self.groups * STRETCH, 0);
        self.scales.resize(queries * self.groups, 0.0);
        self.products.resize(PAIR * STRETCH, 0.0);
    }

    /// Those of query `query`.
    #[inline(always)]
    pub(super) fn row(&self, query: usize) -> Row {
        let groups = query * self.groups..(query + 1) * self.groups;
        Row {
            codes: self.codes[groups.start * STRETCH..groups.end * STRETCH].as_ptr(),
            scales: self.scales[groups].as_ptr(),
        }
    }

    /// Widens the scales of the values of `blocks` of a stretch.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it.
    #[inline(always)]
    pub(super) unsafe fn gather_scales<S: Isa>(
        &mut self,
        (places, blocks): (&Places, &Range<usize>),
        layout: Layout,
    ) {
        for block in blocks.clone() {
            let values = places.start(block, false);
            let at = block % BLOCKS * BLOCK_TOKENS;
            for group in 0..layout.groups() {
                let to = self.value_scales[group * STRETCH + at..][..BLOCK_TOKENS].as_mut_ptr();
                for position in (0..BLOCK_TOKENS).step_by(S::LANES) {
                    S::store(
                        to.add(position),
                        layout.scales::<S>(values, group, position),
                    );
                }
            }
        }
    }

    /// Rounds what query `query` gives to `positions` of a stretch by its `weights`.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it; positions are of whole blocks of one stretch.
    #[inline(always)]
    pub(super) unsafe fn round<S: Isa>(
        &mut self,
        query: usize,
        weights: &[f32],
        positions: Range<usize>,
    ) {
        for pair in 0..self.groups / PAIR {
            self.round_pair::<S>(query, pair, weights, positions.clone());
        }
    }

    /// Turns the `scores` of query `query`, which sees all `positions` of a stretch, into weights and rounds what it gives.
    ///
    /// The bits are those of [`Share::weigh`] and [`round`](Self::round), in fewer passes.
    ///
    /// # Safety
    /// As [`round`](Self::round).
    #[inline(always)]
    pub(super) unsafe fn weigh<S: Isa>(
        &mut self,
        query: usize,
        scores: &mut [f32],
        positions: Range<usize>,
        softcap: Option<f32>,
    ) -> Share {
        let seen = &mut scores[positions.clone()];
        share::bend(seen, softcap);
        let most = share::most::<S>(seen);
        if most == f32::NEG_INFINITY {
            seen.fill(0.0);
            self.round::<S>(query, scores, positions);
            return Share::NONE;
        }
        let relative = S::splat_real(-most);
        let (more, scores_at) = (self.groups > PAIR, scores[..STRETCH].as_mut_ptr());
        let (scales, products) = (self.value_scales.as_ptr(), self.products.as_mut_ptr());
        let mut sums = Sums::<S>::zero();
        let mut mosts = [S::splat_real(0.0); PAIR];
        for (number, at) in positions.clone().step_by(S::LANES).enumerate() {
            let to = scores_at.add(at);
            let weights = powers_of_two::<S>(S::add(S::load_real(to), relative));
            sums.add(number, weights);
            if more {
                S::store(to, weights);
            }
            for (group, most) in mosts.iter_mut().enumerate() {
                let at = group * STRETCH + at;
                let product = S::multiply(weights, S::load_real(scales.add(at)));
                S::store(products.add(at), product);
                *most = S::larger(*most, product);
            }
        }
        self.round_products::<S>(query, 0, positions.clone(), mosts);
        for pair in 1..self.groups / PAIR {
            self.round_pair::<S>(query, pair, scores, positions.clone());
        }
        Share::new(most, sums.total())
    }

    /// As [`round`](Self::round), for a pair of groups.
    #[inline(always)]
    unsafe fn round_pair<S: Isa>(
        &mut self,
        query: usize,
        pair: usize,
        weights: &[f32],
        positions: Range<usize>,
    ) {
        let weights = weights[..STRETCH].as_ptr();
        let scales = self.value_scales[pair * PAIR * STRETCH..][..PAIR * STRETCH].as_ptr();
        let products = self.products.as_mut_ptr();
        let mut mosts = [S::splat_real(0.0); PAIR];
        for at in positions.clone().step_by(S::LANES) {
            let weights = S::load_real(weights.add(at));
            for (group, most) in mosts.iter_mut().enumerate() {
                let at = group * STRETCH + at;
                // What is not seen has no weight; its scale may be of another sequence.
                let product = S::multiply_positive(weights, S::load_real(scales.add(at)));
                S::store(products.add(at), product);
                *most = S::larger(*most, product);
            }
        }
        self.round_products::<S>(query, pair, positions, mosts);
    }

    /// Rounds the `products` of a pair of groups, of which `mosts` are the largest, lane by lane.
    #[inline(always)]
    unsafe fn round_products<S: Isa>(
        &mut self,
        query: usize,
        pair: usize,
        positions: Range<usize>,
        mosts: [S::Real; PAIR],
    ) {
        let first = query * self.groups + pair * PAIR;
        let places = &mut self.scales[first..first + PAIR];
        let mut inverses = [S::splat_real(0.0); PAIR];
        for ((most, place), inverse) in mosts.into_iter().zip(places).zip(&mut inverses) {
            let mut lanes = [0.0; BLOCK_TOKENS];
            S::store(lanes.as_mut_ptr(), most);
            let most = extent(&lanes);
            *place = most / WEIGHT_MAX;
            if most > WEIGHT_LEAST {
                *inverse = S::splat_real(WEIGHT_MAX / most);
            }
        }
        let codes = self.codes[first * STRETCH..(first + PAIR) * STRETCH].as_mut_ptr();
        let products = self.products.as_ptr();
        for at in positions.step_by(S::LANES) {
            let mut rounded = inverses;
            for (group, rounded) in rounded.iter_mut().enumerate() {
                let product = S::load_real(products.add(group * STRETCH + at));
                *rounded = S::multiply(product, *rounded);
            }
            S::store_rounded(codes.add(PAIR * at), rounded[0], rounded[1]);
        }
    }
}

impl Row {
    /// The weights that two neighbors of group `group` of a value have, from position `position` on, an even one.
    ///
    /// # Safety
    /// There are such; the machine has `S`, and the caller is compiled for it.
    #[inline(always)]
    pub(super) unsafe fn two<S: Isa>(self, group: usize, position: usize) -> S::Int {
        let pair = group / PAIR * PAIR * STRETCH;
        let four = position / FOUR * PAIR * FOUR;
        let within = group % PAIR * FOUR + position % FOUR;
        S::splat2(self.codes.add(pair + four + within))
    }

    /// What the weights of group `group` stand for.
    ///
    /// # Safety
    /// As [`two`](Self::two).
    #[inline(always)]
    pub(super) unsafe fn scale<S: Isa>(self, group: usize) -> S::Real {
        S::splat_real(*self.scales.add(group))
    }
}
