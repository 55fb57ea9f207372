//! What is counted.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use clap::Parser as _;
use tamis::config::CommandLine;
use tamis::json::read::Reader;
use tamis::kernel::bag::Table;
use tamis::model::toxicity::{BERT, EngineChoice, SIMPLE, Toxicity};
use tamis::model::{Models, iris};
use tamis::server::Server;
use tamis::text::features::{MAX_FEATURES_PER_BYTE, Seen, extract};
use tamis::text::normalize::normalize;
use tamis::text::{MAX_NORMALIZED_BYTES, Scratch};

/// A stage, how often the shorter of the two runs performs it, and what performs it so many times.
pub struct Stage {
    pub name: &'static str,
    pub times: u64,
    pub run: fn(u64),
}

pub const STAGES: [Stage; 12] = [
    Stage { name: "parse /predict", times: 100, run: |times| parse(times, PREDICT.as_bytes()) },
    Stage { name: "parse /analyze 400 bytes", times: 100, run: |times| parse(times, analyze(400).as_bytes()) },
    Stage { name: "iris", times: 1000, run: classify },
    Stage { name: "normalise 400 bytes", times: 100, run: |times| normalise(times, PROSE) },
    Stage { name: "features 400 bytes", times: 100, run: |times| features(times, PROSE) },
    Stage { name: "simple kernel 400 bytes", times: 100, run: |times| kernel(times, PROSE) },
    Stage { name: "simple text to score 400 bytes", times: 100, run: |times| score(times, PROSE) },
    Stage { name: "bert 100 bytes", times: 1, run: |times| think(times, &PROSE[..100]) },
    Stage { name: "GET /livez", times: 50, run: |times| ask(times, "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n") },
    Stage { name: "POST /predict", times: 50, run: |times| ask(times, &post("/predict", PREDICT)) },
    Stage { name: "POST /analyze 100 bytes", times: 50, run: |times| ask(times, &post("/analyze", &analyze(100))) },
    Stage { name: "GET /metrics", times: 20, run: |times| ask(times, "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n") },
];

const PREDICT: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
const PROSE: &str = "I do not agree with your last edit, but thank you for explaining on the talk page why you made it. The \
    source that you cite is from 1998 and has been superseded, so I would rather keep the older wording until we find a \
    better one. If nobody objects within a week I will restore the paragraph and add the two references from the archive. \
    Please let me know what you think about that plan, friend; it is late here.";

fn analyze(bytes: usize) -> String {
    format!(r#"{{"text":"{}"}}"#, &PROSE[..bytes])
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
    let table = Table::new(&bytes).expect("a table of whole rows");
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
        assert!(black_box(model.run(black_box(&mut ids.clone()), false)).is_ok());
    }
}

/// Over a connection to the whole daemon in this process: the worker's instructions and the few of this client.
fn ask(times: u64, request: &str) {
    let line = CommandLine::parse_from(["tamis", "--listen", "127.0.0.1:0", "--workers", "1", "--bert", "off"]);
    let server = Server::start(&line.flags).expect("a free port");
    server.ready(Models::load(None, EngineChoice::Auto).expect("the embedded models"));
    let mut stream = TcpStream::connect(server.addresses()[0]).expect("it accepts");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut answer = vec![0; 1 << 17];
    for _ in 0..times {
        stream.write_all(request.as_bytes()).expect("sent");
        let mut read = 0;
        while !complete(&answer[..read]) {
            read += stream.read(&mut answer[read..]).expect("an answer");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
    }
    drop(stream);
    assert!(server.drain(Duration::ZERO, Duration::from_secs(20)));
}

/// Whether the whole of an answer is there. By bytes, in one pass: this runs in what is counted.
fn complete(answer: &[u8]) -> bool {
    const NAME: &[u8] = b"content-length: ";
    let Some(head) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let Some(at) = answer[..head].windows(NAME.len()).position(|bytes| bytes == NAME) else { return true };
    let digits = answer[at + NAME.len()..head].iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |sum, byte| sum * 10 + usize::from(byte - b'0'));
    answer.len() >= head + 4 + length
}
