//! Models of users and items, as options name them.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModelName {
    Mf,
    Gmf,
    Mlp,
    Neumf,
}
