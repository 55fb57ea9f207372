//! The pages on the wire: tags, conditions, compression, policies, who gets which, and how they are counted.

mod common;

use std::io::Read as _;

use common::credentials::Credentials;
use common::daemon::Daemon;
use common::http::{Request, Response};
use common::inference::json;
use flate2::read::GzDecoder;

/// What a browser sends.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// Where a browser gets a page.
const PAGES: [&str; 3] = ["/", "/status", "/docs"];

/// Whether somebody else gets something else there.
fn vary(path: &str) -> &'static str {
    if path == "/docs" { "Accept-Encoding" } else { "Accept, Accept-Encoding" }
}

fn start() -> Daemon {
    Daemon::start(&["--workers", "1", "--bert", "off"])
}

fn page(path: &str) -> Request {
    Request::get(path).header("Accept", BROWSER)
}

fn compressed(path: &str) -> Request {
    page(path).header("Accept-Encoding", "gzip, deflate, br, zstd")
}

fn etag(response: &Response) -> &str {
    response.header("etag").expect("a tag")
}

#[test]
fn a_page_has_a_tag_may_be_kept_and_may_do_no_more_than_it_must() {
    let daemon = start();
    for path in PAGES {
        let answer = daemon.ask(&page(path));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
        assert!(answer.text().starts_with("<!doctype html>\n") && answer.text().ends_with("</html>\n"), "{path}");
        let tag = etag(&answer);
        assert!(tag.len() > 20 && tag.starts_with('"') && tag.ends_with('"'), "{tag} is strong");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("vary"), Some(vary(path)));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-encoding"), None);
        let policy = answer.header("content-security-policy").expect("a policy");
        for part in [
            "default-src 'none'",
            "style-src 'sha256-",
            "script-src 'sha256-",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|own| own.starts_with(part)), "{part} of {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        assert_eq!(daemon.ask(&page(path)).header("etag"), Some(tag), "the same at every time");
    }
}

#[test]
fn whoever_takes_gzip_gets_the_same_page_by_gzip_under_a_tag_of_its_own() {
    let daemon = start();
    for path in PAGES {
        let (plain, gzip) = (daemon.ask(&page(path)), daemon.ask(&compressed(path)));
        assert_eq!((gzip.status, gzip.header("content-encoding")), (200, Some("gzip")));
        assert_ne!(etag(&plain), etag(&gzip));
        for name in ["content-type", "content-security-policy", "cache-control", "vary", "x-content-type-options"] {
            assert_eq!(plain.header(name), gzip.header(name), "{name}");
        }
        let mut read = Vec::new();
        GzDecoder::new(&*gzip.body).read_to_end(&mut read).expect("gzip");
        assert_eq!(read, plain.body);
        assert!(gzip.body.len() < plain.body.len() / 2, "{} of {} bytes", gzip.body.len(), plain.body.len());
        for refused in ["identity", "gzip;q=0", "br"] {
            let answer = daemon.ask(&page(path).header("Accept-Encoding", refused));
            assert_eq!((answer.header("content-encoding"), etag(&answer)), (None, etag(&plain)), "{refused}");
        }
    }
}

#[test]
fn whoever_has_a_page_is_told_so_and_nobody_else() {
    let daemon = start();
    for path in PAGES {
        for (ask, other) in [(page(path), compressed(path)), (compressed(path), page(path))] {
            let tag = etag(&daemon.ask(&ask)).to_owned();
            for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
                let answer = daemon.ask(&ask.clone().header("If-None-Match", &known));
                assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
                assert_eq!(etag(&answer), tag);
                assert_eq!(answer.header("cache-control"), Some("no-cache"));
                assert_eq!(answer.header("vary"), Some(vary(path)));
                // What it says of the body is known, and there is none.
                for name in ["content-type", "content-encoding", "content-length", "content-security-policy"] {
                    assert_eq!(answer.header(name), None, "{name}");
                }
            }
            let other = etag(&daemon.ask(&other)).to_owned();
            for unknown in [other, "\"x\"".to_owned(), tag.replace('"', ""), String::new()] {
                let answer = daemon.ask(&ask.clone().header("If-None-Match", &unknown));
                assert_eq!((answer.status, etag(&answer)), (200, &*tag), "{unknown}");
            }
        }
    }
}

#[test]
fn head_is_told_what_get_would_be() {
    let daemon = start();
    for path in PAGES {
        for coding in ["identity", "gzip"] {
            let ask = |method| {
                let request = Request::new(method, path).header("Accept", BROWSER).header("Accept-Encoding", coding);
                daemon.ask(&request)
            };
            let (head, get) = (ask("HEAD"), ask("GET"));
            let length = get.body.len().to_string();
            assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some(&*length)));
            for name in ["etag", "content-type", "content-encoding", "content-security-policy", "cache-control", "vary"]
            {
                assert_eq!(head.header(name), get.header(name), "{name}");
            }
            let known = Request::new("HEAD", path).header("Accept", BROWSER).header("Accept-Encoding", coding);
            assert_eq!(daemon.ask(&known.header("If-None-Match", etag(&get))).status, 304);
        }
    }
}

#[test]
fn a_page_that_is_not_sent_again_is_counted_as_that() {
    let daemon = start();
    for path in PAGES {
        let known = |method| Request::new(method, path).header("Accept", BROWSER).header("If-None-Match", "*");
        for request in [page(path), page(path), known("GET"), known("HEAD")] {
            daemon.ask(&request);
        }
        let samples = daemon.scrape();
        let counted = |method, status| {
            samples.value("http_requests_total", &[("method", method), ("handler", path), ("status", status)])
        };
        assert_eq!((counted("GET", "200"), counted("GET", "304"), counted("HEAD", "304")), (2.0, 1.0, 1.0), "{path}");
        let unforeseen = [("method", "other"), ("handler", "none"), ("status", "500")];
        assert_eq!(samples.value("http_requests_total", &unforeseen), 0.0);
    }
}

#[test]
fn whoever_is_no_browser_gets_the_greeting_as_ever() {
    let daemon = start();
    let greeting = daemon.ask(&Request::get("/"));
    assert_eq!((greeting.status, greeting.header("content-type")), (200, Some("application/json")));
    let told = json(&greeting);
    assert_eq!((&told["status"], &told["version"]), (&"operational".into(), &env!("CARGO_PKG_VERSION").into()));
    for accept in ["*/*", "application/json", "application/json, text/html", "*/*, text/html;q=0.9", "image/png", ""] {
        let request = Request::get("/").header("Accept", accept).header("Accept-Encoding", "gzip");
        // Of a greeting nothing is known: it has no tag.
        let answer = daemon.ask(&request.header("If-None-Match", "*"));
        assert_eq!((answer.status, &answer.body), (200, &greeting.body), "{accept}");
        for name in ["etag", "content-encoding", "content-security-policy"] {
            assert_eq!(answer.header(name), None, "{name} for {accept}");
        }
        assert_eq!(answer.header("vary"), Some("Accept"), "a cache keeps it apart from the page");
    }
}

#[test]
fn the_console_is_at_both_listeners_and_open_to_everybody() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--admin-listen", "127.0.0.1:0"]);
    for address in [daemon.address(), daemon.admin()] {
        let answer = page("/").send_to(address).expect("an answer");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    }
    let credentials = Credentials::new("pages");
    let flags =
        [&["--workers", "1", "--bert", "off", "--auth-metrics", "closed"], credentials.flags().as_slice()].concat();
    let guarded = Daemon::start(&flags);
    assert_eq!(guarded.ask(&page("/")).status, 200, "it asks for the key itself");
    assert_eq!(guarded.ask(&page("/status")).status, 401);
    assert_eq!(guarded.ask(&page("/status").header("If-None-Match", "*")).status, 401);
}

#[test]
fn the_console_is_small() {
    let length = start().ask(&page("/")).body.len();
    assert!(length < 40_000, "{length} bytes");
}

#[test]
fn a_page_comes_by_http_2_whole() {
    let daemon = start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for path in PAGES {
        let plain = daemon.ask(&page(path));
        runtime.block_on(async {
            let socket = tokio::net::TcpStream::connect(daemon.address()).await.expect("it accepts");
            let (client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
            let driver = tokio::spawn(connection);
            let mut client = client.ready().await.expect("room for a stream");
            let request = http::Request::get(format!("http://{}{path}", daemon.address())).header("accept", BROWSER);
            let (answer, _) = client.send_request(request.body(()).expect("a request"), true).expect("sent");
            let mut answer = answer.await.expect("an answer");
            let mut body = Vec::new();
            while let Some(data) = answer.body_mut().data().await {
                let data = data.expect("the body");
                body.extend_from_slice(&data);
                let _ = answer.body_mut().flow_control().release_capacity(data.len());
            }
            assert_eq!((answer.status().as_u16(), body == plain.body), (200, true), "{path}");
            assert_eq!(answer.headers()["etag"], etag(&plain));
            drop((client, answer));
            driver.await.expect("no panic").expect("a clean end");
        });
    }
}
