//! What TLS is tested with: certificates made for the test, a daemon that serves with one, and a client that trusts it.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::auth::Files;
use super::daemon::Daemon;
use super::http::Connection;

/// How long anything may take, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// When every certificate ends: 2050-06-01, in seconds since the Unix epoch.
pub const NOT_AFTER: f64 = 2_537_654_400.0;

/// A connection of the client of these tests.
pub type Secure = Connection<StreamOwned<ClientConnection, TcpStream>>;

/// A certificate for `localhost`, signed by its own key.
pub struct Pair {
    /// In PEM.
    pub certificate: String,
    /// In PEM.
    pub key: String,
    der: CertificateDer<'static>,
}

impl Pair {
    /// One that is like no other.
    pub fn new() -> Self {
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
        parameters.not_after = rcgen::date_time_ymd(2050, 6, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Self { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    }

    /// Whether a server showed this one.
    pub fn is(&self, certificate: &[u8]) -> bool {
        &*self.der == certificate
    }

    /// Writes both files, each by a rename, and answers the flags that name them.
    pub fn write(&self, files: &Files) -> [String; 4] {
        let path = |name: &str, text: &str| {
            let (new, path) = (files.write(&format!("{name}.new"), text), files.0.join(name));
            std::fs::rename(new, &path).expect("renamed");
            path.to_str().expect("a plain path").to_owned()
        };
        let (certificate, key) = (path("certificate.pem", &self.certificate), path("key.pem", &self.key));
        ["--tls-certificate".to_owned(), certificate, "--tls-key".to_owned(), key]
    }
}

/// A daemon without `bert` that serves with `pair` and, in plain, metrics elsewhere.
pub fn start(pair: &Pair, files: &Files, arguments: &[&str]) -> Daemon {
    let flags = pair.write(files);
    let admin = ["--bert", "off", "--admin-listen", "127.0.0.1:0"];
    Daemon::start(&[&admin[..], &flags.each_ref().map(String::as_str), arguments].concat())
}

/// How a client is set up that trusts `pairs` and speaks one version of TLS; it keeps the tickets that it is given.
pub fn trusting(pairs: &[&Pair], version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for pair in pairs {
        roots.add(pair.der.clone()).expect("a certificate");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).expect("a version of rustls's");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A client's side that has said nothing yet.
pub fn client(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), "localhost".try_into().expect("a name")).expect("a client")
}

/// A socket whose reads and writes end.
pub fn socket(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("it accepts");
    socket.set_nodelay(true).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    socket.set_write_timeout(Some(PATIENCE)).expect("a socket");
    socket
}

/// Connects and shakes hands; answers how that was done as well, and whose certificate is served with.
pub fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<(Secure, HandshakeKind, Vec<u8>)> {
    let (mut client, mut socket) = (client(config), socket(address));
    while client.is_handshaking() {
        client.complete_io(&mut socket)?;
    }
    let kind = client.handshake_kind().expect("it is over");
    let certificate = client.peer_certificates().expect("of this handshake or an earlier one")[0].to_vec();
    Ok((Connection::over(StreamOwned::new(client, socket)), kind, certificate))
}
