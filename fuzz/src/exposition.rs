//! Whatever is counted and however things are called: `/metrics` in both text formats reads back to what was counted, and in protocol
//! buffers to messages of the right lengths.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tamis::metrics::labels::{
    AskedModel, Authentication, Handler, Method, Model, Phase, Shed, Stage, Status, ToxicityModel,
};
use tamis::metrics::{
    Answer, EarlierLoads, Exporter, Format, InProgress, LiveFacts, LoadedModel, RELOADS, Representation, Shard,
    StaticFacts, TlsFigures, Trace,
};
use tamis::problem::Problem;

use super::escaping::unescaped;
use super::sample::Sample;

/// Names, parted by line feeds up to an empty one, and then what is counted.
pub fn run(input: &[u8]) {
    let mut sample = Sample(input);
    let mut names = BTreeSet::new();
    while let Ok(name) = std::str::from_utf8(sample.until(b'\n')) {
        // A key is called as it may be called; a version and a digest may be anything here.
        if name.is_empty() || !names.insert(name.to_owned()) || names.len() > 40 {
            break;
        }
    }
    let first = names.first().cloned().unwrap_or_default();
    let keys: Vec<String> = names.iter().filter(|name| *name != "other").cloned().collect();
    let model = LoadedModel {
        model: Model::Iris,
        load_ns: Some(sample.number()),
        earlier: EarlierLoads::default(),
        sha256: first.clone(),
    };
    let facts = StaticFacts {
        version: first,
        cpu_path: names.last().cloned().unwrap_or_default(),
        workers: 2,
        slots_capacity: sample.number(),
        models: vec![model],
        reloads_models: true,
        tls: true,
        keys: Some(keys.clone()),
    };
    let shards = [0, 1].map(|_| Arc::from(Shard::new()));
    let requests = count(&shards, &mut sample);
    let live = LiveFacts {
        phase: Phase::Ready,
        now_seconds: 9,
        queue_depth: sample.number(),
        auth_reloads: [1; RELOADS],
        model_reloads: [2; 2],
        tls: TlsFigures { handshakes: [3; 4], reloads: [4; 2], not_after: u64::MAX },
    };
    let mut exporter = Exporter::new(shards.to_vec(), &facts);
    let mut out = vec![0; exporter.max_len()];
    for format in Format::ALL {
        let length =
            exporter.render(&live, Representation { format, gzip: false }, &mut out).expect("the room it asks for");
        if format == Format::Protobuf {
            delimited(&out[..length]);
        } else {
            let samples = read(&out[..length], format == Format::OpenMetrics);
            told(&samples, &facts, &keys, requests);
        }
    }
    assert!(exporter.render(&live, Representation::default(), &mut []).is_err());
}

/// Counts what `sample` says, each event in one of the shards, and answers how many requests were answered.
fn count(shards: &[Arc<Shard>; 2], sample: &mut Sample<'_>) -> u64 {
    let mut requests = 0;
    while let Some(event) = sample.split_first() {
        let shard = &*shards[usize::from(event >> 7)];
        match event & 15 {
            0..=3 => {
                let (handler, method) = (Handler::ALL[sample.below(26)], Method::ALL[sample.below(5)]);
                let error = if sample.below(2) == 1 { Some(Problem::ALL[sample.below(32)]) } else { None };
                let status = Status::from_code(error.map_or(200, Problem::status));
                let sizes = [sample.number() >> 16, sample.number() >> 16, sample.number() >> 16];
                let [duration_ns, request_bytes, response_bytes] = sizes;
                let answer = Answer { status, error, duration_ns, request_bytes, response_bytes };
                InProgress::start(shard, handler, method).finish(&answer);
                requests += 1;
                if let Some(trace) = trace(sample) {
                    shard.traced(handler, method, duration_ns, trace);
                }
            }
            4 => {
                let (model, nanoseconds) = (ToxicityModel::ALL[sample.below(3)], sample.number() >> 16);
                shard.analyzed(model, sample.byte(), nanoseconds);
                if let Some(trace) = trace(sample) {
                    shard.analysis_traced(model, nanoseconds, trace);
                }
            }
            5 => shard.analysis_failed(ToxicityModel::ALL[sample.below(3)]),
            6 => shard.scored(AskedModel::ALL[sample.below(3)], sample.below(10)),
            7 => shard.staged(Stage::ALL[sample.below(6)], sample.number() >> 16),
            8 => shard.predicted(sample.below(3), sample.byte()),
            9 => shard.client_seen(sample.number(), sample.number() % 20),
            10 => shard.shed(Shed::ALL[sample.below(2)]),
            11 => shard.authenticated(Authentication::ALL[sample.below(11)]),
            12 => shard.key_used(sample.byte()),
            13 => shard.slots_used(sample.number()),
            14 => shard.set_heap(sample.number(), sample.number()),
            _ => shard.connection_opened(),
        }
    }
    requests
}

fn trace(sample: &mut Sample<'_>) -> Option<Trace> {
    let (trace_id, span_id) = (u128::from(sample.byte()), u64::from(sample.byte()));
    (trace_id != 0 && span_id != 0).then_some(Trace { trace_id, span_id })
}

/// Names and labels, as written, with their values.
type Samples = BTreeMap<(String, Vec<(String, String)>), f64>;

/// Reads a body strictly: each line is a sample of the family that the comments before it announce, and none stands twice.
fn read(body: &[u8], is_openmetrics: bool) -> Samples {
    let text = std::str::from_utf8(body).expect("UTF-8");
    let text = if is_openmetrics { text.strip_suffix("# EOF\n").expect("an end") } else { text };
    let (mut samples, mut family, mut families) = (Samples::new(), String::new(), BTreeSet::new());
    for line in text.strip_suffix('\n').expect("whole lines").split('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name) = (words.next().expect("a word"), words.next().expect("a name"));
            assert!(matches!(word, "HELP" | "TYPE" | "UNIT"), "{line}");
            if word == "HELP" {
                let rest = words.next().expect("a text");
                assert!(unescaped(rest.as_bytes(), is_openmetrics).is_some(), "{line}");
                assert!(families.insert(name.to_owned()), "{name} stands twice");
                name.clone_into(&mut family);
            }
            assert_eq!(name, family);
            continue;
        }
        let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a value"));
        assert!(name.starts_with(&*family), "{name} below {family}");
        let (labels, rest) = labels(rest);
        let mut words = rest.strip_prefix(' ').expect("a space").split(' ');
        let value: f64 = words.next().expect("a value").parse().expect("a number");
        let exemplar = words.next();
        assert!(exemplar.is_none() || is_openmetrics && exemplar == Some("#"), "{line}");
        assert!(samples.insert((name.to_owned(), labels), value).is_none(), "twice: {line}");
    }
    samples
}

/// The labels at the front of `rest`, unescaped, and what follows them.
fn labels(rest: &str) -> (Vec<(String, String)>, &str) {
    let Some(mut rest) = rest.strip_prefix('{') else { return (Vec::new(), rest) };
    let mut found = Vec::new();
    loop {
        let (name, value) = rest.split_once("=\"").expect("a label");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()), "{name}");
        let mut is_escaped = false;
        let end = value.bytes().position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        let (value, after) = value.split_at(end.expect("a closing quotation mark"));
        let value = unescaped(value.as_bytes(), true).expect("escapes that there are");
        found.push((name.to_owned(), String::from_utf8(value).expect("UTF-8")));
        match after[1..].strip_prefix(',') {
            Some(next) => rest = next,
            None => return (found, after[1..].strip_prefix('}').expect("an end")),
        }
    }
}

fn told(samples: &Samples, facts: &StaticFacts, keys: &[String], requests: u64) {
    let values = |wanted: &str, label: &str| -> BTreeSet<&str> {
        let of_family = samples.keys().filter(|(name, _)| name == wanted);
        of_family.flat_map(|(_, labels)| labels).filter(|(name, _)| name == label).map(|(_, value)| &**value).collect()
    };
    assert_eq!(values("tamis_build_info", "version"), BTreeSet::from([&*facts.version]));
    let named: BTreeSet<&str> = keys.iter().map(String::as_str).chain(["other"]).collect();
    assert_eq!(values("tamis_key_requests_total", "key"), named);
    for wanted in ["http_requests_total", "http_request_duration_seconds_count"] {
        let total: f64 = samples.iter().filter(|((name, _), _)| name == wanted).map(|(_, value)| value).sum();
        assert_eq!(total, requests as f64, "{wanted}");
    }
    cumulative(samples);
}

/// The buckets of each histogram rise, and the last is the count.
fn cumulative(samples: &Samples) {
    let mut series: BTreeMap<(&str, Vec<&(String, String)>), Vec<(f64, f64)>> = BTreeMap::new();
    for ((name, labels), &value) in samples {
        let Some(family) = name.strip_suffix("_bucket") else { continue };
        let bound = labels.iter().find(|(name, _)| name == "le").expect("a bound");
        let others = labels.iter().filter(|(name, _)| name != "le").collect();
        series.entry((family, others)).or_default().push((bound.1.parse().expect("a number"), value));
    }
    assert!(series.len() > 10);
    for ((family, labels), mut buckets) in series {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{family} {labels:?}: {buckets:?}");
        let labels: Vec<_> = labels.into_iter().cloned().collect();
        let last = buckets.last().expect("a bucket");
        assert!(last.0.is_infinite());
        assert_eq!(samples.get(&(format!("{family}_count"), labels)), Some(&last.1), "{family}");
    }
}

/// Messages, each behind its length, as long as the body.
fn delimited(mut body: &[u8]) {
    let mut messages = 0;
    while !body.is_empty() {
        let digits = body.iter().position(|byte| byte & 0x80 == 0).expect("a length");
        let length = body[..=digits].iter().rev().fold(0_usize, |length, byte| length << 7 | usize::from(byte & 0x7f));
        body = &body[digits + 1..][length..];
        messages += 1;
    }
    assert!(messages > 30, "{messages} families");
}
