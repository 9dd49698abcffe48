//! A checksum of numbers' bits.

use pocketrec::{
    eval::{ClickReport, RankingReport},
    plan::State,
};

/// FNV-1a of 64 bits over what is added.
#[derive(Clone, Copy, Debug)]
pub struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Checksum(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    pub fn number(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub fn double(&mut self, number: f64) {
        self.number(number.to_bits());
    }

    /// Their number too, so that what is left out here and added there shows.
    pub fn floats(&mut self, floats: &[f32]) {
        self.number(floats.len() as u64);
        floats.iter().for_each(|x| self.number(x.to_bits().into()));
    }

    pub fn state(&mut self, state: &State) {
        self.number(state.step);
        for tensor in &state.tensors {
            [&tensor.value, &tensor.m, &tensor.v]
                .into_iter()
                .for_each(|values| self.floats(values));
        }
    }

    pub fn values(&mut self, values: Option<&Vec<Vec<f32>>>) {
        self.number(values.map_or(0, Vec::len) as u64);
        values.into_iter().flatten().for_each(|values| self.floats(values));
    }

    /// Places with their scores.
    pub fn ranked(&mut self, ranked: impl IntoIterator<Item = (u64, f32)>) {
        for (place, score) in ranked {
            self.number(place);
            self.floats(&[score]);
        }
    }

    pub fn ranking(&mut self, report: &RankingReport) {
        [report.hr, report.ndcg, report.mrr]
            .into_iter()
            .for_each(|mean| self.double(mean));
        [report.cases, report.left_out, report.scored]
            .into_iter()
            .for_each(|count| self.number(count));
    }

    pub fn clicks(&mut self, report: &ClickReport) {
        self.double(report.auc.unwrap_or(-1.0));
        self.double(report.grouped.map_or(-1.0, |grouped| grouped.auc));
        [report.log_loss, report.calibration.ratio(), report.calibration.error()]
            .into_iter()
            .for_each(|x| self.double(x));
    }

    pub fn finish(self) -> u64 {
        self.0
    }
}
