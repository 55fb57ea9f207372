//! The one table of every metric family. Whatever is collected, rendered, listed or tested is derived from it.

use super::family::{Family, Id, Kind, Scale, Series, Shape};
use super::histogram::{COARSE, FINE};

/// `le` of `http_request_duration_seconds`, in ns: 2 us to 33 us and 2.1 ms to 33 ms by steps of four, then 268 ms,
/// 1.07 s and 2.1 s. Between 33 us and 2.1 ms answers are rare: `simple` and iris take less, `bert` takes more. Above
/// 33 ms a request waits, for a client or in the queue: 268 ms is an objective's bound, and an alert asks for a second.
pub const DURATION_BOUNDS: [u64; 9] = [1 << 11, 1 << 13, 1 << 15, 1 << 21, 1 << 23, 1 << 25, 1 << 28, 1 << 30, 1 << 31];

/// `le` of `toxicity_processing_seconds`, in ns: 2 us to 66 us for `simple`, 8.4 ms to 268 ms for `bert`, whose time in
/// the queue counts.
pub const PROCESSING_BOUNDS: [u64; 6] = [1 << 11, 1 << 13, 1 << 16, 1 << 23, 1 << 25, 1 << 28];

/// `le` of `tamis_stage_duration_seconds`, in ns: 1 us and 16 us for what workers do, 17 ms for `bert` and its queue. A
/// stage's mean is sharper.
pub const STAGE_BOUNDS: [u64; 3] = [1 << 10, 1 << 14, 1 << 24];

/// `le` of `model_load_seconds`, in ns: 34 ms and 1.07 s. There is one observation a model, whose time is its sum.
pub const LOAD_BOUNDS: [u64; 2] = [1 << 25, 1 << 30];

/// `le` of `toxicity_score_distribution`.
pub const SCORE_BOUNDS: [u64; 11] = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/// `le` of `model_confidence`, in percent.
pub const CONFIDENCE_BOUNDS: [u64; 7] = [0, 50, 70, 80, 90, 95, 100];

/// Every family, in the order of the exposition. `tamis_scrape_duration_seconds` is last: it covers what is above.
#[rustfmt::skip] // one row a family
pub const FAMILIES: [Family; 51] = [
    Family::counter(Id::HttpRequests, "http_requests_total", Series::Requests,
        "HTTP requests answered. POST at a route for GET counts as method \"other\"; status 500 of handler \"none\" is what should never be answered."),
    Family::histogram(Id::HttpDuration, "http_request_duration_seconds", Series::Lanes, Scale::Nanoseconds, &DURATION_BOUNDS,
        "Time from request head to answer. Handler \"/health\" takes the other probes too, \"none\" what no route answered, and HEAD."),
    Family::gauge(Id::HttpInProgress, "http_requests_inprogress", Series::Lanes,
        "HTTP requests being answered, by the handlers of the durations."),
    Family::summary(Id::HttpRequestSize, "http_request_size_bytes", Series::RequestSizes,
        "Size of request bodies. Handler \"none\" takes all others."),
    Family::summary(Id::HttpResponseSize, "http_response_size_bytes", Series::ResponseSizes,
        "Size of response bodies. Handler \"none\" takes all others."),
    Family::counter(Id::ToxicityRequests, "toxicity_api_requests_total", Series::Outcomes,
        "Toxicity analyses by model and outcome."),
    Family::histogram(Id::ToxicityScore, "toxicity_score_distribution", Series::Single, Scale::One, &SCORE_BOUNDS,
        "Toxicity scores answered, 0 to 100."),
    Family::histogram(Id::ToxicityProcessing, "toxicity_processing_seconds", Series::ToxicityModels, Scale::Nanoseconds, &PROCESSING_BOUNDS,
        "Time from text to score, in the queue included."),
    Family::gauge(Id::ToxicityActiveUsers, "toxicity_api_active_users", Series::Single,
        "Distinct clients that called /analyze in the last 5 minutes, estimated: standard error 1.3 % at 4,096 clients, at most 7 % up to 300,000."),
    Family::counter(Id::NormalizationRules, "toxicity_normalization_rules_total", Series::Rules,
        "Texts that each rule of the normalisation changed, among those given to a model."),
    Family::histogram(Id::ModelLoad, "model_load_seconds", Series::ModelTypes, Scale::Nanoseconds, &LOAD_BOUNDS,
        "Time to load and warm up a model at start.").fixed(),
    Family::counter(Id::ModelPredictions, "model_predictions_total", Series::Classes,
        "Irises classified, by predicted class."),
    Family::histogram(Id::ModelConfidence, "model_confidence", Series::Classes, Scale::Hundredths, &CONFIDENCE_BOUNDS,
        "Confidence of the predicted class, 0 to 1."),
    Family::gauge(Id::ModelLoaded, "model_loaded", Series::Models,
        "Whether the model is loaded.").fixed(),
    Family::counter(Id::ApiErrors, "api_errors_total", Series::Errors,
        "Error answers by problem and route. Type \"other\" counts what should never be answered."),
    Family::counter(Id::ProcessCpu, "process_cpu_seconds_total", Series::Single,
        "Total user and system CPU time spent in seconds.").scaled(Scale::Nanoseconds),
    Family::gauge(Id::ProcessResident, "process_resident_memory_bytes", Series::Single,
        "Resident memory size in bytes."),
    Family::gauge(Id::ProcessVirtual, "process_virtual_memory_bytes", Series::Single,
        "Virtual memory size in bytes."),
    Family::gauge(Id::ProcessOpenFds, "process_open_fds", Series::Single,
        "Number of open file descriptors."),
    Family::gauge(Id::ProcessMaxFds, "process_max_fds", Series::Single,
        "Maximum number of open file descriptors."),
    Family::gauge(Id::ProcessStart, "process_start_time_seconds", Series::Single,
        "Start time of the process since unix epoch in seconds.").scaled(Scale::Nanoseconds),
    Family::gauge(Id::Build, "tamis_build_info", Series::Build,
        "The version that runs; always 1.").fixed(),
    Family::gauge(Id::CpuPath, "tamis_cpu_path_info", Series::CpuPath,
        "The instruction set that the kernels chose at start; always 1.").fixed(),
    Family::gauge(Id::Digests, "tamis_model_info", Series::Digests,
        "The SHA-256 of the model that is in use or is being loaded, empty while there is none; always 1.").fixed(),
    Family::gauge(Id::Phase, "tamis_phase", Series::Phases,
        "1 for the phase of life that the process is in."),
    Family::gauge(Id::Workers, "tamis_workers", Series::Single,
        "Worker threads, each with its own listener and connections.").fixed(),
    Family::gauge(Id::DurationP99, "tamis_http_request_duration_p99_seconds", Series::Inference,
        "99th percentile of POST durations since start, at most 2.4 % too high; 0 before the first.").scaled(Scale::Nanoseconds),
    Family::histogram(Id::StageDuration, "tamis_stage_duration_seconds", Series::Stages, Scale::Nanoseconds, &STAGE_BOUNDS,
        "Time of POST /analyze and /predict by stage: of one request in 16 of each worker and of those that ask for Server-Timing, if answered with 200; queue of every text that waited for a model."),
    Family::gauge(Id::ScoreDrift, "tamis_score_drift_psi", Series::AskedModels,
        "Population stability index of the scored probability against the model's evaluation, by the model asked for, over the last 1,000 to 2,000 scores of each worker; 0 below 200, or where the manifest has no reference. Above 0.25 the texts are others.").scaled(Scale::Millionths),
    Family::gauge(Id::ConnectionsOpen, "tamis_connections_open", Series::Single,
        "Connections open."),
    Family::counter(Id::ConnectionsAccepted, "tamis_connections_accepted_total", Series::Single,
        "Connections accepted."),
    Family::counter(Id::RequestsShed, "tamis_requests_shed_total", Series::Shed,
        "Requests refused at once for want of a slot, or of room in the queue of a model."),
    Family::gauge(Id::QueueDepth, "tamis_inference_queue_depth", Series::Single,
        "Texts that wait for bert to begin with them."),
    Family::counter(Id::RequestsTimedOut, "tamis_requests_timed_out_total", Series::Single,
        "Requests that did not arrive within their time limit."),
    Family::counter(Id::WorkerBusy, "tamis_worker_busy_seconds_total", Series::Workers,
        "CPU time of the worker's thread; NaN where the kernel does not tell.").scaled(Scale::Nanoseconds),
    Family::gauge(Id::WorkerInProgress, "tamis_worker_requests_inprogress", Series::Workers,
        "HTTP requests that the worker is answering."),
    Family::gauge(Id::SlotsCapacity, "tamis_slots_capacity", Series::Single,
        "Preallocated request slots of all workers.").fixed(),
    Family::gauge(Id::SlotsHighWater, "tamis_slots_used_max", Series::Single,
        "Most request slots in use at once since start, summed over the workers' own maxima."),
    Family::counter(Id::SlotFallbacks, "tamis_slot_fallbacks_total", Series::Single,
        "Requests served without a preallocated slot."),
    Family::counter(Id::HeapAllocations, "tamis_heap_allocations_total", Series::Single,
        "Heap allocations of the worker threads."),
    Family::counter(Id::HeapBytes, "tamis_heap_allocated_bytes_total", Series::Single,
        "Bytes of the heap allocations of the worker threads."),
    Family::gauge(Id::ScrapeBytes, "tamis_scrape_response_bytes", Series::Single,
        "Size of the last scrape's answer, whatever its format; 0 before the first."),
    Family::counter(Id::Authentications, "tamis_auth_total", Series::Authentications,
        "Credentials presented and missing, by how they were presented and what became of them."),
    Family::counter(Id::KeyRequests, "tamis_key_requests_total", Series::Keys,
        "Requests with a key that is good, by the key's name; the first 64 names that the file has had are counted apart."),
    Family::counter(Id::Reloads, "tamis_auth_reloads_total", Series::Reloads,
        "Times that a file of credentials had changed and was loaded, or refused because it could not be used."),
    Family::counter(Id::ModelReloads, "tamis_model_reloads_total", Series::ModelReloads,
        "Times that SIGHUP had the models loaded anew, or that they were refused and those from before stayed."),
    Family::counter(Id::TlsHandshakes, "tamis_tls_handshakes_total", Series::Handshakes,
        "TLS handshakes that have ended, by how; clients that came and went without a byte are not counted."),
    Family::counter(Id::TlsCertificateReloads, "tamis_tls_certificate_reloads_total", Series::CertificateReloads,
        "Times that the certificate or its key had changed and both were loaded, or refused and those from before stayed."),
    Family::gauge(Id::TlsCertificateNotAfter, "tamis_tls_certificate_not_after_seconds", Series::Certificate,
        "When the certificate that is served ends, in seconds since the Unix epoch; NaN if it does not tell.").scaled(Scale::Nanoseconds),
    Family::counter(Id::SuggestedScores, "tamis_suggested_scores_total", Series::Suggested,
        "Scores that clients of comments:suggestscore suggested, by attribute; all of them are dropped."),
    Family::gauge(Id::ScrapeDuration, "tamis_scrape_duration_seconds", Series::Single,
        "Time to collect and render all of the above for this scrape.").scaled(Scale::Nanoseconds),
];

/// The sample lines of the first body of a daemon of [`Shape::DEFAULT`], two workers without authentication. Each worker has
/// [`LINES_A_WORKER`] of them. A route whose series are
/// [shown once it is used](super::labels::Handler::is_shown_once_used) adds its own.
pub const LINES: usize = lines_at_first(Shape::DEFAULT);

/// The sample lines that authentication adds, without those of keys that are counted apart: each has one.
pub const LINES_OF_AUTHENTICATION: usize = lines_at_first(Shape::DEFAULT.guarded()) - LINES;

/// The sample lines that each worker adds.
pub const LINES_A_WORKER: usize = samples(Shape::of(1)) - samples(Shape::of(0));

/// The sample lines of the first body of OpenMetrics of the same daemon, which has a `_created` for each label set of a counter, a histogram
/// or a summary.
pub const OPENMETRICS_LINES: usize = {
    let (mut family, mut lines) = (0, LINES);
    while family < FAMILIES.len() {
        if !matches!(FAMILIES[family].kind, Kind::Gauge) {
            lines += FAMILIES[family].series.count_at_first(Shape::DEFAULT);
        }
        family += 1;
    }
    lines
};

const fn lines_at_first(shape: Shape) -> usize {
    let (mut family, mut lines) = (0, 0);
    while family < FAMILIES.len() {
        lines += FAMILIES[family].lines_at_first(shape);
        family += 1;
    }
    lines
}

/// The sample lines whose value is collected at each scrape of a daemon of this shape, shown or not.
pub const fn samples(shape: Shape) -> usize {
    let (mut family, mut lines) = (0, 0);
    while family < FAMILIES.len() {
        if !FAMILIES[family].fixed {
            lines += FAMILIES[family].lines_with(shape);
        }
        family += 1;
    }
    lines
}

const _: () = {
    let mut family = 0;
    while family < FAMILIES.len() {
        assert!(FAMILIES[family].id as usize == family, "families stand in the order of their ids");
        family += 1;
    }
    let mut bound = 0;
    while bound < DURATION_BOUNDS.len() {
        assert!(COARSE.buckets_up_to(DURATION_BOUNDS[bound]).is_some());
        assert!(FINE.buckets_up_to(DURATION_BOUNDS[bound]).is_some());
        bound += 1;
    }
    bound = 0;
    while bound < PROCESSING_BOUNDS.len() {
        assert!(COARSE.buckets_up_to(PROCESSING_BOUNDS[bound]).is_some());
        bound += 1;
    }
    bound = 0;
    while bound < STAGE_BOUNDS.len() {
        assert!(COARSE.buckets_up_to(STAGE_BOUNDS[bound]).is_some());
        bound += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_body_stays_within_its_series_budget() {
        let lines: usize = FAMILIES.iter().map(Family::lines).sum();
        assert_eq!(lines, LINES);
        assert!(lines <= 400, "{lines} sample lines are more than promised");
    }

    #[test]
    fn no_name_repeats_even_with_its_suffixes() {
        let mut names = BTreeSet::new();
        for family in &FAMILIES {
            let suffixes: &[&str] = match family.kind {
                Kind::Counter | Kind::Gauge => &[""],
                Kind::Summary => &["", "_sum", "_count"],
                Kind::Histogram => &["", "_bucket", "_sum", "_count"],
            };
            for suffix in suffixes {
                assert!(names.insert(format!("{}{suffix}", family.name)), "{}{suffix}", family.name);
            }
        }
    }

    #[test]
    fn names_follow_the_naming_practices() {
        for family in &FAMILIES {
            let name = family.name;
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                "{name}"
            );
            assert_eq!(family.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert_eq!(
                family.scale == Scale::Nanoseconds,
                name.trim_end_matches("_total").ends_with("_seconds"),
                "{name}",
            );
            for unit in ["_milliseconds", "_microseconds", "_ms", "_us", "_ns", "_percent", "_kilobytes", "_mb"] {
                assert!(!name.trim_end_matches("_total").ends_with(unit), "{name} is not in a base unit");
            }
            assert_eq!(family.kind == Kind::Histogram, !family.bounds.is_empty(), "{name}");
            assert!(family.bounds.is_sorted_by(|a, b| a < b), "{name}");
            assert!(family.help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn no_label_set_repeats() {
        for family in FAMILIES.into_iter().filter(|family| family.series != Series::Workers) {
            let count = family.series.count_with(Shape::WHOLE);
            let sets: BTreeSet<_> = (0..count).map(|index| family.series.values(index)).collect();
            assert_eq!(sets.len(), count, "{}", family.name);
        }
    }
}
