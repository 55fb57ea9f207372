//! A certificate with its key, as handshakes need it, from two files in PEM (RFC 7468).

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::{self, ServerConfig};

use super::{Settings, validity};
use crate::auth::lines::{self, FileError};

/// What a server shows of itself, and how it proves it.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    /// When the certificate ends, in seconds since the Unix epoch, if it tells.
    pub(super) not_after: Option<u64>,
}

impl Identity {
    /// Reads both files. What was read of the key's is wiped, and of what is wrong in it no word is told.
    pub(super) fn read(settings: &Settings) -> Result<Self, FileError> {
        let chain = lines::read(&settings.certificate, |bytes| certificates(bytes).map_err(|what| (None, what)))?;
        let key = lines::read(&settings.key, |bytes| private_key(bytes).map_err(|what| (None, what)))?;
        let not_after = chain.first().and_then(|leaf| validity::not_after(leaf));
        let config = config(chain, key).map_err(|error| explained(error, settings))?;
        Ok(Self { config: Arc::new(config), not_after })
    }
}

fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let chain = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if chain.is_empty() => {
            Err("holds no certificate in PEM, which begins with '-----BEGIN CERTIFICATE-----'")
        }
        Ok(chain) => Ok(chain),
        Err(_) => Err("is not PEM throughout: a section is broken"),
    }
}

fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    let is_encrypted = memchr::memmem::find(bytes, b"ENCRYPTED").is_some();
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        if is_encrypted {
            "holds an encrypted key: decrypt it with 'openssl pkey' and keep it readable to the daemon alone"
        } else {
            "holds no private key in PEM, which begins with '-----BEGIN PRIVATE KEY-----'"
        }
    })
}

/// TLS as rustls does it by default: 1.3 and 1.2, forward secrecy and authenticated encryption only.
fn config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    // Sealed with keys that change every six hours; there are two, so that a ticket is good for six hours at least.
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Which file to look at, and what to do.
fn explained(error: rustls::Error, settings: &Settings) -> FileError {
    let (certificate, key): (&Path, &Path) = (&settings.certificate, &settings.key);
    let wrong = |path: &Path, what: String| FileError { path: path.to_owned(), line: None, what };
    match error {
        rustls::Error::InconsistentKeys(_) => wrong(
            key,
            format!(
                "is not the key of the first certificate in {}: give both of one pair, and the server's own certificate first",
                certificate.display()
            ),
        ),
        rustls::Error::InvalidCertificate(_) => wrong(certificate, "its first certificate is not X.509".to_owned()),
        // What rustls says of a key that it cannot use names no part of it.
        error => wrong(key, format!("is no key that can sign: {error}; RSA, ECDSA on P-256 or P-384, or Ed25519 can")),
    }
}

/// For ALPN (RFC 7301), in the order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
