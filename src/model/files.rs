//! The files of a model, in the binary or in a directory, and their digests.

use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::io;
use std::path::Path;

/// Where a model's files are.
#[derive(Clone, Copy, Debug)]
pub enum Files<'a> {
    /// In memory: name and content of each. What is borrowed is the binary's own, and can serve where it is.
    Memory(&'a [(&'a str, Cow<'static, [u8]>)]),
    /// In a directory.
    Directory(&'a Path),
}

impl Files<'_> {
    /// The content of the file called `name`.
    ///
    /// # Errors
    /// It is not there or cannot be read.
    pub fn read(&self, name: &str) -> io::Result<Cow<'static, [u8]>> {
        match self {
            Self::Directory(directory) => std::fs::read(directory.join(name)).map(Cow::Owned),
            Self::Memory(files) => {
                let found = files.iter().find(|(file, _)| *file == name);
                found.map(|(_, content)| content.clone()).ok_or_else(|| io::ErrorKind::NotFound.into())
            }
        }
    }

    /// How messages name the file called `name`: with its directory, if it has one.
    pub fn display(&self, name: &str) -> String {
        match self {
            Self::Directory(directory) => directory.join(name).display().to_string(),
            Self::Memory(_) => name.to_owned(),
        }
    }
}

/// Requires that `content` has the SHA-256 `expected`, in lower-case hexadecimal.
///
/// # Errors
/// What it has instead.
pub fn check_sha256(content: &[u8], expected: &str) -> Result<(), String> {
    let mut digest = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        digest.extend([byte >> 4, byte & 15].map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)])));
    }
    if digest == expected { Ok(()) } else { Err(format!("has the sha256 {digest}, the manifest says {expected}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_name_or_named_in_the_message() {
        let files = Files::Memory(&[("a", Cow::Borrowed(b"1")), ("b", Cow::Borrowed(b"2"))]);
        assert_eq!(files.read("b").expect("there").as_ref(), b"2");
        assert_eq!(files.read("c").expect_err("absent").kind(), io::ErrorKind::NotFound);
        let files = Files::Directory(Path::new("/nonexistent"));
        assert!(files.read("c").is_err());
        assert_eq!(files.display("c"), "/nonexistent/c");
    }

    #[test]
    fn a_digest_is_that_of_the_standard() {
        // FIPS 180-4, example "abc".
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(check_sha256(b"abc", abc), Ok(()));
        let told = check_sha256(b"abd", abc).expect_err("another content");
        assert!(told.starts_with("has the sha256 a52d") && told.ends_with(abc), "{told}");
    }
}
