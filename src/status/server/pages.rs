//! The pages for people, with what keeps a browser from doing more with them than showing them.

use std::sync::LazyLock;

use axum::extract::{Path as Segment, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Served, explanation};
use crate::diagnostic::Code;
use crate::status::page::{self, SCRIPT, STYLE, Search};

/// Nothing but our own style and script, by their hashes, and questions to where the page is from.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let (script, style) = (hash(SCRIPT), hash(STYLE));
    format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; \
         img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// A page and its header fields.
fn answer(status: StatusCode, html: String) -> impl IntoResponse {
    let fields: [(HeaderName, &str); 6] = [
        (header::CONTENT_SECURITY_POLICY, &POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    (status, fields, Html(html)).into_response()
}

/// Everything at a glance.
pub(super) async fn home(
    State(served): State<Served>,
    Query(search): Query<Search>,
) -> impl IntoResponse {
    // Thousands of rows are sorted and searched, which no other task is to wait for.
    let shown = move || page::home(&served.status(), &search);
    match tokio::task::spawn_blocking(shown).await {
        Ok(html) => answer(StatusCode::OK, html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Why a site or a container is served or not.
pub(super) async fn site(
    State(served): State<Served>,
    Segment(asked): Segment<String>,
) -> impl IntoResponse {
    let status = served.status();
    match explanation(served, asked.clone()).await {
        Ok(explained) => {
            let code = if explained.is_unknown {
                StatusCode::NOT_FOUND
            } else {
                StatusCode::OK
            };
            answer(code, page::site(&status, &asked, &explained)).into_response()
        }
        Err(code) => code.into_response(),
    }
}

/// What a code means.
pub(super) async fn code(Segment(id): Segment<String>) -> impl IntoResponse {
    match Code::find(&id) {
        Some(code) => answer(StatusCode::OK, page::code(code)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
