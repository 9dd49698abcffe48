//! Behaviour sequences that never look at the future, nor at the present: one log of events by user, and a range of it
//! for each row.

use alloc::{format, vec::Vec};
use core::ops::Range;

use crate::{
    Error, Result,
    data::{
        IdMap,
        interactions::zeroed,
        text::{Times, Unit},
    },
    shared::Arc,
};

/// The events of the users of a file, by user and then by time.
#[derive(Clone, Debug, Default, PartialEq)]
struct Log {
    /// Events of user `u`: `offsets[u]..offsets[u + 1]`; users of the rest have none.
    offsets: Vec<u32>,
    times: Vec<i64>,
    /// The ids of the events, by field of the history.
    columns: Vec<Vec<u32>>,
}

impl Log {
    fn of(&self, user: usize) -> Range<usize> {
        match self.offsets.get(user..).unwrap_or_default() {
            [start, end, ..] => *start as usize..*end as usize,
            _ => 0..0,
        }
    }
}

/// The histories of samples: of each row a range of events, oldest first.
///
/// The events are there once, not once a row: [`ids`](Sequence::ids) are those of all users one after the other, and
/// the history of row `r` is `ids(field)[range(r)]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    pub(super) length: u32,
    pub(super) ranges: Vec<[u32; 2]>,
    log: Arc<Log>,
}

impl Sequence {
    /// The most events a row has.
    pub fn max_len(&self) -> usize {
        self.length as usize
    }

    /// Where the events of a row stand among all; nowhere if there is no such row.
    #[inline]
    pub fn range(&self, row: usize) -> Range<usize> {
        let [start, end] = self.ranges.get(row).copied().unwrap_or_default();
        start as usize..end as usize
    }

    /// The range of each row.
    pub fn ranges(&self) -> &[[u32; 2]] {
        &self.ranges
    }

    /// The ids of all events in one of the history's fields.
    pub fn ids(&self, field: usize) -> &[u32] {
        &self.log.columns[field]
    }

    /// Number of the history's fields.
    pub fn fields(&self) -> usize {
        self.log.columns.len()
    }

    /// The ids of a row in one of the history's fields, oldest first.
    pub fn of(&self, field: usize, row: usize) -> &[u32] {
        self.ids(field).get(self.range(row)).unwrap_or_default()
    }

    /// Events of a row on average.
    pub fn mean_len(&self) -> f64 {
        let total: u64 = self.ranges.iter().map(|[start, end]| u64::from(end - start)).sum();
        total as f64 / self.ranges.len().max(1) as f64
    }

    /// One history for `rows` rows: the last events of `columns`, which are as many ids each.
    pub(super) fn shared(columns: Vec<Vec<u32>>, length: u32, rows: usize) -> Result<Self> {
        let end = columns.first().map_or(0, Vec::len);
        let end = u32::try_from(end).map_err(|_| too_many())?;
        Self::of_ranges(columns, length, alloc::vec![[end.saturating_sub(length), end]; rows])
    }

    /// Histories that are ranges of the events of `columns`, which are as many ids each.
    pub(super) fn of_ranges(columns: Vec<Vec<u32>>, length: u32, ranges: Vec<[u32; 2]>) -> Result<Self> {
        if columns.first().is_some_and(|ids| u32::try_from(ids.len()).is_err()) {
            return Err(too_many());
        }
        Ok(Sequence {
            length,
            ranges,
            log: Arc::new(Log {
                offsets: Vec::new(),
                times: Vec::new(),
                columns,
            }),
        })
    }

    /// The same log with the ranges of these rows.
    pub(super) fn with_rows(&self, rows: impl Iterator<Item = usize>) -> Self {
        Sequence {
            length: self.length,
            ranges: rows.map(|row| self.ranges[row]).collect(),
            log: self.log.clone(),
        }
    }
}

/// What users did in the files that were read so far, for the histories of the files to come.
///
/// The files are read in the order of time: training, dev, test. A row sees what its user did earlier in the files
/// before and in its own, and never a file that is read later. Of the same moment it sees nothing, unless the schema
/// says that file order counts there ([`Schema::ties_in_order`](super::Schema::ties_in_order)) or there are no times.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Samples share them.
    pub(super) users: Arc<IdMap>,
    histories: Vec<PastOf>,
    /// What its times are counted in.
    unit: Unit,
}

#[derive(Clone, Debug, Default)]
struct PastOf {
    /// The log of the first file, which its samples share.
    first: Arc<Log>,
    /// Events of later files, in the order of reading.
    later: Events,
}

#[derive(Clone, Debug, Default)]
struct Events {
    users: Vec<u32>,
    times: Vec<i64>,
    columns: Vec<Vec<u32>>,
}

/// The rows of one file, as far as histories go.
pub(super) struct FileRows<'a> {
    pub users: &'a [u32],
    /// Empty where the file has no times.
    pub times: &'a [i64],
    pub labels: &'a [f32],
    /// Whether rows at the same time are earlier and later by their order.
    pub ties_in_order: bool,
}

impl FileRows<'_> {
    fn time(&self, row: usize) -> i64 {
        self.times.get(row).copied().unwrap_or(0)
    }

    /// Whether a row is an event for the rows after it.
    fn counts(&self, row: usize) -> bool {
        self.labels[row] >= 0.5
    }
}

impl Past {
    pub(super) fn new(histories: usize) -> Self {
        Past {
            users: Arc::new(IdMap::new()),
            histories: alloc::vec![PastOf::default(); histories],
            unit: Unit::default(),
        }
    }

    /// Brings the times of a file's rows and of all before them to one unit, so that they can be compared.
    pub(super) fn align(&mut self, times: &mut Times) -> Result<()> {
        let unit = self
            .unit
            .common(times.unit())
            .map_err(|reason| Error::config("time", reason))?;
        times.rescale(unit);
        if unit.decimals() != self.unit.decimals() {
            for past in &mut self.histories {
                self.unit.rescale(unit, &mut Arc::make_mut(&mut past.first).times);
                self.unit.rescale(unit, &mut past.later.times);
            }
        }
        self.unit = unit;
        Ok(())
    }

    /// The index of a user, a new one if there was none.
    pub(super) fn user(&mut self, key: &str) -> Result<u32> {
        match self.users.get(key) {
            Some(user) => Ok(user),
            None => Arc::make_mut(&mut self.users).get_or_insert(key),
        }
    }

    /// The users of all files: row `r` of samples is that of the user with index `groups()[r]`.
    pub fn users(&self) -> &IdMap {
        &self.users
    }

    /// The histories of a file's rows, which become the past of the next file. `columns` are the history's fields.
    pub(super) fn extend(
        &mut self,
        history: usize,
        rows: &FileRows,
        columns: &[&[u32]],
        length: u32,
    ) -> Result<Sequence> {
        let users = self.users.len();
        if self.histories.len() <= history {
            // A past of nothing, which knows of no schema.
            self.histories.resize(history + 1, PastOf::default());
        }
        let past = &mut self.histories[history];
        let is_first = past.first.columns.is_empty();
        let (log, ranges) = past.merge(rows, columns, length, users)?;
        let log = Arc::new(log);
        if is_first {
            past.first = log.clone();
        } else {
            past.later.push(rows, columns);
        }
        Ok(Sequence { length, ranges, log })
    }
}

impl PastOf {
    /// The log of the users of `rows`, and each row's range of it.
    fn merge(&self, rows: &FileRows, columns: &[&[u32]], length: u32, users: usize) -> Result<(Log, Vec<[u32; 2]>)> {
        // Later events stand before the file's rows: at one time they are earlier.
        let later = self.later.users.len();
        let user_of = |at: usize| match at.checked_sub(later) {
            Some(row) => rows.users[row],
            None => self.later.users[at],
        };
        let time_of = |at: usize| match at.checked_sub(later) {
            Some(row) => rows.time(row),
            None => self.later.times[at],
        };
        let total = u32::try_from(later + rows.users.len()).map_err(|_| too_many())? as usize;
        let (offsets, mut order) = by_user(total, user_of, users)?;
        let mut log = Log {
            offsets: zeroed(users + 1)?,
            times: Vec::new(),
            columns: alloc::vec![Vec::new(); columns.len()],
        };
        let mut ranges = zeroed(rows.users.len())?;
        for user in 0..users {
            let own = &mut order[offsets[user] as usize..offsets[user + 1] as usize];
            // Ascending positions: a user without a row in this file has only later events.
            if own.last().is_some_and(|&at| at as usize >= later) {
                if !own.is_sorted_by_key(|&at| time_of(at as usize)) {
                    own.sort_by_key(|&at| time_of(at as usize));
                }
                let begin = log.times.len();
                let mut first = self.first.of(user);
                // The events before the present moment end here.
                let (mut moment, mut before) = (None, begin);
                for at in own.iter().map(|&at| at as usize) {
                    let now = time_of(at);
                    if moment != Some(now) {
                        moment = Some(now);
                        log.take(&self.first, &mut first, |time| time < now);
                        before = log.times.len();
                        log.take(&self.first, &mut first, |time| time == now);
                    }
                    let Some(row) = at.checked_sub(later) else {
                        log.push(time_of(at), self.later.columns.iter().map(|ids| ids[at]));
                        continue;
                    };
                    let end = match rows.ties_in_order {
                        true => log.times.len(),
                        false => before,
                    };
                    let start = begin.max(end.saturating_sub(length as usize));
                    ranges[row] = [start as u32, end as u32];
                    if rows.counts(row) {
                        log.push(rows.time(row), columns.iter().map(|ids| ids[row]));
                    }
                }
            }
            log.offsets[user + 1] = u32::try_from(log.times.len()).map_err(|_| too_many())?;
        }
        Ok((log, ranges))
    }
}

impl Log {
    /// Adds events of another log from the front of `range` on, as long as `due` says so of their time.
    fn take(&mut self, from: &Log, range: &mut Range<usize>, due: impl Fn(i64) -> bool) {
        while let Some(event) = range.clone().next().filter(|&event| due(from.times[event])) {
            self.push(from.times[event], from.columns.iter().map(|ids| ids[event]));
            range.start += 1;
        }
    }

    fn push(&mut self, time: i64, ids: impl Iterator<Item = u32>) {
        self.times.push(time);
        for (column, id) in self.columns.iter_mut().zip(ids) {
            column.push(id);
        }
    }
}

impl Events {
    fn push(&mut self, rows: &FileRows, columns: &[&[u32]]) {
        self.columns.resize(columns.len(), Vec::new());
        for row in (0..rows.users.len()).filter(|&row| rows.counts(row)) {
            self.users.push(rows.users[row]);
            self.times.push(rows.time(row));
            for (to, from) in self.columns.iter_mut().zip(columns) {
                to.push(from[row]);
            }
        }
    }
}

/// Positions `0..total` by user, ascending within a user, and where each user's begin.
fn by_user(total: usize, user_of: impl Fn(usize) -> u32, users: usize) -> Result<(Vec<u32>, Vec<u32>)> {
    let mut offsets: Vec<u32> = zeroed(users + 1)?;
    for at in 0..total {
        offsets[user_of(at) as usize + 1] += 1;
    }
    for user in 0..users {
        offsets[user + 1] += offsets[user];
    }
    let (mut next, mut order) = (offsets.clone(), zeroed(total)?);
    for at in 0..total {
        let place = &mut next[user_of(at) as usize];
        order[*place as usize] = at as u32;
        *place += 1;
    }
    Ok((offsets, order))
}

fn too_many() -> Error {
    Error::config(
        "samples",
        format!("more than {} rows or events; split the data", u32::MAX),
    )
}
