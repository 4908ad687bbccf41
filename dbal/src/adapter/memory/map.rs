//! An ordered map whose copies are cheap: they share all entries until one of them changes.

use std::sync::Arc;

/// Entries in one block. A change copies one block, a copy of the map copies one pointer for each.
const BLOCK: usize = 128;

/// Entries in key order, in blocks that copies share. No block is empty.
#[derive(Debug)]
pub(super) struct SharedMap<K, V> {
    blocks: Vec<Arc<Vec<(K, V)>>>,
}

impl<K, V> Clone for SharedMap<K, V> {
    fn clone(&self) -> Self {
        SharedMap { blocks: self.blocks.clone() }
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        SharedMap { blocks: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// The value under a key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let block = self.blocks.get(self.block_of(key))?;
        block.binary_search_by(|(at, _)| at.cmp(key)).ok().map(|position| &block[position].1)
    }

    /// Puts a value under a key, in place of what was there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.blocks.is_empty() {
            self.blocks.push(Arc::new(vec![(key, value)]));
            return;
        }
        let at = self.block_of(&key);
        let block = Arc::make_mut(&mut self.blocks[at]);
        match block.binary_search_by(|(at, _)| at.cmp(&key)) {
            Ok(position) => block[position].1 = value,
            Err(position) => block.insert(position, (key, value)),
        }
        if block.len() > BLOCK {
            // Keys that only grow leave full blocks behind instead of half-full ones.
            let split = if at + 1 == self.blocks.len() { BLOCK } else { BLOCK / 2 };
            let upper = Arc::make_mut(&mut self.blocks[at]).split_off(split);
            self.blocks.insert(at + 1, Arc::new(upper));
        }
    }

    /// Takes a key out; gives what was there.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.block_of(key);
        let position = self.blocks.get(at)?.binary_search_by(|(at, _)| at.cmp(key)).ok()?;
        let block = Arc::make_mut(&mut self.blocks[at]);
        let (_, value) = block.remove(position);
        if block.is_empty() {
            self.blocks.remove(at);
        }
        Some(value)
    }

    /// All entries in key order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.blocks.iter().flat_map(|block| block.iter()).map(|(key, value)| (key, value))
    }

    /// The entries from the first one whose key is not `before` on. That must be true of a first part of the keys
    /// and false of the rest.
    pub(super) fn skip_before(&self, before: impl Fn(&K) -> bool) -> impl Iterator<Item = (&K, &V)> {
        let first = self.blocks.partition_point(|block| block.last().is_some_and(|(key, _)| before(key)));
        let (start, rest) = match self.blocks.get(first) {
            Some(block) => (&block[block.partition_point(|(key, _)| before(key))..], &self.blocks[first + 1..]),
            None => (&[][..], &[][..]),
        };
        start.iter().chain(rest.iter().flat_map(|block| block.iter())).map(|(key, value)| (key, value))
    }

    /// The block in which a key is, or would be.
    fn block_of(&self, key: &K) -> usize {
        self.blocks.partition_point(|block| block[0].0 <= *key).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u16),
        Remove(u16),
        Snapshot,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..700_u16).prop_map(Step::Insert),
            3 => (0..700_u16).prop_map(Step::Remove),
            1 => Just(Step::Snapshot),
        ]
    }

    proptest! {
        #[test]
        fn behaves_as_a_map_and_copies_stay_as_they_were(steps in prop::collection::vec(step(), 0..900)) {
            let (mut map, mut model) = (SharedMap::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for (turn, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(key) => { map.insert(key, turn); model.insert(key, turn); }
                    Step::Remove(key) => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    Step::Snapshot => copies.push((map.clone(), model.clone())),
                }
            }
            copies.push((map, model));
            for (map, model) in copies {
                prop_assert!(map.iter().eq(model.iter()));
                for key in (0..700).step_by(50) {
                    prop_assert_eq!(map.get(&key), model.get(&key));
                    prop_assert!(map.skip_before(|at| *at < key).eq(model.range(key..)));
                }
            }
        }
    }
}
