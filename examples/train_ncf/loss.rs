//! The options that say what is learnt of positives and negatives.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use pocketrec::{
    Error, Result,
    models::{Ccl, Loss, Margin, SampledSoftmax, Softmax},
    ops::Similarity,
};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LossName {
    /// Tell items that users have from drawn negatives, each by itself
    CrossEntropy,
    /// Rank each item that a user has before a drawn negative (Rendle et al. 2009)
    Bpr,
    /// Rank each item that a user has a margin before a drawn negative
    Margin,
    /// Bring users and their items together, and negatives below a margin (SimpleX, Mao et al. 2021); mf alone
    Ccl,
    /// Pick each user's item out of those of all samples of a block; mf alone
    Softmax,
    /// Pick each user's item out of a list that is drawn for each batch; mf alone
    SampledSoftmax,
}

/// How many items a list has: a number, or `all`.
#[derive(Clone, Copy, Debug)]
struct Candidates(Option<u32>);

impl FromStr for Candidates {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.parse() {
            _ if text == "all" => Ok(Candidates(None)),
            Ok(count) => Ok(Candidates(Some(count))),
            Err(_) => Err("give a number of items, or all".into()),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SimilarityName {
    /// Of vectors at length 1
    Cosine,
    /// Of vectors as they are
    Dot,
}

impl From<SimilarityName> for Similarity {
    fn from(name: SimilarityName) -> Self {
        match name {
            SimilarityName::Cosine => Similarity::Cosine,
            SimilarityName::Dot => Similarity::Dot,
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Loss")]
pub struct LossOptions {
    /// What is learnt of positives and negatives [default: cross-entropy]
    #[arg(long, value_name = "NAME")]
    loss: Option<LossName>,
    /// What scores are divided by in both kinds of softmax [default: 0.1]
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// How much the logarithm of softmax's sum counts; 0.84 is BSL's on Gowalla [default: 1]
    #[arg(long, value_name = "W")]
    log_sum: Option<f32>,
    /// How either softmax compares a user's vector with an item's [default: cosine]
    #[arg(long, value_name = "NAME")]
    similarity: Option<SimilarityName>,
    /// Samples whose items are each other's negatives in softmax, --batch at most [default: 2048]
    #[arg(long, value_name = "N")]
    block: Option<u32>,
    /// Correct softmax for how often each item is drawn: subtract the logarithm of its share
    #[arg(long)]
    log_q: bool,
    /// Items of the list in sampled-softmax, drawn uniformly, or all [default: 1024]
    #[arg(long, value_name = "N|all")]
    candidates: Option<Candidates>,
    /// Count the same item of another sample as a negative in softmax
    #[arg(long)]
    keep_same: bool,
    /// Of margin: how much higher an item is to be than a negative [default: 1]; of ccl: the cosine below which a negative
    /// may be [default: 0.4]
    #[arg(long, value_name = "M")]
    margin: Option<f32>,
    /// How much the mean of an item's negatives counts in ccl [default: 150]
    #[arg(long, value_name = "W")]
    negative_weight: Option<f32>,
}

impl LossOptions {
    /// `base` with what the command line says otherwise.
    pub fn loss(&self, base: Loss) -> Result<Loss> {
        let mut loss = match (self.loss, base) {
            (None, base) => base,
            (Some(LossName::CrossEntropy), _) => Loss::CrossEntropy,
            (Some(LossName::Bpr), _) => Loss::Bpr,
            // Settings that were in use stay as they are.
            (Some(LossName::Margin), Loss::Margin(_)) | (Some(LossName::Ccl), Loss::Ccl(_)) => base,
            (Some(LossName::Softmax), Loss::Softmax(_)) => base,
            (Some(LossName::SampledSoftmax), Loss::SampledSoftmax(_)) => base,
            (Some(LossName::Margin), _) => Loss::Margin(Margin::default()),
            (Some(LossName::Ccl), _) => Loss::Ccl(Ccl::default()),
            (Some(LossName::Softmax), _) => Loss::Softmax(Softmax::default()),
            (Some(LossName::SampledSoftmax), _) => Loss::SampledSoftmax(SampledSoftmax::default()),
        };
        self.refuse_of_others(loss)?;
        match &mut loss {
            Loss::CrossEntropy | Loss::Bpr => {}
            Loss::Margin(margin) => margin.margin = self.margin.unwrap_or(margin.margin),
            Loss::Ccl(ccl) => {
                ccl.margin = self.margin.unwrap_or(ccl.margin);
                ccl.weight = self.negative_weight.unwrap_or(ccl.weight);
            }
            Loss::Softmax(softmax) => {
                softmax.temperature = self.temperature.unwrap_or(softmax.temperature);
                softmax.log_sum = self.log_sum.unwrap_or(softmax.log_sum);
                softmax.block = self.block.unwrap_or(softmax.block);
                softmax.corrects |= self.log_q;
                softmax.leaves_out_same &= !self.keep_same;
                softmax.similarity = self.similarity.map_or(softmax.similarity, Similarity::from);
            }
            Loss::SampledSoftmax(softmax) => {
                softmax.temperature = self.temperature.unwrap_or(softmax.temperature);
                softmax.log_sum = self.log_sum.unwrap_or(softmax.log_sum);
                softmax.candidates = self.candidates.map_or(softmax.candidates, |Candidates(count)| count);
                softmax.similarity = self.similarity.map_or(softmax.similarity, Similarity::from);
            }
        }
        Ok(loss)
    }

    /// An option of another loss would have no effect.
    fn refuse_of_others(&self, loss: Loss) -> Result<()> {
        let is_sampled = matches!(loss, Loss::SampledSoftmax(_));
        let (is_softmax, is_ccl) = (matches!(loss, Loss::Softmax(_)), matches!(loss, Loss::Ccl(_)));
        let has_margin = is_ccl || matches!(loss, Loss::Margin(_));
        let is_any = is_softmax || is_sampled;
        let given = [
            (
                "--temperature",
                self.temperature.is_some(),
                is_any,
                "softmax and sampled-softmax",
            ),
            (
                "--log-sum",
                self.log_sum.is_some(),
                is_any,
                "softmax and sampled-softmax",
            ),
            (
                "--similarity",
                self.similarity.is_some(),
                is_any,
                "softmax and sampled-softmax",
            ),
            ("--candidates", self.candidates.is_some(), is_sampled, "sampled-softmax"),
            ("--block", self.block.is_some(), is_softmax, "softmax"),
            ("--log-q", self.log_q, is_softmax, "softmax"),
            ("--keep-same", self.keep_same, is_softmax, "softmax"),
            ("--margin", self.margin.is_some(), has_margin, "margin and ccl"),
            ("--negative-weight", self.negative_weight.is_some(), is_ccl, "ccl"),
        ];
        match given.iter().find(|(_, is_given, has, _)| *is_given && !has) {
            None => Ok(()),
            Some((option, _, _, of)) => {
                let reason = format!(
                    "only {of} has it, and the loss is {}; leave it out, or give another --loss",
                    loss.name()
                );
                Err(Error::config(*option, reason))
            }
        }
    }
}
