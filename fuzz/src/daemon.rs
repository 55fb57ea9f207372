//! One worker's state as the server builds it, ready, without `bert`.

use std::sync::Arc;
use std::time::Instant;

use clap::Parser as _;
use tamis::api;
use tamis::api::health::SharedPhase;
use tamis::api::scrape::Scrape;
use tamis::config::{CommandLine, Flags};
use tamis::metrics::Shard;
use tamis::metrics::labels::Phase;
use tamis::model::toxicity::EngineChoice;
use tamis::model::{Loaded, Models};

/// What a worker is made of.
pub struct Daemon {
    pub flags: Flags,
    pub shards: Arc<[Arc<Shard>]>,
    pub loaded: Arc<Loaded>,
    pub worker: api::Worker,
}

/// A worker of a daemon with small limits, so that inputs of fuzzed sizes reach them.
pub fn daemon() -> Daemon {
    let limits = ["--max-body-bytes", "8192", "--max-text-bytes", "2048", "--max-rows", "64", "--max-batch", "32"];
    let words = ["tamis", "--workers", "1", "--bert", "off", "--max-connections", "4"].into_iter().chain(limits);
    let flags = CommandLine::parse_from(words).flags;
    let shards: Arc<[Arc<Shard>]> = [Arc::from(Shard::new())].into();
    let (loaded, phase) = (Arc::new(Loaded::new(flags.bert())), SharedPhase::new());
    assert!(loaded.publish(Models::load(None, EngineChoice::Auto).expect("the embedded models")));
    phase.advance(Phase::Ready);
    let scrape = Scrape::new(&shards, flags.max_connections);
    let (shard, known) = (Arc::clone(&shards[0]), Arc::clone(&loaded));
    let worker = api::Worker::new(shard, known, scrape, flags.limits(), phase, Instant::now());
    Daemon { flags, shards, loaded, worker }
}
