//! The tokens that one worker has verified: presented again, one is told by its bytes in the place of its signature, which
//! takes an eighth of the time (`cargo bench --bench auth`).
//!
//! A digest of a token would cost what its signature costs, so here the tokens themselves are kept: [`PLACES`] of them at most, until a
//! newer one takes the place or the credentials change.

use ctutils::CtEq as _;

use super::scopes::Scopes;
use super::token::{MAX_TOKEN, SIGNATURE};

/// How many tokens a worker remembers: of so many clients at once each is told by its bytes, nearly always.
pub const PLACES: usize = 256;

/// What a token was found to be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What tells the user from other clients.
    pub client: u64,
    /// What both the token and its user are good for.
    pub scopes: Scopes,
    /// When it ends, in seconds since the Unix epoch.
    pub expires: u64,
}

/// Tokens by a few bits of their signatures, one for each value of these.
pub struct Cache(Box<[Entry]>);

#[derive(Clone)]
struct Entry {
    /// Followed by zeros.
    token: [u8; MAX_TOKEN],
    /// In bytes; 0 where there is no token.
    length: usize,
    verified: Verified,
}

impl Entry {
    const EMPTY: Self =
        Self { token: [0; MAX_TOKEN], length: 0, verified: Verified { client: 0, scopes: Scopes::NONE, expires: 0 } };
}

impl Cache {
    /// One with room for [`PLACES`] tokens, or for none.
    pub fn new(has_room: bool) -> Self {
        Self(vec![Entry::EMPTY; if has_room { PLACES } else { 0 }].into())
    }

    /// Forgets every token.
    pub fn clear(&mut self) {
        self.0.fill(Entry::EMPTY);
    }

    /// What `token` was verified to be, if it is remembered. Takes as long for one that is not, whatever is.
    pub fn find(&self, token: &[u8]) -> Option<Verified> {
        let entry = self.0.get(place(token)?)?;
        let same = entry.token.ct_eq(&padded(token)?).and(entry.length.ct_eq(&token.len()));
        same.to_bool().then_some(entry.verified)
    }

    /// Remembers that `token` was verified, in the place of another if need be.
    pub fn insert(&mut self, token: &[u8], verified: Verified) {
        let entry = place(token).and_then(|at| self.0.get_mut(at));
        if let (Some(entry), Some(bytes)) = (entry, padded(token)) {
            *entry = Entry { token: bytes, length: token.len(), verified };
        }
    }
}

fn padded(token: &[u8]) -> Option<[u8; MAX_TOKEN]> {
    let mut bytes = [0; MAX_TOKEN];
    bytes.get_mut(..token.len())?.copy_from_slice(token);
    Some(bytes)
}

/// Where a token belongs: the signatures that reach [`Cache::insert`] are good ones, which are as good as random.
fn place(token: &[u8]) -> Option<usize> {
    let (signature, _) = token.last_chunk::<SIGNATURE>()?.split_first_chunk::<8>()?;
    // The golden ratio's bits spread the six that vary in each byte.
    let spread = u64::from_le_bytes(*signature).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Some((spread >> (64 - PLACES.ilog2())) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(client: u64) -> Verified {
        Verified { client, scopes: Scopes::DEFAULT, expires: 9 }
    }

    /// One whose signature begins with the digits of `number`.
    fn token(number: usize) -> Vec<u8> {
        format!("header.{number:08}{:035}", 0).into_bytes()
    }

    #[test]
    fn a_token_is_told_by_all_of_its_bytes() {
        let mut cache = Cache::new(true);
        let token = token(7);
        assert_eq!(cache.find(&token), None);
        cache.insert(&token, verified(1));
        assert_eq!(cache.find(&token), Some(verified(1)));
        for at in 0..token.len() {
            let mut changed = token.clone();
            changed[at] ^= 1;
            assert_eq!(cache.find(&changed), None, "byte {at}");
            assert_eq!(cache.find(&token[at + 1..]), None);
            assert_eq!(cache.find(&token[..at]), None);
        }
        assert_eq!(cache.find(&[b"x", token.as_slice()].concat()), None);
        cache.clear();
        assert_eq!(cache.find(&token), None);
    }

    #[test]
    fn a_newer_token_takes_the_place_and_there_are_never_more_than_places() {
        let mut cache = Cache::new(true);
        let tokens: Vec<_> = (0..4 * PLACES).map(token).collect();
        for (client, token) in tokens.iter().enumerate() {
            cache.insert(token, verified(client as u64));
            assert_eq!(cache.find(token), Some(verified(client as u64)));
        }
        let kept = tokens.iter().filter(|token| cache.find(token).is_some()).count();
        assert!((PLACES / 2..=PLACES).contains(&kept), "{kept}");
    }

    #[test]
    fn what_is_too_long_or_too_short_for_a_token_is_not_kept_and_neither_is_anything_without_room() {
        let mut cache = Cache::new(true);
        for wrong in [vec![b'a'; MAX_TOKEN + 1], vec![b'a'; SIGNATURE - 1], Vec::new()] {
            cache.insert(&wrong, verified(1));
            assert_eq!(cache.find(&wrong), None);
        }
        let mut none = Cache::new(false);
        none.insert(&token(1), verified(1));
        assert_eq!(none.find(&token(1)), None);
    }
}
