//! `tamis score`: texts from files or standard input to their scores, on all cores.
//!
//! ```text
//! files ─► reader ──full──► worker 0..N ──events──► writer (this thread) ─► output, checkpoint, progress
//!             ▲  whole rows   scores and rows            │ in their order
//!             └──────────────────── free ────────────────┘
//! ```
//!
//! Memory is bounded by the number of chunks, which go round. What has arrived is scored at once, so that whoever types
//! lines sees answers. A text has the scores that `POST /analyze` would give it.

mod checkpoint;
mod chunk;
mod member;
mod names;
mod plan;
mod progress;
mod reader;
mod render;
mod rows;
mod scorer;
mod signals;
mod split;
mod worker;
mod writer;

use std::fs;
use std::io::{self, ErrorKind, Write as _, stderr};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::config::{Flags, ScoreFlags};
use checkpoint::Unfinished;
use chunk::Chunk;
use plan::Plan;
use progress::Progress;
use reader::{Reader, Stopped};
use scorer::Scorer;
use worker::Worker;
use writer::{Ended, Sink, Writer};

/// What the writer is told.
pub enum Event {
    /// A chunk is scored.
    Scored(Chunk),
    /// So many chunks are all, and what is wrong with the input behind them.
    Read(u64, Option<String>),
    /// A signal came: end with this code.
    Stop(u8),
}

/// Scores what `score` asks for; answers the exit code.
pub fn run(score: &ScoreFlags, flags: &Flags) -> ExitCode {
    let ended = prepare(score, flags).and_then(Writer::run);
    let Ended { code, told } = ended.unwrap_or_else(|Failed { code, told }| Ended { code, told: vec![told] });
    for line in told {
        say(&line);
    }
    ExitCode::from(code)
}

/// Why nothing more is done.
struct Failed {
    code: u8,
    told: String,
}

/// Opens everything and starts the threads.
fn prepare(score: &ScoreFlags, flags: &Flags) -> Result<Writer, Failed> {
    let usage = |told| Failed { code: 2, told };
    let scorer = Arc::new(Scorer::load(flags, &score.model).map_err(usage)?);
    let plan = Arc::new(Plan::new(score, flags, &scorer).map_err(usage)?);
    let sink = match &score.output {
        None => Sink::Stdout,
        Some(output) => open(output, &plan, plan.identity(score, flags, &scorer), score.resume).map_err(|error| {
            let is_refused = error.kind() == ErrorKind::InvalidInput;
            if is_refused { usage(error.to_string()) } else { cannot(&format!("{}: {error}", output.display())) }
        })?,
    };
    let before = match &sink {
        Sink::File(file) if file.checkpoint.output_bytes > 0 => Some(file.checkpoint.clone()),
        _ => None,
    };
    let count = 4 * score.threads();
    let (free, to_fill) = sync_channel(count);
    let (full, to_score) = sync_channel(count);
    let (events, told) = sync_channel(count + 2);
    for _ in 0..count {
        // There is room for all.
        let _ = free.send(Chunk::default());
    }
    let reader = Reader {
        plan: Arc::clone(&plan),
        free: to_fill,
        full,
        is_new: before.is_none(),
        resumed: before.as_ref().map(|before| before.input.clone()),
        marks: matches!(sink, Sink::File(_)),
        sent: 0,
        kept: None,
    };
    let failed = |error: io::Error| cannot(&error.to_string());
    signals::watch(events.clone()).map_err(failed)?;
    let progress = Progress::new(
        &plan.files,
        score.output.as_ref(),
        !score.no_progress,
        before.as_ref().map_or(0, |before| before.rows),
    );
    start(reader, score.threads(), &Arc::new(Mutex::new(to_score)), &plan, &scorer, &events).map_err(failed)?;
    Ok(Writer::new(sink, told, free, progress))
}

/// Starts the reader and the workers. They are not waited for: one may sit on an input that never ends.
fn start(
    mut reader: Reader,
    threads: usize,
    to_score: &Arc<Mutex<Receiver<Chunk>>>,
    plan: &Arc<Plan>,
    scorer: &Arc<Scorer>,
    events: &SyncSender<Event>,
) -> io::Result<()> {
    for index in 0..threads {
        let (to_score, events) = (Arc::clone(to_score), events.clone());
        let (plan, scorer) = (Arc::clone(plan), Arc::clone(scorer));
        let work = move || {
            let mut worker = Worker::new(&plan, &scorer);
            loop {
                let next = to_score.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(mut chunk) = next else { return };
                worker.score(&mut chunk);
                if events.send(Event::Scored(chunk)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name(format!("score-{index}")).spawn(work)?;
    }
    let events = events.clone();
    let read = move || {
        let wrong = match reader.run() {
            Ok(()) => None,
            Err(Stopped::Wrong(told)) => Some(told),
            Err(Stopped::Unwanted) => return,
        };
        // If nobody listens, it has ended.
        let _ = events.send(Event::Read(reader.sent, wrong));
    };
    thread::Builder::new().name("read".to_owned()).spawn(read).map(drop)
}

/// Opens the output: a file that a later run can go on with, or what else stands under the name.
fn open(output: &Path, plan: &Plan, settings: serde_json::Value, resumes: bool) -> io::Result<Sink> {
    let refused = |told: String| Err(io::Error::new(ErrorKind::InvalidInput, told));
    let name = output.display();
    if let Ok(there) = fs::metadata(output) {
        if there.is_dir() {
            return refused(format!("{name} is a directory"));
        }
        if !there.is_file() {
            if resumes {
                return refused(format!("{name} is no file: only a file can be gone on with"));
            }
            return Ok(Sink::Other(fs::File::options().write(true).open(output)?));
        }
        let is_same =
            |path: &Path| fs::metadata(path).is_ok_and(|one| (one.dev(), one.ino()) == (there.dev(), there.ino()));
        if plan.files.iter().any(|file| !file.is_stdin() && is_same(&file.path)) {
            return refused(format!("{name} is also to be read"));
        }
    }
    Unfinished::open(output, settings, resumes).map(Sink::File)
}

fn cannot(told: &str) -> Failed {
    Failed { code: 1, told: told.to_owned() }
}

/// Tells the person at the terminal.
fn say(line: &str) {
    // Without anyone to tell there is nothing to do.
    let _ = writeln!(stderr(), "tamis: {line}");
}
