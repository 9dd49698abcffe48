//! Models of users and items by name, for callers in other languages.

use alloc::format;

use super::{Gmf, LightGcn, Loss, Mf, Mlp, Model, NeuMf, SasRec};
use crate::{Error, Result};

impl Model {
    /// The model of a name (`mf`, `gmf`, `mlp`, `neumf`, `lightgcn` or `sasrec`) for so many users and items, with the loss that it
    /// is trained by unless another is asked for. 0 `factors` are the model's default, and so is a `length` of 0, which `sasrec`
    /// alone has.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such model, or it has no length.
    pub(crate) fn named(
        name: &str,
        (users, items): (usize, usize),
        factors: usize,
        length: usize,
    ) -> Result<(Model, Loss)> {
        if length > 0 && name != "sasrec" {
            let reason = format!("{length}: {name} looks at no history of a length, sasrec does; give 0");
            return Err(Error::config("length", reason));
        }
        // The default is known to the model alone.
        macro_rules! with_factors {
            ($model:ident, $setter:ident) => {{
                let model = $model::new(users, items);
                match factors {
                    0 => model,
                    factors => model.$setter(factors),
                }
            }};
        }
        let model: Model = match name {
            "mf" => with_factors!(Mf, factors).into(),
            "gmf" => with_factors!(Gmf, factors).into(),
            "neumf" => with_factors!(NeuMf, factors).into(),
            "lightgcn" => with_factors!(LightGcn, embedding_dim).into(),
            "mlp" => match factors {
                0 => Mlp::new(users, items).into(),
                _ => Mlp::new(users, items)
                    .layers(NeuMf::new(users, items).factors(factors).layers)
                    .into(),
            },
            "sasrec" => {
                let model = with_factors!(SasRec, embedding_dim);
                let model = if length > 0 { model.length(length) } else { model };
                return Ok((model.into(), SasRec::loss()));
            }
            _ => {
                let reason = format!("there is no {name:?}; give mf, gmf, mlp, neumf, lightgcn or sasrec");
                return Err(Error::config("model", reason));
            }
        };
        Ok((model, Loss::default()))
    }
}
