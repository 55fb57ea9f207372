//! What is counted.

use std::hint::black_box;

use tamis::json::read::Reader;
use tamis::kernel::bag::Table;
use tamis::model::iris;
use tamis::model::toxicity::{BERT, EngineChoice, SIMPLE, Toxicity};
use tamis::text::features::{MAX_FEATURES_PER_BYTE, Seen, extract};
use tamis::text::normalize::normalize;
use tamis::text::{MAX_NORMALIZED_BYTES, Scratch};

use super::connection::{ask, ask_hyper};

/// A stage, how often the shorter of the two runs performs it, and what performs it so many times.
pub struct Stage {
    pub name: &'static str,
    pub times: u64,
    pub run: fn(u64),
}

pub const STAGES: [Stage; 16] = [
    Stage { name: "parse /predict", times: 100, run: |times| parse(times, PREDICT.as_bytes()) },
    Stage { name: "parse /analyze 400 bytes", times: 100, run: |times| parse(times, analyze(400).as_bytes()) },
    Stage { name: "iris", times: 1000, run: classify },
    Stage { name: "normalise 400 bytes", times: 100, run: |times| normalise(times, PROSE) },
    Stage { name: "features 400 bytes", times: 100, run: |times| features(times, PROSE) },
    Stage { name: "simple kernel 400 bytes", times: 100, run: |times| kernel(times, PROSE) },
    Stage { name: "simple text to score 400 bytes", times: 100, run: |times| score(times, PROSE) },
    Stage { name: "bert 100 bytes", times: 1, run: |times| think(times, &PROSE[..100]) },
    Stage { name: "hyper alone, GET", times: REQUESTS, run: |times| ask_hyper(times, &get("/livez"), LIVE) },
    Stage {
        name: "hyper alone, POST",
        times: REQUESTS,
        run: |times| ask_hyper(times, &post("/predict", PREDICT), CLASS),
    },
    Stage { name: "GET /livez", times: REQUESTS, run: |times| ask(times, &get("/livez"), 200) },
    Stage { name: "POST /predict", times: REQUESTS, run: |times| ask(times, &post("/predict", PREDICT), 200) },
    Stage {
        name: "POST /analyze 100 bytes",
        times: REQUESTS,
        run: |times| ask(times, &post("/analyze", &analyze(100)), 200),
    },
    Stage {
        name: "POST /analyze 400 bytes",
        times: REQUESTS,
        run: |times| ask(times, &post("/analyze", &analyze(400)), 200),
    },
    Stage { name: "GET /metrics", times: 32, run: |times| ask(times, &get("/metrics"), 200) },
    Stage { name: "GET /none, 404", times: REQUESTS, run: |times| ask(times, &get("/none"), 404) },
];

/// Of 16 requests for a model one has its stages timed: a multiple, so that every run has its share of them.
const REQUESTS: u64 = 160;
/// As long as what tamis answers.
const LIVE: &str = r#"{"status":"alive"}"#;
const CLASS: &str = r#"{"prediction":"setosa","class_id":0,"confidence":1.0,"probabilities":{"setosa":1.0,"versicolor":0.0,"virginica":0.0}}"#;
const PREDICT: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
const PROSE: &str = "I do not agree with your last edit, but thank you for explaining on the talk page why you made it. The \
    source that you cite is from 1998 and has been superseded, so I would rather keep the older wording until we find a \
    better one. If nobody objects within a week I will restore the paragraph and add the two references from the archive. \
    Please let me know what you think about that plan, friend; it is late here.";

fn analyze(bytes: usize) -> String {
    format!(r#"{{"text":"{}"}}"#, &PROSE[..bytes])
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn parse(times: u64, body: &[u8]) {
    let mut reader = Reader::new(1 << 16);
    for _ in 0..times {
        black_box(reader.read(black_box(body), |root| Ok(root.as_str().is_some()))).ok();
    }
}

fn classify(times: u64) {
    for time in 0..times {
        black_box(iris::predict(black_box(&[5.0 + (time % 3) as f32, 3.5, 1.4 + (time % 5) as f32, 0.2])));
    }
}

fn normalise(times: u64, text: &str) {
    let mut normalized = vec![0; MAX_NORMALIZED_BYTES];
    for _ in 0..times {
        black_box(normalize(black_box(text), &mut normalized));
    }
}

fn features(times: u64, text: &str) {
    let mut normalized = vec![0; MAX_NORMALIZED_BYTES];
    let length = normalize(text, &mut normalized);
    let (mut ids, mut seen) = (vec![0; length * MAX_FEATURES_PER_BYTE], Seen::new());
    for _ in 0..times {
        black_box(extract(black_box(&normalized[..length]), &mut ids, &mut seen));
    }
}

fn kernel(times: u64, text: &str) {
    let bytes: Vec<u8> = (0..8_u32 << 18).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let ids = Scratch::new(MAX_NORMALIZED_BYTES).features(text).to_vec();
    let table = Table::new(bytes).expect("a table of whole rows");
    for _ in 0..times {
        black_box(table.sum(black_box(&ids)));
    }
}

fn score(times: u64, text: &str) {
    let model = Toxicity::embedded(&SIMPLE, EngineChoice::Kernel).expect("the embedded model");
    let mut scratch = Scratch::new(MAX_NORMALIZED_BYTES);
    for _ in 0..times {
        assert!(black_box(model.score(black_box(text), &mut scratch)).is_ok_and(|scores| scores.is_some()));
    }
}

fn think(times: u64, text: &str) {
    let model = Toxicity::embedded(&BERT, EngineChoice::Kernel).expect("the embedded model");
    let mut scratch = Scratch::new(MAX_NORMALIZED_BYTES);
    let ids = model.ids(text, &mut scratch).expect("something to score").to_vec();
    for _ in 0..times {
        assert!(black_box(model.run(black_box(&mut ids.clone()), false, &|| true)).is_ok());
    }
}
