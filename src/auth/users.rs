//! Users: a file of their names and of Argon2id hashes of their passwords (RFC 9106, as PHC strings).

use std::collections::HashMap;

use argon2::password_hash::phc::{PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use ctutils::CtEq as _;

use super::lines::{Wrong, entries};
use super::name::Name;
use super::scopes::Scopes;

/// The most users that a file may hold.
pub const MAX_USERS: usize = 4096;

/// The longest password, in bytes.
pub const MAX_PASSWORD: usize = 512;

/// The costs that a hash may have at most: 64 MiB, four passes, four lanes. One verification stays below half a second.
const MAX_KIB: u32 = 64 << 10;
const MAX_PASSES: u32 = 4;
const MAX_LANES: u32 = 4;

/// Who may ask for tokens.
#[derive(Debug)]
pub struct Users {
    by_name: HashMap<Name, User>,
    /// As costly as the costliest of them: what the password of a user who does not exist is compared with.
    nobody: Hash,
}

/// One user.
#[derive(Debug)]
pub struct User {
    /// What the user's tokens may be used for.
    pub scopes: Scopes,
    hash: Hash,
}

#[derive(Clone, Debug)]
struct Hash {
    params: Params,
    salt: Salt,
    output: Vec<u8>,
}

impl Users {
    /// Reads `name:hash[:scope,...]`, a line each, the hash as `tamis hash-password` prints it.
    ///
    /// # Errors
    /// Says which line is wrong, and how; a file without a user is wrong too.
    pub fn parse(bytes: &[u8]) -> Result<Self, Wrong> {
        let mut by_name = HashMap::new();
        let mut costliest: Option<Hash> = None;
        for (line, entry) in entries(bytes)? {
            let wrong = |what| (Some(line), what);
            let mut parts = entry.splitn(3, ':');
            let name = parts.next().and_then(|name| Name::new(name.trim().as_bytes()));
            let name = name.ok_or(wrong("a name is 1 to 64 letters, digits, '.', '_', '-' or '@'"))?;
            let hash = Hash::parse(parts.next().unwrap_or_default().trim()).map_err(wrong)?;
            let scopes = match parts.next() {
                Some(names) => Scopes::parse(names, ',').ok_or(wrong("scopes are 'analyze', 'predict', 'admin'"))?,
                None => Scopes::DEFAULT,
            };
            if by_name.len() == MAX_USERS {
                return Err(wrong("too many users: 4096 are the most"));
            }
            if costliest.as_ref().is_none_or(|other| other.cost() < hash.cost()) {
                costliest = Some(hash.clone());
            }
            if by_name.insert(name, User { scopes, hash }).is_some() {
                return Err(wrong("this user stands here twice"));
            }
        }
        let nobody = costliest.ok_or((None, "there is no user in it"))?;
        Ok(Self { by_name, nobody })
    }

    /// The user of this name. No allocation.
    pub fn find(&self, name: &Name) -> Option<&User> {
        self.by_name.get(name)
    }

    /// Whether `password` is that of the user called `name`. Takes tens of milliseconds and megabytes, for a user who does
    /// not exist too.
    pub fn verify(&self, name: Option<&Name>, password: &[u8]) -> bool {
        let user = name.and_then(|name| self.find(name));
        let hash = user.map_or(&self.nobody, |user| &user.hash);
        hash.matches(password) & user.is_some()
    }

    /// How many users there are.
    pub fn count(&self) -> usize {
        self.by_name.len()
    }
}

impl Hash {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "after the name and ':' there must be an Argon2id hash as 'tamis hash-password' prints it";
        let parsed = PasswordHash::new(text).map_err(|_| WRONG)?;
        let params = Params::try_from(&parsed).map_err(|_| WRONG)?;
        if parsed.algorithm.as_str() != "argon2id" || parsed.version != Some(Version::V0x13 as u32) {
            return Err("the hash must be Argon2id, version 19");
        }
        if params.m_cost() > MAX_KIB || params.t_cost() > MAX_PASSES || params.p_cost() > MAX_LANES {
            return Err("the hash costs too much: m=65536, t=4, p=4 are the most");
        }
        let (Some(salt), Some(output)) = (parsed.salt, parsed.hash) else { return Err(WRONG) };
        if output.len() < 16 {
            return Err("the hash is shorter than 16 bytes");
        }
        Ok(Self { params, salt, output: output.as_bytes().to_vec() })
    }

    /// Passes times memory.
    fn cost(&self) -> u64 {
        u64::from(self.params.m_cost()) * u64::from(self.params.t_cost())
    }

    fn matches(&self, password: &[u8]) -> bool {
        let mut output = vec![0; self.output.len()];
        let mut memory = vec![Block::default(); self.params.block_count()];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let hashed = argon.hash_password_into_with_memory(password, &self.salt, &mut output, &mut memory);
        hashed.is_ok() && output.as_slice().ct_eq(self.output.as_slice()).to_bool()
    }
}

/// Hashes `password` with a salt of its own, at the costs that OWASP recommends (19 MiB, two passes), as a PHC string.
///
/// # Errors
/// If there is no randomness, or the password is empty or longer than [`MAX_PASSWORD`].
pub fn hash_password(password: &[u8]) -> Result<String, &'static str> {
    use argon2::password_hash::PasswordHasher as _;
    if password.is_empty() || password.len() > MAX_PASSWORD {
        return Err("a password has 1 to 512 bytes");
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| "the system gives no random bytes")?;
    let hash = Argon2::default().hash_password_with_salt(password, &salt);
    hash.map(|hash| hash.to_string()).map_err(|_| "the password cannot be hashed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "password" with the salt "somesalt", from the reference implementation's tests (`test.c`: version 0x13, Argon2id,
    /// two passes, 256 KiB, one lane).
    const REFERENCE: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    fn name(text: &str) -> Name {
        Name::new(text.as_bytes()).expect("a name")
    }

    #[test]
    fn the_reference_implementations_hash_is_verified() {
        let users = Users::parse(format!("student:{REFERENCE}:predict\n").as_bytes()).expect("a good file");
        assert!(users.verify(Some(&name("student")), b"password"));
        assert!(!users.verify(Some(&name("student")), b"Password"));
        assert!(!users.verify(Some(&name("studen")), b"password"), "the password of nobody is nobody's");
        assert!(!users.verify(None, b"password"));
        assert_eq!(users.find(&name("student")).expect("a user").scopes.each().collect::<Vec<_>>(), ["predict"]);
    }

    #[test]
    fn what_is_hashed_is_verified_and_no_two_hashes_are_alike() {
        let (one, two) = (hash_password(b"a b").expect("a hash"), hash_password(b"a b").expect("a hash"));
        assert!(one != two && one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let users = Users::parse(format!("a:{one}\nb:{two}").as_bytes()).expect("a good file");
        assert!(users.verify(Some(&name("a")), b"a b") && !users.verify(Some(&name("b")), b"ab"));
        assert!(hash_password(b"").is_err() && hash_password(&[b'a'; MAX_PASSWORD + 1]).is_err());
        assert!(hash_password(&[b'a'; MAX_PASSWORD]).is_ok());
    }

    #[test]
    fn a_bad_line_is_named_and_not_quoted() {
        for (text, line, part) in [
            ("a:password".to_owned(), Some(1), "an Argon2id hash"),
            (format!("a:{REFERENCE}\na:{REFERENCE}"), Some(2), "twice"),
            (format!("a:{REFERENCE}:student"), Some(1), "scopes are"),
            (format!("a:{}", REFERENCE.replace("argon2id", "argon2i")), Some(1), "must be Argon2id"),
            (format!("a:{}", REFERENCE.replace("m=256", "m=1000000")), Some(1), "costs too much"),
            (format!("a:{}", REFERENCE.replace("t=2", "t=9")), Some(1), "costs too much"),
            (String::new(), None, "no user"),
        ] {
            let (at, what) = Users::parse(text.as_bytes()).expect_err("refused");
            assert_eq!(at, line, "{text}");
            assert!(what.contains(part), "{what}");
        }
    }

    /// [`REFERENCE`] at other costs, which is a hash of nothing known.
    fn costing(costs: &str) -> String {
        REFERENCE.replace("m=256,t=2,p=1", costs)
    }

    #[test]
    fn hashes_may_cost_as_much_as_is_said_and_no_more() {
        let refused = |hash: &str| Hash::parse(hash).err();
        assert_eq!(refused(&costing("m=65536,t=4,p=4")), None);
        for costs in ["m=65537,t=4,p=4", "m=65536,t=5,p=4", "m=65536,t=4,p=5"] {
            assert_eq!(
                refused(&costing(costs)),
                Some("the hash costs too much: m=65536, t=4, p=4 are the most"),
                "{costs}"
            );
        }
        let (head, _) = REFERENCE.rsplit_once('$').expect("an output");
        // Sixteen zeros and fifteen, in Base64.
        assert_eq!(refused(&format!("{head}${}", "A".repeat(22))), None);
        assert_eq!(refused(&format!("{head}${}", "A".repeat(20))), Some("the hash is shorter than 16 bytes"));
    }

    #[test]
    fn the_password_of_nobody_costs_as_much_as_the_costliest() {
        let costs = ["m=290,t=1,p=1", "m=100,t=3,p=1", "m=200,t=1,p=1"];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let lines = order.map(|at| format!("user{at}:{}", costing(costs[at])));
            let users = Users::parse(lines.join("\n").as_bytes()).expect("a good file");
            assert_eq!((users.nobody.params.m_cost(), users.nobody.params.t_cost()), (100, 3), "{order:?}");
            assert_eq!(users.count(), 3);
        }
    }

    #[test]
    fn as_many_users_as_there_may_be_and_no_more() {
        let mut lines: Vec<_> = (0..MAX_USERS).map(|at| format!("user{at}:{REFERENCE}")).collect();
        assert_eq!(Users::parse(lines.join("\n").as_bytes()).expect("a good file").count(), MAX_USERS);
        lines.push(format!("more:{REFERENCE}"));
        let (at, what) = Users::parse(lines.join("\n").as_bytes()).expect_err("refused");
        assert_eq!((at, what), (Some(MAX_USERS + 1), "too many users: 4096 are the most"));
    }
}
