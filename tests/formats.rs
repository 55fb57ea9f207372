//! The exposition formats: one state, three bodies, read by foreign readers and by hand.

mod common;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use common::metrics::Samples;
use common::recording::{LIVE, answer, exercise, render_as, traced, two_shards};
use common::tools::tool_or_skip;
use serde_json::json;
use tamis::metrics::catalog::{FAMILIES, LINES, LINES_A_WORKER, OPENMETRICS_LINES};
use tamis::metrics::family::{Kind, Shape};
use tamis::metrics::labels::{Handler, Method, Stage, ToxicityModel};
use tamis::metrics::process::ProcessReader;
use tamis::metrics::{Format, InProgress, Representation, Shard, Trace, decimal, family::Scale};

/// The sample lines of the text format and of OpenMetrics once every route has been used.
fn all_lines() -> (usize, usize) {
    let text = FAMILIES.iter().map(|family| family.lines_with(Shape::DEFAULT)).sum();
    let created = FAMILIES.iter().filter(|family| family.kind != Kind::Gauge).map(|family| family.series.count());
    (text, text + created.sum::<usize>())
}

/// Answers to `handler` after each of `durations`, by one worker and the other in turn.
fn record(shards: &[Arc<Shard>], handler: Handler, durations: &[u64]) {
    for (index, &duration_ns) in durations.iter().enumerate() {
        let request = InProgress::start(&*shards[index % 2], handler, handler.main_method());
        request.finish(&answer(200, None, duration_ns));
    }
}

#[test]
fn foreign_readers_read_the_same_from_every_format() {
    let Some(python) = tool_or_skip("python") else { return };
    let shards = two_shards();
    // From what takes no time to what is beyond the last bucket, near edges and between them.
    let long: Vec<u64> =
        (0..36).flat_map(|octave| [1_u64 << octave, (1 << octave) + 1, (1 << octave) * 7 / 5]).collect();
    record(&shards, Handler::Predict, &long);
    record(&shards, Handler::AnalyzeBatch, &[20_000_000, 3]);
    for handler in Handler::ALL.into_iter().filter(|handler| handler.is_shown_once_used()) {
        record(&shards, handler, &[4]);
    }
    record(&shards, Handler::Analyze, &[0, 1, 2, 5_000, 5_001, 5_000, 9_999_999]);
    let (old, new) = (Trace { trace_id: 1, span_id: 2 }, Trace { trace_id: u128::MAX - 15, span_id: 0xabc });
    traced(&shards[0], Handler::Predict, 3_000, old);
    std::thread::sleep(std::time::Duration::from_millis(2));
    traced(&shards[1], Handler::Predict, 4_000, new);
    traced(&shards[0], Handler::Predict, 10_000_000_000, old);
    traced(&shards[0], Handler::Health, 1_000, new);
    shards[1].analyzed(ToxicityModel::Bert, 40, 20_000_000);
    shards[1].analysis_traced(ToxicityModel::Bert, 20_000_000, old);
    for (stage, nanoseconds) in
        [(Stage::Parse, 900), (Stage::Parse, 1), (Stage::Queue, 3_000_000), (Stage::Queue, 1 << 40)]
    {
        shards[0].staged(stage, nanoseconds);
    }
    // A user's models have no histogram of times.
    shards[1].analysis_traced(ToxicityModel::Custom, 20_000_000, old);
    let exemplar = |name: &str, labels: serde_json::Value, le: &str, trace: Trace, value: &str| {
        let (trace_id, span_id) = (format!("{:032x}", trace.trace_id), format!("{:016x}", trace.span_id));
        json!({"name": name, "labels": labels, "le": le, "trace_id": trace_id, "span_id": span_id, "value": value})
    };
    let (duration, post) = ("http_request_duration_seconds_bucket", json!({"method": "POST", "handler": "/predict"}));
    let started = decimal::text(ProcessReader::open().start_ns(), Scale::Nanoseconds);
    let expected = json!({
        "openmetrics_lines": all_lines().1,
        "created": started,
        "durations": {
            "/predict": long.iter().copied().chain([3_000, 4_000, 10_000_000_000]).collect::<Vec<_>>(),
            "/analyze": [0, 1, 2, 5_000, 5_001, 5_000, 9_999_999],
        },
        "exemplars": [
            exemplar(duration, post.clone(), "0.000008192", new, "0.000004"),
            exemplar(duration, post, "+Inf", old, "10"),
            exemplar(duration, json!({"method": "GET", "handler": "/health"}), "0.000002048", new, "0.000001"),
            exemplar("toxicity_processing_seconds_bucket", json!({"model_type": "bert"}), "0.033554432", old, "0.02"),
        ],
    });
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str, body: &[u8]| {
        let path = directory.join(name);
        std::fs::write(&path, body).expect("a writable target directory");
        path
    };
    let mut files: Vec<_> =
        [(Format::Text, "text"), (Format::OpenMetrics, "openmetrics"), (Format::Protobuf, "protobuf")]
            .into_iter()
            .map(|(format, name)| {
                file(&format!("formats.{name}"), &render_as(&shards, &LIVE, Representation { format, gzip: false }))
            })
            .collect();
    files.push(file("formats.json", expected.to_string().as_bytes()));
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/compare_formats.py");
    let output = Command::new(python).arg(judge).args(files).output().expect("python starts");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
}

#[test]
fn openmetrics_differs_from_the_text_format_where_it_must() {
    let shards = two_shards();
    exercise(&shards[0]);
    let body =
        |format| String::from_utf8(render_as(&shards, &LIVE, Representation { format, gzip: false })).expect("UTF-8");
    let (text, open) = (body(Format::Text), body(Format::OpenMetrics));
    assert!(open.ends_with("\n# EOF\n") && open.matches("# EOF").count() == 1);
    for line in [
        "# TYPE http_requests counter",
        "# HELP http_requests HTTP requests answered. POST at a route for GET counts as method \\\"other\\\"; status 500 of handler \\\"none\\\" is what should never be answered.",
        "# UNIT http_request_duration_seconds seconds",
        "# UNIT http_request_size_bytes bytes",
        "# UNIT process_cpu_seconds seconds",
        "# UNIT tamis_heap_allocated_bytes bytes",
        "# TYPE tamis_build info",
        "# TYPE model_confidence histogram",
    ] {
        assert!(open.lines().any(|found| found == line), "{line}");
    }
    for start in [
        "http_request_duration_seconds_bucket{method=\"POST\",handler=\"/predict\",le=\"2.048e-06\"} ",
        "http_requests_created{method=\"GET\",handler=\"/\",status=\"200\"} ",
        "http_request_size_bytes_created{handler=\"/predict\"} ",
        "toxicity_score_distribution_created ",
        "model_load_seconds_created{model_type=\"iris\"} ",
        "process_cpu_seconds_created ",
    ] {
        assert!(open.lines().any(|found| found.starts_with(start)), "{start}");
    }
    assert!(!open.contains("total_created") && !open.contains("# UNIT model_confidence"));
    let samples = |body: &str| body.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!((samples(&text), samples(&open)), all_lines());
    let idle = two_shards();
    let first = |format| {
        let body = render_as(&idle, &LIVE, Representation { format, gzip: false });
        samples(std::str::from_utf8(&body).expect("UTF-8"))
    };
    assert_eq!((first(Format::Text), first(Format::OpenMetrics)), (LINES, OPENMETRICS_LINES));
    assert!(!text.contains("_created") && !text.contains("# EOF") && !text.contains("trace_id"));
}

#[test]
fn an_exemplar_stands_on_its_bucket_s_line_and_on_no_other() {
    let shards = two_shards();
    let trace = Trace { trace_id: 0xfeed, span_id: 0xbeef };
    traced(&shards[1], Handler::Analyze, 20_000, trace);
    shards[0].traced(Handler::Analyze, Method::Get, 20_000, Trace { trace_id: 7, span_id: 8 });
    let body = render_as(&shards, &LIVE, Representation { format: Format::OpenMetrics, gzip: false });
    let body = String::from_utf8(body).expect("UTF-8");
    let lines: Vec<_> = body.lines().filter(|line| line.contains(" # {")).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (sample, exemplar) = lines[0].split_once(" # ").expect("an exemplar");
    let series = "http_request_duration_seconds_bucket{method=\"POST\",handler=\"/analyze\",le=\"3.2768e-05\"} 1";
    assert_eq!(sample, series);
    let labels = "{trace_id=\"0000000000000000000000000000feed\",span_id=\"000000000000beef\"} 0.00002 ";
    assert!(exemplar.starts_with(labels), "{exemplar}");
    assert!(
        lines[1].contains("handler=\"none\"") && lines[1].contains("trace_id=\"00000000000000000000000000000007\"")
    );
    // Label names and values together (OpenMetrics 1.0.0, "Exemplars").
    assert!("trace_id".len() + 32 + "span_id".len() + 16 <= 128);
}

#[test]
fn every_format_is_stable_and_compresses_to_itself() {
    use std::io::Read;
    let shards = two_shards();
    for shard in &shards {
        exercise(shard);
    }
    for format in Format::ALL {
        let body = |gzip| render_as(&shards, &LIVE, Representation { format, gzip });
        let plain = body(false);
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&body(true)[..]).read_to_end(&mut read).expect("gzip");
        // What the process uses changes, and with it the length of a line or two.
        assert!(plain.len().abs_diff(read.len()) < 64, "{format:?}: {} and {}", plain.len(), read.len());
        let compressed = body(true).len();
        assert!(compressed * 3 < plain.len(), "{format:?}: {compressed} of {}", plain.len());
    }
    let text = |gzip| render_as(&shards, &LIVE, Representation { format: Format::Text, gzip });
    let mut read = String::new();
    flate2::read::GzDecoder::new(&text(true)[..]).read_to_string(&mut read).expect("gzip");
    let series = |body: &str| -> Vec<String> {
        let samples = Samples::parse(body).expect("the text format");
        samples.iter().map(|(series, _)| series.to_owned()).collect()
    };
    assert_eq!(series(&read), series(std::str::from_utf8(&text(false)).expect("UTF-8")));
}

#[test]
fn the_fullest_body_fits_in_every_format() {
    use tamis::metrics::histogram::FINE;
    let shards = two_shards();
    let trace = Trace { trace_id: u128::MAX, span_id: u64::MAX };
    // Every bucket of both fine histograms, by turns much and little, so that differences are long and exemplars there.
    for (index, bucket) in (0..FINE.buckets()).enumerate() {
        for handler in [Handler::Analyze, Handler::Predict] {
            for _ in 0..[1, 200, 30_000][index % 3] {
                shards[0].error(tamis::problem::Problem::MalformedJson, handler, FINE.upper(bucket), u64::MAX / 2);
            }
            shards[0].traced(handler, Method::Post, FINE.upper(bucket), trace);
        }
    }
    for format in Format::ALL {
        let body = render_as(&shards, &LIVE, Representation { format, gzip: false });
        assert!(body.len() > 20_000, "{format:?}");
    }
}

#[test]
fn the_readme_says_how_many_lines_each_format_has() {
    let readme = include_str!("../README.md");
    for (answer, lines) in
        [("`text/plain; version=0.0.4; charset=utf-8`", LINES), ("a `_created` for", OPENMETRICS_LINES)]
    {
        let row = readme.lines().find(|line| line.starts_with('|') && line.contains(answer)).expect("a row");
        assert!(row.ends_with(&format!("| {lines} |")), "not {lines}: {row}");
    }
    let stored = [format!("stores {OPENMETRICS_LINES} series"), format!("stores {LINES}.")];
    assert!(stored.iter().all(|stored| readme.contains(stored)), "{stored:?}");
    assert_eq!(LINES_A_WORKER, 2, "the README says two lines a worker");
}
