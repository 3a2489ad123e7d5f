//! The description of the API, made from the handlers, and a page to read it on that loads nothing from elsewhere.

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use http::{HeaderValue, header};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder, SecurityRequirement};
use utoipa::{Modify, OpenApi as _};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::auth::KEY_HEADER;
use crate::state::AppState;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Throughline", description = "A memory layer between an app and its language model."),
    tags(
        (name = "turns", description = "What was said: the journal."),
        (name = "recall", description = "Finding what was said."),
        (name = "context", description = "What is added to a request, and the record of it."),
        (name = "profile", description = "The structured memory of a user."),
        (name = "identity", description = "Who the assistant is."),
        (name = "users", description = "Taking a user away."),
        (name = "server", description = "Health and metrics."),
    ),
    modifiers(&Security)
)]
struct Description;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components
            .add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(KEY_HEADER))));
        let either = ["bearer", "key"].map(|name| SecurityRequirement::new(name, [""; 0]));
        // On loopback no key is needed until the first one is made.
        openapi.security = Some([vec![SecurityRequirement::default()], either.to_vec()].concat());
    }
}

/// What stands in the document besides the routes.
pub(crate) fn base() -> OpenApi {
    Description::openapi()
}

/// Adds to each operation of the native API what any of them may answer: the shape of an error.
pub(crate) fn with_errors(document: &mut OpenApi) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    let error = ResponseBuilder::new()
        .description("An error: see the code and the hint.")
        .content("application/json", content)
        .build();
    let native = document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with("/api/"));
    for item in native.map(|(_, item)| item) {
        let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in methods.into_iter().flatten() {
            operation.responses.responses.insert("default".into(), error.clone().into());
        }
    }
}

/// `/openapi.json` and `/docs`.
pub(crate) fn pages(openapi: OpenApi) -> Router<AppState> {
    // Swagger UI would otherwise ask a validator on the internet about the document.
    let config = Config::default().validator_url("none").use_base_layout();
    let page: Router<AppState> = SwaggerUi::new("/docs").url("/openapi.json", openapi).config(config).into();
    page.layer(map_response(confine))
}

/// Tells the browser to load nothing from elsewhere either.
async fn confine(mut response: Response) -> Response {
    const POLICY: HeaderValue = HeaderValue::from_static(
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    );
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
