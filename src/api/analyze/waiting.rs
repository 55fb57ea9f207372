//! A question to a model that answers later.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::metrics::Trace;
use crate::metrics::labels::AskedModel;
use crate::model::Loaded;
use crate::model::executor::{Found, Ticket};
use crate::model::toxicity::{Prior, Scores};
use crate::text::Scratch;

/// A request whose text a model with threads of its own has been asked about; dropping it takes the question back.
pub struct Waiting {
    /// What was loaded when it was asked: who was asked answers, whatever has been loaded since.
    pub(in crate::api) loaded: Arc<Loaded>,
    pub(in crate::api) ticket: Ticket,
    pub(in crate::api) prior: Prior,
    /// Who is asked, if not `bert`: a user's model, by its place among [`Models::custom`].
    pub(in crate::api) custom: Option<usize>,
    /// What `auto` answers if `bert` does not: the scores that `simple` gave.
    pub(in crate::api) otherwise: Option<Scores>,
    /// How to explain the answer, if that was asked for.
    pub(super) explain: Option<Explain>,
    pub(in crate::api) received: Instant,
    pub(in crate::api) client: u64,
    pub(in crate::api) trace: Option<Trace>,
}

/// How an answer that comes later is explained.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Explain {
    /// Not at all: the model cannot.
    Null,
    /// By the weights of the text's pieces, for which the body is kept.
    Pieces,
}

impl Waiting {
    /// Of a text that came at `received`, and is not to be explained.
    pub(in crate::api) fn plain(
        loaded: Arc<Loaded>,
        (ticket, prior): (Ticket, Prior),
        custom: Option<usize>,
        otherwise: Option<Scores>,
        received: Instant,
    ) -> Self {
        Self { loaded, ticket, prior, custom, otherwise, explain: None, received, client: 0, trace: None }
    }

    /// The model of ours that was asked for.
    pub(in crate::api) const fn asked(&self) -> Option<AskedModel> {
        match (self.custom, self.otherwise) {
            (Some(_), _) => None,
            (None, Some(_)) => Some(AskedModel::Auto),
            (None, None) => Some(AskedModel::Bert),
        }
    }

    /// What the model found, once; until then the task of `context` is woken when there is something. The weights of the
    /// text's pieces, if it is to be explained by them, are put into `scratch`, for [`resume`](super::resume) to read at once.
    pub fn poll(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Found> {
        let weights = if self.needs_body() { scratch.weights() } else { &mut [] };
        self.ticket.poll(context, weights)
    }

    /// Whether [`resume`](super::resume) must be given the request's body again.
    pub fn needs_body(&self) -> bool {
        self.explain == Some(Explain::Pieces)
    }
}
