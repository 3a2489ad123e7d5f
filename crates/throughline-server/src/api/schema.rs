//! The tenant's own slots of the profile, as a JSON Schema. Nothing is ever fetched for one.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use throughline::memory::Memory;
use throughline::model::{OwnSlots, TenantId};
use utoipa::ToSchema;

use super::ErrorBody;
use super::body::JsonBody;
use super::profile::COMMON_SLOTS;
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// The largest schema, in bytes of JSON.
const SCHEMA_BYTES_MAX: usize = 64 * 1024;

/// The schema of the tenant's own slots.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct SlotSchema {
    /// A JSON Schema of type object; its properties are the slots. Null for no slots of one's own.
    ///
    /// A slot with `x-written-by` of `user` or `anyone` is learned from what is said. It is a string, number, integer, boolean or an
    /// enum of texts, or an array of one of these; then it holds several values. Its `description` is told to the learning model.
    /// `x-half-life-days` says how fast a value loses weight, `x-phrases` (`["I fly from {value}"]`) what the local extractor
    /// reads. Without `x-written-by` only an operator writes it.
    #[schema(examples(json!({ "type": "object", "properties": { "home_airport": {
        "type": "string", "description": "The airport they fly from", "x-written-by": "user", "x-half-life-days": 365,
        "x-phrases": ["I fly from {value}"]
    } } })))]
    #[schema(value_type = Option<Object>)]
    schema: Option<Map<String, Value>>,
}

/// The schema of the tenant's own slots.
#[utoipa::path(
    get, path = "/profile/schema", tag = "profile", operation_id = "show_slot_schema",
    responses((status = 200, description = "The schema; null if there is none.", body = SlotSchema))
)]
pub(crate) async fn show(
    State(state): State<AppState>,
    principal: Principal,
) -> Result<Json<SlotSchema>, ApiError> {
    let kept = state.engine.call(move |memory| memory.store().slot_schema(&principal.tenant)).await?;
    let schema = kept.as_deref().map(serde_json::from_str).transpose().map_err(|error| damaged(&error))?;
    Ok(Json(SlotSchema { schema }))
}

/// Puts the schema of the tenant's own slots in place. What was written or learned before is kept; a value that the new schema has
/// no room for is left out of the profile for as long as that is so.
#[utoipa::path(
    put, path = "/profile/schema", tag = "profile", operation_id = "put_slot_schema", request_body = SlotSchema,
    responses(
        (status = 200, description = "The schema now in place.", body = SlotSchema),
        (status = 400, description = "It cannot be used.", body = ErrorBody),
    )
)]
pub(crate) async fn put(
    State(state): State<AppState>,
    principal: Principal,
    JsonBody(body): JsonBody<SlotSchema>,
) -> Result<Json<SlotSchema>, ApiError> {
    let schema = body.schema.clone();
    state.engine.call(move |memory| put_slot_schema(memory, &principal.tenant, schema.as_ref())).await?;
    Ok(Json(body))
}

/// Puts the schema of a tenant's own slots in place, or takes it away.
///
/// # Errors
/// [`ErrorCode::InvalidSchema`] if it cannot be used, or the store's.
pub fn put_slot_schema(
    memory: &Memory,
    tenant: &TenantId,
    schema: Option<&Map<String, Value>>,
) -> Result<(), ApiError> {
    let text = schema.map(checked).transpose()?;
    Ok(memory.store().put_slot_schema(tenant, text.as_deref())?)
}

/// The JSON of a schema that can be used.
fn checked(schema: &Map<String, Value>) -> Result<String, ApiError> {
    let refuse = |what: &str| ApiError::of_field(ErrorCode::InvalidSchema, "schema", what);
    if schema.get("type") != Some(&Value::from("object")) {
        return Err(refuse("its type must be object"));
    }
    let Some(Value::Object(slots)) = schema.get("properties") else {
        return Err(refuse("its properties, which are the slots, are missing"));
    };
    if let Some(slot) = COMMON_SLOTS.iter().find(|slot| slots.contains_key(**slot)) {
        return Err(refuse(&format!("the slot {slot} is one that every profile has")));
    }
    let schema = Value::from(schema.clone());
    let text = schema.to_string();
    if text.len() > SCHEMA_BYTES_MAX {
        return Err(refuse(&format!("has {} bytes; at most {SCHEMA_BYTES_MAX} are kept", text.len())));
    }
    compile(&schema).map_err(|what| refuse(&what))?;
    OwnSlots::of_schema(&schema).map_err(|error| {
        ApiError::of_field(ErrorCode::InvalidSchema, format!("schema.{}", error.field), error.what)
    })?;
    Ok(text)
}

/// Built without the features that read files or the network, so a reference elsewhere is an error.
fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::validator_for(schema).map_err(|error| error.to_string())
}

/// Checks own slots against the tenant's schema; without one there can be none.
pub(super) fn check_own(
    memory: &Memory,
    tenant: &TenantId,
    own: &BTreeMap<String, Value>,
) -> Result<(), ApiError> {
    let Some(text) = memory.store().slot_schema(tenant)? else {
        return match own.keys().next() {
            None => Ok(()),
            Some(slot) => Err(undeclared(slot)),
        };
    };
    let schema: Value = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
    if let Some(slot) = own.keys().find(|slot| schema["properties"].get(slot.as_str()).is_none()) {
        return Err(undeclared(slot));
    }
    let validator = compile(&schema).map_err(|what| ApiError::new(ErrorCode::InvalidSchema, what))?;
    let slots = Value::Object(own.clone().into_iter().collect());
    validator.validate(&slots).map_err(|error| {
        let path = format!("profile{}", error.instance_path().to_string().replace('/', "."));
        ApiError::of_field(ErrorCode::InvalidProfile, path, error.to_string())
    })
}

fn undeclared(slot: &str) -> ApiError {
    let what = "is neither a common slot nor in the tenant's schema";
    ApiError::of_field(ErrorCode::InvalidProfile, format!("profile.{slot}"), what)
}

fn damaged(error: &serde_json::Error) -> ApiError {
    ApiError::new(ErrorCode::StoreCorrupt, format!("the schema of the profile's slots is damaged: {error}"))
}
