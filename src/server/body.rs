//! A request's body: as it arrives, into a slot, up to the limit; and when it is there.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body as _, Incoming};

use super::connection::wire::Wire;
use super::slots::Slot;
use super::station::Station;
use crate::problem::{Fault, Problem};
use crate::secrecy;

/// A body that is there in full.
pub struct Body {
    slot: Slot,
    length: usize,
}

impl Body {
    /// The first `length` bytes of `slot`.
    pub const fn new(slot: Slot, length: usize) -> Self {
        Self { slot, length }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.slot.bytes()[..self.length]
    }

    /// Leaves nothing of it in memory.
    pub fn wipe(&mut self) {
        secrecy::wipe(&mut self.slot.bytes_mut()[..self.length]);
    }
}

/// The client went before its request was complete: there is nobody to answer and nothing to count.
#[derive(Debug)]
pub struct ClientGone;

impl fmt::Display for ClientGone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the client went before its request was complete")
    }
}

impl std::error::Error for ClientGone {}

/// Collects the body's frames in `slot`, which grows where it must, or drops them; trailers are read and dropped. `Err(None)`
/// means that the client is gone.
pub fn poll(
    incoming: &mut Incoming,
    mut slot: Option<&mut Slot>,
    length: &mut usize,
    station: &Station,
    wire: &Wire,
    context: &mut Context<'_>,
) -> Poll<Result<(), Option<Fault>>> {
    while !incoming.is_end_stream() {
        match ready!(Pin::new(&mut *incoming).poll_frame(context)) {
            None => break,
            Some(Err(error)) if is_bad_framing(&error) => {
                return Poll::Ready(Err(Some(Fault::new(Problem::MalformedRequest))));
            }
            Some(Err(_)) => return Poll::Ready(Err(None)),
            Some(Ok(frame)) => {
                let Some(data) = frame.data_ref() else {
                    wire.end();
                    continue;
                };
                let (end, limit) = (*length + data.len(), station.limits.body);
                if end > limit {
                    return Poll::Ready(Err(Some(Fault::new(Problem::BodyTooLarge).count(end, limit))));
                }
                if let Some(slot) = &mut slot {
                    if end > slot.bytes().len()
                        && let Err(fault) = station.grow_body(slot, *length)
                    {
                        return Poll::Ready(Err(Some(fault)));
                    }
                    slot.bytes_mut()[*length..end].copy_from_slice(data);
                }
                *length = end;
            }
        }
    }
    Poll::Ready(Ok(()))
}

/// Whether a body broke because its framing is wrong (a bad chunk size, too long an extension, too many trailers), not because
/// the client went away.
pub fn is_bad_framing(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source
        .is_some_and(|error| matches!(error.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData))
}
