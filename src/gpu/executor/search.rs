//! The best items of users, and the ranks of items, from scores that stay on the device.

use crate::{
    Error, Result,
    executor::{Best, Query, Rank, TopK, catalogue_of, pair_of},
    gpu::{
        executor::GpuExecutor,
        memory::buffers::upload,
        program::{
            call::Call,
            dispatch::record,
            grid::Work,
            room::Room,
            spaces::{Extent, SPACES, samples_alone},
        },
        search::catalogue::{Search, SearchSizes, SearchUniform},
        shapes::ViewShape,
    },
};

/// Scores held at a time, where a user's own are no more.
const KEYS: u64 = 1 << 22;
/// Users searched at a time at most.
const USERS: u64 = 256;
/// Items of a part, a workgroup's work.
const PART: u32 = 16_384;
/// The key of a score that is NaN.
const NOT_A_NUMBER: u32 = u32::MAX;

impl GpuExecutor {
    /// The best items of each query, or nothing where the device cannot hold a user's scores.
    pub(crate) async fn find_best(&mut self, queries: &[Query<'_>], k: usize) -> Result<Option<Vec<Best>>> {
        let items = catalogue_of(&self.plan, queries.iter().map(|query| query.user))?;
        let of_part = k.min(items).min(PART as usize);
        let each = 1 + 2 * of_part;
        let mut best = Vec::with_capacity(queries.len());
        let Some(users) = self.users_each(items, each) else {
            return Ok(None);
        };
        if k == 0 {
            return Ok(None); // nothing to find, and scores to be looked at all the same
        }
        let (mut top, mut found) = (TopK::new(k), Vec::new());
        for queries in queries.chunks(users) {
            self.search(queries, None, items, (of_part, each), &mut found).await?;
            for (query, found) in queries.iter().zip(found.chunks_exact(parts(items) as usize * each)) {
                let entries = found.chunks_exact(each).flat_map(|part| {
                    let (count, entries) = (part[0] as usize, &part[1..]);
                    entries.chunks_exact(2).take(count)
                });
                let mut nan = None;
                for entry in entries {
                    match entry[0] {
                        NOT_A_NUMBER => nan = Some(nan.map_or(entry[1], |item: u32| item.min(entry[1]))),
                        key => top.offer(entry[1], score_of(key)),
                    }
                }
                if let Some(item) = nan {
                    return Err(query.nan(item));
                }
                best.push(top.take_sorted());
            }
        }
        Ok(Some(best))
    }

    /// The rank of each query's target among the first `limit` items, which have been checked; or nothing where the
    /// device cannot hold a user's scores.
    pub(crate) async fn find_ranks(
        &mut self,
        queries: &[Query<'_>],
        targets: &[u32],
        limit: usize,
    ) -> Result<Option<Vec<Rank>>> {
        let items = catalogue_of(&self.plan, queries.iter().map(|query| query.user))?;
        let mut ranks = Vec::with_capacity(queries.len());
        let Some(users) = self.users_each(items, 3) else {
            return Ok(None);
        };
        let mut found = Vec::new();
        for (queries, targets) in queries.chunks(users).zip(targets.chunks(users)) {
            self.search(queries, Some(targets), limit, (0, 3), &mut found).await?;
            for (query, found) in queries.iter().zip(found.chunks_exact(3 * parts(items) as usize)) {
                let sum = |word: usize| found.chunks_exact(3).map(|part| u64::from(part[word])).sum::<u64>();
                let nan = found.chunks_exact(3).map(|part| part[2]).min().unwrap_or(u32::MAX);
                if nan != u32::MAX {
                    return Err(query.nan(nan));
                }
                ranks.push(Rank {
                    better: sum(0),
                    ties: sum(1) - 1, // the target itself
                });
            }
        }
        Ok(Some(ranks))
    }

    /// Users that are searched at a time, where a part of a user's items yields `each` words.
    fn users_each(&self, items: usize, each: usize) -> Option<usize> {
        let most = self.gpu.max_binding() / 4;
        let fit = most / (items as u64).max(u64::from(parts(items)) * each as u64).max(1);
        (fit > 0).then(|| (KEYS / (items as u64).max(1)).clamp(1, USERS.min(fit)) as usize)
    }

    /// Scores all items for some users and looks for the `k` best among the first `limit`, or for the targets' ranks;
    /// `found` gets `each` words a user and part.
    async fn search(
        &mut self,
        queries: &[Query<'_>],
        targets: Option<&[u32]>,
        limit: usize,
        (k, each): (usize, usize),
        found: &mut Vec<u32>,
    ) -> Result<()> {
        self.gpu.check()?;
        self.check_graph()?;
        let pair = pair_of(&self.plan)?;
        let items = self.plan.rows_of(pair.candidate);
        let (pairs, parts) = ((queries.len() * items) as u32, parts(items));
        let users: Vec<u32> = queries.iter().map(|query| query.user).collect();
        let mut known = Vec::new();
        for (index, query) in queries.iter().enumerate() {
            let target = targets.map(|targets| targets[index]);
            let left_out = query
                .known
                .iter()
                .filter(|&&item| (item as usize) < items && Some(item) != target);
            known.extend(left_out.map(|&item| (index * items) as u32 + item));
        }
        let sizes = SearchSizes {
            keys: pairs.into(),
            users: users.len() as u64,
            known: known.len() as u64,
            found: (users.len() * parts as usize * each) as u64,
            parts,
        };
        let slice = self.score_rows(pairs as usize) as u32;
        self.prepare(samples_alone(slice), [0; SPACES])?;
        self.prepare_search(sizes)?;
        let uniform = SearchUniform {
            items: items as u32,
            limit: limit as u32,
            known: known.len() as u32,
            k: k as u32,
            parts,
            query: pair.query as u32,
            ..SearchUniform::default()
        };
        if let Some(search) = self.program.as_ref().and_then(|program| program.search.as_ref()) {
            let lists = [
                (&search.users, &users[..]),
                (&search.targets, targets.unwrap_or(&[])),
                (&search.known, &known[..]),
            ];
            for (buffer, words) in lists {
                upload(&self.gpu, buffer, 0, bytemuck::cast_slice(words)).await?;
            }
        }
        for start in (0..pairs).step_by(slice as usize) {
            let rows = slice.min(pairs - start);
            self.score_keys(SearchUniform { start, rows, ..uniform }).await?;
        }
        let words = (sizes.found as usize, found);
        self.take_found(uniform, users.len() as u32, targets.is_some(), words)
            .await
    }

    fn prepare_search(&mut self, sizes: SearchSizes) -> Result<()> {
        let (Some(buffers), Some(program)) = (&self.buffers, &mut self.program) else {
            return Err(Error::Device("nothing was prepared to run".into()));
        };
        if program.search.as_ref().is_none_or(|search| !search.sizes.hold(sizes)) {
            let there = program.search.take().map(|search| search.sizes);
            let sizes = there.map_or(sizes, |there| there.max(sizes));
            let logit = self.plan.logit();
            let range = self.columns.range(logit);
            let view = ViewShape {
                first: range.first,
                stride: self.columns.stride(logit.buffer),
                width: range.width,
                space: 0,
            };
            let logits = (view, &buffers.activations[logit.buffer]);
            program.search = Some(Search::new(&self.gpu, sizes, &buffers.inputs, logits)?);
        }
        Ok(())
    }

    /// Scores one slice of pairs; the keys stay on the device.
    async fn score_keys(&mut self, uniform: SearchUniform) -> Result<()> {
        let is_due = self.propagation_is_due();
        let (Some(buffers), Some(program)) = (&self.buffers, &self.program) else {
            return Err(Error::Device("nothing was prepared to run".into()));
        };
        let Some(search) = &program.search else {
            return Err(Error::Device("no search was prepared".into()));
        };
        let room = Room {
            columns: 2,
            capacity: buffers.samples(),
        };
        self.inputs
            .set_made(room, uniform.rows, [0, 1].map(|column| self.plan.rows_of(column)));
        let slice = Extent::samples(uniform.rows).slice(0, uniform.rows);
        let call = Call::default().of(slice, [0; SPACES]);
        let queue = self.gpu.queue();
        queue.write_buffer(&buffers.inputs, 0, self.inputs.bytes(call));
        queue.write_buffer(&search.uniform, 0, bytemuck::bytes_of(&uniform));
        let work = Work {
            rows: slice.rows,
            slots: 0,
            columns: &self.inputs.work,
        };
        let transpose = match std::mem::take(&mut self.transpose_is_due) {
            true => &program.transpose[..],
            false => &[],
        };
        let propagate = if is_due { &program.propagate_all[..] } else { &[] };
        let lists = [transpose, propagate, &search.pairs, program.scoring(), &search.collect];
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        self.counts.dispatches += record(&mut encoder, &lists, work, None);
        self.counts.submits += 1;
        self.in_flight.push_back(self.gpu.submit([encoder.finish()]));
        self.gpu.check()?;
        self.room().await
    }

    /// Looks through the keys and reads back what was found.
    async fn take_found(
        &mut self,
        uniform: SearchUniform,
        users: u32,
        ranks: bool,
        (words, found): (usize, &mut Vec<u32>),
    ) -> Result<()> {
        let Some(search) = self.program.as_ref().and_then(|program| program.search.as_ref()) else {
            return Err(Error::Device("no search was prepared".into()));
        };
        self.gpu
            .queue()
            .write_buffer(&search.uniform, 0, bytemuck::bytes_of(&uniform));
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        let work = |samples| Work {
            rows: samples_alone(samples),
            slots: 0,
            columns: &[],
        };
        let goal = if ranks { &search.rank } else { &search.best };
        self.counts.dispatches += record(&mut encoder, &[&search.mask], work(uniform.known), None);
        self.counts.dispatches += record(&mut encoder, &[goal], work(users), None);
        self.counts.submits += 1;
        self.gpu.queue().submit([encoder.finish()]);
        found.clear();
        let take = &mut |_: usize, piece: &[f32]| found.extend_from_slice(bytemuck::cast_slice(piece));
        self.readback.read(&self.gpu, &search.found, 0, words, take).await?;
        self.in_flight.clear(); // what was read came after them
        Ok(())
    }
}

fn parts(items: usize) -> u32 {
    items.div_ceil(PART as usize) as u32
}

/// The score of a key: the reverse of `key_of` in `shaders/catalogue.wgsl`.
fn score_of(key: u32) -> f32 {
    match key >> 31 {
        1 => f32::from_bits(key & 0x7fff_ffff),
        _ => f32::from_bits(!key),
    }
}
