//! Whole bodies of `/metrics`, from the recording calls to the bytes: read by a small strict reader here, by the
//! reference client's parser and by promtool.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::recording::{LIVE, NASTY_VERSION, answer, exercise, facts, render_as, render_guarded, two_shards};
use common::tools::tool_or_skip;
use serde_json::json;
use tamis::metrics::catalog::{FAMILIES, LINES, LINES_A_WORKER, LINES_OF_AUTHENTICATION};
use tamis::metrics::family::{Family, Kind, Shape};
use tamis::metrics::labels::{Handler, Handshake, Method, Phase, RELOADED, Status, ToxicityModel};
use tamis::metrics::{
    Answer, BufferFull, Exporter, Format, InProgress, LiveFacts, RELOADS, Representation, Shard, TlsFigures,
};
use tamis::problem::Problem;

/// `name` and `{labels}` as written, and the value as written.
type Samples = BTreeMap<String, String>;

fn render(shards: &[Arc<Shard>], live: &LiveFacts) -> String {
    String::from_utf8(render_as(shards, live, Representation::default())).expect("the text format is UTF-8")
}

fn guarded(shards: &[Arc<Shard>]) -> String {
    String::from_utf8(render_guarded(shards, &LIVE, Representation::default())).expect("the text format is UTF-8")
}

/// A daemon with authentication and two keys.
const GUARDED: Shape = Shape { keys: Some(2), ..Shape::WHOLE };

/// Reads a body strictly: HELP, TYPE, samples, one family after the other in the order of the catalog, nothing else. Each has
/// the lines of the first scrape, or those of all routes once they are used.
fn read(body: &str) -> Samples {
    let mut samples = Samples::new();
    let shape = if body.contains("# TYPE tamis_auth_total") { GUARDED } else { Shape::DEFAULT };
    let mut lines = body.strip_suffix('\n').expect("a body ends with a line feed").split('\n').peekable();
    for family in FAMILIES.iter().filter(|family| family.lines_with(shape) > 0) {
        let help = lines.next().and_then(|line| line.strip_prefix(&format!("# HELP {} ", family.name)));
        assert!(help.is_some_and(|help| !help.is_empty()), "HELP of {}", family.name);
        let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {} ", family.name)));
        assert_eq!(kind, Some(family.kind.as_str()), "TYPE of {}", family.name);
        let mut count = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            count += 1;
            let (series, value) = line.rsplit_once(' ').expect("a value after the last blank");
            let name = series.split('{').next().expect("a name");
            let suffix = name.strip_prefix(family.name).expect("a sample of this family");
            let suffixes: &[&str] = match family.kind {
                Kind::Counter | Kind::Gauge => &[""],
                Kind::Summary => &["_sum", "_count"],
                Kind::Histogram => &["_bucket", "_sum", "_count"],
            };
            assert!(suffixes.contains(&suffix), "{line}");
            assert_eq!(series.contains('{'), series.ends_with('}'), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(samples.insert(series.to_owned(), value.to_owned()).is_none(), "twice: {series}");
        }
        let allowed = [family.lines_at_first(shape), family.lines_with(shape)];
        assert!(allowed.contains(&count), "{}: {count} lines", family.name);
    }
    assert_eq!(lines.next(), None, "nothing after the last family");
    samples
}

fn value(samples: &Samples, series: &str) -> u64 {
    samples.get(series).unwrap_or_else(|| panic!("no {series}")).parse().expect("a whole number")
}

/// The samples of a family, but for a histogram's or a summary's parts.
fn of_family<'a>(samples: &'a Samples, family: &'a Family) -> impl Iterator<Item = (&'a String, f64)> {
    let own = move |series: &str| {
        let name = series.split('{').next().unwrap_or_default();
        name.strip_prefix(family.name).is_some_and(|suffix| ["", "_sum", "_count", "_bucket"].contains(&suffix))
    };
    samples.iter().filter(move |(series, _)| own(series)).map(|(series, value)| (series, value.parse().expect("read")))
}

#[test]
fn every_series_but_those_of_routes_that_few_use_is_there_from_the_first_scrape_and_within_the_budget() {
    let samples = read(&render(&two_shards(), &LIVE));
    assert_eq!(samples.len(), LINES);
    assert!(samples.len() <= 400, "{} sample lines are more than promised", samples.len());
    assert_eq!(value(&samples, "http_requests_total{method=\"POST\",handler=\"/predict\",status=\"200\"}"), 0);
    assert_eq!(value(&samples, "toxicity_score_distribution_bucket{le=\"0.0\"}"), 0);
    assert_eq!(value(&samples, "model_confidence_bucket{predicted_class=\"setosa\",le=\"0.95\"}"), 0);
    assert_eq!(value(&samples, "model_confidence_bucket{predicted_class=\"setosa\",le=\"1.0\"}"), 0);
    assert_eq!(value(&samples, "model_load_seconds_bucket{model_type=\"iris\",le=\"0.033554432\"}"), 1);
    assert_eq!(value(&samples, "model_load_seconds_bucket{model_type=\"bert\",le=\"0.033554432\"}"), 0);
    assert_eq!(samples["model_load_seconds_sum{model_type=\"simple\"}"], "0.0015");
    assert_eq!(value(&samples, "model_load_seconds_count{model_type=\"bert\"}"), 0, "it is to come");
    assert_eq!(
        (value(&samples, "model_loaded{model=\"bert\"}"), value(&samples, "model_loaded{model=\"iris\"}")),
        (0, 1)
    );
    assert_eq!(value(&samples, &format!("tamis_model_info{{model=\"bert\",sha256=\"{}\"}}", "ef".repeat(32))), 1);
}

#[test]
fn the_body_grows_by_the_routes_that_few_use_and_by_two_lines_a_worker_and_by_nothing_else() {
    let series = |shards: &[Arc<Shard>]| {
        let body = render(shards, &LIVE);
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect::<BTreeSet<_>>()
    };
    let (idle, busy) = (two_shards(), two_shards());
    for shard in &busy {
        exercise(shard);
    }
    let (first, busy) = (series(&idle), series(&busy));
    let of_routes: BTreeSet<_> = busy.difference(&first).cloned().collect();
    assert!(first.is_subset(&busy));
    let once_used = |series: &String| {
        let mut routes = Handler::ALL.into_iter().filter(|handler| handler.is_shown_once_used());
        let name = |handler: Handler| format!("=\"{}\"", handler.as_str());
        series.starts_with("tamis_suggested_scores_total{") || routes.any(|handler| series.contains(&name(handler)))
    };
    assert!(of_routes.iter().all(once_used), "{of_routes:?}");
    assert_eq!(busy.len(), FAMILIES.iter().map(|family| family.lines_with(Shape::DEFAULT)).sum::<usize>());
    let shards: Vec<Arc<Shard>> = (0..64).map(|_| Arc::from(Shard::new())).collect();
    for shard in &shards {
        exercise(shard);
    }
    let of_workers = (2..64).flat_map(|worker| {
        ["tamis_worker_busy_seconds_total", "tamis_worker_requests_inprogress"]
            .map(|name| format!("{name}{{worker=\"{worker}\"}}"))
    });
    let more: BTreeSet<_> = series(&shards).difference(&busy).cloned().collect();
    assert_eq!(more, of_workers.collect());
    assert_eq!(series(&shards).len(), LINES + of_routes.len() + 62 * LINES_A_WORKER);
    for format in Format::ALL {
        assert!(!render_as(&shards, &LIVE, Representation { format, gzip: false }).is_empty(), "{format:?}");
    }
}

#[test]
fn authentication_adds_its_own_series_and_the_names_of_its_keys() {
    let shards = two_shards();
    for key in [0, 1, 1, 2, 64] {
        shards[0].key_used(key);
    }
    let (open, guarded) = (read(&render(&shards, &LIVE)), read(&guarded(&shards)));
    assert!(open.keys().all(|series| guarded.contains_key(series)));
    assert_eq!(guarded.len(), LINES + LINES_OF_AUTHENTICATION + 2 + 2 * RELOADED.len() + Handshake::ALL.len() + 1);
    assert!(!open.keys().any(|series| series.contains("/token") || series.contains("tamis_auth")), "{open:?}");
    let key = |name| value(&guarded, &format!("tamis_key_requests_total{{key=\"{name}\"}}"));
    assert_eq!((key("one"), key("two"), key("other")), (1, 2, 2), "a name that is not listed yet counts as other");
    assert_eq!(value(&guarded, "tamis_auth_reloads_total{file=\"users\",result=\"refused\"}"), 7);
    for format in Format::ALL {
        assert!(!render_guarded(&shards, &LIVE, Representation { format, gzip: false }).is_empty(), "{format:?}");
    }
}

#[test]
fn every_family_is_fed_by_some_recording_call() {
    let shards = two_shards();
    let before = read(&guarded(&shards));
    exercise(&shards[1]);
    let after = read(&guarded(&shards));
    for family in &FAMILIES {
        assert!(of_family(&after, family).any(|(_, value)| value != 0.0), "{} stays 0", family.name);
        let told =
            ["tamis_phase", "tamis_inference_queue_depth", "tamis_auth_reloads_total", "tamis_model_reloads_total"]
                .contains(&family.name)
                || family.name.starts_with("tamis_tls_");
        let live = !family.fixed && !family.name.starts_with("process_") && !told;
        let changed = of_family(&before, family).ne(of_family(&after, family));
        assert!(changed || !live, "{} is unmoved", family.name);
    }
    for (series, value) in &after {
        let counted =
            ["http_requests_total", "api_errors_total", "model_predictions_total", "http_requests_inprogress"];
        if counted.iter().any(|name| series.starts_with(name)) {
            assert_ne!(value, "0", "{series} can occur and was made to");
        }
    }
}

#[test]
fn every_request_and_error_is_counted_exactly_once() {
    let shards = two_shards();
    exercise(&shards[0]);
    exercise(&shards[1]);
    let samples = read(&guarded(&shards));
    let total = |prefix: &str| -> u64 {
        let series = samples.iter().filter(|(series, _)| series.split('{').next() == Some(prefix));
        series.map(|(_, value)| value.parse::<u64>().expect("a count")).sum()
    };
    let errors = 2 * (Problem::ALL.len() * Handler::ALL.len()) as u64;
    let requests = 2 * (Handler::ALL.len() * Method::ALL.len() * Status::ALL.len()) as u64 + errors;
    assert_eq!(total("api_errors_total"), errors);
    for counted in [
        "http_requests_total",
        "http_request_duration_seconds_count",
        "http_request_size_bytes_count",
        "http_response_size_bytes_count",
    ] {
        assert_eq!(total(counted), requests, "{counted}");
    }
    assert_eq!(total("http_request_size_bytes_sum"), (requests - errors) * 10);
    assert_eq!(total("http_response_size_bytes_sum"), (requests - errors) * 100 + errors * 200);
    assert_eq!(total("http_requests_inprogress"), 2 * (Handler::ALL.len() * Method::ALL.len()) as u64);
    assert!(value(&samples, "http_requests_total{method=\"other\",handler=\"none\",status=\"500\"}") > 0);
    assert!(value(&samples, "api_errors_total{error_type=\"other\",endpoint=\"none\"}") > 0);
}

#[test]
fn what_should_never_be_answered_is_counted_with_its_sizes_at_the_overflow() {
    let shards = two_shards();
    InProgress::start(&*shards[0], Handler::Livez, Method::Get).finish(&answer(422, None, 3_000));
    let samples = read(&render(&shards, &LIVE));
    assert_eq!(value(&samples, "http_requests_total{method=\"other\",handler=\"none\",status=\"500\"}"), 1);
    for (family, bytes) in [("http_request_size_bytes", 10), ("http_response_size_bytes", 100)] {
        for (handler, count, sum) in [("none", 1, bytes), ("/predict", 0, 0)] {
            assert_eq!(value(&samples, &format!("{family}_count{{handler=\"{handler}\"}}")), count);
            assert_eq!(value(&samples, &format!("{family}_sum{{handler=\"{handler}\"}}")), sum);
        }
    }
}

#[test]
fn counters_merge_over_workers() {
    let shards = two_shards();
    for (shard, times) in shards.iter().zip([3, 4]) {
        for _ in 0..times {
            InProgress::start(&**shard, Handler::Predict, Method::Post).finish(&answer(200, None, 2_048));
            shard.predicted(2, 95);
        }
    }
    shards[0].slots_used(5);
    shards[1].slots_used(9);
    let samples = read(&render(&shards, &LIVE));
    let post = "method=\"POST\",handler=\"/predict\"";
    assert_eq!(value(&samples, &format!("http_requests_total{{{post},status=\"200\"}}")), 7);
    let bucket = |le| value(&samples, &format!("http_request_duration_seconds_bucket{{{post},le=\"{le}\"}}"));
    assert_eq!((bucket("0.000002048"), bucket("+Inf")), (7, 7), "an edge is inclusive");
    assert_eq!(samples[&format!("http_request_duration_seconds_sum{{{post}}}")], "0.000014336");
    assert_eq!(value(&samples, "model_predictions_total{predicted_class=\"virginica\"}"), 7);
    assert_eq!(value(&samples, "model_confidence_bucket{predicted_class=\"virginica\",le=\"0.9\"}"), 0);
    assert_eq!(value(&samples, "model_confidence_bucket{predicted_class=\"virginica\",le=\"0.95\"}"), 7);
    assert_eq!(samples["model_confidence_sum{predicted_class=\"virginica\"}"], "6.65");
    assert_eq!(value(&samples, "tamis_slots_used_max"), 14);
}

#[test]
fn a_short_buffer_is_refused_untouched_and_the_longest_numbers_fit() {
    let shards = two_shards();
    let mut exporter = Exporter::new(shards.clone(), &facts());
    let needed = exporter.max_len();
    let mut short = vec![b'#'; needed - 1];
    for format in Format::ALL {
        for gzip in [false, true] {
            let representation = Representation { format, gzip };
            assert_eq!(exporter.render(&LIVE, representation, &mut short), Err(BufferFull { needed }));
            assert!(short.iter().all(|&byte| byte == b'#'));
            assert_eq!(exporter.render(&LIVE, representation, &mut []), Err(BufferFull { needed }));
        }
    }

    shards[0].set_heap(u64::MAX - 1, u64::MAX - 1);
    for handler in Handler::ALL {
        let huge = Answer {
            status: Status::from_code(200),
            error: None,
            duration_ns: u64::MAX - 1,
            request_bytes: u64::MAX - 1,
            response_bytes: u64::MAX - 1,
        };
        InProgress::start(&*shards[0], handler, handler.main_method()).finish(&huge);
    }
    let mut out = vec![0; needed];
    let len = exporter.render(&LIVE, Representation::default(), &mut out).expect("max_len suffices");
    let samples = read(std::str::from_utf8(&out[..len]).expect("UTF-8"));
    assert_eq!(samples["tamis_heap_allocations_total"], "18446744073709551614");
    let series = "http_request_duration_seconds_sum{method=\"GET\",handler=\"/\"}";
    assert_eq!(samples[series], "18446744073.709551614");
}

#[test]
fn clients_leave_after_five_minutes_and_the_phase_moves() {
    let shards = two_shards();
    (0..3).for_each(|client| shards[0].client_seen(client, 10));
    shards[1].client_seen(2, 40);
    let at = |phase, now_seconds| {
        read(&render(
            &shards,
            &LiveFacts {
                phase,
                now_seconds,
                queue_depth: 0,
                auth_reloads: [0; RELOADS],
                model_reloads: [0; 2],
                tls: TlsFigures::NONE,
            },
        ))
    };
    let ready = at(Phase::Ready, 60);
    assert_eq!(value(&ready, "toxicity_api_active_users"), 3);
    assert_eq!(value(&ready, "tamis_phase{phase=\"ready\"}"), 1);
    let draining = at(Phase::Draining, 320);
    assert_eq!(value(&draining, "toxicity_api_active_users"), 1);
    assert_eq!(value(&draining, "tamis_phase{phase=\"ready\"}"), 0);
    assert_eq!(value(&draining, "tamis_phase{phase=\"draining\"}"), 1);
    assert_eq!(value(&at(Phase::Draining, 341), "toxicity_api_active_users"), 0);
}

#[test]
fn the_reference_parser_reads_what_was_recorded() {
    let Some(python) = tool_or_skip("python") else { return };
    let shards = two_shards();
    for shard in &shards {
        exercise(shard);
    }
    let body = guarded(&shards);
    let types: BTreeMap<_, _> = FAMILIES.iter().map(|family| (family.name, family.kind.as_str())).collect();
    let none = json!({"method": "other", "handler": "none"});
    let bucket = |le: &str| json!({"method": "POST", "handler": "/predict", "le": le});
    let predict_post = 2 * (Status::ALL.len() + Problem::ALL.len());
    let sample =
        |name: &str, labels: serde_json::Value, value: &str| json!({"name": name, "labels": labels, "value": value});
    let expected = json!({
        "types": types,
        "count": FAMILIES.iter().map(|family| family.lines_with(GUARDED)).sum::<usize>(),
        "samples": [
            sample("tamis_build_info", json!({"version": NASTY_VERSION}), "1"),
            sample("tamis_cpu_path_info", json!({"path": "avx512"}), "1"),
            sample("tamis_model_info", json!({"model": "iris", "sha256": "cd".repeat(32)}), "1"),
            sample("tamis_workers", json!({}), "2"),
            sample("model_load_seconds_sum", json!({"model_type": "iris"}), "0.001048576"),
            sample("model_load_seconds_bucket", json!({"model_type": "iris", "le": "0.033554432"}), "1"),
            sample("http_requests_total", json!({"method": "GET", "handler": "/health", "status": "503"}), "8"),
            // Of each worker: the four methods of every route that are not its own, `GET /status`, `POST /token`,
            // `POST .../comments:suggestscore`, `GET /$discovery/rest`, `GET /openapi.json` and `/docs`, the three `GET` of
            // Open Inference metadata, and all five of none.
            sample("http_requests_inprogress", none, &(2 * (4 * (Handler::ALL.len() - 1) + 9 + 5)).to_string()),
            sample("http_request_duration_seconds_bucket", bucket("0.000002048"), &(2 * Problem::ALL.len()).to_string()),
            sample("http_request_duration_seconds_bucket", bucket("0.000008192"), &predict_post.to_string()),
            sample("http_request_duration_seconds_bucket", bucket("+Inf"), &predict_post.to_string()),
            sample("toxicity_api_requests_total", json!({"model_type": "simple", "status": "error"}), "2"),
            sample("tamis_inference_queue_depth", json!({}), "4"),
            sample("toxicity_score_distribution_bucket", json!({"le": "50.0"}), "0"),
            sample("toxicity_score_distribution_bucket", json!({"le": "60.0"}), &(2 * ToxicityModel::ALL.len()).to_string()),
            sample("toxicity_score_distribution_sum", json!({}), &(2 * ToxicityModel::ALL.len() * 59).to_string()),
            sample("toxicity_processing_seconds_sum", json!({"model_type": "simple"}), "0.000004"),
            sample("toxicity_api_active_users", json!({}), "1"),
            sample("model_confidence_sum", json!({"predicted_class": "setosa"}), "1.94"),
            sample("tamis_connections_open", json!({}), "2"),
            sample("tamis_connections_accepted_total", json!({}), "4"),
            sample("tamis_stage_duration_seconds_bucket", json!({"stage": "parse", "le": "0.000001024"}), "2"),
            sample("tamis_stage_duration_seconds_sum", json!({"stage": "queue"}), "0.0000014"),
            sample("tamis_requests_shed_total", json!({"reason": "queue"}), "2"),
            sample("toxicity_normalization_rules_total", json!({"rule": "spaced_out"}), "2"),
            // 400 scores in one of ten bins: shares of 400.5 and nine times 0.5 of 405, by another program.
            sample("tamis_score_drift_psi", json!({"model": "auto"}), "5.942988"),
            sample("tamis_worker_requests_inprogress", json!({"worker": "1"}), &(Handler::ALL.len() * Method::ALL.len()).to_string()),
            sample("tamis_scrape_response_bytes", json!({}), "4321"),
            sample("tamis_heap_allocated_bytes_total", json!({}), "1280"),
        ],
    });
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (body_file, expected_file) = (directory.join("exposition.txt"), directory.join("exposition.json"));
    std::fs::write(&body_file, body).expect("a writable target directory");
    std::fs::write(&expected_file, expected.to_string()).expect("a writable target directory");
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/parse_exposition.py");
    let output = Command::new(python).arg(judge).args([body_file, expected_file]).output().expect("python starts");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    use std::io::Write;
    let Some(promtool) = tool_or_skip("promtool") else { return };
    let shards = two_shards();
    exercise(&shards[0]);
    let body = guarded(&shards);
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool starts");
    child.stdin.take().expect("a pipe").write_all(body.as_bytes()).expect("promtool reads it all");
    let output = child.wait_with_output().expect("promtool ends");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.is_empty() && complained.is_empty(), "{said}{complained}");
}
