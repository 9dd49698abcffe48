//! Any of the models of click data.

use serde::{Deserialize, Serialize};

use super::{DeepFm, Dien, Din, Fm, Lr, WideDeep};
#[cfg(feature = "std")]
use crate::plan::GruKind;
use crate::{Result, data::clicks::Layout, plan::Plan};

/// Any of the click-through models, with its settings: what a checkpoint stores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum ClickModel {
    /// Logistic regression.
    Lr(Lr),
    /// Factorisation machine.
    Fm(Fm),
    /// Wide & Deep.
    WideDeep(WideDeep),
    /// DeepFM.
    #[serde(rename = "deepfm")]
    DeepFm(DeepFm),
    /// DIN.
    Din(Din),
    /// DIEN.
    Dien(Dien),
}

/// The layout of whichever model it is, borrowed as the model is.
macro_rules! layout_of {
    ($model:expr) => {
        match $model {
            ClickModel::Lr(Lr { layout })
            | ClickModel::Fm(Fm { layout, .. })
            | ClickModel::WideDeep(WideDeep { layout, .. })
            | ClickModel::DeepFm(DeepFm { layout, .. })
            | ClickModel::Din(Din { layout, .. })
            | ClickModel::Dien(Dien { layout, .. }) => layout,
        }
    };
}

impl ClickModel {
    /// The model's name: `lr`, `fm`, `wide_deep`, `deepfm`, `din`, `dien`.
    pub fn name(&self) -> &'static str {
        match self {
            ClickModel::Lr(_) => "lr",
            ClickModel::Fm(_) => "fm",
            ClickModel::WideDeep(_) => "wide_deep",
            ClickModel::DeepFm(_) => "deepfm",
            ClickModel::Din(_) => "din",
            ClickModel::Dien(_) => "dien",
        }
    }

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where a size is out of range or fields do not fit.
    pub fn plan(&self) -> Result<Plan> {
        match self {
            ClickModel::Lr(model) => model.plan(),
            ClickModel::Fm(model) => model.plan(),
            ClickModel::WideDeep(model) => model.plan(),
            ClickModel::DeepFm(model) => model.plan(),
            ClickModel::Din(model) => model.plan(),
            ClickModel::Dien(model) => model.plan(),
        }
    }

    /// Width of an embedding, and widths of the hidden layers.
    pub fn widths(&self) -> (usize, &[usize]) {
        match self {
            ClickModel::Lr(_) => (1, &[]),
            ClickModel::Fm(Fm { embedding_dim, .. }) => (*embedding_dim, &[]),
            ClickModel::WideDeep(WideDeep {
                embedding_dim, hidden, ..
            })
            | ClickModel::DeepFm(DeepFm {
                embedding_dim, hidden, ..
            })
            | ClickModel::Din(Din {
                embedding_dim, hidden, ..
            })
            | ClickModel::Dien(Dien {
                embedding_dim, hidden, ..
            }) => (*embedding_dim, hidden),
        }
    }

    /// Columns that have at least a float each among the parameters: a row of a table, a bias, the weight of a number. As
    /// many as that are easily counted, to tell a model that cannot be in a file before its plan is built.
    #[cfg(feature = "std")]
    pub(crate) fn least_columns(&self) -> usize {
        let (embedding_dim, hidden) = self.widths();
        let others: [&[usize]; 2] = match self {
            ClickModel::Din(Din { attention, .. }) => [attention, &[]],
            ClickModel::Dien(model) => [
                if model.evolution == GruKind::Gru {
                    &[]
                } else {
                    &model.attention
                },
                if model.auxiliary_weight > 0.0 {
                    &model.auxiliary
                } else {
                    &[]
                },
            ],
            _ => [&[], &[]],
        };
        let layout = self.layout();
        let layers = hidden.iter().chain(others.into_iter().flatten());
        let tables = layout.are_read().into_iter().filter(|&is_read| is_read).count();
        let columns = tables
            .saturating_mul(embedding_dim)
            .saturating_add(layout.numbers.len());
        layers.fold(columns, |sum, &width| sum.saturating_add(width))
    }

    /// The fields, where tables grow.
    pub(crate) fn layout_mut(&mut self) -> &mut Layout {
        layout_of!(self)
    }

    /// The fields that it reads.
    pub fn layout(&self) -> &Layout {
        layout_of!(self)
    }
}

macro_rules! into_click_model {
    ($($name:ident)*) => {$(
        impl From<$name> for ClickModel {
            fn from(model: $name) -> ClickModel {
                ClickModel::$name(model)
            }
        }
    )*};
}
into_click_model!(Lr Fm WideDeep DeepFm Din Dien);
