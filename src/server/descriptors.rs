//! How many connections the limit of open files (`RLIMIT_NOFILE`, getrlimit(2)) leaves room for. Connections beyond it would fail
//! to be accepted, probes and scrapes among them; so there are no more places than descriptors, and the kernel's backlog holds
//! back who comes then.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many connections each of `workers` may have, of the `wanted`: the soft limit is raised as far as is needed and the
/// hard one allows, and what is less than wanted is logged.
///
/// # Errors
/// If there is no room for a single connection each.
pub fn connections(wanted: usize, workers: usize) -> io::Result<usize> {
    let others = OTHERS + workers * OTHERS_OF_A_WORKER;
    let needed = (others + workers * wanted) as u64;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < needed) {
        let raised = Rlimit { current: Some(maximum.map_or(needed, |maximum| maximum.min(needed))), maximum };
        // What is not allowed stays as it is, which is read again.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let Some(limit) = getrlimit(Resource::Nofile).current else { return Ok(wanted) };
    let room = (limit as usize).saturating_sub(others) / workers;
    if room == 0 {
        let told = format!("the limit of {limit} open files leaves no room for connections; needed: {needed}");
        return Err(io::Error::other(told));
    }
    if room < wanted {
        tracing::warn!(
            limit,
            needed,
            connections = room,
            "the limit of open files allows fewer than --max-connections"
        );
    }
    Ok(room.min(wanted))
}

/// Descriptors of the process: its own streams, signals, the main thread's loop, and files that are read now and then.
const OTHERS: usize = 32;

/// Descriptors of a worker: its loop, its listeners, what it reads its figures from, and the connections that the admin
/// listener has places for.
const OTHERS_OF_A_WORKER: usize = 12 + super::station::ADMIN_CONNECTIONS;
