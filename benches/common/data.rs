//! Data of the benches: MovieLens-1M where it lies beside the repository, made-up data of given sizes otherwise.

use std::{
    ops::{Deref, DerefMut},
    path::PathBuf,
};

use bytemuck::{Pod, Zeroable};
use pocketrec::{
    cpu::{Rows, RowsMut, linear::READ_AHEAD},
    data::{Dataset, Interactions, Split},
    plan::padded,
    rng::Rng,
};

use super::sized;

/// Floats in a cache line.
const LINE: usize = 16;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Floats that begin at a cache line, as the executor's do.
#[derive(Clone)]
pub struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let lines = vec![Line::zeroed(); len.div_ceil(LINE)];
        Aligned { lines, len }
    }

    /// `len` numbers in -1..1.
    pub fn random(len: usize, seed: u64) -> Self {
        let rng = Rng::new(seed);
        let mut floats = Self::zeros(len);
        for (index, x) in (0..).zip(floats.iter_mut()) {
            *x = 2.0 * rng.uniform(index) - 1.0;
        }
        floats
    }

    /// A weight `[outputs, inputs]` as layers begin with: of variance 1 / (3 inputs).
    pub fn weight(outputs: usize, inputs: usize, seed: u64) -> Self {
        let mut floats = Self::random(outputs * inputs, seed);
        let scale = 1.0 / (inputs as f32).sqrt();
        floats.iter_mut().for_each(|x| *x *= scale);
        floats
    }

    /// As rows of `width` floats without padding.
    pub fn rows(&self, width: usize) -> Rows<'_> {
        Rows {
            data: self,
            stride: width,
            width,
        }
    }

    /// As rows of `width` floats without padding.
    pub fn rows_mut(&mut self, width: usize) -> RowsMut<'_> {
        RowsMut {
            data: self,
            stride: width,
            width,
        }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

/// A matrix whose rows lie as the executor's do, padded, with room to read on behind the last.
#[derive(Clone)]
pub struct Matrix {
    floats: Aligned,
    width: usize,
}

impl Matrix {
    /// Zeros.
    pub fn zeros(rows: usize, width: usize) -> Self {
        Self::filled(rows, width, 0.0)
    }

    /// The same number everywhere.
    pub fn filled(rows: usize, width: usize, value: f32) -> Self {
        let mut floats = Aligned::zeros(rows * padded(width) + READ_AHEAD);
        floats.fill(value);
        Matrix { floats, width }
    }

    /// Numbers in -1..1.
    pub fn random(rows: usize, width: usize, seed: u64) -> Self {
        let floats = Aligned::random(rows * padded(width) + READ_AHEAD, seed);
        Matrix { floats, width }
    }

    /// To read.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            data: &self.floats,
            stride: padded(self.width),
            width: self.width,
        }
    }

    /// To write.
    pub fn rows_mut(&mut self) -> RowsMut<'_> {
        RowsMut {
            data: &mut self.floats,
            stride: padded(self.width),
            width: self.width,
        }
    }

    /// The numbers of a matrix of the same size.
    pub fn copy_from(&mut self, other: &Matrix) {
        self.floats.copy_from_slice(&other.floats);
    }

    /// All floats, those between rows too.
    pub fn floats(&mut self) -> &mut [f32] {
        &mut self.floats
    }
}

/// Sizes of a data set.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub users: u32,
    pub items: u32,
    /// Interactions, about.
    pub interactions: u32,
}

/// MovieLens-1M.
pub const ML_1M: Sizes = Sizes {
    users: 6040,
    items: 3706,
    interactions: 1_000_209,
};

/// MovieLens-20M, 20 M interactions.
pub const ML_20M: Sizes = Sizes {
    users: 138_493,
    items: 26_744,
    interactions: 20_000_263,
};

impl Sizes {
    /// Small enough to be made in no time.
    pub fn to_test(self) -> Self {
        let small = Sizes {
            users: 60,
            items: 220,
            interactions: 1200,
        };
        sized(self, small)
    }

    /// Made-up interactions: popular items and busy users as in MovieLens, no tastes (which cost a pass over all pairs,
    /// and change no speed).
    pub fn generate(self, seed: u64) -> Interactions {
        let (users, items, times) = self.columns(seed);
        Interactions::from_columns((self.users, self.items), &users, &items, &times).expect("ids are in range")
    }

    /// Users, items and times, grouped by user.
    pub fn columns(self, seed: u64) -> (Vec<u32>, Vec<u32>, Vec<i64>) {
        let mean = f64::from(self.interactions) / f64::from(self.users);
        let (activity, choice) = (Rng::new(seed).stream(1), Rng::new(seed).stream(2));
        let mut last_taker = vec![u32::MAX; self.items as usize];
        let (mut users, mut items, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for user in 0..self.users {
            // Log-normal with mean 1.
            let busy = f64::from(0.9 * activity.normal(user.into()) - 0.405).exp();
            let most = self.items as usize / 3;
            let count = ((mean * busy) as usize).clamp(3.min(most), most);
            let rng = choice.stream(user);
            let (mut taken, mut draw) = (0, 0);
            while taken < count {
                // Popularity falls with the root of the rank: the first of 3,706 items has 1.6 % of the draws.
                let place = rng.uniform(draw);
                let item = ((place * place * self.items as f32) as u32).min(self.items - 1);
                draw += 1;
                if std::mem::replace(&mut last_taker[item as usize], user) != user {
                    users.push(user);
                    items.push(item);
                    times.push(taken as i64);
                    taken += 1;
                }
            }
        }
        (users, items, times)
    }
}

/// The folder of MovieLens-1M, where it is there and benches are measured.
pub fn ml_1m_folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ml-1m");
    (folder.is_dir() && !super::is_test()).then_some(folder)
}

/// The NCF split of MovieLens-1M, or a made-up one of its size; and which of them it is.
pub fn ml_1m_split() -> (Split, &'static str) {
    match ml_1m_folder().and_then(|folder| Dataset::read(folder).ok()) {
        Some(split) => (split, "ml-1m"),
        None => (leave_one_out(ML_1M), "ml-1m sizes"),
    }
}

/// A made-up split with 99 negatives a test case.
pub fn leave_one_out(sizes: Sizes) -> Split {
    let made = sizes.to_test().generate(1);
    made.leave_one_out().expect("every user has three interactions")
}
