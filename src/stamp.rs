//! How a file looks from outside, which tells whether it has changed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What tells that a file has changed: device, inode, length, times of change of content and of inode, in ns.
///
/// So do a rename over it, a write into it, and the swap of the symbolic links by which mounted secrets are updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64, u64, u64, (i64, i64), (i64, i64));

impl Stamp {
    /// How what `path` leads to looks now; `None` if it leads nowhere.
    pub fn of(path: &Path) -> Option<Self> {
        let of = |file: Metadata| {
            let (content, inode) = ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
            Self(file.dev(), file.ino(), file.len(), content, inode)
        };
        std::fs::metadata(path).ok().map(of)
    }
}
