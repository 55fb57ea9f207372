//! Flags, their environment twins and the configuration file: typed and checked before a port opens.
//!
//! [`Flags`] is the one table: `--help`, the `TAMIS_` variables, the keys of `--config` and the README's table
//! all come from it. What is typed beats the environment, which beats the file, which beats the default.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::api::batch::MOST_AT_ONCE;
use crate::api::{CompatibleModel, Limits};
use crate::model::bert;
use crate::model::toxicity::EngineChoice;
use crate::server::bodies::Bodies;
use crate::server::connection::wire::Timeouts;
use crate::text::MAX_PIECES;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "tamis", version, about, args_override_self = true, subcommand_negates_reqs = true)]
pub struct CommandLine {
    /// What to do; nothing said means `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to do it.
    #[command(flatten)]
    pub flags: Flags,
}

/// What the binary does.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve HTTP (the default)
    Serve,
    /// Load every model, compare it with its golden answers, and exit
    Check,
    /// Load each model of --model-dir as SIGHUP would, say what is wrong, and exit 0 or 2
    CheckModels,
    /// Score texts from files or standard input: lines, CSV or JSON lines
    #[command(after_help = SCORE_CODES)]
    Score(ScoreFlags),
    /// Score JSON strings, one a line, and name the parts that carried the verdict
    Explain {
        /// The model: 'simple', 'bert' or one of --model-dir
        #[arg(long, default_value = "simple", value_name = "NAME")]
        model: String,
    },
    /// Turn JSON strings, one a line, into feature ids for the trainer
    Features,
    /// Turn JSON strings, one a line, into what is left of them after normalising
    Normalize,
    /// Turn JSON strings, one a line, into the ids of a vocabulary's pieces for the trainer
    Pieces {
        /// A vocab.txt: one piece a line
        #[arg(long, value_name = "FILE")]
        vocabulary: PathBuf,
        /// Most pieces of a text, the two special ones included
        #[arg(long, default_value = "128", value_name = "COUNT", value_parser = within(3, MAX_PIECES))]
        max: usize,
    },
    /// List every metric: name, type, unit, labels, sample lines, meaning
    PrintMetrics {
        /// Shape of the list
        #[arg(long, value_enum, default_value = "markdown")]
        format: ListFormat,
    },
    /// List every flag as a Markdown table
    PrintConfig,
    /// Describe the API: the OpenAPI document that is served at /openapi.json
    PrintOpenapi,
    /// Ask a running daemon whether it is ready; exit 0 or 1
    Healthcheck,
    /// Print a script that completes commands and flags in a shell
    Completions {
        /// Whose script
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff, of 'tamis' or of a command
    Man {
        /// The command
        #[arg(value_name = "COMMAND")]
        command: Option<String>,
    },
    /// Hash a password, from the terminal or the first line of standard input, for the file of --users
    HashPassword,
    /// Make an API key: print it, once, and its line for the file of --api-keys
    NewKey {
        /// Whose it is: up to 64 letters, digits, '.', '_', '-' or '@'
        #[arg(value_name = "NAME", value_parser = credentials::name)]
        name: String,
        /// What it may be used for, of 'analyze', 'predict' and 'admin'
        #[arg(long, default_value = "analyze,predict", value_name = "SCOPE,...", value_parser = credentials::scopes)]
        scopes: String,
    },
}

/// The daemon's settings.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// Address and port to serve on
    #[arg(long, global = true, env = "TAMIS_LISTEN", default_value = "0.0.0.0:8000", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Serve probes, /metrics and /status here instead of on --listen, and on both /model-info and /v2 but inference
    #[arg(long, global = true, env = "TAMIS_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,

    /// Serve HTTPS on --listen with this certificate, in PEM, and those that lead from it to a known one
    #[cfg(feature = "tls")]
    #[arg(long, global = true, env = "TAMIS_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,

    /// The private key of --tls-certificate, in PEM
    #[cfg(feature = "tls")]
    #[arg(long, global = true, env = "TAMIS_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Worker threads [default: one per CPU that the cgroup grants]
    #[arg(long, global = true, env = "TAMIS_WORKERS", value_name = "COUNT", value_parser = at_least_one())]
    pub workers: Option<usize>,

    /// What runs the toxicity models
    #[arg(long, global = true, env = "TAMIS_ENGINE", default_value = "auto")]
    pub engine: Engine,

    /// Whether to load 'bert', which is slower and better
    #[arg(long, global = true, env = "TAMIS_BERT", default_value = if bert::EMBEDDED { "on" } else { "off" })]
    pub bert: Switch,

    /// Threads that run 'bert' [default: half the CPUs that the cgroup grants, at least 1]
    #[arg(long, global = true, env = "TAMIS_BERT_THREADS", value_name = "COUNT", value_parser = at_least_one())]
    pub bert_threads: Option<usize>,

    /// Most texts that may wait for 'bert'; more are refused at once
    #[arg(long, global = true, env = "TAMIS_BERT_QUEUE", default_value = "64", value_name = "COUNT", value_parser = within(0, 4096))]
    pub bert_queue: usize,

    /// Time that a text may wait for 'bert' to begin
    #[arg(long, global = true, env = "TAMIS_BERT_TIMEOUT", default_value = "2s", value_name = "TIME", value_parser = duration)]
    pub bert_timeout: Duration,

    /// Serve the text models that *.toml here describe, beside those inside the binary or, by name, in their place
    #[arg(long, global = true, env = "TAMIS_MODEL_DIR", value_name = "DIRECTORY")]
    pub model_dir: Option<PathBuf>,

    /// Read settings from this TOML file; its keys are these flags' names
    #[arg(long, global = true, env = "TAMIS_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Which credentials requests must have: an API key, a token of /token, or either
    #[arg(long, global = true, env = "TAMIS_AUTH", default_value = "none")]
    pub auth: AuthMode,

    /// The keys of --auth api-key: a line 'name:SHA-256 in hexadecimal[:scope,...]' each
    #[arg(long, global = true, env = "TAMIS_API_KEYS", value_name = "FILE")]
    pub api_keys: Option<PathBuf>,

    /// The users of --auth oauth2: a line 'name:Argon2id hash[:scope,...]' each
    #[arg(long, global = true, env = "TAMIS_USERS", value_name = "FILE")]
    pub users: Option<PathBuf>,

    /// The secret that signs the tokens of --auth oauth2, 32 bytes or more
    #[arg(long, global = true, env = "TAMIS_TOKEN_SECRET", value_name = "FILE")]
    pub token_secret: Option<PathBuf>,

    /// How long a token lives, in seconds
    #[arg(long, global = true, env = "TAMIS_TOKEN_SECONDS", default_value = "1800", value_name = "SECONDS", value_parser = within(1, 31_536_000))]
    pub token_seconds: usize,

    /// Most wrong passwords that one address may try in a minute; all together ten times as many
    #[arg(long, global = true, env = "TAMIS_TOKEN_ATTEMPTS", default_value = "10", value_name = "COUNT", value_parser = within(1, 60_000))]
    pub token_attempts: usize,

    /// Whether /metrics and /status need a credential with the scope 'admin'
    #[arg(long, global = true, env = "TAMIS_AUTH_METRICS", default_value = "open")]
    pub auth_metrics: Door,

    /// Whether /health, /livez, /readyz, /startupz and those of /v2 do
    #[arg(long, global = true, env = "TAMIS_AUTH_PROBES", default_value = "open")]
    pub auth_probes: Door,

    /// Longest request body, in bytes
    #[arg(long, global = true, env = "TAMIS_MAX_BODY_BYTES", default_value = "65536", value_name = "BYTES", value_parser = within(256, 16 << 20))]
    pub max_body_bytes: usize,

    /// Most memory per worker for bodies longer than 4 KiB that are under way, in bytes; for those beyond it is 503
    #[arg(long, global = true, env = "TAMIS_MAX_BUFFERED_BYTES", default_value = "8388608", value_name = "BYTES", value_parser = within(256, MAX_BODIES))]
    pub max_buffered_bytes: usize,

    /// Longest text to score, in bytes of UTF-8
    #[arg(long, global = true, env = "TAMIS_MAX_TEXT_BYTES", default_value = "16384", value_name = "BYTES", value_parser = within(1, 16 << 20))]
    pub max_text_bytes: usize,

    /// Most rows in one /predict request or tensor
    #[arg(long, global = true, env = "TAMIS_MAX_ROWS", default_value = "1024", value_name = "COUNT", value_parser = within(1, 1 << 20))]
    pub max_rows: usize,

    /// Most texts in one /analyze/batch or /v1/moderations request or one tensor; lines of NDJSON are not counted
    #[arg(long, global = true, env = "TAMIS_MAX_BATCH", default_value = "256", value_name = "COUNT", value_parser = within(1, 65536))]
    pub max_batch: usize,

    /// Model that answers requests in the shape of Perspective or OpenAI, unless they name one of ours
    #[arg(long, global = true, env = "TAMIS_COMPATIBLE_MODEL", default_value = "auto")]
    pub compatible_model: CompatibleModel,

    /// Origins whose pages a browser lets use the daemon, each as <https://example.org>; '*' for all
    #[arg(long, global = true, env = "TAMIS_CORS_ORIGINS", value_name = "ORIGIN,...")]
    pub cors_origins: Option<Origins>,

    /// Most open connections per worker; more wait in the kernel's backlog, and those without a request get a second at most
    #[arg(long, global = true, env = "TAMIS_MAX_CONNECTIONS", default_value = "1024", value_name = "COUNT", value_parser = within(1, 1 << 20))]
    pub max_connections: usize,

    /// Time for a request's header section to arrive
    #[arg(long, global = true, env = "TAMIS_HEADER_TIMEOUT", default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub header_timeout: Duration,

    /// Time for a request's body to arrive after its header section
    #[arg(long, global = true, env = "TAMIS_BODY_TIMEOUT", default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub body_timeout: Duration,

    /// Time that a connection may rest between requests
    #[arg(long, global = true, env = "TAMIS_IDLE_TIMEOUT", default_value = "75s", value_name = "TIME", value_parser = duration)]
    pub idle_timeout: Duration,

    /// Time that a client may go without taking a byte of its answer
    #[arg(long, global = true, env = "TAMIS_WRITE_TIMEOUT", default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub write_timeout: Duration,

    /// Time between /readyz turning 503 and the last accepted connection
    #[arg(long, global = true, env = "TAMIS_DRAIN_DELAY", default_value = "0s", value_name = "TIME", value_parser = duration)]
    pub drain_delay: Duration,

    /// Time for connections to end after that; then the process ends without them
    #[arg(long, global = true, env = "TAMIS_DRAIN_TIMEOUT", default_value = "20s", value_name = "TIME", value_parser = duration)]
    pub drain_timeout: Duration,

    /// Least severe log lines to write
    #[arg(long, global = true, env = "TAMIS_LOG_LEVEL", default_value = "info")]
    pub log_level: LogLevel,

    /// Shape of a log line
    #[arg(long, global = true, env = "TAMIS_LOG_FORMAT", default_value = "json")]
    pub log_format: LogFormat,

    /// Log requests; never their texts
    #[arg(long, global = true, env = "TAMIS_ACCESS_LOG")]
    pub access_log: bool,

    /// Of the requests that --access-log logs, log one in so many; answers of 500 and above are all logged
    #[arg(long, global = true, env = "TAMIS_ACCESS_LOG_SAMPLE", default_value = "1", value_name = "COUNT", value_parser = within(1, 1_000_000_000))]
    pub access_log_sample: usize,

    /// Most lines that --access-log writes in a second; a line says how many were left out
    #[arg(long, global = true, env = "TAMIS_ACCESS_LOG_LIMIT", default_value = "100", value_name = "COUNT", value_parser = within(1, 1_000_000))]
    pub access_log_limit: usize,
}

/// `--engine`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The compiled kernel where the graph is known, else tract
    Auto,
    /// The compiled kernel, or no start
    Kernel,
    /// tract-onnx
    Tract,
}

/// `--bert`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Switch {
    On,
    Off,
}

/// `--log-level`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// `--log-format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line
    Json,
    /// For people
    Text,
}

/// `print-metrics --format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table for people
    Markdown,
    /// A list of objects for programs, with the label values that are known before the daemon starts
    Json,
}

impl CommandLine {
    /// Reads the command line, the environment and the file that either names.
    ///
    /// # Errors
    /// What clap says of a flag, variable or key that is unknown or has a bad value; what is wrong with the file.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut arguments: Vec<_> = arguments.into_iter().collect();
        let first = Self::try_parse_from(&arguments)?;
        let Some(path) = &first.flags.config else { return first.checked() };
        let from_file = file::arguments(path, &Self::command())
            .map_err(|problem| Self::command().error(clap::error::ErrorKind::ValueValidation, problem))?;
        // Before what was typed, so that what was typed overrides it.
        arguments.splice(1..1, from_file);
        Self::try_parse_from(&arguments)?.checked()
    }

    fn checked(self) -> Result<Self, clap::Error> {
        let error = |text: &str| Err(Self::command().error(clap::error::ErrorKind::ValueValidation, text));
        if self.flags.max_text_bytes > self.flags.max_body_bytes {
            return error("--max-text-bytes must not exceed --max-body-bytes: such a text could not arrive");
        }
        if self.flags.max_body_bytes > self.flags.max_buffered_bytes {
            return error(
                "--max-body-bytes must not exceed --max-buffered-bytes: there would be no room for such a body",
            );
        }
        if self.flags.bert() && !bert::EMBEDDED {
            return error("--bert on: this build does not carry the model");
        }
        if self.flags.bert_timeout.is_zero() {
            return error("--bert-timeout must be above 0: with 0 every text comes too late");
        }
        if let Some(wrong) = self.flags.wrong_with_auth() {
            return error(wrong);
        }
        #[cfg(feature = "tls")]
        if let Some(wrong) = self.flags.wrong_with_tls() {
            return error(wrong);
        }
        if self.flags.admin_listen == Some(self.flags.listen) && self.flags.listen.port() != 0 {
            return error("--admin-listen must differ from --listen");
        }
        Ok(self)
    }
}

impl Flags {
    /// `--workers`, or one per CPU of the cgroup's quota and the affinity mask.
    pub fn workers(&self) -> usize {
        self.workers.unwrap_or_else(available_cpus)
    }

    /// Whether to load `bert`.
    pub fn bert(&self) -> bool {
        self.bert == Switch::On
    }

    /// The size of `bert`'s part of the daemon. By default it takes half of the CPUs, so that the workers, which answer
    /// everything else in microseconds, find one free when all of its threads are busy.
    pub fn bert_settings(&self) -> bert::Settings {
        let threads = self.bert_threads.unwrap_or_else(|| (available_cpus() / 2).max(1));
        bert::Settings { threads, queue: self.bert_queue, timeout: self.bert_timeout }
    }

    /// What one request may ask for.
    pub fn limits(&self) -> Limits {
        let bert = self.bert_settings();
        Limits {
            body: self.max_body_bytes,
            text: self.max_text_bytes,
            rows: self.max_rows,
            batch: self.max_batch,
            // An eighth of the places: several batches and single texts get on beside each other.
            window: ((bert.queue + bert.threads) / 8).clamp(1, MOST_AT_ONCE),
        }
    }

    /// The buffers that a worker has for bodies, long and short.
    pub fn body_slots(&self) -> usize {
        self.max_connections + Bodies::long_buffers(self.max_body_bytes, self.max_buffered_bytes)
    }

    /// How long a client may take.
    pub fn timeouts(&self) -> Timeouts {
        Timeouts {
            header: self.header_timeout,
            body: self.body_timeout,
            idle: self.idle_timeout,
            answer: self.idle_timeout,
            write: self.write_timeout,
        }
    }
}

impl From<Engine> for EngineChoice {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Auto => Self::Auto,
            Engine::Kernel => Self::Kernel,
            Engine::Tract => Self::Tract,
        }
    }
}

mod credentials;
mod file;
mod origins;
mod score;
mod table;
#[cfg(feature = "tls")]
mod tls;

pub use credentials::{AuthMode, Door};
pub use origins::Origins;
pub use score::{InputFormat, OutputFormat, ScoreFlags};
pub use table::markdown;

/// What `tamis score` ends with.
const SCORE_CODES: &str = "\
Exit codes: 0 every row is scored; 1 it cannot go on; 2 the command cannot be followed; 3 rows are at fault, as their
'error' says; 130 or 143 it was told to stop, and has written whole rows.";

/// Address space that one worker may reserve for bodies, in bytes. Pages are touched only when used.
const MAX_BODIES: usize = 4 << 30;

/// The CPUs that the affinity mask and the cgroup's quota grant.
fn available_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn at_least_one() -> ValueParser {
    within(1, 1024)
}

fn within(least: usize, most: usize) -> ValueParser {
    ValueParser::from(move |text: &str| {
        let value = text.parse::<usize>().map_err(|_| format!("not a whole number from {least} to {most}"))?;
        if (least..=most).contains(&value) { Ok(value) } else { Err(format!("not from {least} to {most}")) }
    })
}

/// A number with a unit: `500ms`, `10s`, `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..digits].parse::<u32>().ok();
    let milliseconds = match &text[digits..] {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        _ => None,
    };
    number
        .zip(milliseconds)
        .map(|(number, unit)| Duration::from_millis(u64::from(number) * unit))
        .ok_or_else(|| "not a time such as 500ms, 10s or 2m".to_owned())
}

#[cfg(test)]
mod tests;
