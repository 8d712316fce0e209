//! The web assets inside the binary.

use std::path::Path;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

/// One file of the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// Its path in the tree, without a slash in front.
    path: &'static str,
    content: &'static [u8],
    /// The same, compressed with brotli, where that is smaller.
    brotli: Option<&'static [u8]>,
    etag: &'static str,
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Returns the asset with this path; a page goes without its `.html`, a folder is its `index.html`.
pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    find_in(ASSETS, path)
}

/// Returns every file whose name changes with its content: its name in `assets/`, what it holds, and that compressed.
pub(crate) fn hashed() -> impl Iterator<Item = (&'static str, &'static [u8], Option<&'static [u8]>)> {
    ASSETS.iter().filter_map(|asset| Some((asset.path.strip_prefix("assets/")?, asset.content, asset.brotli)))
}

/// Returns whether the binary was built without web assets.
pub(crate) fn are_missing() -> bool {
    ASSETS.is_empty()
}

fn find_in(assets: &'static [Asset], path: &str) -> Option<&'static Asset> {
    let exact = |path: &str| {
        let at = assets.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
        assets.get(at)
    };
    exact(path).or_else(|| match path.trim_end_matches('/') {
        "" => exact("index.html"),
        folder => exact(&format!("{folder}.html")).or_else(|| exact(&format!("{folder}/index.html"))),
    })
}

impl Asset {
    /// Returns the page's text, for pages that are completed before they are sent.
    pub(crate) fn text(&self) -> Option<&'static str> {
        std::str::from_utf8(self.content).ok()
    }

    /// Returns the answer to a request with these headers: 200, or 304 where the client has it.
    pub(crate) fn response(&self, request: &HeaderMap) -> Response {
        let mut answer = headers(self.path);
        answer.insert(ETAG, HeaderValue::from_static(self.etag));
        if has_etag(request, self.etag) {
            answer.remove(CONTENT_TYPE);
            return (StatusCode::NOT_MODIFIED, answer).into_response();
        }
        let compressed = self.brotli.filter(|_| takes_brotli(request)).map(Bytes::from_static);
        complete(answer, Bytes::from_static(self.content), compressed)
    }

    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    pub(crate) fn is_page(&self) -> bool {
        self.path.ends_with(".html")
    }
}

/// A file of an earlier build.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Its path in the tree.
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
    pub(crate) brotli: Option<Vec<u8>>,
}

impl Kept {
    /// Returns the answer to a request with these headers.
    pub(crate) fn response(self, request: &HeaderMap) -> Response {
        let compressed = self.brotli.filter(|_| takes_brotli(request)).map(Bytes::from);
        complete(headers(&self.path), self.content.into(), compressed)
    }
}

/// Returns what every answer with a file says.
fn headers(path: &str) -> HeaderMap {
    let mut answer = HeaderMap::new();
    let mut set = |name: HeaderName, value: &'static str| {
        answer.insert(name, HeaderValue::from_static(value));
    };
    set(CACHE_CONTROL, if is_hashed(path) { "public, max-age=31536000, immutable" } else { "no-cache" });
    set(VARY, "accept-encoding");
    set(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(HeaderName::from_static("x-content-type-options"), "nosniff");
    set(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    set(CONTENT_TYPE, media_type(path));
    answer
}

fn complete(mut answer: HeaderMap, content: Bytes, compressed: Option<Bytes>) -> Response {
    if compressed.is_some() {
        answer.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    let content = compressed.unwrap_or(content);
    answer.insert(CONTENT_LENGTH, HeaderValue::from(content.len()));
    (answer, Body::from(content)).into_response()
}

/// Whether the name changes with the content: `assets/client-0123abcd.js`.
fn is_hashed(path: &str) -> bool {
    path.starts_with("assets/")
}

fn media_type(path: &str) -> &'static str {
    match Path::new(path).extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn has_etag(request: &HeaderMap, etag: &str) -> bool {
    let listed = |value: &HeaderValue| {
        value.to_str().is_ok_and(|list| list.split(',').any(|one| one.trim().trim_start_matches("W/") == etag))
    };
    request.get_all(IF_NONE_MATCH).iter().any(listed)
}

fn takes_brotli(request: &HeaderMap) -> bool {
    let listed = |value: &HeaderValue| {
        value.to_str().is_ok_and(|list| {
            list.split(',').any(|coding| {
                let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
                let refused = matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
                name.trim().eq_ignore_ascii_case("br") && !refused
            })
        })
    };
    request.get_all(ACCEPT_ENCODING).iter().any(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    static TREE: &[Asset] = &[
        Asset { path: "assets/client-00.wasm", content: b"\0asm", brotli: Some(b"br"), etag: "\"1\"" },
        Asset { path: "console.html", content: b"<p>", brotli: None, etag: "\"5\"" },
        Asset { path: "demo/index.html", content: b"<p>", brotli: None, etag: "\"2\"" },
        Asset { path: "index.html", content: b"<h1>", brotli: None, etag: "\"3\"" },
        Asset { path: "widget.js", content: b"js", brotli: Some(b"x"), etag: "\"4\"" },
    ];

    fn header(answer: &Response, name: HeaderName) -> &str {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn asked(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_folder_is_its_index_and_nothing_outside_the_tree_is_found() {
        let check = |path: &str, found: Option<&str>| {
            assert_eq!(find_in(TREE, path).map(|asset| asset.path), found, "{path:?}");
        };
        check("", Some("index.html"));
        check("demo", Some("demo/index.html"));
        check("demo/", Some("demo/index.html"));
        check("console", Some("console.html"));
        check("widget.js", Some("widget.js"));
        check("assets", None);
        check("../Cargo.toml", None);
        check("widget.js.br", None);
    }

    #[test]
    fn hashed_assets_are_kept_for_ever_and_others_are_asked_for_again() {
        let answer = find_in(TREE, "assets/client-00.wasm").unwrap().response(&HeaderMap::new());
        assert_eq!(header(&answer, CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(header(&answer, CONTENT_TYPE), "application/wasm");
        assert_eq!(header(&answer, CONTENT_ENCODING), "");
        assert_eq!(header(&answer, ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        let loader = find_in(TREE, "widget.js").unwrap();
        assert_eq!(header(&loader.response(&HeaderMap::new()), CACHE_CONTROL), "no-cache");
        let again = loader.response(&asked(IF_NONE_MATCH, "W/\"9\", W/\"4\""));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn brotli_is_sent_to_those_who_take_it() {
        let loader = find_in(TREE, "widget.js").unwrap();
        for (accepted, coding) in [("gzip, br", "br"), ("br;q=0", ""), ("gzip", ""), ("BR;q=0.5", "br"), ("*", "")] {
            let answer = loader.response(&asked(ACCEPT_ENCODING, accepted));
            assert_eq!(header(&answer, CONTENT_ENCODING), coding, "{accepted}");
        }
    }
}
