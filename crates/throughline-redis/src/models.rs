//! The embedding models: which serves, which comes, which served before, and the steps from one to the other.
//!
//! The models are a unit of their own. A change of which models are kept makes rows of every scope wait, or hold vectors
//! that nobody needs, and so every scope is listed again: after the change, under the flag `relist`, which is taken away
//! when that is done. Whoever finds the flag does it.

use redis::Value;
use throughline::ports::{
    EmbeddingModel, EmbeddingModels, ModelNumber, NumberedModel, RolledBack, StoreError, Transit,
};

use crate::bytes::{Packed, Unpacked};
use crate::client::Call;
use crate::commit::{Attempt, Changes, field, version};
use crate::error::Fault;
use crate::keys::Key;
use crate::reply;
use crate::store::RedisStore;
use crate::writing::Purpose;

/// The field that says who may write.
const TRANSIT: &str = "transit";

/// As the hash has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    version: Option<u64>,
    pub(crate) models: EmbeddingModels,
    /// The number that was given last.
    pub(crate) last: ModelNumber,
    relist: bool,
    /// Why nobody but a copy may write to the store.
    pub(crate) transit: Option<Transit>,
}

impl Known {
    pub(crate) fn read(fields: Value) -> Result<Self, Fault> {
        let fields = reply::pairs(fields)?;
        let role = |name| field(&fields, name).map(numbered).transpose();
        let last = field(&fields, "last").map(|digits| reply::number(Value::BulkString(digits.to_vec())));
        Ok(Self {
            version: version(&fields)?,
            models: EmbeddingModels {
                serving: role("serving")?,
                coming: role("coming")?,
                previous: role("previous")?,
            },
            last: last.transpose()?.unwrap_or(0),
            relist: field(&fields, "relist").is_some(),
            transit: field(&fields, TRANSIT)
                .map(|text| Transit::parse(&String::from_utf8_lossy(text)))
                .transpose()?,
        })
    }

    /// Rises with every change; 0 before the first.
    pub(crate) fn version(&self) -> u64 {
        self.version.unwrap_or(0)
    }

    /// Refuses a write that is not for now.
    pub(crate) fn expect(&self, purpose: Purpose) -> Result<(), Fault> {
        match (purpose, &self.transit) {
            (Purpose::Serve, None) | (Purpose::Fill, Some(Transit::Filling(_))) => Ok(()),
            (Purpose::Serve, Some(transit)) => Err(Fault::Store(transit.refusal())),
            (Purpose::Fill, _) => Err(Fault::Store(StoreError::Conflict)),
        }
    }

    /// The models whose vectors are kept.
    pub(crate) fn kept(&self) -> Vec<ModelNumber> {
        self.models.numbers()
    }

    fn numbered(&mut self, model: &EmbeddingModel) -> Result<NumberedModel, Fault> {
        self.last = self.last.checked_add(1).ok_or_else(|| {
            StoreError::Full(format!("a store cannot have more than {} embedding models", ModelNumber::MAX))
        })?;
        Ok(NumberedModel { number: self.last, model: model.clone() })
    }
}

fn numbered(record: &[u8]) -> Result<NumberedModel, Fault> {
    let mut read = Unpacked::new("an embedding model", record);
    let (number, dimensions) = (read.u16()?, read.u64()?);
    let dimensions =
        usize::try_from(dimensions).map_err(|_| Fault::Damaged("a model has too many dimensions".into()))?;
    let name = String::from_utf8_lossy(read.rest()).into_owned();
    Ok(NumberedModel { number, model: EmbeddingModel { name, dimensions } })
}

impl RedisStore {
    fn models_key(&self) -> Key {
        self.keys.global("models", "models")
    }

    /// What asks for [`Known`].
    pub(crate) fn models_call(&self) -> Call {
        Call::plain("HGETALL", &self.models_key(), &[])
    }

    pub(crate) fn models(&self) -> Result<Known, Fault> {
        Known::read(self.client.read(self.models_call())?)
    }

    /// For those who look through rows: with every scope listed that has to be.
    pub(crate) fn models_listed(&self) -> Result<Known, Fault> {
        let known = self.models()?;
        if !known.relist {
            return Ok(known);
        }
        self.list_all_scopes()?;
        let mut changes = Changes::of(&self.models_key());
        changes.delete(&self.models_key(), "relist");
        // Whoever was quicker has changed the models again, or done this.
        self.client.commit(known.version, changes)?;
        self.models()
    }

    /// Changes the models by `change`, which returns what to answer, or nothing to change nothing.
    fn change_models<T>(
        &self,
        change: impl FnMut(&mut Known) -> Result<(T, bool), Fault>,
    ) -> Result<T, Fault> {
        self.change_models_as(Purpose::Serve, change)
    }

    fn change_models_as<T>(
        &self,
        purpose: Purpose,
        mut change: impl FnMut(&mut Known) -> Result<(T, bool), Fault>,
    ) -> Result<T, Fault> {
        let key = self.models_key();
        let (answer, relist) = self.client.write_unit(&self.turnstile, &key, || {
            let before = self.models()?;
            before.expect(purpose)?;
            let mut after = before.clone();
            let (answer, differs) = change(&mut after)?;
            if !differs {
                return Ok(Attempt::Done((answer, before.relist)));
            }
            let mut changes = Changes::of(&key);
            changes.set(&key, "last", after.last.to_string());
            let roles = [
                ("serving", &after.models.serving),
                ("coming", &after.models.coming),
                ("previous", &after.models.previous),
            ];
            for (name, model) in roles {
                match model {
                    Some(NumberedModel { number, model }) => {
                        let dimensions = model.dimensions as u64;
                        let record = Packed::default().u16(*number).u64(dimensions);
                        changes.set(&key, name, record.bytes(model.name.as_bytes()).0);
                    }
                    None => changes.delete(&key, name),
                }
            }
            let mut kept = [before.kept(), after.kept()];
            for numbers in &mut kept {
                numbers.sort_unstable();
            }
            let relist = kept[0] != kept[1];
            if relist {
                changes.set(&key, "relist", "1");
            }
            Ok(match self.client.commit(before.version, changes)? {
                Attempt::Done(()) => Attempt::Done((answer, relist)),
                Attempt::Again => Attempt::Again,
            })
        })?;
        if relist {
            self.models_listed()?;
        }
        Ok(answer)
    }

    /// Puts the models of another store in place of those that are here. `last` is the number it gave last.
    pub(crate) fn restore_models(&self, models: &EmbeddingModels, last: ModelNumber) -> Result<(), Fault> {
        self.change_models_as(Purpose::Fill, |known| {
            let changed = known.models != *models || known.last != last;
            (known.models, known.last) = (models.clone(), last);
            Ok(((), changed))
        })
    }

    /// Says who may write. The models get another version: who read them before and makes a scope begins again.
    pub(crate) fn set_transit(&self, transit: Option<&Transit>) -> Result<(), Fault> {
        let key = self.models_key();
        self.client.write_unit(&self.turnstile, &key, || {
            let mut changes = Changes::of(&key);
            match transit {
                Some(transit) => changes.set(&key, TRANSIT, transit.text()),
                None => changes.delete(&key, TRANSIT),
            }
            self.client.commit(self.models()?.version, changes)
        })
    }

    pub(crate) fn claim_model(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, Fault> {
        self.change_models(|known| {
            let changed = known.models.serving.is_none();
            if changed {
                known.models.serving = Some(known.numbered(model)?);
            }
            Ok((known.models.clone(), changed))
        })
    }

    pub(crate) fn begin_switch(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, Fault> {
        self.change_models(|known| {
            let is =
                |known: &Option<NumberedModel>| known.as_ref().is_some_and(|known| known.model == *model);
            if known.models.serving.is_none() {
                known.models.serving = Some(known.numbered(model)?);
            } else if is(&known.models.serving) {
                let changed = known.models.coming.take().is_some();
                return Ok((known.models.clone(), changed));
            } else if is(&known.models.coming) {
                return Ok((known.models.clone(), false));
            } else if is(&known.models.previous) {
                known.models.coming = known.models.previous.take();
            } else {
                known.models.previous = None;
                known.models.coming = Some(known.numbered(model)?);
            }
            Ok((known.models.clone(), true))
        })
    }

    pub(crate) fn complete_switch(&self, coming: ModelNumber) -> Result<bool, Fault> {
        // A turn that comes between the two steps waits for the model that then serves, as any turn may.
        if !self.unembedded(coming, 1)?.is_empty() {
            return Ok(false);
        }
        self.change_models(|known| {
            let comes = known.models.coming.as_ref().is_some_and(|model| model.number == coming);
            if comes {
                let coming = known.models.coming.take();
                known.models.previous = std::mem::replace(&mut known.models.serving, coming);
            }
            Ok((comes, comes))
        })
    }

    pub(crate) fn roll_back_switch(&self) -> Result<RolledBack, Fault> {
        self.change_models(|known| {
            if let Some(coming) = known.models.coming.take() {
                return Ok((RolledBack::Cancelled(coming), true));
            }
            let Some(previous) = known.models.previous.take() else {
                return Ok((RolledBack::Nothing, false));
            };
            known.models.previous = known.models.serving.replace(previous.clone());
            Ok((RolledBack::Restored(previous), true))
        })
    }

    pub(crate) fn forget_previous_model(&self) -> Result<Option<NumberedModel>, Fault> {
        self.change_models(|known| {
            let previous = known.models.previous.take();
            let changed = previous.is_some();
            Ok((previous, changed))
        })
    }
}
