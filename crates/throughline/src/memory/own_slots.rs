//! The tenant's own slots: its schema, and what an operator says of a slot.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::model::{Claim, OwnSlots, SlotTerms, TenantId, value_of, words_of};
use crate::ports::StoreError;
use crate::truth;

use super::{Memory, MemoryError};

/// Tenants whose slots are kept ready; with more the table begins anew.
const TENANTS_KEPT_MAX: usize = 1_024;

/// Slots by tenant, each with the schema it was read from.
#[derive(Default)]
pub(super) struct OwnSlotsCache(Mutex<HashMap<TenantId, (String, Arc<OwnSlots>)>>);

impl Memory {
    /// The tenant's own slots.
    ///
    /// A schema that cannot be read, because nobody checked it before it was kept, is as none: learning and profiles go on.
    pub fn own_slots(&self, tenant: &TenantId) -> Result<Arc<OwnSlots>, StoreError> {
        Ok(self.slots_of(tenant, self.store.slot_schema(tenant)?.as_deref()))
    }

    /// The slots that the tenant's schema declares.
    pub(super) fn slots_of(&self, tenant: &TenantId, schema: Option<&str>) -> Arc<OwnSlots> {
        let Some(schema) = schema else { return Arc::default() };
        let mut kept = self.own_slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, slots)) = kept.get(tenant)
            && *known == schema
        {
            return slots.clone();
        }
        let read = serde_json::from_str(schema).map_err(|error| error.to_string());
        let slots =
            read.and_then(|schema: Value| OwnSlots::of_schema(&schema).map_err(|error| error.to_string()));
        let slots = Arc::new(slots.unwrap_or_else(|error| {
            tracing::warn!(%tenant, error, "the schema of the profile's own slots is left aside");
            OwnSlots::default()
        }));
        if kept.len() >= TENANTS_KEPT_MAX {
            kept.clear();
        }
        kept.insert(tenant.clone(), (schema.to_owned(), slots.clone()));
        slots
    }
}

/// An operator's claim as one of an own slot, if it is one: its value as the slot takes it, and what the schema says.
///
/// # Errors
/// If the slot does not take the value.
pub(super) fn of_own_slot(mut claim: Claim, slots: &OwnSlots) -> Result<Claim, MemoryError> {
    let of_profile = claim.slot.as_ref().filter(|slot| slot.subject == truth::PROFILE_SUBJECT);
    let Some(name) = of_profile.map(|slot| slot.name.clone()).filter(|name| name != truth::SUMMARY_SLOT)
    else {
        return Ok(claim);
    };
    let Some(slot) = slots.get(&name) else {
        return match slots.fitting(&name, &Value::Null) {
            Some(_) => Ok(claim),
            None => Err(MemoryError::Invalid(format!("slot: `{name}` is not in the tenant's schema"))),
        };
    };
    let kept = value_of(&claim.value);
    let value = Some(kept).filter(|value| slot.takes(value)).or_else(|| slot.value_of(&claim.value));
    let Some(value) = value else {
        let what =
            format!("value: `{}` is no value of the slot `{name}`, which holds {}", claim.value, slot.kind());
        return Err(MemoryError::Invalid(what));
    };
    claim.value = words_of(&value);
    claim.terms = Some(SlotTerms { multiple: slot.multiple, half_life_days: slot.half_life_days });
    Ok(claim)
}
