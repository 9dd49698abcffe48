//! Stages over the steps of sequences.

use alloc::format;

use super::PlanBuilder;
use crate::{
    ops,
    plan::{Activation, GruKind, Init, ParamKind, Stage, View},
};

impl PlanBuilder {
    /// The sum, or mean, of each sample's steps into `output`, which has one row a sample and is as wide; zeros where
    /// there are none. It may lie beside looked-up columns.
    pub fn pool(&mut self, input: View, output: View, mean: bool) {
        if input.width != output.width {
            let (i, o) = (input.width, output.width);
            self.fail(format!("pool of {i} columns into {o}: they must be as many"));
        }
        self.stages.push(Stage::Pool(ops::Pool { input, output, mean }));
    }

    /// The last step of each sample into `output`, which has one row a sample and is as wide; zeros where there are no
    /// steps. It may lie beside looked-up columns.
    pub fn last_step(&mut self, input: View, output: View) {
        if input.width != output.width {
            let (i, o) = (input.width, output.width);
            self.fail(format!("last_step of {i} columns into {o}: they must be as many"));
        }
        self.stages.push(Stage::LastStep(ops::LastStep { input, output }));
    }

    /// Each step's row of `states` beside the next step's row of `items`, in a new buffer; zeros at a sample's last
    /// step.
    pub fn pair_with_next(&mut self, states: View, items: View) -> View {
        let output = self.buffer_in(self.space_of(states), states.width.saturating_add(items.width));
        let inputs = [states, items];
        self.stages
            .push(Stage::PairWithNext(ops::PairWithNext { inputs, output }));
        output
    }

    /// A recurrent layer `name` of `hidden` units over the steps of each sample: all its states, in a new buffer. Every
    /// kind but [`GruKind::Gru`] takes `scores`, one for each step.
    ///
    /// Its parameters are `torch.nn.GRU`'s, `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`; the weights are drawn as
    /// there, the biases begin at zero.
    pub fn gru(&mut self, name: &str, kind: GruKind, input: View, scores: Option<View>, hidden: usize) -> View {
        let output = self.buffer_in(self.space_of(input), hidden);
        if scores.is_some() == (kind == GruKind::Gru) {
            self.fail(format!("{name}: Gru takes no scores, every other kind does"));
        }
        if scores.is_some_and(|scores| scores.width != 1) {
            self.fail(format!("{name}: its scores are more or less than one column"));
        }
        let (rows, init) = (hidden.saturating_mul(3), Init::recurrent(hidden));
        let input_weight = self.param(
            &format!("{name}.weight_ih"),
            [rows, input.width],
            ParamKind::Dense,
            init,
        );
        let hidden_weight = self.param(&format!("{name}.weight_hh"), [rows, hidden], ParamKind::Dense, init);
        let biases = ["ih", "hh"].map(|part| self.bias(&format!("{name}.bias_{part}"), rows));
        self.stages.push(Stage::Gru(ops::Gru {
            kind,
            params: [input_weight, hidden_weight, biases[0], biases[1]],
            inputs: [input].into_iter().chain(scores).collect(),
            output,
        }));
        output
    }

    /// Adds `weight` times DIEN's auxiliary loss to what training descends: at every step but a sample's last, the
    /// logit `clicked` should be high and `negative` low.
    pub fn auxiliary(&mut self, clicked: View, negative: View, weight: f32) {
        if clicked.width != 1 || negative.width != 1 {
            let (c, n) = (clicked.width, negative.width);
            self.fail(format!(
                "the logits of the auxiliary loss are {c} and {n} columns wide: they must be 1"
            ));
        }
        if !(weight >= 0.0 && weight.is_finite()) {
            self.fail(format!(
                "an auxiliary loss of weight {weight}: give a finite number, not below 0"
            ));
        }
        let logits = [clicked, negative];
        self.stages.push(Stage::Auxiliary(ops::Auxiliary { logits, weight }));
    }

    /// The first layer `name` of DIN's attention: a linear layer over `[q, k, q - k, q * k]` with the query `q` of a
    /// sample and the key `k` of each of its steps, in a new buffer of `outputs` columns along the steps (Zhou et al.,
    /// KDD 2018, figure 2).
    pub fn attention_unit(
        &mut self,
        name: &str,
        query: View,
        key: View,
        outputs: usize,
        activation: Activation,
    ) -> View {
        if query.width != key.width {
            let (q, k) = (query.width, key.width);
            self.fail(format!(
                "{name}: a query of {q} columns for keys of {k}: they must be as many"
            ));
        }
        let output = self.buffer_in(self.space_of(key), outputs);
        let weight = self.linear_weight(&format!("{name}.weight"), key.width.saturating_mul(4), outputs);
        let bias = self.bias(&format!("{name}.bias"), outputs);
        self.stages.push(Stage::AttentionUnit(ops::AttentionUnit {
            weight,
            bias,
            inputs: [query, key],
            output,
            activation,
        }));
        output
    }

    /// Causal self-attention of `heads` heads over the steps of each sample, in a new buffer: each step reads the `value`s of
    /// itself and of the steps before it, by the softmax of its `query`'s products with their `key`s (Kang and McAuley,
    /// ICDM 2018, section III-B).
    pub fn causal_attention(&mut self, query: View, key: View, value: View, heads: usize) -> View {
        let output = self.buffer_in(self.space_of(query), query.width);
        if key.width != query.width || value.width != query.width {
            let (q, k, v) = (query.width, key.width, value.width);
            self.fail(format!(
                "causal_attention of {q} columns of queries, {k} of keys and {v} of values: they must be as many"
            ));
        }
        if heads == 0 || !query.width.is_multiple_of(heads) {
            let width = query.width;
            self.fail(format!(
                "causal_attention of {heads} heads over {width} columns: give a divisor"
            ));
        }
        self.stages.push(Stage::CausalAttention(ops::CausalAttention {
            inputs: [query, key, value],
            output,
            heads,
        }));
        output
    }

    /// The dot product of each sample's row of `query` with each of its steps' rows of `key`, in a new buffer of one column along
    /// the steps.
    pub fn dot_steps(&mut self, query: View, key: View) -> View {
        let output = self.buffer_in(self.space_of(key), 1);
        if query.width != key.width {
            let (q, k) = (query.width, key.width);
            self.fail(format!(
                "dot_steps of {q} columns of queries and {k} of keys: they must be as many"
            ));
        }
        let inputs = [query, key];
        self.stages.push(Stage::DotSteps(ops::DotSteps { inputs, output }));
        output
    }

    /// The softmax of one column over the steps of each sample, in a new buffer.
    pub fn softmax(&mut self, input: View) -> View {
        if input.width != 1 {
            self.fail(format!("softmax of {} columns: give one", input.width));
        }
        let output = self.buffer_in(self.space_of(input), 1);
        self.stages.push(Stage::Softmax(ops::Softmax { input, output }));
        output
    }

    /// The sum of each sample's steps of `values`, each times its weight, into `output`, which has one row a sample
    /// and may lie beside looked-up columns; zeros where there are no steps.
    pub fn attention(&mut self, weights: View, values: View, output: View) {
        if weights.width != 1 || values.width != output.width {
            let (w, v, o) = (weights.width, values.width, output.width);
            self.fail(format!(
                "attention by {w} columns of weights over {v} of values into {o}: give one, and two that are as many"
            ));
        }
        self.stages.push(Stage::Attention(ops::Attention {
            inputs: [weights, values],
            output,
        }));
    }
}
