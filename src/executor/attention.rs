//! What causal attention reads of histories, from activations that an executor hands out.

use alloc::{format, string::String, vec, vec::Vec};

use super::{Executor, Pending, score_with};
use crate::{
    Error, Result,
    data::Batch,
    ops::{CausalAttention, causal_attention},
    plan::{Plan, Space, Stage},
};

/// How much is read of each step of a batch's histories where a plan has read them to the last one, `[steps]`; in each history this
/// adds up to 1. `logits` gets the samples' scores.
///
/// The plan's causal attentions are rolled out (Abnar and Zuidema, *Quantifying Attention Flow in Transformers*, ACL 2020, section
/// 3): what a step has after a block is half what it had before and half what it read there, by the mean of the block's heads,
/// as the residual sum around an attention has it. Beginning with 1 at the last step of a history, from the last block to the first,
///
/// ```text
/// r = (r + r A) / 2,     A[t, u] = mean over heads of p[t, u]
/// ```
///
/// with `p` as in [`ops::causal_attention`](crate::ops::causal_attention). No executor keeps `A`: its rows are computed anew, in
/// `f64`, from queries and keys that the plan [exposes](crate::plan::Plan::exposed).
///
/// # Errors
/// As [`score_with`]; [`Error::Config`] where the plan has no causal attention, or does not expose the queries and keys of one.
pub fn attention_rollout<'a>(
    executor: &'a mut dyn Executor,
    batch: &'a Batch,
    logits: &'a mut [f32],
) -> Pending<'a, Vec<f32>> {
    Pending::start(async move {
        let attentions = attentions(executor.plan())?;
        let offsets = batch.offsets(attentions[0].sequence);
        let mut read = vec![0.0; offsets.last().map_or(0, |&end| end as usize)];
        for steps in offsets.windows(2).filter(|pair| pair[0] < pair[1]) {
            read[steps[1] as usize - 1] = 1.0;
        }
        for attention in attentions.iter().rev() {
            let query = activation(executor, batch, &attention.query, logits).await?;
            let key = activation(executor, batch, &attention.key, logits).await?;
            let shape = causal_attention::Shape {
                offsets: batch.offsets(attention.sequence),
                width: attention.width,
                heads: attention.heads,
            };
            let more = causal_attention::read(&query, &key, shape, &read);
            read.iter_mut().zip(more).for_each(|(r, more)| *r = (*r + more) / 2.0);
        }
        Ok(read.into_iter().map(|x| x as f32).collect())
    })
}

/// A causal attention of a plan, by the names of what it reads.
struct Attention {
    query: String,
    key: String,
    sequence: usize,
    width: usize,
    heads: usize,
}

/// Those of a plan in their order, of which there is one at least; all lie along one sequence.
fn attentions(plan: &Plan) -> Result<Vec<Attention>> {
    let mut found: Vec<Attention> = Vec::new();
    for stage in plan.stages() {
        let Stage::CausalAttention(CausalAttention { inputs, output, heads }) = stage else {
            continue;
        };
        let refused = |what: &str| {
            let reason = format!("{what} of a causal attention are not exposed (PlanBuilder::expose)");
            Error::config("attention", reason)
        };
        let name = |view, what: &str| plan.exposed_as(view).map(String::from).ok_or_else(|| refused(what));
        let Space::Steps(sequence) = plan.space(output.buffer) else {
            continue; // no plan has it elsewhere
        };
        if found.first().is_some_and(|first| first.sequence != sequence) {
            let reason = "the plan reads several sequences by causal attention, and not one of them to its end";
            return Err(Error::config("attention", reason));
        }
        found.push(Attention {
            query: name(inputs[0], "queries")?,
            key: name(inputs[1], "keys")?,
            sequence,
            width: output.width,
            heads: *heads,
        });
    }
    match found.is_empty() {
        false => Ok(found),
        true => Err(Error::config(
            "attention",
            "the plan has no causal attention; SASRec has",
        )),
    }
}

async fn activation(executor: &mut dyn Executor, batch: &Batch, name: &str, logits: &mut [f32]) -> Result<Vec<f64>> {
    let values = score_with(executor, batch, name, logits).await?;
    Ok(values.into_iter().map(f64::from).collect())
}
