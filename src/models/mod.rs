//! The models: each builds a [`Plan`] that reads as the figure of its paper does.
//!
//! A new model is a `mod` and a `pub use` here; one of clicks is a name in `for_each_click_model` besides, from which come
//! [`ClickModel`], the options of `examples/train_ctr` and the tests that go through all of them.

/// Hands the models of clicks to a macro: each with what it is, its struct, and its name in settings and checkpoints.
macro_rules! for_each_click_model {
    ($receiver:ident) => {
        $receiver! {
            /// Logistic regression.
            Lr "lr",
            /// Factorisation machine.
            Fm "fm",
            /// Wide & Deep.
            WideDeep "wide_deep",
            /// DeepFM.
            DeepFm "deepfm",
            /// DCN-v2.
            DcnV2 "dcnv2",
            /// DIN.
            Din "din",
            /// DIEN.
            Dien "dien",
        }
    };
}

mod behaviour;
mod cfkg;
mod click;
mod dcn_v2;
mod deepfm;
mod dien;
mod din;
pub(crate) mod fields;
mod fm;
mod gmf;
mod kgcn;
mod light_gcn;
mod loss;
mod lr;
mod mf;
mod mlp;
#[cfg(any(
    feature = "capi",
    all(feature = "web", target_arch = "wasm32", target_os = "unknown")
))]
mod named;
mod neumf;
mod sas_rec;
#[cfg(feature = "checkpoint")]
mod setting;
mod unit;
mod wide_deep;

use alloc::{format, string::ToString, vec::Vec};

use serde::{Deserialize, Serialize};

pub use cfkg::Cfkg;
pub use click::ClickModel;
pub use dcn_v2::{DcnV2, Structure};
pub use deepfm::DeepFm;
pub use dien::Dien;
pub use din::Din;
pub use fm::Fm;
pub use gmf::Gmf;
pub use kgcn::Kgcn;
pub use light_gcn::LightGcn;
pub(crate) use loss::Draw;
pub use loss::{Ccl, Loss, Margin, SampledSoftmax, Softmax};
pub use lr::Lr;
pub use mf::Mf;
pub use mlp::Mlp;
pub use neumf::NeuMf;
pub use sas_rec::SasRec;
pub use unit::Unit;
pub use wide_deep::WideDeep;

use crate::{
    Error, Result,
    data::clicks::MAX_FIELDS,
    explain::Kind,
    plan::{Init, Plan},
};

/// Standard deviation of embeddings before training, as in the reference code of He et al.
const EMBEDDING: Init = Init::Normal { std: 0.01 };

/// Setters that several models have, each with the words and the field it has in all of them.
macro_rules! setters {
    ($($name:ident)*) => { $(setters!(@$name);)* };
    (@embedding_dim) => {
        /// Sets the width of an embedding.
        pub fn embedding_dim(mut self, embedding_dim: usize) -> Self {
            self.embedding_dim = embedding_dim;
            self
        }
    };
    (@hidden) => {
        /// Sets the widths of the hidden layers.
        pub fn hidden(mut self, hidden: impl Into<alloc::vec::Vec<usize>>) -> Self {
            self.hidden = hidden.into();
            self
        }
    };
    (@unit) => {
        /// Sets what follows each hidden layer.
        pub fn unit(mut self, unit: Unit) -> Self {
            self.unit = unit;
            self
        }
    };
    (@dropout) => {
        /// Sets the share of hidden values that is left out in training.
        pub fn dropout(mut self, dropout: f32) -> Self {
            self.dropout = dropout;
            self
        }
    };
}
use setters;

/// Any of the models, with its settings: what a checkpoint stores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "lowercase")]
pub enum Model {
    /// Matrix factorisation with biases.
    Mf(Mf),
    /// Generalised matrix factorisation.
    Gmf(Gmf),
    /// Multi-layer perceptron over concatenated embeddings.
    Mlp(Mlp),
    /// GMF and MLP side by side.
    NeuMf(NeuMf),
    /// Embeddings that reach one another along the graph of interactions.
    LightGcn(LightGcn),
    /// Self-attention over a history.
    SasRec(SasRec),
    /// Points of users, items and attributes, and relations as steps between them.
    Cfkg(Cfkg),
    /// Attention over what is known of an item.
    Kgcn(Kgcn),
}

impl Model {
    /// The model's name in lower case: `mf`, `gmf`, `mlp`, `neumf`, `lightgcn`, `sasrec`, `cfkg`, `kgcn`.
    pub fn name(&self) -> &'static str {
        match self {
            Model::Mf(_) => "mf",
            Model::Gmf(_) => "gmf",
            Model::Mlp(_) => "mlp",
            Model::NeuMf(_) => "neumf",
            Model::LightGcn(_) => "lightgcn",
            Model::SasRec(_) => "sasrec",
            Model::Cfkg(_) => "cfkg",
            Model::Kgcn(_) => "kgcn",
        }
    }

    /// What the reasons are that it gives for a score ([`Trainer::explain`](crate::train::Trainer::explain)); nothing where it scores
    /// by layers in which no item of the history has a part of its own.
    pub fn reasons(&self) -> Option<Kind> {
        match self {
            Model::Mf(_) | Model::Gmf(_) | Model::LightGcn(_) => Some(Kind::Parts),
            Model::SasRec(_) => Some(Kind::Weights),
            Model::Cfkg(_) => Some(Kind::Paths),
            Model::Kgcn(_) => Some(Kind::Neighbours),
            Model::Mlp(_) | Model::NeuMf(_) => None,
        }
    }

    /// Builds the plan.
    ///
    /// # Errors
    /// [`Error::Config`] where a size is zero or layers do not fit.
    pub fn plan(&self) -> Result<Plan> {
        self.plan_for(Loss::CrossEntropy)
    }

    /// Builds the plan that is trained by a loss.
    ///
    /// # Errors
    /// As [`plan`](Model::plan).
    pub fn plan_for(&self, loss: Loss) -> Result<Plan> {
        match self {
            Model::Mf(model) => model.plan_for(loss),
            Model::Gmf(model) => model.plan_for(loss),
            Model::Mlp(model) => model.plan_for(loss),
            Model::NeuMf(model) => model.plan_for(loss),
            Model::LightGcn(model) => model.plan_for(loss),
            Model::SasRec(model) => model.plan_for(loss),
            Model::Cfkg(model) => model.plan_for(loss),
            Model::Kgcn(model) => model.plan_for(loss),
        }
    }

    /// The settings that count rows, to be raised when new ids come.
    pub fn rows_mut(&mut self) -> (&mut usize, &mut usize) {
        match self {
            Model::Mf(Mf { users, items, .. })
            | Model::Gmf(Gmf { users, items, .. })
            | Model::Mlp(Mlp { users, items, .. })
            | Model::NeuMf(NeuMf { users, items, .. })
            | Model::LightGcn(LightGcn { users, items, .. })
            | Model::SasRec(SasRec { users, items, .. })
            | Model::Cfkg(Cfkg { users, items, .. })
            | Model::Kgcn(Kgcn { users, items, .. }) => (users, items),
        }
    }

    /// Rows of users and of items; of [`SasRec`], which has none of users, those that it knows.
    pub fn rows(&self) -> [usize; 2] {
        match self {
            Model::Mf(Mf { users, items, .. })
            | Model::Gmf(Gmf { users, items, .. })
            | Model::Mlp(Mlp { users, items, .. })
            | Model::NeuMf(NeuMf { users, items, .. })
            | Model::LightGcn(LightGcn { users, items, .. })
            | Model::SasRec(SasRec { users, items, .. })
            | Model::Cfkg(Cfkg { users, items, .. })
            | Model::Kgcn(Kgcn { users, items, .. }) => [*users, *items],
        }
    }
}

macro_rules! into_model {
    ($($name:ident)*) => {$(
        impl From<$name> for Model {
            fn from(model: $name) -> Model {
                Model::$name(model)
            }
        }
    )*};
}
into_model!(Mf Gmf Mlp NeuMf LightGcn SasRec Cfkg Kgcn);

/// The tower of He et al. for `factors` predictive factors: `[8f, 4f, 2f, f]`.
fn tower(factors: usize) -> Vec<usize> {
    // A product that overflows is as far out of range as the number itself.
    let widths = [8usize, 4, 2, 1].iter();
    widths.map(|n| n.saturating_mul(factors)).collect()
}

/// Sizes beyond this are refused: products of them must not overflow.
const LARGEST: usize = 1 << 16;
/// Layers of one network at most.
const MAX_LAYERS: usize = 1024;

// The width of all fields side by side, those of a history's events and of its candidate beside them.
const _: () = assert!(LARGEST as u64 * MAX_FIELDS as u64 * 3 + (MAX_FIELDS as u64) < u32::MAX as u64);

fn check_rows(users: usize, items: usize) -> Result<()> {
    for (field, rows) in [("users", users), ("items", items)] {
        if rows == 0 || rows > u32::MAX as usize {
            return Err(Error::config(field, format!("{rows} rows; give 1 to {}", u32::MAX)));
        }
    }
    Ok(())
}

fn check_width(field: &str, width: usize) -> Result<()> {
    if width == 0 || width > LARGEST {
        return Err(Error::config(field, format!("{width} is not in 1..={LARGEST}")));
    }
    Ok(())
}

/// Checks the widths of a network's layers, of which there may be none.
fn check_widths(field: &str, widths: &[usize]) -> Result<()> {
    if widths.len() > MAX_LAYERS {
        let reason = format!("{} layers; give {MAX_LAYERS} at most", widths.len());
        return Err(Error::config(field, reason));
    }
    widths.iter().try_for_each(|&width| check_width(field, width))
}

/// `layers[0]` is the width of the concatenated embeddings, so it is even; the others are outputs.
fn check_layers(layers: &[usize]) -> Result<()> {
    let Some(&first) = layers.first() else {
        let reason = "the list is empty; the first entry is the width of both embeddings together, as in 64,32,16,8";
        return Err(Error::config("layers", reason.to_string()));
    };
    check_widths("layers", layers)?;
    if first % 2 == 1 {
        let reason = format!("the first, {first}, is shared by the user and the item embedding and must be even");
        return Err(Error::config("layers", reason));
    }
    Ok(())
}
