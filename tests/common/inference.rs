//! A server in this process whose `bert` is the test's own: as slow, as stuck or as broken as the test needs it.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use clap::Parser as _;
use tamis::config::CommandLine;
use tamis::metrics::drift::Edges;
use tamis::model::Models;
use tamis::model::bert::Bert;
use tamis::model::executor::Wanted;
use tamis::model::files::Files;
use tamis::model::manifest::{Band, MAX_LABELS};
use tamis::model::toxicity::{EngineChoice, SIMPLE, Toxicity};
use tamis::server::Server;

use super::daemon::PATIENT;
use super::http::{Connection, PATIENCE, Request, Response};
use super::metrics::Samples;

/// What a model answers here.
pub type Probabilities = Result<[f32; 6], &'static str>;

/// What [`Gate::run`] finds in every text.
pub const FOUND: [f32; 6] = [0.42, 0.1, 0.2, 0.3, 0.4, 0.5];

/// The server, and the way to it.
pub struct Inference {
    pub server: Server,
    address: SocketAddr,
}

/// A model that begins at once and ends when it is let.
#[derive(Clone)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

struct State {
    begun: usize,
    open: bool,
}

impl Inference {
    /// Starts a ready server on a port of its own, without `bert`.
    pub fn without_bert(arguments: &[&str]) -> Self {
        let always = ["tamis", "--listen", "127.0.0.1:0", "--workers", "1"];
        let line = CommandLine::parse_from(always.iter().chain(&PATIENT).chain(arguments));
        let server = Server::start(&line.flags).expect("a free port");
        server.ready(Models::load(None, EngineChoice::Auto).expect("the embedded models"));
        let address = server.addresses()[0];
        Self { server, address }
    }

    /// Starts a ready server whose `bert` is `run`, asked by `auto` about texts of `band`.
    pub fn start<R>(arguments: &[&str], band: Option<Band>, run: R) -> Self
    where
        R: Fn(&[u32]) -> Probabilities + Send + Sync + 'static,
    {
        let inference = Self::without_bert(arguments);
        inference.load_bert(arguments, band, run);
        inference
    }

    /// Shows `bert` to the workers.
    pub fn load_bert<R>(&self, arguments: &[&str], band: Option<Band>, run: R)
    where
        R: Fn(&[u32]) -> Probabilities + Send + Sync + 'static,
    {
        let line = CommandLine::parse_from(["tamis", "--bert-threads", "1"].iter().chain(&PATIENT).chain(arguments));
        let model = Arc::new(stand_in());
        let run = move |ids: &mut [u32], _: bool, _: Wanted<'_>| {
            run(ids).map(|six| {
                let mut values = [0.0; MAX_LABELS];
                values[..six.len()].copy_from_slice(&six);
                values
            })
        };
        let bert = Bert::with(model, band, Duration::from_millis(77), line.flags.bert_settings(), run);
        assert!(self.server.loaded().publish_bert(bert.expect("threads")));
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn connect(&self) -> Connection {
        Connection::open(self.address).expect("it accepts")
    }

    pub fn ask(&self, request: &Request) -> Response {
        request.send_to(self.address).expect("an answer")
    }

    pub fn scrape(&self) -> Samples {
        Samples::parse(self.ask(&Request::get("/metrics")).text()).expect("the text format")
    }

    /// Waits until a gauge or counter without labels has `value`.
    pub fn wait_for(&self, name: &str, value: f64) {
        let deadline = Instant::now() + PATIENCE;
        while self.scrape().value(name, &[]) != value {
            assert!(Instant::now() < deadline, "{name} does not become {value}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// `simple` under the name of `bert`: what is told of the model and what cuts texts, quick to load.
fn stand_in() -> Toxicity {
    let (name, manifest) = &SIMPLE.files[0];
    let manifest = String::from_utf8_lossy(manifest).replace("name = \"simple\"", "name = \"bert\"");
    let manifest = format!("{manifest}\n[auto]\nlow = 0.0\nhigh = 1.0\nreference = {:?}\n", reference());
    let files = [(*name, Cow::Owned(manifest.into_bytes())), SIMPLE.files[1].clone(), SIMPLE.files[2].clone()];
    Toxicity::load(Files::Memory(&files), name, EngineChoice::Auto).expect("the embedded model")
}

/// The deciles of what the stand-in's probabilities are said to be, asked for by `bert` or by `auto`.
pub fn reference() -> Edges {
    SIMPLE.manifest().expect("the embedded manifest").reference.expect("a reference").toxic
}

impl Gate {
    /// A gate that lets nothing pass yet.
    pub fn shut() -> Self {
        Self(Arc::new((Mutex::new(State { begun: 0, open: false }), Condvar::new())))
    }

    /// Lets everything pass from now on.
    pub fn open(&self) {
        self.0.0.lock().expect("no panic").open = true;
        self.0.1.notify_all();
    }

    /// The model.
    #[expect(clippy::unnecessary_wraps, reason = "a model can fail")]
    pub fn run(&self, _ids: &[u32]) -> Probabilities {
        let mut state = self.0.0.lock().expect("no panic");
        state.begun += 1;
        self.0.1.notify_all();
        drop(self.0.1.wait_while(state, |state| !state.open).expect("no panic"));
        Ok(FOUND)
    }

    /// How many texts the model has begun with.
    pub fn begun(&self) -> usize {
        self.0.0.lock().expect("no panic").begun
    }

    /// Waits until the model has begun with `count` texts.
    pub fn wait_begun(&self, count: usize) {
        let state = self.0.0.lock().expect("no panic");
        let (state, _) = self.0.1.wait_timeout_while(state, PATIENCE, |state| state.begun < count).expect("no panic");
        assert!(state.begun >= count, "it has begun with {} texts", state.begun);
    }
}

/// A request for the score of `text` by `model`.
pub fn analyze(text: &str, model: &str) -> Request {
    Request::json("/analyze", format!(r#"{{"text":"{text}","model":"{model}"}}"#))
}

/// The JSON of an answer.
pub fn json(response: &Response) -> serde_json::Value {
    serde_json::from_slice(&response.body).expect("JSON")
}
