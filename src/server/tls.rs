//! TLS of the listening socket, by rustls. The files are read again when they change, so that a
//! certificate is renewed without a restart.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use webpki::{EndEntityCert, KeyUsage};

use crate::{
    config::{ClientCertificates, Config},
    model::Micros,
};

/// The protocols above TLS, the preferred one first (RFC 7301); browsers may use the second.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The PEM files of a server.
#[derive(Clone, Debug)]
struct Files {
    /// The server's certificate, and the intermediate ones.
    certificate: PathBuf,
    key: PathBuf,
    /// The authority of callers' certificates; none: no certificate is requested.
    client_authority: Option<PathBuf>,
    /// Whether a certificate is required.
    client_certificates: ClientCertificates,
}

/// The current configuration.
pub type Current = watch::Receiver<Arc<ServerConfig>>;

/// Files that are watched.
pub struct Certificates {
    files: Files,
    /// What was read last, whether valid or not.
    read: Vec<Vec<u8>>,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Certificates {
    /// The files of the configuration, if it has any.
    pub fn of(config: &Config) -> Result<Option<Self>, String> {
        let (Some(certificate), Some(key)) = (&config.tls_certificate, &config.tls_key) else {
            return Ok(None);
        };
        let files = Files {
            certificate: certificate.clone(),
            key: key.clone(),
            client_authority: config.tls_client_authority.clone(),
            client_certificates: config.tls_client_certificates,
        };
        let read = files.read()?;
        let first = files.config(&read)?;
        Ok(Some(Self { files, read, current: watch::Sender::new(Arc::new(first)) }))
    }

    pub fn current(&self) -> Current {
        self.current.subscribe()
    }

    /// Loads files that have changed, for new connections, and returns whether any have. An error
    /// is returned once, and the previous configuration stays.
    pub fn renew(&mut self) -> Result<bool, String> {
        let read = self.files.read()?;
        if read == self.read {
            return Ok(false);
        }
        self.read = read;
        let next = self.files.config(&self.read)?;
        self.current.send_replace(Arc::new(next));
        Ok(true)
    }
}

impl Files {
    fn read(&self) -> Result<Vec<Vec<u8>>, String> {
        let files = [Some(&self.certificate), Some(&self.key), self.client_authority.as_ref()];
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
        };
        files.into_iter().flatten().map(read).collect()
    }

    fn config(&self, read: &[Vec<u8>]) -> Result<ServerConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match (&self.client_authority, read.get(2)) {
            (Some(path), Some(pem)) => {
                let unfit = |why: &str| format!("{} {why}", path.display());
                let mut roots = RootCertStore::empty();
                for certificate in certificates(pem).map_err(|why| unfit(&why))? {
                    roots.add(certificate).map_err(|error| unfit(&error.to_string()))?;
                }
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match self.client_certificates {
                    ClientCertificates::Required => verifier,
                    ClientCertificates::Optional => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(
                    verifier.build().map_err(|error| unfit(&error.to_string()))?,
                )
            }
            _ => builder.with_no_client_auth(),
        };
        let [chain, key, ..] = read else { return Err("a file is missing".to_owned()) };
        let chain =
            certificates(chain).map_err(|why| format!("{} {why}", self.certificate.display()))?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| format!("{} holds no private key in PEM", self.key.display()))?;
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            format!("{certificate} and {key} do not go together: {error}")
        })?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        if self.client_authority.is_some() {
            // A resumed session keeps the certificate of the first one, which is not verified
            // again: it may have expired since.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }
}

/// The certificates of a PEM file: at least one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err("holds no certificate in PEM".to_owned()),
    }
}

/// When a certificate expires. None if it cannot be read.
pub fn end_of(certificate: &CertificateDer<'_>) -> Option<Micros> {
    // The verifier checks a certificate's validity first, and its error contains the time. It
    // trusts nobody here.
    let far = UnixTime::since_unix_epoch(Duration::from_secs(u64::from(u32::MAX) * 64));
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let verified =
        certificate.verify_for_usage(&[], &[], &[], far, KeyUsage::server_auth(), None, None);
    match verified.err()? {
        webpki::Error::CertExpired { not_after, .. } => {
            Micros::try_from(not_after.as_secs()).ok()?.checked_mul(1_000_000)
        }
        _ => None,
    }
}

/// The DNS names of the first certificate of a PEM file.
pub fn names(path: &Path) -> Result<Vec<String>, String> {
    let unfit = |why: String| format!("{} {why}", path.display());
    let pem = fs::read(path).map_err(|error| unfit(format!("cannot be read: {error}")))?;
    let chain = certificates(&pem).map_err(unfit)?;
    let first = chain.first().and_then(|der| EndEntityCert::try_from(der).ok());
    let names = first.iter().flat_map(|first| first.valid_dns_names());
    Ok(names.map(ToOwned::to_owned).collect())
}
