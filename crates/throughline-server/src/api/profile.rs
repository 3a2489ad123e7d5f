//! The structured memory of a user: reading it, replacing it, changing some slots.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use throughline::memory::{Memory, ProfileChange};
use throughline::model::{Profile, ProfilePatch, Scope};
use utoipa::ToSchema;

use super::ErrorBody;
use super::body::{JsonBody, QueryArgs};
use super::fields::{WhoQuery, who};
use super::schema::check_own;
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// The slots every profile has.
pub(super) const COMMON_SLOTS: [&str; 4] = ["goals", "preferences", "pastMistakes", "summary"];

/// A profile to put in place, or the slots to change.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChangeProfile {
    /// The end user.
    user: String,
    /// An agent that keeps a memory of its own of the user.
    agent: Option<String>,
    /// A part of the product that keeps its own.
    app: Option<String>,
    /// One run of an agent that keeps its own.
    run: Option<String>,
    /// The slots.
    #[schema(value_type = ProfileSlots)]
    profile: Map<String, Value>,
}

/// The slots of a profile: these, and those of the tenant's own schema.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes an object that is read and written by hand, since it may have further slots"
)]
pub(crate) struct ProfileSlots {
    /// What the user wants to reach.
    goals: Option<Vec<String>>,
    /// What the user likes things to be.
    preferences: Option<Vec<String>>,
    /// What went wrong before and is not to be repeated.
    past_mistakes: Option<Vec<String>>,
    /// The user in a few sentences.
    summary: Option<String>,
}

/// A profile as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileOut {
    /// The slots.
    #[schema(value_type = ProfileSlots)]
    profile: Map<String, Value>,
    /// Counts the versions of its content; 0 is the empty profile.
    epoch: u64,
    /// When this version was made, RFC 3339; null for the empty profile.
    changed: Option<String>,
}

impl From<Profile> for ProfileOut {
    fn from(profile: Profile) -> Self {
        let Profile { epoch, changed, goals, preferences, past_mistakes, summary, own, .. } = profile;
        let mut slots = Map::new();
        slots.insert("goals".into(), goals.into());
        slots.insert("preferences".into(), preferences.into());
        slots.insert("pastMistakes".into(), past_mistakes.into());
        slots.insert("summary".into(), summary.into());
        slots.extend(own);
        Self { profile: slots, epoch, changed: changed.map(|time| time.to_string()) }
    }
}

/// The profile of a user.
#[utoipa::path(
    get, path = "/profile", tag = "profile", operation_id = "show_profile", params(WhoQuery),
    responses(
        (status = 200, description = "The profile; empty if nothing is known.", body = ProfileOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn show(
    State(state): State<AppState>,
    principal: Principal,
    QueryArgs(who): QueryArgs<WhoQuery>,
) -> Result<Json<ProfileOut>, ApiError> {
    let scope = who.scope(principal.tenant)?;
    let profile = state.engine.call(move |memory| memory.profile(&scope)).await?;
    Ok(Json(profile.into()))
}

/// Puts a whole profile in place; slots that are left out are empty afterwards.
#[utoipa::path(
    put, path = "/profile", tag = "profile", operation_id = "replace_profile", request_body = ChangeProfile,
    responses(
        (status = 200, description = "The profile as it is now.", body = ProfileOut),
        (status = 400, description = "Not acceptable, or not what the tenant's schema allows.", body = ErrorBody),
    )
)]
pub(crate) async fn replace(
    State(state): State<AppState>,
    principal: Principal,
    JsonBody(body): JsonBody<ChangeProfile>,
) -> Result<Json<ProfileOut>, ApiError> {
    let scope = who!(body).scope(principal.tenant)?;
    change(&state, scope, body.profile, SlotsLeftOut::Empty).await
}

/// Changes some slots; null takes a slot away, the others stay.
#[utoipa::path(
    patch, path = "/profile", tag = "profile", operation_id = "patch_profile", request_body = ChangeProfile,
    responses(
        (status = 200, description = "The profile as it is now.", body = ProfileOut),
        (status = 400, description = "Not acceptable, or not what the tenant's schema allows.", body = ErrorBody),
    )
)]
pub(crate) async fn patch(
    State(state): State<AppState>,
    principal: Principal,
    JsonBody(body): JsonBody<ChangeProfile>,
) -> Result<Json<ProfileOut>, ApiError> {
    let scope = who!(body).scope(principal.tenant)?;
    change(&state, scope, body.profile, SlotsLeftOut::Stay).await
}

async fn change(
    state: &AppState,
    scope: Scope,
    slots: Map<String, Value>,
    left_out: SlotsLeftOut,
) -> Result<Json<ProfileOut>, ApiError> {
    let profile = state.engine.call(move |memory| change_profile(memory, &scope, slots, left_out)).await?;
    Ok(Json(profile.into()))
}

/// What happens to the slots that a change of a profile does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotsLeftOut {
    /// They are empty afterwards.
    Empty,
    /// They stay as they are.
    Stay,
}

/// Changes a profile by slots as the API takes them; null takes a slot away. Own slots are checked against the
/// tenant's schema.
///
/// # Errors
/// [`ErrorCode::InvalidProfile`] if a slot is not what it may be, or the store's.
pub fn change_profile(
    memory: &Memory,
    scope: &Scope,
    slots: Map<String, Value>,
    left_out: SlotsLeftOut,
) -> Result<Profile, ApiError> {
    let patch = read(slots)?;
    let change = match left_out {
        SlotsLeftOut::Empty => ProfileChange::Replace(patch.apply(&Profile::default())),
        SlotsLeftOut::Stay => ProfileChange::Patch(patch),
    };
    check(memory, scope, &change)?;
    Ok(memory.change_profile(scope, &change)?)
}

/// Checks the tenant's own slots as they would be. A change that leaves them alone is not held up by them.
fn check(memory: &Memory, scope: &Scope, change: &ProfileChange) -> Result<(), ApiError> {
    match change {
        ProfileChange::Replace(profile) => check_own(memory, scope.tenant(), &profile.own),
        ProfileChange::Patch(patch) if patch.own.is_empty() => Ok(()),
        ProfileChange::Patch(patch) => {
            check_own(memory, scope.tenant(), &patch.apply(&memory.profile(scope)?).own)
        }
    }
}

/// The slots a client sent; null is none.
fn read(slots: Map<String, Value>) -> Result<ProfilePatch, ApiError> {
    let mut patch = ProfilePatch::default();
    for (slot, value) in slots {
        match slot.as_str() {
            "goals" => patch.goals = Some(texts(&slot, value)?),
            "preferences" => patch.preferences = Some(texts(&slot, value)?),
            "pastMistakes" => patch.past_mistakes = Some(texts(&slot, value)?),
            "summary" => {
                patch.summary = Some(match value {
                    Value::Null => None,
                    Value::String(text) => Some(text),
                    _ => return Err(invalid("profile.summary", "expected a text")),
                });
            }
            _ => {
                patch.own.insert(slot, Some(value).filter(|value| !value.is_null()));
            }
        }
    }
    Ok(patch)
}

fn texts(slot: &str, value: Value) -> Result<Vec<String>, ApiError> {
    let path = format!("profile.{slot}");
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items
            .into_iter()
            .enumerate()
            .map(|(at, item)| match item {
                Value::String(text) => Ok(text),
                _ => Err(invalid(&format!("{path}[{at}]"), "expected a text")),
            })
            .collect(),
        _ => Err(invalid(&path, "expected a list of texts")),
    }
}

fn invalid(path: &str, what: &str) -> ApiError {
    ApiError::of_field(ErrorCode::InvalidProfile, path, what)
}
