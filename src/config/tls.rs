//! The flags of TLS: what they are together, and what does not fit.

use super::Flags;
use crate::tls;

impl Flags {
    /// The files for TLS on `--listen`, if it is to be spoken there.
    pub fn tls(&self) -> Option<tls::Settings> {
        let (certificate, key) = self.tls_certificate.clone().zip(self.tls_key.clone())?;
        Some(tls::Settings { certificate, key })
    }

    /// What is wrong with the flags of TLS together, if anything.
    pub(super) fn wrong_with_tls(&self) -> Option<&'static str> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(_), None) => Some("--tls-certificate needs --tls-key, the file with its private key"),
            (None, Some(_)) => {
                Some("--tls-key needs --tls-certificate, the file with the certificate that it belongs to")
            }
            _ => None,
        }
    }
}
