//! The specification behind the executors' interface: state goes in and out as `f32`, everything between is `f64`.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::Reference;
use crate::{
    Result,
    checks::{check_graph, check_growth, check_ids, check_propagated, check_rows, check_scored, check_sent, nodes_of},
    data::{Batch, Graph},
    executor::{Activations, Executor, LossSum, Pending, Propagation, exposed},
    memory,
    ops::propagate,
    plan::{L2, Optimizer, Param, ParamKind, Plan, State, Tensor},
    shared::Arc,
};

fn narrow(logits: &[f64], out: &mut [f32]) {
    for (out, &logit) in out.iter_mut().zip(logits) {
        *out = logit as f32;
    }
}

impl Executor for Reference {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn device(&self) -> String {
        "specification, f64".to_string()
    }

    fn step(
        &mut self,
        batch: &Batch,
        optimizer: &Optimizer,
        l2: L2,
        prefetch: &mut (dyn FnMut() + Send),
    ) -> Pending<'_, ()> {
        Pending::now(|| {
            Reference::step(self, batch, optimizer, l2)?;
            prefetch();
            Ok(())
        })
    }

    fn poll(&mut self) -> Result<bool> {
        Ok(true)
    }

    fn take_loss(&mut self) -> Pending<'_, LossSum> {
        Pending::now(|| Ok(core::mem::take(&mut self.loss)))
    }

    fn take_auxiliary(&mut self) -> Pending<'_, LossSum> {
        Pending::now(|| Ok(core::mem::take(&mut self.auxiliary)))
    }

    fn score<'a>(&'a mut self, columns: &'a [&'a [u32]], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            check_ids(&self.plan, columns, out.len())?;
            narrow(&self.forward(columns)?, out);
            Ok(())
        })
    }

    fn score_batch<'a>(&'a mut self, batch: &'a Batch, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            check_scored(&self.plan, batch, out.len())?;
            narrow(&self.forward_batch(batch)?, out);
            Ok(())
        })
    }

    fn state(&mut self) -> Pending<'_, State> {
        Pending::now(|| {
            let narrow = |values: &[f64]| values.iter().map(|&x| x as f32).collect();
            let tensor = |(param, tensor): (&Param, &super::Tensor)| {
                let floats = Tensor {
                    value: narrow(&tensor.value),
                    m: narrow(&tensor.m),
                    v: narrow(&tensor.v),
                    stored: None,
                };
                match &tensor.stored {
                    None => floats,
                    Some(stored) => floats.beside(stored, 0..param.rows as u32),
                }
            };
            Ok(State {
                step: self.steps,
                tensors: self.plan.params().iter().zip(&self.tensors).map(tensor).collect(),
            })
        })
    }

    fn set_state<'a>(&'a mut self, state: &'a State) -> Pending<'a, ()> {
        Pending::now(|| {
            let (losses, graph) = ((self.loss, self.auxiliary), self.graph.take());
            *self = Reference::new(&self.plan, state)?;
            (self.loss, self.auxiliary) = losses;
            self.graph = graph;
            Ok(())
        })
    }

    fn read_rows<'a>(&'a mut self, param: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            check_rows(&self.plan, param, first, out.len())?;
            let start = first * self.plan.params()[param].width;
            narrow(&self.value(param)[start..][..out.len()], out);
            Ok(())
        })
    }

    fn write_rows<'a>(&'a mut self, param: usize, first: usize, values: &'a [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            check_rows(&self.plan, param, first, values.len())?;
            let start = first * self.plan.params()[param].width;
            let range = start..start + values.len();
            let tensor = &mut self.tensors[param];
            for (to, &x) in tensor.value[range.clone()].iter_mut().zip(values) {
                *to = x.into();
            }
            for moment in [&mut tensor.m, &mut tensor.v] {
                if !moment.is_empty() {
                    moment[range.clone()].fill(0.0);
                }
            }
            Ok(())
        })
    }

    fn grow(&mut self, vocabulary: usize, rows: usize) -> Pending<'_, ()> {
        Pending::now(|| {
            check_growth(&self.plan, vocabulary, rows)?;
            let tables = self.plan.params().iter().zip(&mut self.tensors);
            let tables = tables.filter(|(param, _)| param.kind == ParamKind::Table { vocabulary });
            for (param, tensor) in tables {
                let more = (rows - param.rows).saturating_mul(param.width);
                for values in [&mut tensor.value, &mut tensor.m, &mut tensor.v] {
                    memory::reserve(values, more, || format!("{rows} rows of {}", param.name))?;
                }
            }
            self.plan = self.plan.clone().with_rows(vocabulary, rows);
            if let Some(graph) = &self.graph {
                self.graph = Some(Arc::new(graph.with_nodes(nodes_of(&self.plan))?));
            }
            for (param, tensor) in self.plan.params().iter().zip(&mut self.tensors) {
                tensor.value.resize(param.len(), 0.0);
                for moment in [&mut tensor.m, &mut tensor.v] {
                    if !moment.is_empty() {
                        moment.resize(param.len(), 0.0);
                    }
                }
            }
            Ok(())
        })
    }

    fn activations(&mut self) -> Option<&mut dyn Activations> {
        Some(self)
    }

    fn propagation(&mut self) -> Option<&mut dyn Propagation> {
        match self.plan.propagation() {
            Some(_) => Some(self),
            None => None,
        }
    }
}

impl Propagation for Reference {
    fn set_graph(&mut self, graph: Arc<Graph>) -> Pending<'_, ()> {
        Pending::now(|| {
            check_graph(&self.plan, Some(&graph))?;
            self.graph = Some(graph);
            Ok(())
        })
    }

    fn propagated_rows<'a>(&'a mut self, table: usize, first: usize, out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            let (rows, width) = check_propagated(&self.plan, table, first, out.len())?;
            check_graph(&self.plan, self.graph.as_deref())?;
            let batch = Batch::new(self.plan.columns().len(), 0);
            let activations = self.run_forward(&batch, false)?;
            let nodes = self
                .plan
                .propagation()
                .map_or_else(Vec::new, |op| activations.read(op.output));
            narrow(&nodes[rows.start * width..rows.end * width], out);
            Ok(())
        })
    }

    fn sent_rows<'a>(&'a mut self, table: usize, rows: &'a [u32], out: &'a mut [f32]) -> Pending<'a, ()> {
        Pending::now(|| {
            let (first, width) = check_sent(&self.plan, table, rows, out.len())?;
            check_graph(&self.plan, self.graph.as_deref())?;
            let (Some(op), Some(graph)) = (self.plan.propagation(), &self.graph) else {
                return Ok(());
            };
            let nodes = op.tables.map(|table| self.value(table)).concat();
            let sent = propagate::sent(&nodes, width, op.layers, |node| graph.of_node(node));
            for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
                narrow(&sent[(first + row as usize) * width..][..width], out);
            }
            Ok(())
        })
    }

    fn graph(&self) -> Option<&Graph> {
        self.graph.as_deref()
    }
}

impl Activations for Reference {
    fn score_with<'a>(&'a mut self, batch: &'a Batch, name: &'a str, out: &'a mut [f32]) -> Pending<'a, Vec<f32>> {
        Pending::now(|| {
            check_scored(&self.plan, batch, out.len())?;
            let view = exposed(&self.plan, name)?;
            let activations = self.run_forward(batch, false)?;
            narrow(&activations.read(self.plan.logit()), out);
            Ok(activations.read(view).into_iter().map(|x| x as f32).collect())
        })
    }
}
