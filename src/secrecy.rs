//! Keeping what the process holds inside it: no core dump, no other process that reads its memory, and no password left
//! behind where one was.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// From now on a crash leaves no core, and no process of the same user can trace this one or read its memory: texts, keys and
/// what signs tokens stay in it. Root, and who has `CAP_SYS_PTRACE`, still can.
///
/// A limit of no bytes keeps the kernel from writing a file, but not from piping the core into a handler (core(5)); being not
/// dumpable keeps it from both, and gives the files under `/proc/PID` that show memory to root (proc(5)).
///
/// # Errors
/// What the kernel says, where it or a sandbox in its place knows no such thing.
pub fn seal() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Leaves nothing of `secret` in memory. The compiler has to believe that somebody looks at it afterwards, so that it cannot
/// leave the writing out; where it has made copies elsewhere it is not told of them.
pub fn wipe(secret: &mut [u8]) {
    secret.fill(0);
    std::hint::black_box(secret);
}

/// Overwrites what functions that have returned left on this thread's stack: a hash function keeps its input in a block of its
/// own. 16 KiB, deeper than any of them goes, but for memory that it is given.
#[inline(never)]
pub fn wipe_stack() {
    wipe(&mut std::hint::black_box([0xff; 16 << 10]));
}
