//! Facts about the pool, with blocks of four tokens.

use proptest::prelude::*;

use super::*;

fn pool(blocks: usize) -> BlockPool {
    BlockPool::new(blocks, 4, 7)
}

fn tokens(count: u32) -> Vec<TokenId> {
    (0..count).collect()
}

/// Computes all of `tokens` and gives the table.
fn computed(pool: &mut BlockPool, tokens: &[TokenId]) -> BlockTable {
    let mut table = pool.reuse(tokens);
    assert!(pool.extend(&mut table, tokens.len()), "has room");
    pool.seal(&mut table, tokens);
    table
}

#[track_caller]
fn check_usage(pool: &BlockPool, free: usize, idle: usize, used: usize) {
    assert_eq!(pool.usage(), PoolUsage { free, idle, used });
}

#[test]
fn a_prompt_finds_the_full_blocks_of_an_earlier_one() {
    let mut pool = pool(8);
    let first = computed(&mut pool, &tokens(10));
    let kept: Vec<BlockId> = first.blocks()[..2].to_vec();
    pool.release(first);
    check_usage(&pool, 6, 2, 0);
    assert_eq!(pool.reuse(&tokens(12)).blocks(), kept);
}

#[test]
fn the_last_token_is_never_found() {
    let mut pool = pool(8);
    let first = computed(&mut pool, &tokens(8));
    pool.release(first);
    assert_eq!(pool.reuse(&tokens(8)).len(), 1);
    assert_eq!(pool.reuse(&tokens(9)).len(), 2);
    assert_eq!(pool.reuse(&[]).len(), 0);
}

#[test]
fn the_same_tokens_behind_others_are_not_found() {
    let mut pool = pool(8);
    let first = computed(&mut pool, &[1, 2, 3, 4, 5, 6, 7, 8]);
    pool.release(first);
    assert_eq!(pool.reuse(&[5, 6, 7, 8, 9]).len(), 0);
    assert_eq!(pool.reuse(&[1, 2, 3, 5, 5, 6, 7, 8, 9]).len(), 0);
}

#[test]
fn running_sequences_share_what_is_sealed() {
    let mut pool = pool(8);
    let first = computed(&mut pool, &tokens(9));
    let second = computed(&mut pool, &tokens(9));
    assert_eq!(first.blocks()[..2], second.blocks()[..2]);
    assert_ne!(first.blocks()[2], second.blocks()[2]);
    assert_eq!(pool.exclusive(&second), 1);
    pool.release(first);
    check_usage(&pool, 5, 0, 3);
    pool.release(second);
    check_usage(&pool, 6, 2, 0);
}

#[test]
fn twins_that_were_computed_side_by_side_become_one() {
    let mut pool = pool(8);
    let (mut first, mut second) = (BlockTable::default(), BlockTable::default());
    assert!(pool.extend(&mut first, 5) && pool.extend(&mut second, 5));
    pool.seal(&mut first, &tokens(5));
    pool.seal(&mut second, &tokens(5));
    assert_eq!(first.blocks()[0], second.blocks()[0]);
    check_usage(&pool, 5, 0, 3);
}

#[test]
fn the_longest_unused_goes_first_and_ends_go_before_beginnings() {
    let mut pool = pool(4);
    let old = computed(&mut pool, &[1, 1, 1, 1, 2, 2, 2, 2]);
    let new = computed(&mut pool, &[3, 3, 3, 3]);
    pool.release(old);
    pool.release(new);
    let mut table = BlockTable::default();
    assert!(pool.extend(&mut table, 8));
    assert_eq!(pool.reuse(&[1, 1, 1, 1, 2, 2, 2, 2, 0]).len(), 1);
    assert_eq!(pool.reuse(&[3, 3, 3, 3, 0]).len(), 1);
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut pool = pool(2);
    let mut table = BlockTable::default();
    assert!(!pool.extend(&mut table, 9));
    assert!(table.is_empty());
    check_usage(&pool, 2, 0, 0);
}

proptest! {
    #[test]
    fn no_block_is_lost_or_written_by_two(steps in prop::collection::vec((0_usize..6, prop::collection::vec(0_u32..2, 1..24), any::<bool>()), 1..80)) {
        let mut pool = pool(12);
        let mut tables: Vec<BlockTable> = Vec::new();
        for (number, prompt, end) in steps {
            if end && number < tables.len() {
                pool.release(tables.swap_remove(number));
            } else {
                let mut table = pool.reuse(&prompt);
                if pool.extend(&mut table, prompt.len()) {
                    pool.seal(&mut table, &prompt);
                    tables.push(table);
                } else {
                    pool.release(table);
                }
            }
            let usage = pool.usage();
            prop_assert_eq!(usage.free + usage.idle + usage.used, 12);
            let open: Vec<BlockId> = tables.iter().flat_map(|table| table.blocks[table.sealed.len()..].to_vec()).collect();
            let mut distinct = open.clone();
            distinct.sort();
            distinct.dedup();
            prop_assert_eq!(open.len(), distinct.len());
        }
        for table in tables { pool.release(table); }
        prop_assert_eq!(pool.usage().used, 0);
    }
}
