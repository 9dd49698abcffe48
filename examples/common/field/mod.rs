//! What the examples of five fields share (shop, social, content, ads, places): their options, and models side by side, as a
//! table and as a picture.

pub mod bars;
pub mod clicks;
pub mod comparison;
pub mod made_up;
pub mod options;
pub mod pairs;
