//! The process as a story: settings, ports, models, signals, exit code.

use std::process::ExitCode;
use std::time::Instant;

use tamis::config::{Command, CommandLine, Flags};
use tamis::loading::trial;
use tamis::model::{Models, ModelsError};
use tamis::server::{Server, StartError};
use tamis::signals::Signals;
use tamis::{alloc, cli, loading, log, metrics, secrecy};

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
    let signals = Signals::catch()?;
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
    if let Some(Err(error)) = flags.model_dir.as_deref().map(|directory| trial::elsewhere(directory, flags.engine)) {
        tracing::error!(%error, "cannot serve the models of --model-dir");
        return Ok(ExitCode::from(2));
    }
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
    let loading = loading::load_bert(&server, user_bert, flags)?;
    let ends = signals.watch(loading::load_anew_when_asked(&server, flags)?)?;
    let name = ends.recv().map_err(std::io::Error::other)?;
    // Before the line that says so.
    server.unready();
    tracing::info!(signal = name, delay = ?flags.drain_delay, timeout = ?flags.drain_timeout, "draining");
    let shards = server.shards();
    let gentle = server.drain(flags.drain_delay, flags.drain_timeout);
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
