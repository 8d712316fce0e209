//! Bodies of HTTP, read by the server with serde_json and by pages with their small reader.

use std::fmt::Debug;

use protocol::http::{
    DialogLoaded, ErrorBody, Health, LoggedIn, Login, Page, PostMessage, PostedMessage, SiteConfig, StartDialog,
};
use protocol::{code, json};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json::{Text, judge};

/// Reads bytes as the body of a request, and as that of an answer.
pub fn probe(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 10 {
        0 => check::<StartDialog>(bytes),
        1 => check::<PostMessage>(bytes),
        2 => check::<Login>(bytes),
        3 => check::<DialogLoaded>(bytes),
        4 => check::<Page>(bytes),
        5 => check::<PostedMessage>(bytes),
        6 => check::<SiteConfig>(bytes),
        7 => check::<Health>(bytes),
        8 => check::<ErrorBody>(bytes),
        _ => check::<LoggedIn>(bytes),
    }
}

/// The server and the pages read the same, or both refuse; what was read is written and read back.
///
/// # Panics
/// They do not.
pub fn check<T: Serialize + DeserializeOwned + json::FromJson + json::ToJson + PartialEq + Debug>(bytes: &[u8]) {
    let server = server::probe::body::<T>(bytes);
    if let Err(refused) = &server {
        assert!([code::INVALID_JSON, code::INVALID_FRAME].contains(refused), "{refused}");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(server.is_err(), "the server takes what is not UTF-8");
        return;
    };
    let small = json::from_str::<T>(text);
    match (judge(text), &server, &small) {
        (Text::Odd, _, _) => {}
        (Text::Plain, Ok(full), Ok(small)) => assert_eq!(full, small, "{text}"),
        (Text::Plain, Err(code), Ok(small)) => panic!("the server refuses {text} ({code}), pages read {small:?}"),
        // serde takes a list, too, for an object within another, and an object for a word.
        (Text::Plain, Ok(full), Err(_)) => {
            let nested = text.contains('[') || text.matches('{').count() > 1;
            assert!(nested && text.trim_start().starts_with('{'), "pages refuse {text}, the server reads {full:?}");
        }
        (Text::Plain, Err(_), Err(_)) | (Text::Bad, Err(_), Err(_)) => {}
        // A lone surrogate where nobody looks.
        (Text::Bad, Ok(_), Err(_)) => assert!(text.contains("\\u"), "the server takes what is no JSON: {text}"),
        (Text::Bad, _, Ok(_)) => panic!("pages take what is no JSON: {text}"),
    }
    for read in server.iter().chain(small.iter()) {
        let written = json::to_string(read);
        let value: serde_json::Value = serde_json::from_str(&written).expect("what was written is JSON");
        assert_eq!(value, serde_json::to_value(read).expect("plain data"), "two writers");
        assert_eq!(json::from_str::<T>(&written).as_ref(), Ok(read), "{written}");
    }
}
