//! Shards with something in all of them, and whole bodies of what an exporter makes of them.

use std::sync::Arc;

use tamis::auth::NAMED_KEYS;
use tamis::metrics::drift::LEAST;
use tamis::metrics::labels::{
    AskedModel, Authentication, Handler, Method, Model, Phase, SUGGESTED, Shed, Stage, Status, ToxicityModel,
};
use tamis::metrics::{
    Answer, EarlierLoads, Exporter, InProgress, LiveFacts, LoadedModel, RELOADS, Representation, Shard, StaticFacts,
    TlsFigures, Trace,
};
use tamis::problem::Problem;
use tamis::text::rules::{Rule, Rules};

/// What is true at every scrape.
pub const LIVE: LiveFacts = LiveFacts {
    phase: Phase::Ready,
    now_seconds: 60,
    queue_depth: 4,
    auth_reloads: [7; RELOADS],
    model_reloads: [8; 2],
    tls: TlsFigures { handshakes: [9; 4], reloads: [10; 2], not_after: 11_000_000_000 },
};

/// A version with everything that a format must escape.
pub const NASTY_VERSION: &str = "1.0 \"quoted\" \\ back\nline {a=\"b\"},# \u{e9}\u{1f512} \\n";

/// What is known at start.
pub fn facts() -> StaticFacts {
    StaticFacts {
        version: NASTY_VERSION.to_owned(),
        cpu_path: "avx512".to_owned(),
        workers: 2,
        slots_capacity: 512,
        reloads_models: false,
        tls: false,
        keys: None,
        models: vec![
            LoadedModel {
                model: Model::Simple,
                load_ns: Some(1_500_000),
                earlier: EarlierLoads::default(),
                sha256: "ab".repeat(32),
            },
            LoadedModel {
                model: Model::Iris,
                load_ns: Some(1 << 20),
                earlier: EarlierLoads::default(),
                sha256: "cd".repeat(32),
            },
            LoadedModel {
                model: Model::Bert,
                load_ns: None,
                earlier: EarlierLoads::default(),
                sha256: "ef".repeat(32),
            },
        ],
    }
}

/// Two workers' shards in which nothing has happened.
pub fn two_shards() -> Vec<Arc<Shard>> {
    (0..2).map(|_| Arc::from(Shard::new())).collect()
}

/// A whole body.
pub fn render_as(shards: &[Arc<Shard>], live: &LiveFacts, representation: Representation) -> Vec<u8> {
    render_of(&StaticFacts { workers: shards.len() as u64, ..facts() }, shards, live, representation)
}

/// A whole body of a daemon with authentication, which has two names of keys, models that can be loaded anew, and TLS.
pub fn render_guarded(shards: &[Arc<Shard>], live: &LiveFacts, representation: Representation) -> Vec<u8> {
    let keys = Some(["one", "two"].map(str::to_owned).to_vec());
    let facts = StaticFacts { workers: shards.len() as u64, keys, reloads_models: true, tls: true, ..facts() };
    render_of(&facts, shards, live, representation)
}

fn render_of(facts: &StaticFacts, shards: &[Arc<Shard>], live: &LiveFacts, representation: Representation) -> Vec<u8> {
    let mut exporter = Exporter::new(shards.to_vec(), facts);
    let mut out = vec![0; exporter.max_len()];
    let len = exporter.render(live, representation, &mut out).expect("max_len suffices");
    out.truncate(len);
    out
}

/// An answer of 100 bytes to a request of 10.
pub fn answer(status: u16, error: Option<Problem>, duration_ns: u64) -> Answer {
    Answer { status: Status::from_code(status), error, duration_ns, request_bytes: 10, response_bytes: 100 }
}

/// A request that came with `trace` and was answered after `duration_ns`.
pub fn traced(shard: &Shard, handler: Handler, duration_ns: u64, trace: Trace) {
    let method = handler.main_method();
    InProgress::start(shard, handler, method).finish(&answer(200, None, duration_ns));
    shard.traced(handler, method, duration_ns, trace);
}

/// Every recording call, with every value of every closed label set.
pub fn exercise(shard: &Shard) {
    for handler in Handler::ALL {
        for method in Method::ALL {
            for code in Status::ALL {
                let request = InProgress::start(shard, handler, method);
                request.finish(&answer(code, None, 3_000));
            }
            // A request that never ends stays in the gauge.
            std::mem::forget(InProgress::start(shard, handler, method));
        }
        for problem in Problem::ALL {
            shard.error(problem, handler, 1_000, 200);
        }
    }
    for model in ToxicityModel::ALL {
        shard.analyzed(model, 59, 2_000);
        shard.analysis_failed(model);
    }
    let mut rules = Rules::NONE;
    for rule in Rule::ALL {
        rules.insert(rule);
    }
    shard.normalized(rules);
    for asked in AskedModel::ALL {
        (0..LEAST).for_each(|_| shard.scored(asked, 3));
    }
    for stage in Stage::ALL {
        shard.staged(stage, 700);
    }
    (0..3).for_each(|class| shard.predicted(class, 97));
    shard.client_seen(7, 60);
    shard.connection_opened();
    shard.connection_opened();
    shard.connection_closed();
    for reason in Shed::ALL {
        shard.shed(reason);
    }
    for what in Authentication::ALL {
        shard.authenticated(what);
    }
    (0..=NAMED_KEYS).for_each(|key| shard.key_used(key as u8));
    shard.owned_by_this_thread();
    shard.scraped(4_321, 1);
    shard.suggested(&[1; SUGGESTED.len()]);
    shard.timed_out();
    shard.slots_used(3);
    shard.slot_fallback();
    shard.set_heap(5, 640);
}
