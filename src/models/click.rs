//! Any of the models of click data, made of the one list of them in `mod.rs`.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    data::clicks::Layout,
    explain::Kind,
    plan::{GruKind, Plan},
};

/// Widths by which the smallest number of a model's parameters is told before its plan is built.
pub(super) trait Widths {
    /// Width of an embedding, and widths of the hidden layers.
    fn widths(&self) -> (usize, &[usize]);

    /// Widths of layers beside those.
    #[cfg_attr(not(feature = "checkpoint"), allow(dead_code))] // files are read with std alone
    fn other_widths(&self) -> [&[usize]; 2] {
        [&[], &[]]
    }
}

macro_rules! click_model {
    ($($(#[$doc:meta])* $model:ident $name:literal),* $(,)?) => {
        /// Any of the click-through models, with its settings: what a checkpoint stores.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "model")]
        pub enum ClickModel {
            $(
                $(#[$doc])*
                #[serde(rename = $name)]
                $model(super::$model),
            )*
        }

        impl ClickModel {
            /// The names of all models, as settings and checkpoints have them.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The model of this name over these fields, with the settings that it begins with.
            ///
            /// # Errors
            /// [`Error::Config`] where there is none; it has the [names](ClickModel::NAMES).
            pub fn named(name: &str, layout: &Layout) -> Result<Self> {
                match name {
                    $($name => Ok(super::$model::new(layout).into()),)*
                    _ => {
                        let reason = alloc::format!("there is no {name}; give one of {}", Self::NAMES.join(", "));
                        Err(Error::config("model", reason))
                    }
                }
            }

            /// The model's name, one of [`NAMES`](ClickModel::NAMES).
            pub fn name(&self) -> &'static str {
                match self {
                    $(ClickModel::$model(_) => $name,)*
                }
            }

            /// Builds the plan.
            ///
            /// # Errors
            /// [`Error::Config`] where a size is out of range or fields do not fit.
            pub fn plan(&self) -> Result<Plan> {
                match self {
                    $(ClickModel::$model(model) => model.plan(),)*
                }
            }

            /// The fields that it reads.
            pub fn layout(&self) -> &Layout {
                match self {
                    $(ClickModel::$model(super::$model { layout, .. }) => layout,)*
                }
            }

            /// The fields, where tables grow.
            pub(crate) fn layout_mut(&mut self) -> &mut Layout {
                match self {
                    $(ClickModel::$model(super::$model { layout, .. }) => layout,)*
                }
            }

            fn of_model(&self) -> &dyn Widths {
                match self {
                    $(ClickModel::$model(model) => model,)*
                }
            }
        }

        $(
            impl From<super::$model> for ClickModel {
                fn from(model: super::$model) -> ClickModel {
                    ClickModel::$model(model)
                }
            }
        )*
    };
}
for_each_click_model!(click_model);

impl ClickModel {
    /// What the reasons are that it gives for a score ([`ClickTrainer::explain`](crate::train::ClickTrainer::explain)): weights of
    /// attention, where it has some.
    pub fn reasons(&self) -> Option<Kind> {
        match self {
            ClickModel::Din(_) => Some(Kind::Weights),
            ClickModel::Dien(dien) => (dien.evolution != GruKind::Gru).then_some(Kind::Weights),
            _ => None,
        }
    }

    /// Width of an embedding, and widths of the hidden layers.
    pub fn widths(&self) -> (usize, &[usize]) {
        self.of_model().widths()
    }

    /// Columns that have at least a float each among the parameters: a row of a table, a bias, the weight of a number. As
    /// many as that are easily counted, to tell a model that cannot be in a file before its plan is built.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn least_columns(&self) -> usize {
        let (embedding_dim, hidden) = self.widths();
        let others = self.of_model().other_widths();
        let layout = self.layout();
        let layers = hidden.iter().chain(others.into_iter().flatten());
        let tables = layout.are_read().into_iter().filter(|&is_read| is_read).count();
        let columns = tables
            .saturating_mul(embedding_dim)
            .saturating_add(layout.numbers.len());
        layers.fold(columns, |sum, &width| sum.saturating_add(width))
    }
}
