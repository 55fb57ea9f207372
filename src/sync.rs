//! The doorway to what threads meet by: the standard library's, or loom's where a test explores how they may interleave.
//!
//! loom (Norris and Demsky, "`CDSChecker`: checking concurrent data structures written with C/C++ atomics", 2013) runs a model again
//! and again, each time with another order of its threads and, of each relaxed load, another value that the C11 memory model
//! allows. `make loom` runs the models, the files `interleavings.rs`, over the production code itself.
//!
//! `Condvar::wait_timeout` of loom waits for ever, and its threads have small stacks: a model says what that leaves out.
//!
//! The feature `loom` chooses, not `cfg(loom)` as elsewhere: tokio takes its sockets out under that name, and every crate of the
//! tree would have to be built again. What is not here stands as the standard library has it: `Arc`, whose counts no
//! code of ours depends on, and the 32-bit cells of `metrics::clients`, of which there are too many to explore.

#[cfg(all(feature = "loom", not(test)))]
compile_error!("the feature `loom` is for the models of `make loom` alone: a daemon with it does not run");

#[cfg(not(feature = "loom"))]
pub use std::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, OnceLock, atomic},
    thread,
};

#[cfg(feature = "loom")]
pub use loom::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread,
};

#[cfg(not(feature = "loom"))]
pub use parking_lot::RwLock;

/// An array of what an expression makes: a constant, but for loom's cells, which are registered one by one.
#[cfg(not(feature = "loom"))]
macro_rules! array_of {
    ($new:expr) => {
        [const { $new }; _]
    };
}
#[cfg(feature = "loom")]
macro_rules! array_of {
    ($new:expr) => {
        std::array::from_fn(|_| $new)
    };
}
pub(crate) use array_of;

/// Makes functions constant, but under loom, which cannot make a cell in a constant.
macro_rules! const_but_in_models {
    ($($(#[$attribute:meta])* $visibility:vis fn $name:ident() -> Self $body:block)*) => {$(
        #[cfg(not(feature = "loom"))]
        $(#[$attribute])*
        $visibility const fn $name() -> Self $body
        #[cfg(feature = "loom")]
        $(#[$attribute])*
        $visibility fn $name() -> Self $body
    )*};
}
pub(crate) use const_but_in_models;

#[cfg(feature = "loom")]
pub use stand_ins::{OnceLock, RwLock};

/// What loom has not, over what it has, with the guarantees that the originals document.
#[cfg(feature = "loom")]
mod stand_ins {
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::{RwLockReadGuard, RwLockWriteGuard};

    /// As parking_lot's: no poisoning.
    pub struct RwLock<T>(loom::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub fn new(value: T) -> Self {
            Self(loom::sync::RwLock::new(value))
        }

        pub fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().expect("no poison")
        }

        pub fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().expect("no poison")
        }
    }

    /// As the standard library's, of one writing thread: a `get` that answers happens after the `set`.
    pub struct OnceLock<T> {
        there: AtomicBool,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub fn new() -> Self {
            Self { there: AtomicBool::new(false), value: std::sync::OnceLock::new() }
        }

        pub fn get(&self) -> Option<&T> {
            // Whether it is there is a question to the model, not to the order in which loom happens to run.
            if self.there.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub fn set(&self, value: T) -> Result<(), T> {
            self.value.set(value)?;
            self.there.store(true, Ordering::Release);
            Ok(())
        }
    }
}
