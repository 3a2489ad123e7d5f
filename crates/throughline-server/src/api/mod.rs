//! The native API under `/api/v1`: one file per resource, each with its own JSON.
//!
//! Fields a client sends that are not known here are ignored; a known field of the wrong type is an error that
//! names it.

mod body;
mod context;
mod cursor;
mod entries;
mod fields;
mod identity;
mod jobs;
pub(crate) mod learning;
mod memories;
mod profile;
mod recall;
mod receipts;
mod schema;
mod sessions;
mod summaries;
mod turns;
mod usage;
mod users;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub use profile::{SlotsLeftOut, change_profile};
pub use schema::put_slot_schema;

/// All routes of the native API, without their prefix.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(turns::add, turns::list))
        .routes(routes!(sessions::list))
        .routes(routes!(recall::recall))
        .routes(routes!(context::build))
        .routes(routes!(receipts::show))
        .routes(routes!(profile::show, profile::replace, profile::patch))
        .routes(routes!(schema::show, schema::put))
        .routes(routes!(identity::show, identity::put))
        .routes(routes!(memories::list, memories::add))
        .routes(routes!(memories::edit))
        .routes(routes!(memories::why))
        .routes(routes!(memories::forget))
        .routes(routes!(memories::retract))
        .routes(routes!(memories::restore))
        .routes(routes!(memories::pin))
        .routes(routes!(memories::unpin))
        .routes(routes!(memories::undo))
        .routes(routes!(summaries::list))
        .routes(routes!(entries::changes))
        .routes(routes!(entries::rewind))
        .routes(routes!(users::lift))
        .routes(routes!(learning::learn))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::replay))
        .routes(routes!(usage::show))
        .routes(routes!(users::erase))
}

/// What every route of this API may answer besides its own.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the JSON that errors are rendered as")]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the JSON that errors are rendered as")]
pub(crate) struct ErrorDetail {
    /// A stable name.
    code: String,
    /// What happened, to which thing.
    message: String,
    /// What to do about it.
    hint: String,
    /// The path of the field at fault.
    param: Option<String>,
}
