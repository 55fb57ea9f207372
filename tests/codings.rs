//! Bodies in gzip: those that come, those that go, and what is wrong with either.

mod common;

use std::io::{Read as _, Write as _};

use common::batch::settled;
use common::daemon::Daemon;
use common::http::{Request, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

fn zipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).expect("memory");
    encoder.finish().expect("memory")
}

fn unzipped(response: &Response) -> Vec<u8> {
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&response.body[..]).read_to_end(&mut body).expect("gzip");
    body
}

/// The same request with its body in gzip.
fn in_gzip(target: &str, content_type: &str, body: &[u8]) -> Request {
    Request::post(target, zipped(body)).header("Content-Type", content_type).header("Content-Encoding", "gzip")
}

fn taking_gzip(request: Request) -> Request {
    request.header("Accept-Encoding", "gzip, deflate, br")
}

fn error_type(response: &Response) -> (u16, String) {
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    (response.status, body["error_type"].as_str().expect("a name").to_owned())
}

fn texts(count: usize) -> Value {
    json!({"texts": (0..count).map(|at| format!("You are stupid, number {at}.")).collect::<Vec<_>>()})
}

#[test]
fn a_body_in_gzip_is_answered_as_the_same_body_is() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let tensor = br#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}"#;
    let comment = br#"{"comment":{"text":"You are stupid."},"requestedAttributes":{"TOXICITY":{}},"languages":["en"]}"#;
    for (target, body) in [
        ("/predict", &br#"{"features":[5.1,3.5,1.4,0.2]}"#[..]),
        ("/v2/models/iris/infer", tensor),
        ("/v1alpha1/comments:analyze", comment),
        ("/predict", b"{"),
        ("/predict", b""),
    ] {
        let plain = daemon.ask(&Request::json(target, body));
        for name in ["gzip", "GZIP", "x-gzip"] {
            let request = Request::json(target, zipped(body)).header("Content-Encoding", name);
            let answer = daemon.ask(&request);
            assert_eq!((answer.status, answer.text()), (plain.status, plain.text()), "{target} {name}");
        }
    }
    // And the connection is fit for the next.
    let mut connection = daemon.connect();
    for _ in 0..3 {
        let request = in_gzip("/analyze", "application/json", br#"{"text":"You are stupid and I hate you!"}"#);
        let answer: Value =
            serde_json::from_slice(&connection.exchange(&request).expect("an answer").body).expect("JSON");
        assert_eq!(answer["toxicity_level"], "high");
    }
}

#[test]
fn what_gzip_becomes_is_held_to_the_same_limit_as_any_body() {
    let daemon =
        Daemon::start(&["--workers", "1", "--bert", "off", "--max-body-bytes", "1000", "--max-text-bytes", "1000"]);
    let of = |length: usize| [br#"{"features":[5.1,3.5,1.4,0.2]}"#.as_slice(), &vec![b' '; length - 30]].concat();
    assert_eq!(daemon.ask(&in_gzip("/predict", "application/json", &of(1000))).status, 200);
    let long = daemon.ask(&in_gzip("/predict", "application/json", &of(1001)));
    assert_eq!(error_type(&long), (413, "body_too_large".to_owned()));
    // A bomb: half a megabyte in less than the limit.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 512 << 10]).expect("memory");
    let bomb = bomb.finish().expect("memory");
    assert!(bomb.len() < 1000, "{}", bomb.len());
    let before = daemon.scrape().value("process_resident_memory_bytes", &[]);
    for _ in 0..100 {
        let request = Request::json("/analyze", bomb.clone()).header("Content-Encoding", "gzip");
        assert_eq!(error_type(&daemon.ask(&request)), (413, "body_too_large".to_owned()));
    }
    let grown = daemon.scrape().value("process_resident_memory_bytes", &[]) - before;
    assert!(grown < 512e3, "grew by {grown} bytes");
}

#[test]
fn what_is_no_gzip_or_another_coding_is_refused_by_name() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let body = br#"{"features":[5.1,3.5,1.4,0.2]}"#;
    let zip = zipped(body);
    let mut altered = zip.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    for wrong in [&body[..], &zip[..zip.len() - 1], &altered, &[&zip[..], b"\0"].concat()] {
        let request = Request::json("/predict", wrong).header("Content-Encoding", "gzip");
        assert_eq!(error_type(&daemon.ask(&request)), (400, "malformed_gzip".to_owned()));
    }
    for coding in ["br", "deflate", "gzip, gzip", "gzip, br", ""] {
        let answer = daemon.ask(&Request::json("/predict", zip.clone()).header("Content-Encoding", coding));
        assert_eq!(error_type(&answer), (415, "unsupported_media_type".to_owned()), "{coding}");
        assert_eq!(answer.header("accept-encoding"), Some("gzip"));
    }
    let twice =
        Request::json("/predict", zipped(&zip)).header("Content-Encoding", "gzip").header("Content-Encoding", "gzip");
    assert_eq!(daemon.ask(&twice).status, 415);
    assert_eq!(daemon.ask(&Request::json("/predict", body).header("Content-Encoding", "identity")).status, 200);
    let errors =
        daemon.scrape().value("api_errors_total", &[("error_type", "malformed_gzip"), ("endpoint", "/predict")]);
    assert_eq!(errors, 4.0);
}

#[test]
fn a_long_answer_is_compressed_for_whoever_takes_it() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let rows = json!({"features": vec![[5.1, 3.5, 1.4, 0.2]; 50]}).to_string();
    let irises =
        json!({"inputs": [{"name": "features", "datatype": "FP32", "shape": [50, 4], "data": vec![5.0; 200]}]});
    for request in [
        Request::json("/predict", rows),
        Request::json("/v2/models/iris/infer", irises.to_string()),
        Request::get("/model-info"),
        Request::get("/$discovery/rest?version=v1alpha1"),
    ] {
        let plain = daemon.ask(&request);
        let answer = daemon.ask(&taking_gzip(request.clone()));
        assert_eq!((plain.status, plain.header("content-encoding")), (200, None));
        assert_eq!(unzipped(&answer), plain.body, "{request:?}");
        assert!(answer.body.len() < plain.body.len());
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        let is_kept = request.method == "GET";
        for answer in [&plain, &answer] {
            assert_eq!(answer.header("vary"), is_kept.then_some("Accept-Encoding"));
        }
    }
    let head = daemon.ask(&taking_gzip(Request::new("HEAD", "/model-info")));
    assert_eq!((head.header("content-encoding"), head.body.len()), (Some("gzip"), 0));
    for request in [
        Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#),
        Request::json("/analyze", r#"{"text":"You are kind."}"#),
        Request::json("/analyze", "{"),
    ] {
        let answer = daemon.ask(&taking_gzip(request));
        assert_eq!(answer.header("content-encoding"), None, "a short one is not: {}", answer.text());
    }
}

#[test]
fn a_batch_is_compressed_as_it_goes() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    for count in [0, 1, 3, 250] {
        let body = texts(count).to_string();
        let request = Request::json("/analyze/batch", body.clone());
        let both = taking_gzip(in_gzip("/analyze/batch", "application/json", body.as_bytes()));
        let settled_of = |body: &[u8]| -> Vec<Value> {
            let mut body: Value = serde_json::from_slice(body).expect("JSON");
            let results = body["results"].as_array_mut().map(std::mem::take);
            results.unwrap_or_default().into_iter().map(settled).collect()
        };
        let plain = daemon.ask(&request);
        let answer = daemon.ask(&both);
        assert_eq!(settled_of(&unzipped(&answer)), settled_of(&plain.body));
        assert_eq!(settled_of(&plain.body).len(), count);
        assert!(
            count < 250 || answer.body.len() * 3 < plain.body.len(),
            "{} of {}",
            answer.body.len(),
            plain.body.len()
        );
    }
}

fn lines(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).expect("UTF-8");
    text.lines().map(|line| settled(serde_json::from_str(line).expect("JSON"))).collect()
}

#[test]
fn lines_in_gzip_have_their_results_whether_they_come_in_one_piece_or_many() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let texts: Vec<_> = (0..3000).map(|at| format!("{{\"text\":\"You are stupid, number {at}.\"}}\n\n")).collect();
    let all = texts.concat();
    let plain = Request::post("/analyze/batch", all.clone()).header("Content-Type", "application/x-ndjson");
    let plain = lines(&daemon.ask(&plain).body);
    assert_eq!(plain.len(), 3000);
    let whole = zipped(all.as_bytes());
    let members = [zipped(&all.as_bytes()[..5000]), zipped(b""), zipped(&all.as_bytes()[5000..])].concat();
    for body in [whole, members] {
        let answer = taking_gzip(Request::post("/analyze/batch", body.clone()))
            .header("Content-Type", "application/x-ndjson")
            .header("Content-Encoding", "gzip");
        assert_eq!(lines(&unzipped(&daemon.ask(&answer))), plain);
        // A byte a chunk, at first.
        let mut connection = daemon.connect();
        let head = "POST /analyze/batch HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-ndjson\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut bytes = head.as_bytes().to_vec();
        for piece in body[..500].chunks(1).chain(body[500..].chunks(700)) {
            bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
            bytes.extend(piece);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        connection.send(&bytes).expect("sent");
        assert_eq!(lines(&connection.read_response().expect("an answer").body), plain);
    }
}

#[test]
fn lines_that_end_inside_gzip_have_the_results_of_what_came() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let all = "\"You are kind.\"\n".repeat(100);
    let zip = zipped(all.as_bytes());
    for (body, least) in [(&zip[..zip.len() - 1], 100), (b"\"plain\"\n".as_slice(), 0)] {
        let request = Request::post("/analyze/batch", body)
            .header("Content-Type", "application/x-ndjson")
            .header("Content-Encoding", "gzip");
        let mut found = lines(&daemon.ask(&request).body);
        let last = found.pop().expect("a line of what is wrong");
        assert_eq!(last["error_type"], "malformed_gzip", "{last}");
        assert_eq!(found.len(), least);
    }
    // Sixty megabytes of nothing do not keep others waiting, nor memory.
    let before = daemon.scrape().value("process_resident_memory_bytes", &[]);
    let mut nothing = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..256 {
        nothing.write_all(&vec![b'\n'; 1 << 18]).expect("memory");
    }
    nothing.write_all(b"\"You are kind.\"").expect("memory");
    let request = Request::post("/analyze/batch", nothing.finish().expect("memory"))
        .header("Content-Type", "application/x-ndjson")
        .header("Content-Encoding", "gzip");
    assert_eq!(lines(&daemon.ask(&request).body).len(), 1);
    let grown = daemon.scrape().value("process_resident_memory_bytes", &[]) - before;
    assert!(grown < 512e3, "grew by {grown} bytes");
}
