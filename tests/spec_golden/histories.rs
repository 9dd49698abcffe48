//! Batches with histories, and their look-ups.

use pocketrec::ops::gather;

use crate::{
    Tensors, add,
    common::golden::Golden,
    network::{concat, split},
};

/// The ids of a batch with histories, and what is looked up.
pub struct Histories<'a> {
    golden: &'a Golden,
    step: String,
    pub offsets: Vec<u32>,
    pub width: usize,
}

impl<'a> Histories<'a> {
    pub fn new(golden: &'a Golden, s: usize) -> Self {
        let step = format!("step{s}/");
        Histories {
            offsets: golden.ids(&format!("{step}offsets")),
            golden,
            step,
            width: golden.setting("width"),
        }
    }

    pub fn samples(&self) -> usize {
        self.offsets.len() - 1
    }

    fn ids(&self, name: &str) -> Vec<u32> {
        self.golden.ids(&format!("{}{name}", self.step))
    }

    pub fn user(&self, p: &Tensors) -> Vec<f64> {
        gather::forward(&p["user.embedding"], self.width, &self.ids("user"))
    }

    /// `[item, category]` of the candidate (no prefix), of the history or of its negatives.
    pub fn pair(&self, p: &Tensors, prefix: &str) -> Vec<f64> {
        let found = ["item", "category"].map(|name| {
            let ids = self.ids(&format!("{prefix}{name}"));
            (
                gather::forward(&p[&format!("{name}.embedding")], self.width, &ids),
                ids.len(),
            )
        });
        concat(&[&found[0].0, &found[1].0], found[0].1)
    }

    pub fn user_backward(&self, p: &Tensors, gradient: &[f64], gradients: &mut Tensors) {
        self.table_backward(p, "user", "user", gradient, gradients);
    }

    pub fn pair_backward(&self, p: &Tensors, prefix: &str, gradient: &[f64], gradients: &mut Tensors) {
        let parts = split(gradient, [self.width; 2], gradient.len() / (2 * self.width));
        for (name, part) in ["item", "category"].iter().zip(&parts) {
            self.table_backward(p, name, &format!("{prefix}{name}"), part, gradients);
        }
    }

    fn table_backward(&self, p: &Tensors, table: &str, ids: &str, gradient: &[f64], gradients: &mut Tensors) {
        let name = format!("{table}.embedding");
        let rows = p[&name].len() / self.width;
        add(
            gradients,
            &name,
            &gather::backward(&self.ids(ids), gradient, self.width, rows),
        );
    }
}
