//! Who learns, by the configuration.

use anyhow::Result;
use throughline::memory::{LearnSettings, Learner};

use crate::config::Config;

/// The learner of this process.
pub(crate) fn learner(_config: &Config) -> Result<Learner> {
    Ok(Learner::new(None, LearnSettings::default(), None))
}
