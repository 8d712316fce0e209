//! A view as a plain object of the page.

use client_core::{Banner, From, Notice, Older, View};
use protocol::{Author, File, json};
use serde::Serialize;
use wasm_bindgen::{JsError, JsValue};

use crate::words;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Picture<'a> {
    site: Option<Site<'a>>,
    items: Vec<Item<'a>>,
    older: &'static str,
    unread: u32,
    typing: &'a str,
    operators: &'a [String],
    link: &'static str,
    banner: &'static str,
    draft: &'a str,
    notice: &'static str,
}

#[derive(Serialize)]
struct Site<'a> {
    name: &'a str,
    color: &'a str,
    assistant: &'a str,
}

#[derive(Serialize)]
struct Item<'a> {
    key: &'a str,
    seq: u64,
    author: &'a Author,
    own: bool,
    text: &'a str,
    at: u64,
    delivery: &'static str,
    file: Option<File>,
}

/// Makes the object.
///
/// # Errors
/// Never; the signature is serde's.
pub(super) fn of(view: &View) -> Result<JsValue, JsError> {
    let picture = Picture {
        site: view.site.as_ref().map(|site| Site { name: &site.name, color: &site.color, assistant: &site.assistant }),
        items: view
            .items
            .iter()
            .map(|item| Item {
                key: &item.key,
                seq: item.seq,
                author: &item.author,
                own: item.from == From::Own,
                text: &item.text,
                at: item.at,
                delivery: words::delivery(item.delivery),
                file: json::from_str(&item.file).ok(),
            })
            .collect(),
        older: match view.older {
            Older::None => "none",
            Older::Some => "some",
            Older::Loading => "loading",
        },
        unread: view.unread,
        typing: &view.typing,
        operators: &view.operators,
        link: words::link(view.link),
        banner: match view.banner {
            Banner::None => "none",
            Banner::Reconnecting => "reconnecting",
            Banner::Limited => "limited",
            Banner::Offline => "offline",
            Banner::Refused => "refused",
        },
        draft: &view.draft,
        notice: match view.notice {
            Notice::None => "none",
            Notice::TooLong => "too-long",
            Notice::OutboxFull => "outbox-full",
        },
    };
    let plain = serde_wasm_bindgen::Serializer::json_compatible();
    Ok(picture.serialize(&plain)?)
}
