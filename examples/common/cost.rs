//! What training takes, said before it is begun.

use std::time::Duration;

use pocketrec::{Result, train::Cost};

use super::output::say;

/// Time to find it out in.
pub const PROBE: Duration = Duration::from_secs(2);

/// A few lines; the last is of all epochs, where their number is known.
pub fn tell(cost: &Cost, epochs: u32, eval_every: u32) -> Result<()> {
    say!("{cost}")?;
    match epochs {
        u32::MAX => Ok(()),
        _ => say!(
            "in all    {epochs} epochs take {}",
            lasting(cost.seconds_of(epochs, eval_every))
        ),
    }
}

fn lasting(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}
