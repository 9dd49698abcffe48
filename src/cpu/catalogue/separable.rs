//! A plan over (user, item), taken apart into what is linear in the rows of each and a tower.

use alloc::vec::Vec;

use crate::{
    ops,
    plan::{Activation, Pair, ParamKind, Plan, Stage, View},
};

/// What a plan comes to when users are fixed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::cpu) struct Separable {
    /// Terms of the logit that are linear in the rows of each.
    pub terms: Vec<Term>,
    /// The logit's bias, if it has one.
    pub bias: Option<usize>,
    /// The rest of the logit, if there is any.
    pub tower: Option<Tower>,
    /// Whether the logit is the squared distance, with a minus before it, of the rows of the only term: twice their product, less the
    /// square of each.
    pub is_distance: bool,
}

/// Weighted columns of the logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::cpu) struct Term {
    pub user: Option<usize>,
    pub item: Option<usize>,
    pub width: usize,
    /// The weight and its first column; ones if there is none.
    pub weight: Option<(usize, usize)>,
}

/// A chain of linear layers over the rows of a user and an item.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cpu) struct Tower {
    /// The user's table and its first column in the first layer's input.
    pub user: (usize, usize),
    /// The item's.
    pub item: (usize, usize),
    /// Weight, bias and activation of each layer.
    pub layers: Vec<(usize, usize, Activation)>,
    /// The logit's weight and the first of its columns that reads the tower; ones if there is none.
    pub output: Option<(usize, usize)>,
}

impl Separable {
    /// Takes a plan apart, if it has this shape.
    pub fn of(plan: &Plan) -> Option<Self> {
        plan.pair()?;
        let last = plan
            .stages()
            .iter()
            .find(|stage| stage.output() == Some(plan.logit()))?;
        let (bias, weight) = match *last {
            Stage::Distance(ops::Distance { inputs, .. }) => return Self::of_distance(plan, inputs),
            Stage::Sum(ops::Sum { bias, .. }) => (bias, None),
            Stage::Linear(ops::Linear {
                weight,
                bias,
                activation: Activation::Identity,
                ..
            }) => (bias, Some(weight)),
            _ => return None,
        };
        let mut separable = Separable {
            bias,
            ..Separable::default()
        };
        let mut column = 0;
        for view in last.inputs() {
            for (piece, stage) in pieces(plan, *view)? {
                let weight = weight.map(|weight| (weight, column + piece.start - view.start));
                separable.add(plan, stage, piece, weight)?;
            }
            column += view.width;
        }
        Some(separable)
    }

    /// Of a distance between a row of each.
    fn of_distance(plan: &Plan, inputs: [View; 2]) -> Option<Self> {
        let mut term = Term {
            user: None,
            item: None,
            width: inputs[0].width,
            weight: None,
        };
        inputs.iter().try_for_each(|&input| term.place_view(plan, input))?;
        Some(Separable {
            terms: alloc::vec![term],
            is_distance: true,
            ..Separable::default()
        })
    }

    fn add(&mut self, plan: &Plan, stage: &Stage, piece: View, weight: Option<(usize, usize)>) -> Option<()> {
        let mut term = Term {
            user: None,
            item: None,
            width: piece.width,
            weight,
        };
        match stage {
            Stage::Gather(ops::Gather { table, .. }) => term.place(plan, *table)?,
            Stage::Product(ops::Product { inputs, .. }) => {
                inputs.iter().try_for_each(|&input| term.place_view(plan, input))?;
            }
            Stage::Linear(_) if self.tower.is_none() => {
                self.tower = Some(Tower::ending_in(plan, stage, weight)?);
                return Some(());
            }
            _ => return None,
        }
        self.terms.push(term);
        Some(())
    }
}

impl Term {
    /// Notes a factor that is a row of a table as it is.
    fn place_view(&mut self, plan: &Plan, input: View) -> Option<()> {
        let [(whole, Stage::Gather(ops::Gather { table, .. }))] = pieces(plan, input)?[..] else {
            return None;
        };
        (whole == input).then_some(())?;
        self.place(plan, *table)
    }

    /// Notes a factor; two of one kind make the term quadratic.
    fn place(&mut self, plan: &Plan, table: usize) -> Option<()> {
        let slot = if is_item(plan, table) {
            &mut self.item
        } else {
            &mut self.user
        };
        slot.replace(table).is_none().then_some(())
    }
}

impl Tower {
    /// The chain of layers that ends in `stage`, down to the tables.
    fn ending_in<'a>(plan: &'a Plan, mut stage: &'a Stage, output: Option<(usize, usize)>) -> Option<Self> {
        let mut layers = Vec::new();
        loop {
            let Stage::Linear(ops::Linear {
                weight,
                bias: Some(bias),
                input,
                activation,
                ..
            }) = *stage
            else {
                return None;
            };
            layers.push((weight, bias, activation));
            let below = pieces(plan, input)?;
            if let [(whole, next @ Stage::Linear(_))] = below[..]
                && whole == input
            {
                stage = next;
                continue;
            }
            let [
                (first, Stage::Gather(ops::Gather { table: a, .. })),
                (second, Stage::Gather(ops::Gather { table: b, .. })),
            ] = below[..]
            else {
                return None;
            };
            let (mut user, mut item) = ((*a, first.start - input.start), (*b, second.start - input.start));
            if is_item(plan, user.0) {
                core::mem::swap(&mut user, &mut item);
            }
            if is_item(plan, user.0) || !is_item(plan, item.0) {
                return None;
            }
            layers.reverse();
            return Some(Tower {
                user,
                item,
                layers,
                output,
            });
        }
    }
}

fn is_item(plan: &Plan, table: usize) -> bool {
    let candidate = |pair: Pair| plan.columns()[pair.candidate].vocabulary;
    let vocabulary = plan.pair().map(candidate);
    vocabulary.is_some_and(|vocabulary| plan.params()[table].kind == ParamKind::Table { vocabulary })
}

/// The stages that fill `view`, in the order of their columns; nothing where one also fills columns outside.
fn pieces(plan: &Plan, view: View) -> Option<Vec<(View, &Stage)>> {
    let mut pieces: Vec<(View, &Stage)> = Vec::new();
    for stage in plan.stages() {
        if let Some(output) = stage.output()
            && output.buffer == view.buffer
            && output.start < view.range().end
            && view.start < output.range().end
        {
            if output.start < view.start || output.range().end > view.range().end {
                return None;
            }
            pieces.push((output, stage));
        }
    }
    pieces.sort_by_key(|(piece, _)| piece.start);
    Some(pieces)
}
