//! `bert` beside ONNX Runtime on one thread, on the same file, in one run: `cargo bench --bench bert`.
//!
//! Both run the same ids in turn, so that what the machine does besides falls on both; the table shows the median round by
//! ratio. `cargo test --benches` runs one short round. Without Python and onnxruntime (`make tools`) it says so.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use tamis::model::toxicity::{BERT, EngineChoice, Toxicity};

/// Word pieces of a text, `[CLS]` and `[SEP]` among them.
const LENGTHS: [usize; 5] = [16, 32, 64, 128, 256];

fn main() {
    if !cfg!(feature = "bert") {
        return println!("bert: skipped, this build is without it");
    }
    // `cargo bench` passes --bench; `cargo test --benches` does not.
    let bench = std::env::args().any(|word| word == "--bench");
    let (rounds, pieces_a_round) = if bench { (9, 2048) } else { (1, 1) };
    let model = Toxicity::embedded(&BERT, EngineChoice::Kernel).expect("the embedded model");
    let Some(mut judge) = Judge::start() else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "onnxruntime is not installed: run `make tools`");
        return println!("bert: skipped, onnxruntime is not installed (`make tools`)");
    };
    println!("{}; onnxruntime on one thread", model.engine_name());
    println!("| word pieces | tamis, ms | onnxruntime, ms | ratio |\n|---|---|---|---|");
    for length in LENGTHS {
        let ids = ids(length);
        let times = (pieces_a_round / length).max(1);
        let mut samples: Vec<[f64; 2]> = (0..rounds)
            .map(|_| {
                let begun = Instant::now();
                for _ in 0..times {
                    assert!(model.score_ids(&ids).is_ok());
                }
                [begun.elapsed().as_secs_f64() * 1e3 / times as f64, judge.milliseconds(&ids, times)]
            })
            .collect();
        let ratio = |[tamis, judge]: &[f64; 2]| tamis / judge;
        samples.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let median = samples[samples.len() / 2];
        println!("| {length} | {:.2} | {:.2} | {:.2} |", median[0], median[1], ratio(&median));
    }
}

/// Ids of ordinary pieces, no two runs of them alike, between `[CLS]` and `[SEP]` of the vocabulary.
fn ids(length: usize) -> Vec<u32> {
    let inner = (0..length as u32 - 2).map(|at| 2000 + at.wrapping_mul(2_654_435_761) % 20_000);
    [101].into_iter().chain(inner).chain([102]).collect()
}

/// ONNX Runtime in a process of Python.
struct Judge {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Judge {
    fn start() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = std::env::var_os("TAMIS_TOOLS").map_or_else(|| root.join(".tools"), PathBuf::from);
        let mut process = Command::new(tools.join("venv/bin/python"))
            .arg(root.join("benches/bert/onnxruntime_on_one_thread.py"))
            .arg(root.join("models/toxicity/bert.onnx"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut answers = BufReader::new(process.stdout.take()?);
        let mut ready = String::new();
        answers.read_line(&mut ready).ok().filter(|&length| length > 0)?;
        Some(Self { process, answers })
    }

    fn milliseconds(&mut self, ids: &[u32], times: usize) -> f64 {
        let input = self.process.stdin.as_mut().expect("a pipe");
        writeln!(input, r#"{{"ids":{ids:?},"times":{times}}}"#).expect("it reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        line.trim().parse().expect("milliseconds")
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
