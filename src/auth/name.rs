//! The name of a key's holder or of a user, in memory of fixed size.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

/// 1 to [`Name::CAPACITY`] of the characters `A` to `Z`, `a` to `z`, `0` to `9`, `.`, `_`, `-` and `@`: what stands
/// unescaped in JSON, in a metric's label and in a line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    bytes: [u8; Self::CAPACITY],
    length: u8,
}

impl Name {
    /// The longest name, in bytes.
    pub const CAPACITY: usize = 64;

    /// A name of these bytes; `None` if they are none.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-@".contains(byte);
        if bytes.is_empty() || bytes.len() > Self::CAPACITY || !bytes.iter().all(allowed) {
            return None;
        }
        let mut name = Self { bytes: [0; Self::CAPACITY], length: bytes.len() as u8 };
        name.bytes[..bytes.len()].copy_from_slice(bytes);
        Some(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// What tells it from other subjects among the clients: alike for a key and a user of the same name.
    pub fn client(&self) -> u64 {
        BuildHasherDefault::<DefaultHasher>::new().hash_one(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["a", "student", "team-1.batch_2@example.org", &"x".repeat(64)] {
            assert_eq!(Name::new(name.as_bytes()).expect("a name").as_str(), name);
        }
        for name in ["", "a b", "a:b", "a\"", "é", "a\n", &"x".repeat(65)] {
            assert_eq!(Name::new(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn clients_of_other_names_are_others() {
        let clients = (0..1000).map(|at| Name::new(format!("n{at}").as_bytes()).expect("a name").client());
        assert_eq!(clients.collect::<std::collections::HashSet<_>>().len(), 1000);
        assert_eq!(Name::new(b"a").map(|name| name.client()), Name::new(b"a").map(|name| name.client()));
    }
}
