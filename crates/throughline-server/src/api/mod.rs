//! The native API under `/api/v1`: one file per resource.

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// All routes of the native API, without their prefix.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
