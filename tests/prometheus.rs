//! A real Prometheus scrapes the daemon, and what it has stored equals what was sent.

mod common;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::http::Request;
use common::tools::tool_or_skip;

#[test]
fn prometheus_stores_exactly_what_was_sent() {
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
    let prometheus = Prometheus::start(&binary, daemon.address());
    assert!(prometheus.wait_for("up", 1.0), "the daemon is scraped");
    for (_, method, handler, status, count) in &sent {
        let query = format!(r#"http_requests_total{{method="{method}",handler="{handler}",status="{status}"}}"#);
        assert_eq!(prometheus.query(&query), Some(f64::from(*count)), "{query}");
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
        assert_eq!(prometheus.query(query), Some(value), "{query}");
    }
    // Every request but the scrapes themselves is in the total, and in a duration.
    let total: f64 = sent.iter().map(|(.., count)| f64::from(*count)).sum();
    assert_eq!(prometheus.query(r#"sum(http_requests_total{handler!="/metrics"})"#), Some(total));
    assert_eq!(prometheus.query(r#"sum(http_request_duration_seconds_count{handler!="/metrics"})"#), Some(total));
    assert!(prometheus.query("process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6));
    assert!(prometheus.query("process_open_fds").is_some_and(|count| count > 4.0));
}

struct Prometheus {
    process: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Prometheus {
    fn start(binary: &PathBuf, target: SocketAddr) -> Self {
        let address =
            TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port");
        let directory = std::env::temp_dir().join(format!("tamis-prometheus-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a writable directory");
        let configuration = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: tamis\n  static_configs:\n  - targets: ['{target}']\n"
        );
        let file = directory.join("prometheus.yml");
        std::fs::write(&file, configuration).expect("a writable directory");
        let process = Command::new(binary)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
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

    /// The one value of an instant query.
    fn query(&self, query: &str) -> Option<f64> {
        let encoded = query.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
        let answer = Request::get(&format!("/api/v1/query?query={encoded}")).send_to(self.address).ok()?;
        let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
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
