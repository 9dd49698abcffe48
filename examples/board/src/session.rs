//! Requests and answers, one a line.

use alloc::{format, string::String};
use core::fmt::Write;

use pocketrec::{Error, Result, device::Device, train::Trainer};

/// Items that are recommended.
const TOP: usize = 5;

/// A model with which requests are answered:
///
/// - `recommend USER` gives the best items with their scores, best first;
/// - `click USER ITEM` learns from it, and gives what is best for the user from then on.
pub struct Session {
    trainer: Trainer,
}

impl Session {
    /// # Errors
    /// Where the bytes are no checkpoint.
    pub fn new(model: &[u8]) -> Result<Self> {
        let trainer = Trainer::from_bytes(model, Device::cpu())?;
        Ok(Session { trainer })
    }

    /// The answer to a request; what is wrong with it, if it is none.
    pub fn answer(&mut self, request: &str) -> String {
        match self.try_answer(request) {
            Ok(answer) => answer,
            Err(error) => format!("error: {error}"),
        }
    }

    fn try_answer(&mut self, request: &str) -> Result<String> {
        let mut words = request.split_whitespace();
        match (words.next(), number(words.next()), number(words.next()), words.next()) {
            (Some("recommend"), Some(user), None, None) => self.best(user),
            (Some("click"), Some(user), Some(item), None) => {
                self.trainer.absorb(&[(user, item)])?;
                self.best(user)
            }
            _ => Err(Error::config(
                "request",
                "`recommend USER` or `click USER ITEM`, with numbers",
            )),
        }
    }

    /// `user 7: 12 1.25, 3 0.5`: items with their scores. A score is written with as many digits as tell it from any other.
    fn best(&mut self, user: u32) -> Result<String> {
        let mut answer = format!("user {user}:");
        for (place, (item, score)) in self.trainer.recommend(user, TOP)?.into_iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            // A string takes whatever is written to it.
            let _ = write!(answer, "{comma} {item} {score}");
        }
        Ok(answer)
    }
}

fn number(word: Option<&str>) -> Option<u32> {
    word?.parse().ok()
}
