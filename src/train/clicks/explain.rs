//! Which events of a history a model of attention looks at for a candidate.

use alloc::{format, string::String, vec::Vec};
use core::ptr;

use super::ClickTrainer;
use crate::{
    Error, Result,
    data::clicks::{Layout, Samples, SequenceField, Values},
    explain::Explanation,
};

impl ClickTrainer {
    /// Which items of its history a row's score has to do with: how much DIN or DIEN has read of each for the row's candidate.
    ///
    /// - **DIN**: the attention unit's weights, by which the events are added up to the interest. In the paper's form they do not
    ///   add up to 1: their sum says how strong the interest is, and one can be below 0.
    /// - **DIEN**: the scores that steer the second recurrent layer. They are a softmax over the history, of the states that the first
    ///   layer has at each event, so that a state's weight counts what came before it too. None without attention
    ///   ([`GruKind::Gru`](crate::plan::GruKind::Gru)).
    ///
    /// They are [weights](crate::explain::Kind::Weights), no parts of the score, which is the row's logit: hidden layers make it of the
    /// interest and all other fields. An event stands for its item, the key that [`similar_items`](ClickTrainer::similar_items)
    /// goes by or else the first that the history collects; weights of an item that comes more than once are added up. A reason's
    /// [`item`](crate::explain::Reason::item) is its row in the vocabulary, and [`reason_key`](ClickTrainer::reason_key) its key.
    ///
    /// ```
    /// # use pocketrec::{data::clicks::PlantedClicks, device::Device, models::Din, train::*};
    /// # let data = PlantedClicks { users: 50, rows_per_user: 20, ..PlantedClicks::default() }.generate()?;
    /// # let mut trainer = ClickTrainer::new(Din::new(data.train.layout()), Device::cpu(), ClickConfig::default())?;
    /// trainer.set_encoder(data.encoder)?;
    /// let why = trainer.explain(&data.test)?;
    /// assert_eq!(why.len(), data.test.len());
    /// for reason in &why[0].reasons {
    ///     println!("{:?} {:.3}", trainer.reason_key(reason.item), reason.contribution);
    /// }
    /// # Ok::<(), pocketrec::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`score`](ClickTrainer::score); [`Error::Config`] where the model has no attention, and as
    /// [`rank`](ClickTrainer::rank) where a score is not finite; [`Error::Device`] where the device does not hand out activations.
    pub fn explain(&mut self, samples: &Samples) -> Result<Vec<Explanation>> {
        if self.model.reasons().is_none() {
            let reason = format!(
                "{} has no attention that would say what of a history it looks at; DIN can be explained, and DIEN where attention \
                 steers it",
                self.model.name()
            );
            return Err(Error::config("model", reason));
        }
        let (scores, weights) = self.score_with_attention(samples)?;
        if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
            return Err(self.predictor().not_finite(samples, row, &format!("row {row}"))?);
        }
        let Some((sequence, place)) = self.place_of_items(samples.layout()) else {
            return Ok(Vec::new()); // DIN and DIEN have a history, which the samples have been found to have
        };
        let sequence = samples.sequence(sequence);
        let rows = scores
            .into_iter()
            .zip(weights)
            .enumerate()
            .map(|(row, (score, weights))| {
                let items = sequence.of(place, row).iter().copied();
                Explanation::weights(score, items.zip(weights))
            });
        Ok(rows.collect())
    }

    /// [`explain`](ClickTrainer::explain) for the candidates of a request, in their order: what [`rank`](ClickTrainer::rank) has looked at.
    ///
    /// # Errors
    /// Those of both.
    pub fn explain_request(
        &mut self,
        context: &Values,
        events: &[&Values],
        candidates: &[&Values],
    ) -> Result<Vec<Explanation>> {
        let samples = self.request(context, events, candidates)?;
        self.explain(&samples)
    }

    /// The key of a reason's item; nothing where the encoder does not know it, or stores no keys.
    pub fn reason_key(&self, item: u32) -> Option<String> {
        let encoder = self.encoder.as_ref()?;
        let layout = encoder.layout();
        let (sequence, place) = self.place_of_items(layout)?;
        let field = &layout.ids[*layout.sequences[sequence].fields.get(place)?];
        encoder
            .vocabulary(&layout.vocabularies[field.vocabulary].name)?
            .key(item)
    }

    /// The history that the model reads, by its place in a layout, and which of its fields is the item.
    fn place_of_items(&self, layout: &Layout) -> Option<(usize, usize)> {
        let sequence = layout.sequence(self.plan().sequences().first()?)?;
        let place = self.encoder.as_ref().and_then(|encoder| {
            let (_, chosen) = encoder.chosen_column()?;
            let is_chosen = |&id: &usize| {
                let name = &layout.vocabularies[layout.ids[id].vocabulary].name;
                encoder.vocabulary(name).is_some_and(|own| ptr::eq(own, chosen))
            };
            let SequenceField { fields, .. } = &layout.sequences[sequence];
            fields.iter().position(is_chosen)
        });
        Some((sequence, place.unwrap_or(0)))
    }
}
