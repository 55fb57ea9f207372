//! Models and credentials loaded beside a daemon that answers: `bert` after the start, and all of it anew when SIGHUP asks.
//!
//! What is loaded anew takes the place of what was there at once, in every worker; who began before ends with what was there
//! then. What cannot be used changes nothing: a line of the log says why and a counter counts it.

pub mod trial;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::config::Flags;
use crate::model::bert::{self, Bert};
use crate::model::toxicity::{EngineChoice, Toxicity};
use crate::model::{Loaded, Models};
use crate::server::{Server, Shown};
use crate::{alloc, log};

/// A model that is loaded, and the time that it took.
type Timed = (Toxicity, Duration);

/// Loads `bert`, which is `user_bert` if there is one, on a thread of its own. What is embedded and cannot be used is a bug:
/// the process ends and says so, rather than promise a model that it will never have.
///
/// # Errors
/// If there is no thread to be had.
pub fn load_bert(server: &Server, user_bert: Option<Timed>, flags: &Flags) -> io::Result<Option<JoinHandle<()>>> {
    let (loaded, settings, engine) = (server.loaded(), flags.bert_settings(), flags.engine.into());
    let load = move || {
        let started = Instant::now();
        match start_bert(user_bert, engine, settings) {
            Ok(bert) => {
                loaded.publish_bert(bert);
                let milliseconds = started.elapsed().as_secs_f64() * 1e3;
                tracing::info!(threads = settings.threads, milliseconds, "bert loaded");
                alloc::give_back();
            }
            Err(error) => {
                tracing::error!(%error, "bert cannot be used");
                log::end(70);
            }
        }
    };
    flags.bert().then(|| thread::Builder::new().name("bert-load".to_owned()).spawn(load)).transpose()
}

/// Starts the thread that loads anew each time that it is asked by what this answers; asked while it loads, it loads once
/// more.
///
/// # Errors
/// If there is no thread to be had.
pub fn load_anew_when_asked(server: &Server, flags: &Flags) -> io::Result<SyncSender<()>> {
    let (asks, asked) = sync_channel(1);
    let (models, auth, flags) = (server.models(), server.auth(), flags.clone());
    #[cfg(feature = "tls")]
    let tls = server.tls();
    let work = move || {
        let mut replaced = Vec::new();
        while wait(&asked, &mut replaced) {
            if let Some(auth) = &auth {
                auth.look();
            }
            #[cfg(feature = "tls")]
            if let Some(tls) = &tls {
                tls.look();
            }
            if flags.model_dir.is_some() {
                replaced.extend(load_models(&models, &flags));
            }
            #[cfg(feature = "tls")]
            let has_tls = tls.is_some();
            #[cfg(not(feature = "tls"))]
            let has_tls = false;
            if auth.is_none() && flags.model_dir.is_none() && !has_tls {
                tracing::info!("nothing to load anew: neither --auth nor --model-dir is given");
            }
            alloc::give_back();
        }
    };
    thread::Builder::new().name("reload".to_owned()).spawn(work)?;
    Ok(asks)
}

/// Waits to be asked, and meanwhile lets go what nobody answers by any more, here and not on a worker; `false` when nobody
/// can ask any more.
fn wait(asked: &Receiver<()>, replaced: &mut Vec<Arc<Loaded>>) -> bool {
    loop {
        let before = replaced.len();
        replaced.retain(|loaded| Arc::strong_count(loaded) > 1);
        if replaced.len() < before {
            alloc::give_back();
        }
        let told = if replaced.is_empty() {
            asked.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            asked.recv_timeout(BETWEEN_LOOKS)
        };
        match told {
            Ok(()) => return true,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// Loads the models of `--model-dir` anew and shows them; answers what was shown before, `None` where nothing has changed.
fn load_models(shown: &Shown, flags: &Flags) -> Option<Arc<Loaded>> {
    let started = Instant::now();
    let before = settled(shown);
    let tried = flags.model_dir.as_deref().map_or(Ok(()), |directory| trial::elsewhere(directory, flags.engine));
    let loaded = match tried.map_err(Into::into).and_then(|()| next(&before, flags)) {
        Ok(loaded) => loaded,
        Err(error) => {
            before.count_reload(false);
            tracing::error!(%error, "models cannot be used: those from before stay");
            return None;
        }
    };
    // Before they are shown: who sees them sees that they are counted.
    before.count_reload(true);
    drop(before);
    let before = shown.replace(loaded);
    tracing::info!(milliseconds = started.elapsed().as_secs_f64() * 1e3, "models loaded anew");
    Some(before)
}

/// What is shown, once `bert` has been loaded into it.
fn settled(shown: &Shown) -> Arc<Loaded> {
    loop {
        let loaded = shown.now();
        if loaded.bert().is_some() || !loaded.wants_bert() {
            return loaded;
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// The set that follows `before`. `bert` goes on as it is unless a user's was, or is to be, in its place.
fn next(before: &Loaded, flags: &Flags) -> Result<Loaded, Box<dyn std::error::Error>> {
    let engine = flags.engine.into();
    let mut models = Models::load(flags.model_dir.as_deref(), engine)?;
    for custom in &mut models.custom {
        custom.start(flags.bert_settings())?;
    }
    for model in &mut models.loaded {
        if let Some(earlier) = before.each().find(|earlier| earlier.model == model.model) {
            model.follow(earlier);
        }
    }
    let (user_bert, was_users) = (models.user_bert.take(), before.models().is_some_and(|models| models.has_user_bert));
    let bert = match before.shared_bert() {
        None => None,
        Some(bert) if user_bert.is_none() && !was_users => Some(Arc::clone(bert)),
        Some(replaced) => {
            let mut bert = start_bert(user_bert, engine, flags.bert_settings())?;
            bert.follow(&replaced.known().metrics);
            Some(Arc::new(bert))
        }
    };
    Ok(before.next(models, bert))
}

fn start_bert(
    user_bert: Option<Timed>,
    engine: EngineChoice,
    settings: bert::Settings,
) -> Result<Bert, Box<dyn std::error::Error>> {
    let started = Instant::now();
    let (model, time) = match user_bert {
        Some(loaded) => loaded,
        None => (bert::load(engine)?, started.elapsed()),
    };
    Ok(Bert::start(model, time, settings)?)
}

/// How long it waits before it looks again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
