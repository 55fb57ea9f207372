//! How long a body may keep its request waiting.
//!
//! HTTP/1 has one body at a time, over which the connection's deadline watches. On HTTP/2 a client could hide a body that never
//! comes behind other requests, and one late body is no reason to end the others: each has a timer of its own.

use std::pin::Pin;
use std::task::Context;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use super::exchange::Connection;

/// The wait for one body.
#[derive(Default)]
pub struct Patience {
    timer: Option<Pin<Box<Sleep>>>,
    has_waited: bool,
}

impl Patience {
    /// Nothing more of the body is here: whether its time is up. The task of `context` is woken when it is.
    pub fn is_over(&mut self, connection: &Connection, context: &mut Context<'_>) -> bool {
        self.has_waited = true;
        if connection.closable {
            if !connection.wire.is_expired() {
                connection.wire.body_pending();
            }
            return connection.wire.is_expired();
        }
        let timer = self.timer.get_or_insert_with(|| {
            let due = (Instant::now() + connection.station.timeouts.body).into();
            match connection.spare_timer.take() {
                Some(mut timer) => {
                    timer.as_mut().reset(due);
                    timer
                }
                None => Box::pin(sleep_until(due)),
            }
        });
        timer.as_mut().poll(context).is_ready()
    }

    /// More of a body has come that may take as long as it likes as long as there is more from time to time.
    pub fn begins_anew(&mut self, connection: &Connection) {
        self.ends(connection);
        connection.wire.body_goes_on(Instant::now());
    }

    /// The wait is over; its timer is kept for the next.
    pub fn ends(&mut self, connection: &Connection) {
        if let Some(timer) = self.timer.take() {
            connection.spare_timer.set(Some(timer));
        }
    }

    /// Whether the body had to be waited for.
    pub const fn has_waited(&self) -> bool {
        self.has_waited
    }
}
