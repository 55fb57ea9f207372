//! The process as a story: settings, ports, models, signals, exit code.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tamis::config::{Command, CommandLine, Flags};
use tamis::model::bert::{self, Bert};
use tamis::model::toxicity::{EngineChoice, Toxicity};
use tamis::model::{Loaded, Models, ModelsError};
use tamis::server::{Server, StartError};
use tamis::{alloc, cli, log, metrics, secrecy};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> ExitCode {
    let started = Instant::now();
    let line = match CommandLine::read(std::env::args_os()) {
        Ok(line) => line,
        Err(error) => {
            // Help and version come this way too, with exit code 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    log::start(line.flags.log_level, line.flags.log_format);
    // Before the first secret is read.
    if let Err(error) = secrecy::seal() {
        tracing::warn!(%error, "core dumps stay as they are");
    }
    let ended = match line.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(&line.flags, started),
        command => cli::run(&command, &line.flags),
    };
    ended.unwrap_or_else(|error| {
        tracing::error!(%error, "cannot go on");
        ExitCode::FAILURE
    })
}

fn serve(flags: &Flags, started: Instant) -> std::io::Result<ExitCode> {
    // Before anything that takes time: a signal during start-up must not be lost.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let server = match Server::start(flags) {
        Ok(server) => server,
        // Files of credentials are settings too.
        Err(StartError::Credentials(error)) => {
            tracing::error!(%error, "cannot use the credentials");
            return Ok(ExitCode::from(2));
        }
        Err(StartError::System(error)) => {
            let admin = flags.admin_listen.map(|address| format!(" or {address}")).unwrap_or_default();
            let told = format!("cannot listen on {}{admin}: {error}", flags.listen);
            return Err(std::io::Error::new(error.kind(), told));
        }
    };
    let mut models = match Models::load(flags.model_dir.as_deref(), flags.engine.into()) {
        Ok(models) => models,
        // The directory is a setting: what is wrong in it ends like any setting that is wrong.
        Err(error @ ModelsError::User(_)) => {
            tracing::error!(%error, "cannot serve the models of --model-dir");
            return Ok(ExitCode::from(2));
        }
        Err(error) => return Err(std::io::Error::other(error)),
    };
    let simple = models.toxicity.engine_name();
    let user_bert = models.user_bert.take();
    for custom in &mut models.custom {
        custom.start(flags.bert_settings())?;
    }
    server.ready(models);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = ?server.addresses(),
        workers = flags.workers(),
        simple,
        kernel = tamis::kernel::bag::path_name(),
        milliseconds = started.elapsed().as_secs_f64() * 1e3,
        "ready"
    );
    alloc::give_back();
    let loader = std::thread::Builder::new().name("bert-load".to_owned());
    let (loaded, settings, engine) = (server.loaded(), flags.bert_settings(), flags.engine.into());
    let loading = flags.bert().then(|| loader.spawn(move || load_bert(&loaded, user_bert, engine, settings)));
    let loading = loading.transpose()?;
    let name = runtime.block_on(async {
        tokio::select! { _ = terminate.recv() => "SIGTERM", _ = interrupt.recv() => "SIGINT" }
    });
    // Before the line that says so.
    server.unready();
    tracing::info!(signal = name, delay = ?flags.drain_delay, timeout = ?flags.drain_timeout, "draining");
    // A second signal ends the wait.
    let (delay, timeout) = (flags.drain_delay, flags.drain_timeout);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        });
        tracing::warn!("a second signal: ending at once");
        log::end(1);
    });
    let shards = server.shards();
    let gentle = server.drain(delay, timeout);
    // It ends soon, and has nothing more to say after the last line.
    let _ = loading.map(std::thread::JoinHandle::join);
    for (handler, method, status, requests) in metrics::answered(&shards) {
        tracing::info!(
            method = method.as_str(),
            handler = handler.as_str(),
            status = status.as_str(),
            requests,
            "answered"
        );
    }
    tracing::info!(gentle, "stopped");
    Ok(ExitCode::SUCCESS)
}

/// Loads `bert` beside the daemon that answers already. What is embedded and cannot be used is a bug: the process ends
/// and says so, rather than promise a model that it will never have.
fn load_bert(loaded: &Loaded, user_bert: Option<(Toxicity, Duration)>, engine: EngineChoice, settings: bert::Settings) {
    let started = Instant::now();
    let load = || -> Result<Bert, Box<dyn std::error::Error>> {
        let (model, time) = match user_bert {
            Some(loaded) => loaded,
            None => (bert::load(engine)?, started.elapsed()),
        };
        Ok(Bert::start(model, time, settings)?)
    };
    match load() {
        Ok(bert) => {
            loaded.publish_bert(bert);
            tracing::info!(
                threads = settings.threads,
                milliseconds = started.elapsed().as_secs_f64() * 1e3,
                "bert loaded"
            );
            alloc::give_back();
        }
        Err(error) => {
            tracing::error!(%error, "bert cannot be used");
            log::end(70);
        }
    }
}
