//! Uploads: in whatever pieces the bytes come, and whatever was said of them before.

use std::path::Path;

use server::probe::{Uploads, named};
use server_core::id;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Bytes that are looked at to know what a file is.
const HEAD_BYTES: usize = 8_192;
/// What an upload may be refused with.
const REFUSALS: [&str; 2] = ["file_too_big", "file_type"];

thread_local! {
    static PLACE: (TempDir, Uploads) = {
        let data = tempfile::tempdir().expect("there is a disk");
        let uploads = Uploads::open(data.path()).expect("a folder of our own");
        (data, uploads)
    };
}

/// Reads bytes as an upload: how it is cut, what is said of it, what the site takes, its id, and its bytes.
pub fn probe(bytes: &[u8]) {
    let Some(([cut, said, most, flags], bytes)) = bytes.split_first_chunk() else { return };
    let declared = match said % 4 {
        0 => None,
        1 => Some(bytes.len() as u64),
        2 => Some(u64::from(*said)),
        _ => Some(u64::from(*most) * 3),
    };
    let most_bytes = if *most == 255 { 1 << 20 } else { u64::from(*most) * 4 };
    // Some are long: a few bytes again and again.
    let repeated = if flags & 2 == 0 { 1 } else { 1 + usize::from(*flags) * 8 };
    check(&bytes.repeat(repeated), usize::from(*cut) + 1, declared, most_bytes, flags & 1 == 1);
    check_id(&String::from_utf8_lossy(bytes));
}

/// Takes an upload in pieces of so many bytes.
///
/// # Panics
/// Something is taken or refused that should not be, other bytes are kept, or anything is left.
pub fn check(bytes: &[u8], piece: usize, declared: Option<u64>, most_bytes: u64, is_images_only: bool) {
    PLACE.with(|(data, uploads)| {
        let pieces = bytes.chunks(piece).map(<[u8]>::to_vec).collect();
        let taken = uploads.take(pieces, declared, most_bytes, is_images_only, "../a\u{202e}.html");
        let expected = named("../a\u{202e}.html", &bytes[..bytes.len().min(HEAD_BYTES)]);
        let expected = expected.filter(|file| file.mime.starts_with("image/") && file.is_inline || !is_images_only);
        match taken {
            Ok(upload) => {
                assert!(bytes.len() as u64 <= most_bytes, "{} bytes, of {most_bytes}", bytes.len());
                let expected = expected.expect("what is not taken as a whole is not taken in pieces");
                assert_eq!((upload.file.mime.as_str(), &upload.file.name), (expected.mime, &expected.name));
                assert_eq!(upload.file.size, bytes.len() as u64);
                assert!(upload.bytes == bytes, "other bytes are kept than came");
                assert_eq!(upload.digest, <[u8; 32]>::from(Sha256::digest(bytes)));
                assert!(expected.is_inline || upload.file.width.is_none(), "{:?}", upload.file);
            }
            Err(code) => {
                assert!(REFUSALS.contains(&code), "{code}");
                assert!(expected.is_none() || bytes.len() as u64 > most_bytes, "{code}, and it is {expected:?}");
            }
        }
        assert_eq!(left(data.path()), 0, "something is left");
    });
}

/// An id that is taken is a word: no path, and nothing that a header or a log could be broken with.
fn check_id(given: &str) {
    if id::check(given).is_ok() {
        assert!(given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)), "{given:?}");
        assert!(given.len() <= protocol::limits::ID_BYTES);
    }
}

fn left(data: &Path) -> usize {
    std::fs::read_dir(data.join("files")).expect("it is there").count()
}
