//! The phase of life and the models that it promises, in every interleaving. Run by `make loom` (see [`crate::sync`]).
//!
//! What was tried to break them, each found:
//!
//! | change | found by |
//! |---|---|
//! | `SharedPhase::advance`: relaxed | `who_sees_ready_sees_the_models` |
//! | `SharedPhase::get`: relaxed | the same |
//! | `turn_ready`: the phase before the models | the same |
//! | `SharedPhase::advance`: a load and a store in the place of `fetch_max` | `a_phase_never_goes_back_whoever_is_first` |

use std::sync::Arc;

use super::turn_ready;
use crate::api::health::SharedPhase;
use crate::metrics::labels::Phase;
use crate::model::Loaded;
use crate::sync::thread;

#[test]
fn who_sees_ready_sees_the_models() {
    loom::model(|| {
        let (loaded, phase) = (Arc::new(Loaded::<u32, ()>::new(false)), SharedPhase::new());
        let main = {
            let (loaded, phase) = (Arc::clone(&loaded), phase.clone());
            thread::spawn(move || turn_ready(&loaded, 7, &phase))
        };
        // A worker, asked by a probe and then for an answer.
        if phase.get() == Phase::Ready {
            assert_eq!(loaded.models(), Some(&7), "ready, and nothing to answer with");
        }
        main.join().expect("no panic");
        assert_eq!((phase.get(), loaded.models()), (Phase::Ready, Some(&7)));
    });
}

#[test]
fn a_phase_never_goes_back_whoever_is_first() {
    loom::model(|| {
        let (loaded, phase) = (Arc::new(Loaded::<u32, ()>::new(false)), SharedPhase::new());
        let main = {
            let (loaded, phase) = (Arc::clone(&loaded), phase.clone());
            thread::spawn(move || turn_ready(&loaded, 7, &phase))
        };
        let signal = {
            let phase = phase.clone();
            thread::spawn(move || phase.advance(Phase::Draining))
        };
        let seen = [phase.get(), phase.get()];
        assert!(seen[0] as u8 <= seen[1] as u8, "{seen:?}");
        main.join().expect("no panic");
        assert!(signal.join().expect("no panic"), "draining is news to whoever is before it");
        assert_eq!(phase.get(), Phase::Draining, "once draining, never ready again");
    });
}
