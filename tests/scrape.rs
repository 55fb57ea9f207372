//! `GET /metrics` on the wire: what is negotiated, what its headers say, and traces that become exemplars.

mod common;

use std::io::Read;

use common::daemon::Daemon;
use common::http::{Request, Response};
use common::inference::{FOUND, Inference, analyze};
use common::metrics::Samples;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

fn scrape(daemon: &Daemon, headers: &[(&str, &str)]) -> Response {
    let request = headers.iter().fold(Request::get("/metrics"), |request, (name, value)| request.header(name, value));
    let response = daemon.ask(&request);
    assert_eq!(response.status, 200);
    assert_eq!(response.header("vary"), Some("Accept, Accept-Encoding"));
    response
}

fn unzipped(response: &Response) -> Vec<u8> {
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&response.body[..]).read_to_end(&mut body).expect("gzip");
    body
}

#[test]
fn each_format_comes_with_its_content_type_and_compressed_when_asked() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    for (accept, content_type) in [
        (None, TEXT),
        (Some("*/*"), TEXT),
        (Some("application/json"), TEXT),
        (Some("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.3"), OPENMETRICS),
        (Some("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"), PROTOBUF),
    ] {
        let accept: Vec<_> = accept.map(|accept| ("Accept", accept)).into_iter().collect();
        let plain = scrape(&daemon, &accept);
        assert_eq!((plain.header("content-type"), plain.header("content-encoding")), (Some(content_type), None));
        let zipped = scrape(&daemon, &[&accept[..], &[("Accept-Encoding", "gzip")]].concat());
        assert_eq!(zipped.header("content-type"), Some(content_type));
        assert_eq!(zipped.header("content-encoding"), Some("gzip"));
        assert!(zipped.body.len() * 3 < plain.body.len(), "{} of {}", zipped.body.len(), plain.body.len());
        let read = unzipped(&zipped);
        assert!(read.len().abs_diff(plain.body.len()) < 256);
        match content_type {
            TEXT => assert!(Samples::parse(std::str::from_utf8(&read).expect("UTF-8")).is_ok()),
            OPENMETRICS => assert!(read.ends_with(b"\n# EOF\n") && plain.body.ends_with(b"\n# EOF\n")),
            _ => assert_eq!(read[2..5], [0x0a, 19, b'h'], "a length in two bytes, and the first family's name"),
        }
    }
    let head = daemon.ask(&Request::new("HEAD", "/metrics").header("Accept-Encoding", "gzip"));
    assert_eq!((head.header("content-encoding"), head.body.len()), (Some("gzip"), 0));
    let other = daemon.ask(&Request::get("/health").header("Accept-Encoding", "gzip"));
    assert_eq!((other.header("vary"), other.header("content-encoding")), (None, None));
}

#[test]
fn a_trace_becomes_an_exemplar_of_what_it_was_timed_in() {
    let daemon = Daemon::start(&["--workers", "2", "--bert", "off"]);
    let exemplars = || {
        let body = scrape(&daemon, &[("Accept", "application/openmetrics-text")]).text().to_owned();
        body.lines().filter(|line| line.contains(" # {")).map(str::to_owned).collect::<Vec<_>>()
    };
    let analyze = Request::json("/analyze", r#"{"text":"You are kind."}"#);
    daemon.ask(&analyze);
    for header in [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "",
    ] {
        daemon.ask(&analyze.clone().header("traceparent", header));
    }
    assert_eq!(exemplars(), [""; 0], "no trace, no exemplar");

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    daemon.ask(&analyze.header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01")));
    let lines = exemplars();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, start) in lines.iter().zip([
        "http_request_duration_seconds_bucket{method=\"POST\",handler=\"/analyze\",le=\"",
        "toxicity_processing_seconds_bucket{model_type=\"simple\",le=\"",
    ]) {
        assert!(line.starts_with(start), "{line}");
        let (sample, exemplar) = line.split_once(" # ").expect("an exemplar");
        let (labels, numbers) = exemplar.split_once("} ").expect("labels");
        assert_eq!(labels, format!("{{trace_id=\"{trace}\",span_id=\"00f067aa0ba902b7\""));
        let (value, at) = numbers.split_once(' ').expect("a value and a time");
        let (value, at): (f64, f64) = (value.parse().expect("seconds"), at.parse().expect("seconds"));
        let bound = sample.rsplit_once("le=\"").and_then(|(_, bound)| bound.split_once('"')).expect("a bound").0;
        assert!(value > 0.0 && value <= bound.replace("+Inf", "inf").parse().expect("a bound"), "{line}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        assert!((now.as_secs_f64() - at).abs() < 60.0, "{line}");
    }
    let second = "a".repeat(32);
    daemon.ask(&Request::get("/nope").header("traceparent", &format!("00-{second}-00f067aa0ba902b7-00")));
    assert!(exemplars().iter().any(|line| line.contains("handler=\"none\"") && line.contains(&second)));
}

#[test]
fn a_trace_waits_with_its_request_for_a_model_that_takes_its_time() {
    let server = Inference::start(&[], None, |_| Ok(FOUND));
    let trace = "0123456789abcdef".repeat(2);
    let request = analyze("Some text.", "bert").header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(server.ask(&request).status, 200);
    let body = server.ask(&Request::get("/metrics").header("Accept", "application/openmetrics-text"));
    let lines: Vec<_> = body.text().lines().filter(|line| line.contains(&trace)).collect();
    let processing = |line: &&&str| line.starts_with("toxicity_processing_seconds_bucket{model_type=\"bert\"");
    assert_eq!((lines.len(), lines.iter().filter(processing).count()), (2, 1), "{lines:?}");
}
