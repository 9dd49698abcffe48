//! Five fields, and for each an example that runs without a download: what is asked there, which models answer, how well, and what
//! to choose when.
//!
//! | Field | What is asked | Models side by side |
//! |---|---|---|
//! | [Shops](shop) | what a customer buys next, and articles that nobody has bought yet | LightGCN without and with related articles, MF by features |
//! | [Social networks](social) | whom to follow | friends of friends (RP3beta), LightGCN |
//! | [Content](content) | which film, song or text comes next | MF, SASRec |
//! | [Ads](ads) | how likely a click is, as money hangs on it | LR, DeepFM |
//! | [Places](places) | where to go next, near enough | RP3beta and LightGCN, and FM, which sees the distance |
//!
//! Without arguments each example makes its data up, trains within seconds, and prints one table: popularity or another answer that
//! needs no training first, then the models, and last the truth behind the data, which no model can pass but by chance. So a figure
//! says how much of what can be known is known. `--data` takes files instead, `--plot` draws the table, `--seed` makes up other data.
//!
//! Figures on made-up data say what a model can see, not how well it does for somebody: whoever makes data up decides which model
//! is right. [Which model](crate::guide::which_model) has the figures of published sets. The settings in the examples were looked
//! at on the same made-up items that the tables show. All figures are of the commands on the pages with seed 1, on one core of a Xeon with
//! AVX-512, 2026-11-30; other instruction sets round otherwise.

pub mod ads;
pub mod content;
pub mod places;
pub mod shop;
pub mod social;
