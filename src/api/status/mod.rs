//! `GET /status`: what the daemon does now, as the figures that its page asks for.

pub mod figures;
mod json;

use super::{Outcome, Worker, scrape};

/// Bytes that the figures take at most.
pub const MAX_LEN: usize = figures::MAX_LEN;

/// Writes the figures into `out`.
pub fn answer(worker: &mut Worker, out: &mut [u8]) -> Outcome {
    let live = scrape::live(worker);
    let uptime = worker.started.elapsed();
    let (snapshot, facts) = worker.scrape.collect(&worker.loaded, &live);
    let figures = figures::Figures { snapshot, facts, live, uptime, loaded: &worker.loaded };
    // `max_reply` makes room for all of it.
    Outcome::good(200, figures.write(out).unwrap_or_default())
}
