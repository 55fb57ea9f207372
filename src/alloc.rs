//! The process's allocator: mimalloc behind two thread-local counters.
//!
//! The counters exist so that the promise "no allocation per request" is a number anyone can scrape
//! (`tamis_heap_allocations_total`) and that a test can hold every route to.
#![allow(unsafe_code)] // `GlobalAlloc` is an unsafe trait, mimalloc a C library; nothing here does more than delegate

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

use mimalloc::MiMalloc;

/// mimalloc, counting what each thread asks of it.
pub struct Counting;

/// What one thread has asked of the allocator since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heap {
    /// Calls to `alloc`, `alloc_zeroed` and `realloc`.
    pub allocations: u64,
    /// Bytes asked for by those calls.
    pub bytes: u64,
}

/// Gives back to the system at once what this thread has freed, as loading does that takes more than serving; mimalloc by itself
/// waits for the thread's next calls, which may never come.
pub fn give_back() {
    // SAFETY: `void mi_collect(bool force)` of mimalloc.h, which is linked for `MiMalloc`. It may be called by any thread at any
    // time and touches no memory that is in use.
    unsafe extern "C" {
        safe fn mi_collect(force: bool);
    }
    mi_collect(true);
}

/// The calling thread's figures; zero for ever when [`Counting`] is not the global allocator.
pub fn of_this_thread() -> Heap {
    Heap { allocations: ALLOCATIONS.get(), bytes: BYTES.get() }
}

thread_local! {
    // `const` and without a destructor: reading them can neither allocate nor run after teardown.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

fn count(size: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    BYTES.set(BYTES.get() + size as u64);
}

// SAFETY: every method passes its arguments to mimalloc unchanged and returns its answer unchanged, so
// mimalloc's own contract holds; the counters neither allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's obligations are passed on unchanged.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's obligations are passed on unchanged.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's obligations are passed on unchanged.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size);
        // SAFETY: the caller's obligations are passed on unchanged.
        unsafe { MiMalloc.realloc(pointer, layout, new_size) }
    }
}
