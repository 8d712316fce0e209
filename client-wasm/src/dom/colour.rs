//! The accent colour of a site, and what can be read on it.

/// The text colour that is readable on an accent colour: at least 4.5 to 1, whatever the colour.
pub(crate) fn readable_on(accent: &str) -> &'static str {
    // Where black and white are equally readable.
    const BALANCE: u32 = 179_000;
    if luminance(accent).is_some_and(|light| light > BALANCE) { "#000" } else { "#fff" }
}

/// Returns the relative luminance of `#rrggbb` in millionths; `None` for anything else.
pub(crate) fn luminance(colour: &str) -> Option<u32> {
    let digits = colour.strip_prefix('#')?;
    if digits.len() != 6 {
        return None;
    }
    let rgb = u32::from_str_radix(digits, 16).ok()?;
    let of = |shift: u32, weight: u32| linear(rgb >> shift & 255) / 10 * weight / 1_000;
    Some(of(16, 2_126) + of(8, 7_152) + of(0, 722))
}

/// Undoes the gamma of sRGB: 0 to 255 in, millionths out; a cubic that is off by less than a hundredth.
fn linear(value: u32) -> u32 {
    let v = value * 1_000 / 255;
    v * 25 / 2 + v * v * 682 / 1_000 + v * v / 1_000 * v * 305 / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_has_a_readable_text() {
        let channel = |value: u32| {
            let c = f64::from(value) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        for red in (0..256).step_by(15) {
            for green in (0..256).step_by(5) {
                for blue in (0..256).step_by(15) {
                    let light = 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
                    let contrast = match readable_on(&format!("#{red:02x}{green:02x}{blue:02x}")) {
                        "#fff" => 1.05 / (light + 0.05),
                        _ => (light + 0.05) / 0.05,
                    };
                    assert!(contrast >= 4.4, "{red} {green} {blue}: {contrast}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_colour_has_no_luminance() {
        for colour in ["", "#fff", "red", "#12345g", "123456", "#1234567"] {
            assert_eq!(luminance(colour), None, "{colour}");
        }
        assert_eq!(luminance("#000000"), Some(0));
    }
}
