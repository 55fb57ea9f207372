//! The page: one constant document without a request of its own but for the figures.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::json::write::Writer;

/// The document.
pub const PAGE: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<head>\n",
    "<meta charset=\"utf-8\">\n<title>tamis</title>\n",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
    "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n",
    "<link rel=\"icon\" href=\"",
    icon!(),
    "\">\n<style>",
    style!(),
    "</style>\n</head>\n",
    include_str!("page.html"),
    "<script>",
    script!(),
    "</script>\n</body>\n</html>\n"
);

/// Writes the page into `out`; answers its length, or `None` if `out` is too short.
pub fn write(out: &mut [u8]) -> Option<usize> {
    let mut writer = Writer::new(out);
    writer.raw(PAGE.as_bytes());
    writer.finish()
}

/// The `Content-Security-Policy` of the page (W3C Content Security Policy Level 3): its own style and script by their
/// digests, its icon, figures from where it came from, and nothing else. Allocated by the first call.
pub fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let (style, script) = (source(style!()), source(script!()));
        format!(
            "default-src 'none'; style-src {style}; script-src {script}; img-src data:; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
        )
    });
    &POLICY
}

/// The source expression of an inline element: the SHA-256 of `text` in base64 (RFC 4648, section 4).
fn source(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut expression = "'sha256-".to_owned();
    // 32 bytes: ten groups of three and one of two.
    for group in Sha256::digest(text).chunks(3) {
        let bits = group.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            expression.push(if digit <= group.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    expression + "'"
}

macro_rules! icon {
    () => {
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' \
         r='7' fill='none' stroke='%230b7a75' stroke-width='2'/%3E%3Cpath d='M2 6h12M2 10h12M6 2v12M10 2v12' \
         stroke='%230b7a75'/%3E%3C/svg%3E"
    };
}
macro_rules! style {
    () => {
        include_str!("page.css")
    };
}
macro_rules! script {
    () => {
        concat!(
            include_str!("numbers.js"),
            include_str!("charts.js"),
            include_str!("history.js"),
            include_str!("page.js")
        )
    };
}
use {icon, script, style};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_expression_is_the_digest_in_base64() {
        // printf %s "alert('Hello, world.');" | openssl dgst -sha256 -binary | openssl base64
        assert_eq!(source("alert('Hello, world.');"), "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='");
    }

    #[test]
    fn the_page_asks_nobody_else_for_anything() {
        assert_eq!(PAGE.matches("://").count(), PAGE.matches("xmlns='http://www.w3.org/2000/svg'").count());
        for forbidden in ["src=", "@import", "url(", "innerHTML", "eval("] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
        assert_eq!(PAGE.matches("<script>").count(), 1);
        assert_eq!(PAGE.matches("</script>").count(), 1);
    }

    #[test]
    fn a_slice_that_is_too_short_gets_nothing() {
        assert_eq!(write(&mut [0; 16]), None);
    }
}
