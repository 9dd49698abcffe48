//! Made-up data whose truth is known: pairs with planted tastes and relations of items, histories along planted paths, and clicks with planted interests.

mod click_data;
mod clicks;
mod interactions;
mod paths;
mod relations;
mod walk;

pub use click_data::{Part, PlantedClickData};
pub use clicks::{PlantedClicks, PlantedLogit};
pub use interactions::{Planted, PlantedData};
pub use paths::{PlantedPathData, PlantedPaths};
