//! Who uses which block of keys and values, and which blocks are kept for prompts to come.
//!
//! Decides allocation, sharing and eviction over block numbers. The memory behind them is
//! the decoder's; when a sequence may have blocks is the [`scheduler`](crate::scheduler)'s.
//!
//! A block that is full and computed is *sealed*: found again by the chained hash of its
//! tokens and all before them. Sealed blocks that no sequence uses stay until their room is
//! needed, the least recently used go first.
//!
//! Invariant: every block is free, idle (sealed, unused) or used by as many tables as it has
//! references; only sealed blocks have more than one.

mod chain;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use self::chain::{BlockHash, Chain};
use crate::prompt::TokenId;

/// A block's number in the decoder's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub u32);

/// The blocks of one sequence, in the order of its tokens.
#[derive(Debug, Default)]
pub struct BlockTable {
    blocks: Vec<BlockId>,
    /// Hashes of the first blocks, as far as they are sealed.
    sealed: Vec<BlockHash>,
}

impl BlockTable {
    /// The blocks.
    pub fn blocks(&self) -> &[BlockId] {
        &self.blocks
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

/// How the blocks are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// Blocks that hold nothing.
    pub free: usize,
    /// Blocks kept for prompts to come, which are given up when room is needed.
    pub idle: usize,
    /// Blocks of running sequences.
    pub used: usize,
}

#[derive(Debug, Default)]
struct Block {
    references: u32,
    content: Option<Content>,
    /// Key in `idle` while nothing refers to it.
    idle_since: u64,
}

#[derive(Debug)]
struct Content {
    hash: BlockHash,
    tokens: Box<[TokenId]>,
}

/// All blocks of a decoder.
#[derive(Debug)]
pub struct BlockPool {
    block_tokens: usize,
    blocks: Vec<Block>,
    free: Vec<BlockId>,
    /// Sealed blocks by what they hold.
    index: HashMap<BlockHash, BlockId>,
    /// Sealed blocks nothing refers to, the longest unused first.
    idle: BTreeMap<u64, BlockId>,
    /// Grows with each block that falls idle.
    stamp: u64,
    chain: Chain,
}

impl BlockPool {
    /// A pool of `blocks` blocks of `block_tokens` tokens. `key` makes hashes unforeseeable to
    /// those who write prompts.
    pub fn new(blocks: usize, block_tokens: usize, key: u64) -> Self {
        let count = u32::try_from(blocks).unwrap_or(u32::MAX);
        Self {
            block_tokens: block_tokens.max(1),
            blocks: (0..count).map(|_| Block::default()).collect(),
            // The lowest number is taken first.
            free: (0..count).rev().map(BlockId).collect(),
            index: HashMap::new(),
            idle: BTreeMap::new(),
            stamp: 0,
            chain: Chain::new(key),
        }
    }

    /// Tokens of a block.
    pub fn block_tokens(&self) -> usize {
        self.block_tokens
    }

    /// Blocks there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Blocks that can be had now.
    pub fn available(&self) -> usize {
        self.free.len() + self.idle.len()
    }

    /// How the blocks are used.
    pub fn usage(&self) -> PoolUsage {
        PoolUsage {
            free: self.free.len(),
            idle: self.idle.len(),
            used: self.blocks.len() - self.available(),
        }
    }

    /// Blocks that hold `tokens` tokens.
    pub fn blocks_for(&self, tokens: usize) -> usize {
        tokens.div_ceil(self.block_tokens)
    }

    /// Blocks of `table` that nobody else uses.
    pub fn exclusive(&self, table: &BlockTable) -> usize {
        let alone = |block: &&BlockId| self.block(**block).references == 1;
        table.blocks.iter().filter(alone).count()
    }

    /// A table of the longest run of sealed blocks that `tokens` begin with.
    ///
    /// At least one token stays outside, since its logits are wanted.
    pub fn reuse(&mut self, tokens: &[TokenId]) -> BlockTable {
        let mut table = BlockTable::default();
        self.reuse_behind(&mut table, tokens);
        table
    }

    /// Adds to `table`, all of whose blocks are sealed, the run of sealed blocks that follow in `tokens`; gives how
    /// many were found. What others computed since the table was begun is not computed again.
    ///
    /// A table with a block that is not sealed stays as it is, and so does the last token outside.
    pub fn reuse_behind(&mut self, table: &mut BlockTable, tokens: &[TokenId]) -> usize {
        let before = table.len();
        if table.sealed.len() < before {
            return 0;
        }
        let most = tokens.len().saturating_sub(1) / self.block_tokens;
        let blocks = tokens.chunks_exact(self.block_tokens);
        for content in blocks.take(most).skip(before) {
            let hash = self.chain.next(table.sealed.last(), content);
            let Some(block) = self.sealed(hash, content) else {
                break;
            };
            self.refer(block);
            table.blocks.push(block);
            table.sealed.push(hash);
        }
        table.len() - before
    }

    /// Makes `table` long enough for `tokens` tokens; false, with nothing changed, where
    /// there are not enough blocks.
    pub fn extend(&mut self, table: &mut BlockTable, tokens: usize) -> bool {
        let missing = self.blocks_for(tokens).saturating_sub(table.len());
        if missing > self.available() {
            return false;
        }
        for _ in 0..missing {
            let Some(block) = self.take() else {
                return false;
            };
            table.blocks.push(block);
        }
        true
    }

    /// Seals the blocks that `computed`, all tokens of the sequence whose keys and values are
    /// there, fill. A block whose content another has sealed gives way to that one.
    pub fn seal(&mut self, table: &mut BlockTable, computed: &[TokenId]) {
        let first = table.sealed.len();
        for (number, content) in computed
            .chunks_exact(self.block_tokens)
            .enumerate()
            .skip(first)
            .take(table.len() - first)
        {
            let hash = self.chain.next(table.sealed.last(), content);
            table.sealed.push(hash);
            let own = table.blocks[number];
            if let Some(twin) = self.sealed(hash, content) {
                self.refer(twin);
                table.blocks[number] = twin;
                self.release_block(own);
            } else {
                let tokens = content.into();
                self.block_mut(own).content = Some(Content { hash, tokens });
                self.index.insert(hash, own);
            }
        }
    }

    /// Gives up what `table` uses. Its sealed blocks stay findable, the first the longest.
    pub fn release(&mut self, table: BlockTable) {
        for block in table.blocks.into_iter().rev() {
            self.release_block(block);
        }
    }

    /// The block sealed under `hash`, if it truly holds `content`.
    fn sealed(&self, hash: BlockHash, content: &[TokenId]) -> Option<BlockId> {
        let block = *self.index.get(&hash)?;
        let held = self.block(block).content.as_ref()?;
        (*held.tokens == *content).then_some(block)
    }

    fn refer(&mut self, block: BlockId) {
        let entry = self.block_mut(block);
        entry.references += 1;
        if entry.references == 1 {
            let since = entry.idle_since;
            self.idle.remove(&since);
        }
    }

    fn take(&mut self) -> Option<BlockId> {
        let block = match self.free.pop() {
            Some(block) => block,
            None => self.evict()?,
        };
        self.block_mut(block).references = 1;
        Some(block)
    }

    fn evict(&mut self) -> Option<BlockId> {
        let (_, block) = self.idle.pop_first()?;
        if let Some(content) = self.block_mut(block).content.take() {
            self.index.remove(&content.hash);
        }
        Some(block)
    }

    fn release_block(&mut self, block: BlockId) {
        self.stamp += 1;
        let stamp = self.stamp;
        let entry = self.block_mut(block);
        assert!(entry.references > 0, "a block is given up once per use");
        entry.references -= 1;
        if entry.references > 0 {
            return;
        }
        if entry.content.is_some() {
            entry.idle_since = stamp;
            self.idle.insert(stamp, block);
        } else {
            self.free.push(block);
        }
    }

    fn block(&self, block: BlockId) -> &Block {
        &self.blocks[block.0 as usize]
    }

    fn block_mut(&mut self, block: BlockId) -> &mut Block {
        &mut self.blocks[block.0 as usize]
    }
}
