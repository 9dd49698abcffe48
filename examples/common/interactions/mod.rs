//! What the examples share that train on interactions of users with items.

pub mod data;
pub mod model;
pub mod options;
pub mod plot;
pub mod profile;
pub mod ranking;
pub mod report;
pub mod session;
pub mod settings;
pub mod training;
