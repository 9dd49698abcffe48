//! Made-up data whose truth is known: pairs with planted tastes, and clicks with planted interests.

mod clicks;
mod interactions;
mod walk;

pub use clicks::{Part, PlantedClickData, PlantedClicks, PlantedLogit};
pub use interactions::{Planted, PlantedData};
