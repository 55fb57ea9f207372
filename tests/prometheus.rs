//! A real Prometheus scrapes the daemon, and what it has stored equals what was sent.

mod common;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::http::Request;
use common::tools::tool_or_skip;

/// What Prometheus is told beyond the target, and whether it then stores native histograms.
struct Way {
    name: &'static str,
    arguments: &'static [&'static str],
    job: &'static str,
    native: bool,
}

/// The three formats: OpenMetrics is what it asks for by itself, and protocol buffers once it knows native histograms.
const WAYS: [Way; 3] = [
    Way { name: "OpenMetrics", arguments: &["--enable-feature=exemplar-storage"], job: "", native: false },
    Way { name: "text", arguments: &[], job: "scrape_protocols: [PrometheusText0.0.4]", native: false },
    Way {
        name: "protobuf",
        arguments: &["--enable-feature=native-histograms,exemplar-storage"],
        job: "scrape_classic_histograms: true",
        native: true,
    },
];

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn prometheus_stores_exactly_what_was_sent_in_every_format() {
    let Some(binary) = tool_or_skip("prometheus") else { return };
    let mut daemon = Daemon::start(&[]);
    if cfg!(feature = "bert") {
        daemon.wait_for("bert loaded", Duration::from_secs(30));
    }
    let sent = [
        (Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#), "POST", "/predict", 200, 31),
        (Request::json("/predict", r#"{"features":[1]}"#), "POST", "/predict", 422, 7),
        (Request::json("/predict", "{"), "POST", "/predict", 400, 3),
        (Request::json("/analyze", r#"{"text":"You are kind."}"#), "POST", "/analyze", 200, 17),
        (Request::post("/analyze", "{}"), "POST", "/analyze", 415, 2),
        (Request::get("/health"), "GET", "/health", 200, 5),
        (Request::new("HEAD", "/health"), "HEAD", "/health", 200, 4),
        (Request::get("/analyze"), "GET", "/analyze", 405, 6),
        (Request::get("/nope"), "GET", "none", 404, 11),
    ];
    for (request, _, _, status, count) in &sent {
        for _ in 0..*count {
            assert_eq!(daemon.ask(request).status, *status);
        }
    }
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let traced = Request::get("/model-info").header("traceparent", &traceparent);
    assert_eq!(daemon.ask(&traced).status, 200);
    // Each scrapes the same daemon, one after the other: what one stores, so must the next.
    for way in &WAYS {
        let prometheus = Prometheus::start(&binary, daemon.address(), way);
        assert!(prometheus.wait_for("up", 1.0), "{}: the daemon is scraped", way.name);
        let is = |query: &str, value: f64| assert_eq!(prometheus.query(query), Some(value), "{}: {query}", way.name);
        for (_, method, handler, status, count) in &sent {
            let query = format!(r#"http_requests_total{{method="{method}",handler="{handler}",status="{status}"}}"#);
            is(&query, f64::from(*count));
        }
        for (query, value) in [
            (r#"model_predictions_total{predicted_class="setosa"}"#, 31.0),
            (r#"model_confidence_count{predicted_class="setosa"}"#, 31.0),
            (r#"model_confidence_bucket{predicted_class="setosa",le="+Inf"}"#, 31.0),
            (r#"toxicity_api_requests_total{model_type="simple",status="success"}"#, 17.0),
            (r#"toxicity_processing_seconds_count{model_type="simple"}"#, 17.0),
            (r#"api_errors_total{error_type="malformed_json",endpoint="/predict"}"#, 3.0),
            (r#"api_errors_total{error_type="not_found",endpoint="none"}"#, 11.0),
            (r#"http_request_duration_seconds_count{method="POST",handler="/predict"}"#, 41.0),
            ("toxicity_api_active_users", 1.0),
            ("sum(model_loaded)", if cfg!(feature = "bert") { 3.0 } else { 2.0 }),
        ] {
            is(query, value);
        }
        // Every request but the scrapes themselves is in the total, and in a duration.
        let total: f64 = 1.0 + sent.iter().map(|(.., count)| f64::from(*count)).sum::<f64>();
        is(r#"sum(http_requests_total{handler!="/metrics"})"#, total);
        is(r#"sum(http_request_duration_seconds_count{handler!="/metrics"})"#, total);
        assert!(prometheus.query("process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6));
        assert!(prometheus.query("process_open_fds").is_some_and(|count| count > 4.0));

        // Only OpenMetrics has these, so the format was the one meant; each is the process' start.
        let created = "max(http_requests_created) - max(process_start_time_seconds)";
        assert_eq!(prometheus.query(created), (way.name == "OpenMetrics").then_some(0.0), "{}", way.name);
        check_native(&prometheus, way);
        check_exemplars(&prometheus, way);
    }
}

/// Native histograms are there where they are known, and count and sum what the classic ones do.
fn check_native(prometheus: &Prometheus, way: &Way) {
    for (name, labels, count) in [
        ("http_request_duration_seconds", r#"{method="POST",handler="/predict"}"#, 41.0),
        ("http_request_duration_seconds", r#"{method="GET",handler="/health"}"#, 5.0),
        ("toxicity_processing_seconds", r#"{model_type="simple"}"#, 17.0),
        ("toxicity_processing_seconds", r#"{model_type="bert"}"#, 0.0),
    ] {
        let native = prometheus.query(&format!("histogram_count({name}{labels})"));
        assert_eq!(native, way.native.then_some(count), "{}: {name}{labels}", way.name);
        if way.native {
            let sum = prometheus.query(&format!("histogram_sum({name}{labels})"));
            assert_eq!(sum, prometheus.query(&format!("{name}_sum{labels}")), "{name}{labels}");
        }
    }
    if way.native {
        // Half of the durations are below the median, by either kind of bucket: it lies in the classic one that says so.
        let series = r#"{method="POST",handler="/predict"}"#;
        let median = prometheus.query(&format!("histogram_quantile(0.5, http_request_duration_seconds{series})"));
        let median = median.expect("a median");
        let buckets = format!("http_request_duration_seconds_bucket{series}");
        let below =
            prometheus.query(&format!("histogram_fraction(0, {median}, http_request_duration_seconds{series})"));
        assert!(below.is_some_and(|below| (below - 0.5).abs() < 0.01), "{below:?} of the durations are below {median}");
        assert!(
            prometheus.query(&format!("count({buckets})")).is_some_and(|count| count > 8.0),
            "and the classic ones"
        );
    }
}

/// The trace of a request can be found by the bucket that it was counted in.
fn check_exemplars(prometheus: &Prometheus, way: &Way) {
    let query = r#"{__name__=~"http_request_duration_seconds(_bucket)?",handler="/model-info"}"#;
    let found = prometheus.exemplars(query);
    let traces: Vec<_> = found.iter().filter_map(|exemplar| exemplar["labels"]["trace_id"].as_str()).collect();
    if way.name == "text" {
        assert_eq!(traces, [""; 0]);
    } else {
        assert!(!traces.is_empty() && traces.iter().all(|trace| *trace == TRACE), "{}: {found:?}", way.name);
        assert_eq!(found[0]["labels"]["span_id"], "00f067aa0ba902b7");
    }
}

struct Prometheus {
    process: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Prometheus {
    fn start(binary: &PathBuf, target: SocketAddr, way: &Way) -> Self {
        let address =
            TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port");
        let directory = std::env::temp_dir().join(format!("tamis-prometheus-{}-{}", std::process::id(), way.name));
        std::fs::create_dir_all(&directory).expect("a writable directory");
        let configuration = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: tamis\n  {}\n  static_configs:\n  - targets: ['{target}']\n",
            way.job
        );
        let file = directory.join("prometheus.yml");
        std::fs::write(&file, configuration).expect("a writable directory");
        let process = Command::new(binary)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(way.arguments)
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts");
        Self { process, address, directory }
    }

    /// Waits until the instant query answers `value`.
    fn wait_for(&self, query: &str, value: f64) -> bool {
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            if self.query(query) == Some(value) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        false
    }

    /// The exemplars of all series that a query selects.
    fn exemplars(&self, query: &str) -> Vec<serde_json::Value> {
        let body = self.ask("query_exemplars", query, "&start=0&end=9999999999").expect("an answer");
        let series = body["data"].as_array().expect("series").iter();
        series.flat_map(|series| series["exemplars"].as_array().cloned().unwrap_or_default()).collect()
    }

    fn ask(&self, what: &str, query: &str, more: &str) -> Option<serde_json::Value> {
        let encoded = query.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
        let answer = Request::get(&format!("/api/v1/{what}?query={encoded}{more}")).send_to(self.address).ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    /// The one value of an instant query.
    fn query(&self, query: &str) -> Option<f64> {
        let body = self.ask("query", query, "")?;
        let results = body["data"]["result"].as_array()?;
        assert!(results.len() <= 1, "{query}: {results:?}");
        results.first()?["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
