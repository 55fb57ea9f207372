//! Which models the workers answer by, and how others come into their place.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::Loaded;

/// The models that are shown to the workers.
#[derive(Clone)]
pub struct Shown(watch::Sender<Arc<Loaded>>);

impl Shown {
    /// Shows `loaded`.
    pub(super) fn new(loaded: Loaded) -> Self {
        Self(watch::channel(Arc::new(loaded)).0)
    }

    /// What a worker is shown, from now on.
    pub(super) fn follow(&self) -> watch::Receiver<Arc<Loaded>> {
        self.0.subscribe()
    }

    /// What is shown now.
    pub fn now(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.borrow())
    }

    /// Shows `loaded`, and returns once every worker that runs answers by it whatever begins then; what has begun before
    /// ends with what it began with. Answers what was shown before.
    pub fn replace(&self, loaded: Loaded) -> Arc<Loaded> {
        let loaded = Arc::new(loaded);
        let before = self.0.send_replace(Arc::clone(&loaded));
        while loaded.taken() < self.0.receiver_count() {
            std::thread::sleep(Duration::from_millis(1));
        }
        before
    }
}
