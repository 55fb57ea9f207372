//! API keys: a file of their digests, and the table in which the digest of a key that is presented is looked up.
//!
//! A key is 256 random bits, so its plain SHA-256 tells nothing of it: slowing guesses down, as for passwords, is for
//! secrets of low entropy (NIST SP 800-63B, section 5.1.2.2: of look-up secrets of 112 bits and more an approved one-way
//! function is enough).

use std::num::NonZeroUsize;

use ctutils::{Choice, CtEq as _};
use sha2::{Digest as _, Sha256};

use super::lines::{Wrong, entries};
use super::name::Name;
use super::scopes::Scopes;

/// The most keys that a file may hold.
pub const MAX_KEYS: usize = 4096;

/// The longest key that is looked at, in bytes; ours have 49.
pub const MAX_KEY: usize = 256;

/// The SHA-256 of a key.
pub type KeyDigest = [u8; 32];

/// Who holds a key, and what it is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The holder. Several keys may have the same: the old one and the new one.
    pub name: Name,
    /// What it may be used for.
    pub scopes: Scopes,
    /// What tells the holder from other clients.
    pub client: u64,
    /// Where its requests are counted.
    pub counted: u8,
}

/// The keys of a file, found by their digest: open addressing, in which every search takes the same steps.
#[derive(Debug)]
pub struct Keys {
    table: Box<[Option<(KeyDigest, Key)>]>,
    /// How many places each search looks at: as many as the farthest key needs.
    probes: usize,
    count: usize,
}

impl Keys {
    /// Reads `name:digest[:scope,...]`, a line each, the digest in 64 hexadecimal digits. `counted` answers where
    /// the requests of a name are counted.
    ///
    /// # Errors
    /// Says which line is wrong, and how; a file without a key is wrong too.
    pub fn parse(bytes: &[u8], mut counted: impl FnMut(&Name) -> u8) -> Result<Self, Wrong> {
        let mut keys = Vec::new();
        for (line, entry) in entries(bytes)? {
            let wrong = |what| (Some(line), what);
            let mut parts = entry.splitn(3, ':');
            let name = parts.next().and_then(|name| Name::new(name.trim().as_bytes()));
            let name = name.ok_or(wrong("a name is 1 to 64 letters, digits, '.', '_', '-' or '@'"))?;
            let digest = parts.next().and_then(|digits| from_hexadecimal(digits.trim().as_bytes()));
            let digest = digest.ok_or(wrong("after the name and ':' there must be 64 hexadecimal digits"))?;
            let scopes = match parts.next() {
                Some(names) => Scopes::parse(names, ',').ok_or(wrong("scopes are 'analyze', 'predict', 'admin'"))?,
                None => Scopes::DEFAULT,
            };
            if keys.iter().any(|(other, _)| *other == digest) {
                return Err(wrong("this key stands here twice"));
            }
            if keys.len() == MAX_KEYS {
                return Err(wrong("too many keys: 4096 are the most"));
            }
            keys.push((digest, Key { name, scopes, client: name.client(), counted: counted(&name) }));
        }
        if keys.is_empty() {
            return Err((None, "there is no key in it"));
        }
        Ok(Self::new(&keys))
    }

    fn new(keys: &[(KeyDigest, Key)]) -> Self {
        let mut table = vec![None; (keys.len() * 4).next_power_of_two()].into_boxed_slice();
        let mut probes = 0;
        for &(digest, key) in keys {
            let mut step = 0;
            while table[place(&digest, step, table.len())].is_some() {
                step += 1;
            }
            table[place(&digest, step, table.len())] = Some((digest, key));
            probes = probes.max(step + 1);
        }
        Self { table, probes, count: keys.len() }
    }

    /// The key that was presented. Takes as long for one that does not exist: all that varies is the length of
    /// `presented`. No allocation.
    pub fn find(&self, presented: &[u8]) -> Option<&Key> {
        if presented.len() > MAX_KEY {
            return None;
        }
        let digest: KeyDigest = Sha256::digest(presented).into();
        let mut found = 0;
        for step in 0..self.probes {
            let at = place(&digest, step, self.table.len());
            let (stored, there) = self.table[at].as_ref().map_or((&[0; 32], 0), |(digest, _)| (digest, 1));
            let same = stored.ct_eq(&digest).and(Choice::from_u8_lsb(there));
            found = same.select_u64(found, at as u64 + 1);
        }
        let at = NonZeroUsize::new(found as usize)?.get() - 1;
        self.table[at].as_ref().map(|(_, key)| key)
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.count
    }
}

/// The digest of `key` as the file has it.
pub fn hexadecimal_digest(key: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(key) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Where a digest stands at its `step`th try: digests are as good as random, so their first bytes are a hash.
fn place(digest: &KeyDigest, step: usize, places: usize) -> usize {
    let first =
        u64::from_le_bytes([digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]]);
    (first as usize).wrapping_add(step) & (places - 1)
}

fn from_hexadecimal(digits: &[u8]) -> Option<KeyDigest> {
    let value = |digit: u8| (digit as char).to_digit(16);
    let digits: &[u8; 64] = digits.try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (value(pair[0])? << 4 | value(pair[1])?) as u8;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, key: &str) -> String {
        format!("{name}:{}\n", hexadecimal_digest(key.as_bytes()))
    }

    #[test]
    fn the_digest_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hexadecimal_digest(b"abc"), expected);
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        for count in [1, 2, 50, MAX_KEYS] {
            let text: String = (0..count).map(|at| line(&format!("n{at}"), &format!("key {at}"))).collect();
            let keys = Keys::parse(text.as_bytes(), |_| 0).expect("a good file");
            assert_eq!(keys.count(), count);
            for at in 0..count {
                let found = keys.find(format!("key {at}").as_bytes()).expect("a key");
                assert_eq!(found.name.as_str(), format!("n{at}"));
            }
            for strange in ["", "key", "key 9999", "key 0 "] {
                assert_eq!(keys.find(strange.as_bytes()), None);
            }
        }
    }

    #[test]
    fn lines_say_names_digests_and_scopes() {
        let digest = hexadecimal_digest(b"one");
        let text =
            format!("# keys\n\n a:{}:admin,predict \r\nb:{}\n", digest.to_uppercase(), hexadecimal_digest(b"two"));
        let keys = Keys::parse(text.as_bytes(), |name| name.as_str().as_bytes()[0]).expect("a good file");
        let one = keys.find(b"one").expect("a key");
        assert_eq!((one.name.as_str(), one.counted), ("a", b'a'));
        assert_eq!(one.scopes.each().collect::<Vec<_>>(), ["predict", "admin"]);
        assert_eq!(keys.find(b"two").expect("a key").scopes, Scopes::DEFAULT);
    }

    #[test]
    fn a_bad_line_is_named_and_not_quoted() {
        let good = line("a", "one");
        for (text, line, part) in [
            (format!("{good}b b:00\n"), Some(2), "a name is"),
            (format!("{good}\nb\n"), Some(3), "64 hexadecimal"),
            (format!("{good}b:{}", "0".repeat(63)), Some(2), "64 hexadecimal"),
            (format!("{good}b:{}", "g".repeat(64)), Some(2), "64 hexadecimal"),
            (format!("{good}b:{}:root", "0".repeat(64)), Some(2), "scopes are"),
            (format!("{good}{good}"), Some(2), "twice"),
            ("# nothing\n".to_owned(), None, "no key"),
        ] {
            let (at, what) = Keys::parse(text.as_bytes(), |_| 0).expect_err("refused");
            assert_eq!(at, line, "{text}");
            assert!(what.contains(part), "{what}");
        }
        let (at, what) = Keys::parse(b"a:\xff\n", |_| 0).expect_err("refused");
        assert_eq!((at, what), (Some(1), "not UTF-8"));
    }

    #[test]
    fn a_key_of_any_length_up_to_the_longest_is_looked_at() {
        let longest = "k".repeat(MAX_KEY);
        let text = line("a", &longest) + &line("b", &format!("{longest}k")) + &line("c", "");
        let keys = Keys::parse(text.as_bytes(), |_| 0).expect("a good file");
        assert_eq!(keys.find(longest.as_bytes()).expect("a key").name.as_str(), "a");
        assert_eq!(keys.find(format!("{longest}k").as_bytes()), None, "longer than what is looked at");
        assert_eq!(keys.find(b"").expect("a key").name.as_str(), "c");
    }

    #[test]
    fn as_many_keys_as_there_may_be_and_no_more() {
        let mut text: String = (0..MAX_KEYS).map(|at| line("a", &at.to_string())).collect();
        assert_eq!(Keys::parse(text.as_bytes(), |_| 0).expect("a good file").count(), MAX_KEYS);
        text.push_str(&line("a", "one more"));
        let (at, what) = Keys::parse(text.as_bytes(), |_| 0).expect_err("refused");
        assert_eq!((at, what), (Some(MAX_KEYS + 1), "too many keys: 4096 are the most"));
    }
}
