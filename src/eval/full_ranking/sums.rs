//! Sums over all users and over groups of activity.

use alloc::vec::Vec;

use super::users::Users;
use crate::eval::{ActivityGroup, ListMetrics};

/// Sums over all users and over groups of activity.
pub(super) struct GroupSums {
    pub all: ListMetrics,
    pub groups: Vec<ActivityGroup>,
}

impl GroupSums {
    pub fn new(users: &Users<'_>, groups: usize) -> Self {
        let mut activity: Vec<usize> = (0..users.len()).map(|at| users.activity(at)).collect();
        activity.sort_unstable();
        let (mut bounds, mut start) = (Vec::new(), 0);
        let count = groups.min(activity.len());
        for group in 1..=count as u128 {
            let end = (group * activity.len() as u128 / count as u128) as usize;
            if end <= start {
                continue;
            }
            // Users of the same activity stay together.
            let most = activity[end - 1];
            bounds.push(ActivityGroup {
                least: activity[start],
                most,
                metrics: ListMetrics::default(),
            });
            start = activity.partition_point(|&other| other <= most);
        }
        GroupSums {
            all: ListMetrics::default(),
            groups: bounds,
        }
    }

    pub fn add(&mut self, activity: usize, user: &ListMetrics) {
        self.all.add(user);
        let group = self.groups.partition_point(|group| group.most < activity);
        if let Some(group) = self.groups.get_mut(group) {
            group.metrics.add(user);
        }
    }
}

impl ActivityGroup {
    pub(super) fn mean(self) -> Self {
        ActivityGroup {
            metrics: self.metrics.mean(),
            ..self
        }
    }
}
