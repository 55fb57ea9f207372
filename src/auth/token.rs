//! Tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256 (`HS256` of RFC 7518, in the compact form of RFC 7515).
//!
//! What is not exactly as [`Signer::issue`] writes it is refused, whoever signed it: no header chooses the algorithm, no
//! claim is read in two ways.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::lines::Wrong;
use super::name::Name;
use super::scopes::Scopes;
use crate::json::write::Writer;

/// The shortest secret, in bytes: as long as the hash is (RFC 7518, section 3.2).
pub const MIN_SECRET: usize = 32;

/// The longest token that is issued or looked at, in bytes.
pub const MAX_TOKEN: usize = 320;

/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &[u8] = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

/// The longest claims, in bytes of JSON.
const MAX_CLAIMS: usize = 192;

/// The signature, in bytes of base64url.
pub const SIGNATURE: usize = 43;

/// Issues and verifies tokens.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

/// What a token says of who presents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: the user's name.
    pub subject: Name,
    /// `scope` (RFC 8693, section 4.2).
    pub scopes: Scopes,
    /// `exp`: when it ends, in seconds since the Unix epoch.
    pub expires: u64,
}

/// Why a token is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// It is not one of ours, or was changed.
    Invalid,
    /// Its time is over.
    Expired,
}

impl Signer {
    /// One whose secret is `bytes`, without the line's end that an editor leaves.
    ///
    /// # Errors
    /// If the secret is shorter than [`MIN_SECRET`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Wrong> {
        let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        if secret.len() < MIN_SECRET {
            return Err((None, "a secret must have 32 bytes at least"));
        }
        // A key of any length will do (RFC 2104, section 3).
        Hmac::new_from_slice(secret).map(Self).map_err(|_| (None, "not a secret"))
    }

    /// Writes a token into `out`, which holds [`MAX_TOKEN`] bytes; answers its length.
    pub fn issue(&self, claims: &Claims, now: u64, out: &mut [u8]) -> usize {
        let mut json = [0; MAX_CLAIMS];
        let length = write(claims, now, &mut json);
        let Some((head, rest)) = out.split_at_mut_checked(HEADER.len()) else { return 0 };
        head.copy_from_slice(HEADER);
        let Ok(payload) = Base64UrlUnpadded::encode(&json[..length], rest) else { return 0 };
        let signed = HEADER.len() + payload.len();
        let signature = self.sign(&out[..signed]);
        let Some(rest) = out.get_mut(signed..).filter(|rest| rest.len() > SIGNATURE) else { return 0 };
        rest[0] = b'.';
        Base64UrlUnpadded::encode(&signature, &mut rest[1..]).map_or(0, |text| signed + 1 + text.len())
    }

    /// What `token` says, at `now` in seconds since the Unix epoch. No allocation.
    ///
    /// # Errors
    /// If it is not one that this secret signed as [`Self::issue`] does, or its time is over.
    pub fn verify(&self, token: &[u8], now: u64) -> Result<Claims, BadToken> {
        let claims = self.verified(token).ok_or(BadToken::Invalid)?;
        if now < claims.expires { Ok(claims) } else { Err(BadToken::Expired) }
    }

    fn verified(&self, token: &[u8]) -> Option<Claims> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (signed, signature) = token.split_at_checked(token.len().checked_sub(SIGNATURE + 1)?)?;
        let mut given = [0; 32];
        let given = Base64UrlUnpadded::decode(signature.strip_prefix(b".")?, &mut given).ok()?;
        let mut mac = self.0.clone();
        mac.update(signed);
        // In constant time.
        mac.verify_slice(given).ok()?;
        let mut json = [0; MAX_CLAIMS];
        let json = Base64UrlUnpadded::decode(signed.strip_prefix(HEADER)?, &mut json).ok()?;
        let (claims, issued) = read(std::str::from_utf8(json).ok()?)?;
        // Numbers and scopes have more than one spelling, but one is ours.
        let mut ours = [0; MAX_CLAIMS];
        let length = write(&claims, issued, &mut ours);
        (ours[..length] == *json).then_some(claims)
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Signer")
    }
}

/// Writes what a token says that is issued at `now`; answers the length.
fn write(claims: &Claims, now: u64, json: &mut [u8; MAX_CLAIMS]) -> usize {
    let mut writer = Writer::new(json);
    writer.raw(br#"{"iss":"tamis","sub":""#);
    writer.raw(claims.subject.as_str().as_bytes());
    writer.raw(br#"","scope":""#);
    for (index, name) in claims.scopes.each().enumerate() {
        writer.raw(if index == 0 { b"" } else { b" " });
        writer.raw(name.as_bytes());
    }
    writer.raw(br#"","iat":"#);
    writer.integer(now);
    writer.raw(br#","exp":"#);
    writer.integer(claims.expires);
    writer.raw(b"}");
    writer.finish().unwrap_or_default()
}

/// Reads what [`write`] wrote, and when: these members, in this order, without a space.
fn read(json: &str) -> Option<(Claims, u64)> {
    let rest = json.strip_prefix(r#"{"iss":"tamis","sub":""#)?;
    let (subject, rest) = rest.split_once(r#"","scope":""#)?;
    let (scopes, rest) = rest.split_once(r#"","iat":"#)?;
    let (issued, expires) = rest.strip_suffix('}')?.split_once(r#","exp":"#)?;
    let claims = Claims {
        subject: Name::new(subject.as_bytes())?,
        scopes: Scopes::parse(scopes, ' ')?,
        expires: expires.parse().ok()?,
    };
    Some((claims, issued.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(fill: u8) -> Signer {
        Signer::parse(&[fill; 32]).expect("a secret")
    }

    fn claims_of(subject: &str, scopes: Scopes, expires: u64) -> Claims {
        Claims { subject: Name::new(subject.as_bytes()).expect("a name"), scopes, expires }
    }

    fn issued(signer: &Signer, claims: &Claims) -> Vec<u8> {
        let mut out = [0; MAX_TOKEN];
        let length = signer.issue(claims, 1000, &mut out);
        out[..length].to_vec()
    }

    #[test]
    fn the_signature_is_that_of_rfc_7515_appendix_a_1() {
        let mut key = [0; 64];
        let text = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = Base64UrlUnpadded::decode(text, &mut key).expect("base64url");
        let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6\
                     Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = Signer::parse(key).expect("a secret").sign(input.as_bytes());
        let mut out = [0; SIGNATURE];
        let text = Base64UrlUnpadded::encode(&signature, &mut out).expect("room");
        assert_eq!(text, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn a_token_says_what_it_was_issued_for_until_its_time_is_over() {
        let signer = signer(1);
        for claims in [
            claims_of("a", Scopes::DEFAULT, 1001),
            claims_of(&"x".repeat(64), Scopes::parse("analyze predict admin", ' ').expect("scopes"), u64::MAX),
        ] {
            let token = issued(&signer, &claims);
            assert!(!token.is_empty() && token.split(|&byte| byte == b'.').count() == 3);
            assert_eq!(signer.verify(&token, claims.expires - 1), Ok(claims));
            assert_eq!(signer.verify(&token, claims.expires), Err(BadToken::Expired));
        }
    }

    #[test]
    fn a_token_that_was_changed_anywhere_is_refused() {
        let signer = signer(1);
        let token = issued(&signer, &claims_of("student", Scopes::DEFAULT, 2000));
        for at in 0..token.len() {
            for change in [1, 2, 0x20] {
                let mut changed = token.clone();
                changed[at] ^= change;
                assert_eq!(signer.verify(&changed, 1000), Err(BadToken::Invalid), "byte {at}");
            }
            assert_eq!(signer.verify(&token[..at], 1000), Err(BadToken::Invalid));
        }
        assert_eq!(self::signer(2).verify(&token, 1000), Err(BadToken::Invalid), "another secret");
        assert_eq!(signer.verify(&[token.as_slice(), b"="].concat(), 1000), Err(BadToken::Invalid));
        assert_eq!(signer.verify(&[b'a'; 4096], 1000), Err(BadToken::Invalid));
    }

    #[test]
    fn what_is_signed_but_not_ours_is_refused() {
        let signer = signer(1);
        let sign = |header: &str, claims: &str| {
            let encoded = |text: &str| {
                let mut out = [0; 512];
                Base64UrlUnpadded::encode(text.as_bytes(), &mut out).expect("room").to_owned()
            };
            let input = format!("{}.{}", encoded(header), encoded(claims));
            let mut out = [0; SIGNATURE];
            let signature = signer.sign(input.as_bytes());
            format!("{input}.{}", Base64UrlUnpadded::encode(&signature, &mut out).expect("room"))
        };
        let (header, good) =
            (r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"iss":"tamis","sub":"a","scope":"predict","iat":1,"exp":9}"#);
        assert!(signer.verify(sign(header, good).as_bytes(), 1).is_ok());
        for (header, claims) in [
            (r#"{"alg":"none"}"#, good),
            (r#"{"typ":"JWT","alg":"HS256"}"#, good),
            (header, r#"{"iss":"other","sub":"a","scope":"predict","iat":1,"exp":9}"#),
            (header, r#"{"iss":"tamis","sub":"a b","scope":"predict","iat":1,"exp":9}"#),
            (header, r#"{"iss":"tamis","sub":"a","scope":"root","iat":1,"exp":9}"#),
            (header, r#"{"iss":"tamis","sub":"a","scope":"predict","iat":1,"exp":-9}"#),
            (header, r#"{"iss":"tamis","sub":"a","scope":"predict","iat":1,"exp":9,"exp":99}"#),
            (header, r#"{"iss":"tamis","sub":"a","scope":"predict","iat":1}"#),
            // The same, said in another way.
            (header, r#"{"iss":"tamis","sub":"a","scope":"predict","iat":1,"exp":+9}"#),
            (header, r#"{"iss":"tamis","sub":"a","scope":"predict","iat":01,"exp":9}"#),
            (header, r#"{"iss":"tamis","sub":"a","scope":" predict predict","iat":1,"exp":9}"#),
            (header, r#"{"iss":"tamis","sub":"a","scope":"predict analyze","iat":1,"exp":9}"#),
        ] {
            assert_eq!(signer.verify(sign(header, claims).as_bytes(), 1), Err(BadToken::Invalid), "{header} {claims}");
        }
    }

    #[test]
    fn a_secret_is_long_enough_and_ends_before_the_lines_end() {
        assert!(Signer::parse(&[b'a'; 31]).is_err() && Signer::parse(b"\n").is_err());
        let with_end = Signer::parse(&[[b'a'; 32].as_slice(), b"\r\n"].concat()).expect("a secret");
        assert_eq!(with_end.sign(b"x"), signer(b'a').sign(b"x"));
        assert!(Signer::parse(&[[b'a'; 31].as_slice(), b"\r\n"].concat()).is_err(), "the line's end does not count");
        assert_eq!(format!("{:?}", signer(b'a')), "Signer");
    }
}
