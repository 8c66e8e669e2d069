//! What several nodes said of one thing, index by index.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::limits::MAX_DIGESTS_COMPARED;

/// What each node said of one thing, at the latest indices.
#[derive(Debug)]
pub(super) struct Witness<T> {
    /// How many there are; all of them must be heard.
    nodes: usize,
    /// By log index: who said what; a node twice if it said two things.
    heard: BTreeMap<u64, Vec<(u64, T)>>,
}

impl<T: PartialEq + Display> Witness<T> {
    /// Nothing heard of so many nodes yet.
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes, heard: BTreeMap::new() }
    }

    /// Notes what a node said of the state at `index`.
    pub(super) fn hear(&mut self, node: u64, index: u64, said: T) {
        let known = self.heard.entry(index).or_default();
        if !known.iter().any(|(other, before)| *other == node && *before == said) {
            known.push((node, said));
        }
        while self.heard.len() > MAX_DIGESTS_COMPARED {
            self.heard.pop_first();
        }
    }

    /// The latest index at which all nodes said the same, and what.
    pub(super) fn agreed(&self) -> Option<(u64, &T)> {
        self.heard.iter().rev().find_map(|(index, said)| {
            let (_, first) = said.first()?;
            (said.len() == self.nodes && said.iter().all(|(_, one)| one == first)).then_some((*index, first))
        })
    }

    /// The first index at which two nodes said different things of `thing`: who, and what each said.
    pub(super) fn difference(&self, thing: &str) -> Option<String> {
        let (index, said) = self.heard.iter().find(|(_, said)| said.iter().any(|(_, one)| *one != said[0].1))?;
        let mut groups: Vec<(Vec<u64>, &T)> = Vec::new();
        for (node, one) in said {
            match groups.iter_mut().find(|(_, other)| *other == one) {
                Some((nodes, _)) => nodes.push(*node),
                None => groups.push((vec![*node], one)),
            }
        }
        // Whom most contradict differs; of equally many, nobody knows who is wrong.
        for (nodes, _) in &mut groups {
            nodes.sort_unstable();
        }
        groups.sort_by_key(|(nodes, _)| nodes.len());
        let most = groups.last().map_or(0, |(nodes, _)| nodes.len());
        let is_outvoted = |nodes: &[u64]| 2 * most <= said.len() || nodes.len() < most;
        let mut differ: Vec<_> = groups.iter().filter(|(nodes, _)| is_outvoted(nodes)).flat_map(|(nodes, _)| nodes.clone()).collect();
        differ.sort_unstable();
        differ.dedup();
        let verb = if differ.len() == 1 { "differs" } else { "differ" };
        let each: Vec<_> = groups.iter().map(|(nodes, one)| format!("{} said {one}", named(nodes))).collect();
        Some(format!("{} {verb} at index {index} in {thing}: {}", named(&differ), each.join("; ")))
    }
}

/// `node 1`, `nodes 1, 2 and 3`.
pub(super) fn named(ids: &[u64]) -> String {
    let listed: Vec<_> = ids.iter().map(u64::to_string).collect();
    match listed.split_last() {
        Some((last, [])) => format!("node {last}"),
        Some((last, before)) => format!("nodes {} and {last}", before.join(", ")),
        None => "no node".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_agree_only_when_each_spoke_of_the_same_index() {
        let mut digests = Witness::new(2);
        digests.hear(1, 5, "a");
        digests.hear(1, 5, "a");
        assert_eq!(digests.agreed(), None, "the same node twice is one node");
        digests.hear(2, 6, "b");
        assert_eq!(digests.agreed(), None);
        digests.hear(2, 5, "a");
        assert_eq!((digests.agreed(), digests.difference("the digest")), (Some((5, &"a")), None));
    }

    #[test]
    fn of_three_the_one_alone_is_named_and_of_two_both() {
        let mut terms = Witness::new(3);
        terms.hear(1, 7, "stock 9");
        terms.hear(3, 7, "stock 8");
        let two = "nodes 1 and 3 differ at index 7 in tee: node 1 said stock 9; node 3 said stock 8";
        assert_eq!(terms.difference("tee").as_deref(), Some(two));
        terms.hear(2, 7, "stock 8");
        let three = "node 1 differs at index 7 in tee: node 1 said stock 9; nodes 2 and 3 said stock 8";
        assert_eq!(terms.difference("tee").as_deref(), Some(three));
        assert_eq!(terms.agreed(), None);
    }

    #[test]
    fn a_node_that_says_two_things_of_one_index_is_named() {
        let mut digests = Witness::new(2);
        for (node, said) in [(2, "a"), (2, "x"), (1, "a")] {
            digests.hear(node, 7, said);
        }
        let told = "node 2 differs at index 7 in the digest: node 2 said x; nodes 1 and 2 said a";
        assert_eq!((digests.agreed(), digests.difference("the digest").as_deref()), (None, Some(told)));
    }
}
