//! The pages step: each document put together, compressed, and named by its digests.

use std::{fmt::Write as _, fs, io::Write as _, path::Path};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

/// What [`compile`] reads, relative to the crate.
pub const INPUTS: &[&str] = &["src/pages", "docs/openapi.json"];

/// One page.
struct Page {
    /// The variant of `Handler` whose route it is at.
    handler: &'static str,
    /// The variant of `When`: who gets it there.
    when: &'static str,
    document: Document,
}

/// What a page is made of: files below `src/pages/`.
enum Document {
    /// HTML in one piece: a head of ours, then the body with styles and scripts inside, which alone may run.
    Html { title: &'static str, styles: &'static [&'static str], body: &'static str, scripts: &'static [&'static str] },
    /// A file as it is.
    File { content_type: &'static str, path: &'static str },
}

/// Every page.
const PAGES: &[Page] = &[
    Page {
        handler: "Root",
        when: "IfHtml",
        document: Document::Html {
            title: "tamis",
            styles: &["console/page.css"],
            body: "console/page.html",
            scripts: &[
                "console/words.js",
                "console/ask.js",
                "console/toxicity.js",
                "console/iris.js",
                "console/page.js",
            ],
        },
    },
    Page {
        handler: "Status",
        when: "UnlessJson",
        document: Document::Html {
            title: "tamis",
            styles: &["status/page.css"],
            body: "status/page.html",
            scripts: &["status/numbers.js", "status/charts.js", "status/history.js", "status/page.js"],
        },
    },
    Page {
        handler: "OpenApi",
        when: "Always",
        document: Document::File { content_type: "application/json", path: "../../docs/openapi.json" },
    },
    Page {
        handler: "Docs",
        when: "Always",
        document: Document::Html {
            title: "tamis: API",
            styles: &["docs/page.css"],
            body: "docs/page.html",
            scripts: &["docs/schema.js", "docs/try.js", "docs/page.js"],
        },
    },
];

/// Writes `pages.rs`, to be included by `src/pages/mod.rs`, and the bytes that it embeds.
///
/// # Errors
/// If a file cannot be read or written.
pub fn compile(root: &Path, out: &Path) -> Result<(), String> {
    let pages = root.join("src/pages");
    let mut source = format!("static PAGES: [Page; {}] = [\n", PAGES.len());
    for page in PAGES {
        let (content_type, policy, plain) = page.document.read(&pages)?;
        let name = page.handler.to_lowercase();
        let (plain_etag, gzip_etag) = embed(out, &name, &plain)?;
        let _ = writeln!(
            source,
            "Page {{ handler: Handler::{}, when: When::{}, content_type: {content_type:?}, policy: {policy:?}, \
             plain: Coded {{ bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.page\")), etag: {plain_etag:?} }}, \
             gzip: Coded {{ bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.page.gz\")), etag: {gzip_etag:?} }} }},",
            page.handler, page.when,
        );
    }
    write(&out.join("pages.rs"), (source + "];\n").as_bytes())
}

impl Document {
    /// `Content-Type`, `Content-Security-Policy` where it has one, and the bytes.
    fn read(&self, pages: &Path) -> Result<(&'static str, Option<String>, Vec<u8>), String> {
        let read = |name: &&str| {
            let path = pages.join(name);
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        match self {
            Self::Html { title, styles, body, scripts } => {
                let style = styles.iter().map(read).collect::<Result<String, _>>()?;
                let script = scripts.iter().map(read).collect::<Result<String, _>>()?;
                let html = format!(
                    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
                     <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                     <meta name=\"color-scheme\" content=\"light dark\">\n\
                     <meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"{ICON}\">\n\
                     <style>{style}</style>\n</head>\n{}<script>{script}</script>\n</body>\n</html>\n",
                    read(body)?
                );
                Ok(("text/html; charset=utf-8", Some(policy(&style, &script)), html.into_bytes()))
            }
            Self::File { content_type, path } => Ok((content_type, None, read(path)?.into_bytes())),
        }
    }
}

/// The policy of a page (W3C Content Security Policy Level 3): its own `style` and `script` by their digests, its icon, what it
/// asks of where it came from, and nothing else.
fn policy(style: &str, script: &str) -> String {
    let source = |text: &str| format!("'sha256-{}'", Base64::encode_string(&Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        source(style),
        source(script)
    )
}

/// Writes `plain`, and `plain` compressed, as files of this name; answers the strong entity tag of each.
fn embed(out: &Path, name: &str, plain: &[u8]) -> Result<(String, String), String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let compressed = encoder.write_all(plain).and_then(|()| encoder.finish());
    let compressed = compressed.map_err(|error| format!("cannot compress {name}: {error}"))?;
    write(&out.join(format!("{name}.page")), plain)?;
    write(&out.join(format!("{name}.page.gz")), &compressed)?;
    let tag = |bytes: &[u8]| format!("\"{}\"", Base64UrlUnpadded::encode_string(&Sha256::digest(bytes)[..16]));
    Ok((tag(plain), tag(&compressed)))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' \
                    r='7' fill='none' stroke='%230b7a75' stroke-width='2'/%3E%3Cpath d='M2 6h12M2 10h12M6 2v12M10 2v12' \
                    stroke='%230b7a75'/%3E%3C/svg%3E";
