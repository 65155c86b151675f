//! Answers: status codes, headers, bodies.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use machinery::status::Status;
use serde::Serialize;

use crate::body::Body;
use crate::negotiate::Encoding;

/// JSON bytes as an answer.
pub fn json(code: u16, bytes: impl Into<Bytes>) -> Response<Body> {
    with_type(code, "application/json", Body::whole(bytes))
}

/// A value as a JSON answer.
pub fn json_value(code: u16, value: &impl Serialize) -> Response<Body> {
    json(code, serde_json::to_vec(value).unwrap_or_default())
}

/// JSON bytes in the encoding that the client asked for.
pub fn encoded(code: u16, encoding: Encoding, bytes: Bytes) -> Response<Body> {
    match encoding {
        Encoding::Json => json(code, bytes),
        Encoding::Yaml => {
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let text = serde_saphyr::to_string(&value).unwrap_or_default();
            with_type(code, encoding.media_type(), Body::whole(text))
        }
    }
}

/// Plain text as an answer.
pub fn text(code: u16, text: impl Into<Bytes>) -> Response<Body> {
    with_type(code, "text/plain; charset=utf-8", Body::whole(text))
}

/// The answer to a path that leads nowhere.
pub fn no_such_page() -> Response<Body> {
    let mut response = text(404, "404 page not found\n");
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// A refusal as an answer.
pub fn refusal(status: &Status) -> Response<Body> {
    let mut response = json_value(status.code, status);
    let retry_after_seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    if retry_after_seconds > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
    }
    response
}

/// A body of this media type.
pub fn with_type(code: u16, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// Adds `Warning` headers, each text once. Texts are quoted; characters that a header cannot hold are left out.
pub fn add_warnings(response: &mut Response<Body>, warnings: &[String]) {
    const WARNING: HeaderName = header::WARNING;
    for (index, warning) in warnings.iter().enumerate() {
        if warnings.iter().take(index).any(|earlier| earlier == warning) {
            continue;
        }
        let mut quoted = String::with_capacity(warning.len() + 8);
        for character in warning.chars().filter(|character| !character.is_control()) {
            if matches!(character, '"' | '\\') {
                quoted.push('\\');
            }
            quoted.push(character);
        }
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
}
