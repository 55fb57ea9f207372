//! Tokens: whoever signs what, only what `Signer::issue` would have written is good; and what is not signed never is.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tamis::auth::token::{MAX_TOKEN, Signer};

use super::sample::Sample;

const SECRET: [u8; 32] = *b"a secret of exactly 32 bytes ...";

/// A choice, then a header, a line feed and claims to be signed with the right secret; or a token as it is.
pub fn run(input: &[u8]) {
    let mut sample = Sample(input);
    let signer = Signer::parse(&SECRET).expect("a secret");
    let choice = sample.byte();
    let token = if choice == b'=' { sample.0.to_vec() } else { signed(sample.until(b'\n'), sample.0) };
    let Ok(claims) = signer.verify(&token, 0) else { return };
    assert_ne!(choice, b'=', "forged: {token:?}");
    // Two tokens that say the same at the same time are the same bytes.
    let payload = token.split(|&byte| byte == b'.').nth(1).expect("claims");
    let mut room = [0; MAX_TOKEN];
    let payload = Base64UrlUnpadded::decode(payload, &mut room).expect("base64url");
    let payload: serde_json::Value = serde_json::from_slice(payload).expect("claims are JSON");
    let issued_at = payload["iat"].as_u64().expect("a time");
    assert_eq!(payload["exp"].as_u64(), Some(claims.expires));
    let mut again = [0; MAX_TOKEN];
    let length = signer.issue(&claims, issued_at, &mut again);
    assert_eq!(String::from_utf8_lossy(&again[..length]), String::from_utf8_lossy(&token), "read in two ways");
    assert!(claims.expires == u64::MAX || signer.verify(&token, claims.expires).is_err(), "beyond its time");
}

/// `header.claims.signature`; no header stands for ours.
fn signed(header: &[u8], claims: &[u8]) -> Vec<u8> {
    let header = if header.is_empty() { br#"{"alg":"HS256","typ":"JWT"}"# } else { header };
    let text = [header, claims].map(encoded).join(&b'.');
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("a key of any length");
    mac.update(&text);
    let signature: [u8; 32] = mac.finalize().into_bytes().into();
    [&text, &b"."[..], &encoded(&signature)].concat()
}

fn encoded(bytes: &[u8]) -> Vec<u8> {
    let mut room = vec![0; bytes.len() * 2 + 4];
    Base64UrlUnpadded::encode(bytes, &mut room).expect("room").as_bytes().to_vec()
}
