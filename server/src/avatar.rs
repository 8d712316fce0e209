//! The pictures of operators: which may be kept, and as what they are given out.

/// Bytes of a picture: it is shown at the size of a thumb.
pub const MOST_BYTES: usize = 128 * 1024;
/// Pixels along each side.
const MOST_PIXELS: usize = 2_048;

/// Returns the type of a picture, by what is in it.
///
/// # Errors
/// What is wrong with it, and what is taken.
pub fn kind(picture: &[u8]) -> Result<&'static str, &'static str> {
    if picture.len() > MOST_BYTES {
        return Err("a picture has up to 128 KiB: 256 by 256 pixels are plenty");
    }
    let kind = match infer::get(picture).map(|kind| kind.mime_type()) {
        Some("image/png") => "image/png",
        Some("image/jpeg") => "image/jpeg",
        Some("image/webp") => "image/webp",
        Some(_) | None => return Err("a picture is a PNG, a JPEG or a WebP file"),
    };
    match imagesize::blob_size(picture) {
        Ok(size) if size.width.max(size.height) <= MOST_PIXELS && size.width.min(size.height) > 0 => Ok(kind),
        Ok(_) => Err("a picture has up to 2048 by 2048 pixels"),
        Err(_) => Err("the picture is damaged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One pixel, as a PNG.
    pub(crate) const DOT: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

    #[test]
    fn pictures_are_known_by_what_is_in_them() {
        assert_eq!(kind(DOT), Ok("image/png"));
        let wide = [&DOT[..16], &[0, 0, 16, 0], &DOT[20..]].concat();
        let rows: [(&[u8], &str); 6] = [
            (b"", "a PNG, a JPEG or a WebP"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "a PNG, a JPEG or a WebP"),
            (b"GIF89a\x01\0\x01\0\0\0\0;", "a PNG, a JPEG or a WebP"),
            (&DOT[..12], "damaged"),
            (&wide, "2048 by 2048"),
            (&vec![0; MOST_BYTES + 1], "128 KiB"),
        ];
        for (picture, reason) in rows {
            let refused = kind(picture).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
