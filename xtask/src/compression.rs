//! The two encodings that a browser accepts, and how large a file is in each.

use std::io::Write;
use std::path::Path;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::failure::{Failure, Result};

/// Kinds of files that are worth compressing, by extension.
const COMPRESSIBLE: [&str; 13] =
    ["css", "html", "ico", "js", "json", "map", "mjs", "svg", "ttf", "txt", "wasm", "webmanifest", "xml"];

pub(crate) fn is_compressible(path: &str) -> bool {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| COMPRESSIBLE.contains(&extension))
}

/// Brotli; `quality` is 0 to 11.
pub(crate) fn brotli(bytes: &[u8], quality: i32) -> Result<Vec<u8>> {
    let params = BrotliEncoderParams { quality, size_hint: bytes.len(), ..BrotliEncoderParams::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut out, &params)
        .map_err(|error| Failure::new(format!("brotli: {error}")))?;
    Ok(out)
}

/// As `gzip -9`.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(|error| Failure::new(format!("gzip: {error}")))
}

/// Eight hexadecimal digits that change with the content.
pub(crate) fn hash8(bytes: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    format!("{:08x}", crc.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brotli_gives_back_what_went_in() {
        let text = "a message, and the same message again. ".repeat(50);
        let small = brotli(text.as_bytes(), 11).unwrap();
        assert!(small.len() < text.len() / 10, "{} bytes", small.len());
        let mut back = Vec::new();
        brotli::BrotliDecompress(&mut &*small, &mut back).unwrap();
        assert_eq!(back, text.as_bytes());
    }

    #[test]
    fn the_hash_has_eight_digits_and_follows_the_content() {
        assert_eq!(hash8(b""), "00000000");
        assert_eq!(hash8(b"123456789"), "cbf43926");
        assert_ne!(hash8(b"a"), hash8(b"b"));
    }

    #[test]
    fn pictures_are_not_compressed_again() {
        assert!(is_compressible("assets/client-00000000.wasm"));
        assert!(is_compressible("console.html"));
        assert!(!is_compressible("face.png"));
        assert!(!is_compressible("LICENSE"));
    }
}
