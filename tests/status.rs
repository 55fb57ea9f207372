//! `GET /status` on the wire: what its figures say beside what `/metrics` says, and how it is asked for.

mod common;

use std::collections::BTreeMap;

use clap::Parser as _;

use common::daemon::Daemon;
use common::http::{Request, Response};
use common::inference::{Gate, Inference, analyze, json};
use common::metrics::Samples;
use serde_json::Value;
use tamis::config::CommandLine;
use tamis::model::Models;
use tamis::model::toxicity::EngineChoice;
use tamis::server::Server;

const FIGURES: &str = "application/json";

fn figures(daemon: &Daemon) -> Value {
    json(&Request::get("/status").header("Accept", FIGURES).send_to(daemon.admin()).expect("an answer"))
}

fn ask(daemon: &Daemon, method: &str, accept: &str) -> Response {
    let request = Request::new(method, "/status");
    let response = daemon.ask(&if accept.is_empty() { request } else { request.header("Accept", accept) });
    assert_eq!(response.status, 200);
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    response
}

#[test]
fn people_get_a_page_that_may_load_nothing_else_and_programs_get_figures() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    for accept in ["", "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"] {
        let page = ask(&daemon, "GET", accept);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{accept}");
        assert!(page.text().starts_with("<!doctype html>\n") && page.text().ends_with("</html>\n"));
    }
    let answer = ask(&daemon, "GET", FIGURES);
    assert_eq!(
        (answer.header("vary"), answer.header("cache-control")),
        (Some("Accept, Accept-Encoding"), Some("no-store"))
    );
    assert_eq!((answer.header("etag"), answer.header("content-encoding")), (None, None));
    assert_eq!((answer.header("content-type"), answer.header("content-security-policy")), (Some(FIGURES), None));
    assert_eq!(json(&answer)["phase"], "ready");
}

#[test]
fn other_methods_and_the_public_listener_refuse_it() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--admin-listen", "127.0.0.1:0"]);
    let ask = |method, address| Request::new(method, "/status").send_to(address).expect("an answer");
    for method in ["GET", "HEAD", "OPTIONS", "POST"] {
        assert_eq!(ask(method, daemon.address()).status, 404, "{method}");
    }
    let options = ask("OPTIONS", daemon.admin());
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    let post = ask("POST", daemon.admin());
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!((post.header("content-security-policy"), post.header("cache-control")), (None, None));
    assert_eq!(figures(&daemon)["phase"], "ready");
    let samples = daemon.scrape();
    let counted = |method, status| {
        samples.value("http_requests_total", &[("method", method), ("handler", "/status"), ("status", status)])
    };
    assert_eq!((counted("GET", "200"), counted("OPTIONS", "204"), counted("other", "405")), (1.0, 1.0, 1.0));
    let error = [("error_type", "method_not_allowed"), ("endpoint", "/status")];
    assert_eq!(samples.value("api_errors_total", &error), 1.0);
}

/// Sends some of everything.
fn exercise(daemon: &Daemon) {
    let (iris, text) = (r#"{"features":[5.1,3.5,1.4,0.2]}"#, r#"{"text":"You are stupid and I hate you!"}"#);
    for (count, request) in [
        (40, Request::json("/analyze", text)),
        (25, Request::json("/analyze", r#"{"text":"You are kind."}"#)),
        (30, Request::json("/predict", iris)),
        (3, Request::json("/predict", "{")),
        (2, Request::json("/analyze", r#"{"txt":""}"#)),
        (4, Request::get("/health")),
        (1, Request::new("HEAD", "/livez")),
        (2, Request::get("/nope")),
    ] {
        for _ in 0..count {
            daemon.ask(&request);
        }
    }
}

/// Each series of `name` that is not 0: the values of `labels`, and the sample.
fn series(samples: &Samples, name: &str, labels: &[&str]) -> BTreeMap<Vec<String>, f64> {
    let label = |series: &str, label: &str| {
        let start = series.find(&format!("{label}=\"")).expect("the label") + label.len() + 2;
        series[start..].split('"').next().expect("a value").to_owned()
    };
    samples
        .changed()
        .filter(|(series, _)| series.split('{').next() == Some(name))
        .map(|(series, value)| (labels.iter().map(|name| label(series, name)).collect(), value))
        .collect()
}

/// The entries of a list of figures in the same shape.
fn entries(list: &Value, labels: &[&str], count: &str) -> BTreeMap<Vec<String>, f64> {
    let entry = |entry: &Value| {
        let labels = labels.iter().map(|label| entry[label].as_str().expect("a text").to_owned()).collect();
        (labels, entry[count].as_f64().expect("a number"))
    };
    list.as_array().expect("a list").iter().map(entry).collect()
}

#[test]
fn the_figures_are_those_of_the_metrics_at_the_same_moment() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    exercise(&daemon);
    // What the first request allocates is counted after it.
    self::figures(&daemon);
    // Both on one connection, after each other: nothing happens in between but the first of them.
    let mut connection = daemon.connect();
    let figures = json(&connection.exchange(&Request::get("/status").header("Accept", FIGURES)).expect("figures"));
    let scrape = connection.exchange(&Request::get("/metrics")).expect("a scrape");
    let samples = Samples::parse(scrape.text()).expect("the text format");

    let labels = ["method", "handler", "status"];
    let mut requests = series(&samples, "http_requests_total", &labels);
    // The scrape counts the request for the figures too.
    *requests.get_mut(&["GET", "/status", "200"].map(str::to_owned)[..]).expect("requests") -= 1.0;
    assert_eq!(entries(&figures["requests"], &labels, "count"), requests);
    let labels = ["error_type", "endpoint"];
    assert_eq!(entries(&figures["errors"], &labels, "count"), series(&samples, "api_errors_total", &labels));

    let number = |figure: &Value| figure.as_f64().unwrap_or_else(|| panic!("no number in {figures}"));
    for (figure, name) in [
        ("in_progress", "http_requests_inprogress"),
        ("workers", "tamis_workers"),
        ("max_files", "process_max_fds"),
        ("active_users", "toxicity_api_active_users"),
        ("connections_open", "tamis_connections_open"),
        ("connections_accepted", "tamis_connections_accepted_total"),
        ("requests_shed", "tamis_requests_shed_total"),
        ("requests_timed_out", "tamis_requests_timed_out_total"),
    ] {
        let whole: f64 =
            samples.iter().filter(|(key, _)| key.split('{').next() == Some(name)).map(|(_, value)| value).sum();
        assert_eq!(number(&figures[figure]), whole, "{figure}");
    }
    for (figure, name) in [
        ("used_max", "tamis_slots_used_max"),
        ("capacity", "tamis_slots_capacity"),
        ("fallbacks", "tamis_slot_fallbacks_total"),
    ] {
        assert_eq!(number(&figures["slots"][figure]), samples.value(name, &[]), "{figure}");
    }
    // What goes on by itself.
    for (figure, name, more) in [
        ("cpu_seconds", "process_cpu_seconds_total", 1.0),
        ("resident_bytes", "process_resident_memory_bytes", 8e6),
        ("open_files", "process_open_fds", 2.0),
        ("heap_allocations", "tamis_heap_allocations_total", 100.0),
        ("heap_allocated_bytes", "tamis_heap_allocated_bytes_total", 1e6),
    ] {
        let (told, scraped) = (number(&figures[figure]), samples.value(name, &[]));
        assert!(told > 0.0 && told <= scraped && scraped - told < more, "{figure}: {told} and {scraped}");
    }
    assert_eq!(figures["version"], env!("CARGO_PKG_VERSION"));
    let path = figures["cpu_path"].as_str().expect("a path");
    assert_eq!(samples.value("tamis_cpu_path_info", &[("path", path)]), 1.0);
    assert!(number(&figures["uptime_seconds"]) > 0.0);

    for analysis in figures["analyses"].as_array().expect("a list") {
        let model = analysis["model"].as_str().expect("a name");
        for outcome in ["success", "error"] {
            let scraped = samples.value("toxicity_api_requests_total", &[("model_type", model), ("status", outcome)]);
            assert_eq!(number(&analysis[outcome]), scraped, "{model} {outcome}");
        }
    }
    let mut below = 0.0;
    for score in figures["scores"].as_array().expect("a list") {
        let cumulative = samples.value("toxicity_score_distribution_bucket", &[("le", &format!("{}.0", score[0]))]);
        assert_eq!(number(&score[1]), cumulative - below, "{score}");
        below = cumulative;
    }
    assert_eq!(below, 65.0);
    for (class, count) in figures["irises"].as_object().expect("an object") {
        assert_eq!(number(count), samples.value("model_predictions_total", &[("predicted_class", class)]), "{class}");
    }
    for model in figures["models"].as_array().expect("a list") {
        let name = model["name"].as_str().expect("a name");
        assert_eq!(model["loaded"].as_bool(), Some(samples.value("model_loaded", &[("model", name)]) == 1.0));
        let labels = [("model", name), ("sha256", model["sha256"].as_str().expect("a digest"))];
        assert_eq!(samples.value("tamis_model_info", &labels), 1.0);
        assert_eq!(number(&model["load_seconds"]), samples.value("model_load_seconds_sum", &[("model_type", name)]));
    }
    assert_eq!(figures["models"].as_array().map(Vec::len), Some(2));
}

#[test]
fn percentiles_are_those_of_the_buckets_and_of_the_metrics() {
    let daemon = Daemon::start(&["--workers", "2", "--bert", "off"]);
    exercise(&daemon);
    let (figures, samples) = (figures(&daemon), daemon.scrape());
    for route in figures["latency"].as_array().expect("a list") {
        let handler = route["handler"].as_str().expect("a route");
        let labels = [("method", "POST"), ("handler", handler)];
        let count = samples.value("http_request_duration_seconds_count", &labels);
        assert_eq!(route["count"].as_f64(), Some(count));
        let buckets = route["buckets_ns"].as_array().expect("a list");
        let each = buckets.iter().flat_map(|bucket| {
            let (upper, count) = (bucket[0].as_u64().expect("ns"), bucket[1].as_u64().expect("a count"));
            assert!(count > 0, "only what is not empty is told");
            (0..count).map(move |_| upper)
        });
        let each: Vec<u64> = each.collect();
        assert_eq!(each.len() as f64, count);
        assert!(each.is_sorted());
        let seconds = |name: &str| route[name].as_f64().expect("seconds");
        for (name, share) in
            [("p50_seconds", 0.5), ("p90_seconds", 0.9), ("p99_seconds", 0.99), ("p999_seconds", 0.999)]
        {
            let rank = (each.len() as f64 * share).ceil() as usize;
            assert_eq!(seconds(name), each[rank - 1] as f64 / 1e9, "{handler} {name}");
        }
        assert_eq!(seconds("max_seconds"), each[each.len() - 1] as f64 / 1e9);
        // That of the metrics is rounded up once more, to two digits.
        let p99 = samples.value("tamis_http_request_duration_p99_seconds", &[("handler", handler)]);
        assert!((1.0..1.01).contains(&(p99 / seconds("p99_seconds"))), "{p99} for {}", seconds("p99_seconds"));
        // The sum lies between the buckets' edges, which are 1/64 apart.
        let upper: f64 = each.iter().map(|&upper| upper as f64 / 1e9).sum();
        let sum = samples.value("http_request_duration_seconds_sum", &labels);
        assert!(sum <= upper && upper <= sum * (1.0 + 1.0 / 64.0) + 1e-9 * count, "{sum} and {upper}");
    }
}

#[test]
fn the_queue_of_bert_is_told_with_its_room() {
    let gate = Gate::shut();
    let run = gate.clone();
    let server = Inference::start(&["--bert-queue", "3"], None, move |ids| run.run(ids));
    let told = || json(&server.ask(&Request::get("/status").header("Accept", FIGURES)))["bert_queue"].clone();
    assert_eq!(told(), serde_json::json!({ "waiting": 0, "capacity": 3 }));
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
    }
    server.wait_for("tamis_inference_queue_depth", 2.0);
    assert_eq!(told(), serde_json::json!({ "waiting": 2, "capacity": 3 }));
    gate.open();
    for mut client in clients {
        assert_eq!(client.read_response().expect("an answer").status, 200);
    }
    let without = Inference::without_bert(&[]);
    let told = json(&without.ask(&Request::get("/status").header("Accept", FIGURES)));
    assert_eq!(told["bert_queue"], serde_json::json!({ "waiting": 0, "capacity": 0 }));
}

#[test]
fn the_phase_is_told_from_the_first_moment_to_the_last() {
    let line = CommandLine::parse_from(["tamis", "--listen", "127.0.0.1:0", "--workers", "1"]);
    let server = Server::start(&line.flags).expect("a free port");
    let told = || {
        let request = Request::get("/status").header("Accept", FIGURES);
        json(&request.send_to(server.addresses()[0]).expect("an answer"))
    };
    let starting = told();
    assert_eq!((&starting["phase"], &starting["models"]), (&"starting".into(), &serde_json::json!([])));
    server.ready(Models::load(None, EngineChoice::Auto).expect("the embedded models"));
    let ready = told();
    let bert = ready["models"].as_array().and_then(|models| models.iter().find(|model| model["name"] == "bert"));
    assert_eq!(ready["phase"], "ready");
    if let Some(bert) = bert {
        assert_eq!((&bert["loaded"], &bert["load_seconds"]), (&false.into(), &Value::Null), "not loaded yet");
    }
    server.unready();
    assert_eq!(told()["phase"], "draining");
}
