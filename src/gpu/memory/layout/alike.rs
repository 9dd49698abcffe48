//! Views that must be cut alike, so that what lies at one place of one lies at the same of the others.

use std::collections::BTreeSet;

use crate::{gpu::memory::layout::needs::Needs, plan::View};

/// Cuts the buffers until all views that go together are cut alike.
pub(crate) fn spread_cuts(needs: &[Needs], params: usize, cuts: &mut [BTreeSet<usize>]) {
    let groups = groups(needs, params);
    while groups.iter().any(|group| spread(group, cuts)) {}
}

/// Cuts each view wherever one of them is; gives whether a cut was added.
fn spread(group: &[View], cuts: &mut [BTreeSet<usize>]) -> bool {
    let of_view = |view: &View| {
        let ends = [0, view.width];
        let inner: Vec<usize> = cuts[view.buffer]
            .range(view.range())
            .map(|cut| cut - view.start)
            .collect();
        ends.into_iter().chain(inner)
    };
    let all: BTreeSet<usize> = group.iter().flat_map(of_view).collect();
    let mut added = false;
    for view in group {
        for cut in &all {
            added |= cuts[view.buffer].insert(view.start + cut);
        }
    }
    added
}

/// What goes together: what operations say does, and the views that a parameter meets in each of its uses.
fn groups(needs: &[Needs], params: usize) -> Vec<Vec<View>> {
    let mut groups: Vec<Vec<View>> = needs.iter().flat_map(|needs| needs.alike.iter().cloned()).collect();
    for param in 0..params {
        let stored = needs.iter().flat_map(|needs| &needs.stored);
        let mut uses: Vec<Vec<View>> = Vec::new();
        for (_, stored) in stored.filter(|(of, _)| *of == param) {
            for (index, view) in stored.views().into_iter().enumerate() {
                match uses.get_mut(index) {
                    Some(views) => views.push(view),
                    None => uses.push(vec![view]),
                }
            }
        }
        groups.extend(uses);
    }
    groups.retain(|group| group.len() > 1);
    groups
}
