//! TLS for clients: what to trust, who we are, which name to expect. Used by HTTP and by mail.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};

use super::secret::{FileError, read_bounded};
use crate::deliver::{Secret, TlsConfig, TlsVersion};

/// The greatest size of a file with certificates or a key, in bytes.
const PEM_FILE_SIZE_MAX: u64 = 4 << 20;

/// Where systems keep the certificates that they trust; the first that exists is read.
const MACHINE_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// TLS settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file holds nothing of what it should.
    #[error("no {wanted} in {place}")]
    Content {
        /// What was looked for.
        wanted: &'static str,
        /// The file, or the configuration's field.
        place: String,
    },
    /// Only one of certificate and key is given.
    #[error("a certificate and its key go together")]
    HalfIdentity,
    /// The expected name is no host name.
    #[error("server_name `{0}` is not a host name")]
    ServerName(String),
    /// The parts do not fit together.
    #[error("TLS settings: {0}")]
    Rustls(#[from] rustls::Error),
}

/// What the files of a [`TlsConfig`] held when they were read; equal material makes equal clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsMaterial {
    /// Certificates to trust; `None` for the machine's.
    pub(crate) roots: Option<Vec<CertificateDer<'static>>>,
    /// Our certificate chain and the PEM text of its key.
    pub(crate) identity: Option<(Vec<CertificateDer<'static>>, Pem)>,
}

/// A private key as PEM bytes; does not show.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pem(pub(crate) Vec<u8>);

impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl TlsMaterial {
    /// Reads what `config` holds and the files that it names.
    pub(crate) async fn read(config: &TlsConfig) -> Result<TlsMaterial, TlsError> {
        let roots = match &config.ca {
            Some(ca) => Some(certificates_in(&pem(ca).await?, ca, "ca")?),
            None => None,
        };
        let identity = match (&config.cert, &config.key) {
            (Some(cert), Some(key)) => {
                let key_pem = pem(key).await?;
                if PrivateKeyDer::from_pem_slice(&key_pem).is_err() {
                    return Err(TlsError::Content { wanted: "private key", place: place(key, "key") });
                }
                Some((certificates_in(&pem(cert).await?, cert, "cert")?, Pem(key_pem)))
            }
            (None, None) => None,
            _ => return Err(TlsError::HalfIdentity),
        };
        Ok(TlsMaterial { roots, identity })
    }
}

/// The PEM text that `source` holds or names.
pub(super) async fn pem(source: &Secret) -> Result<Vec<u8>, TlsError> {
    match source {
        Secret::Value(text) => Ok(text.clone().into_bytes()),
        Secret::File(path) => Ok(read_bounded(path, PEM_FILE_SIZE_MAX).await?),
    }
}

/// Where `source`, the value of `field`, is looked for.
fn place(source: &Secret, field: &str) -> String {
    match source {
        Secret::Value(_) => format!("`{field}`"),
        Secret::File(path) => path.clone(),
    }
}

/// The certificates in `pem`, which `source`, the value of `field`, holds or names; at least one.
pub(super) fn certificates_in(
    pem: &[u8],
    source: &Secret,
    field: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
    if found.is_empty() {
        return Err(TlsError::Content { wanted: "certificate", place: place(source, field) });
    }
    Ok(found)
}

/// The certificates that this machine trusts (`SSL_CERT_FILE`, else the system's bundle); empty if it has none.
pub(crate) async fn machine_certificates() -> Vec<CertificateDer<'static>> {
    let named = std::env::var("SSL_CERT_FILE").ok();
    let mut checked = RootCertStore::empty();
    for path in named.iter().map(String::as_str).chain(MACHINE_ROOTS) {
        let bundle = Secret::File(path.to_owned());
        let Ok(pem) = pem(&bundle).await else { continue };
        if let Ok(found) = certificates_in(&pem, &bundle, "ca") {
            return found.into_iter().filter(|certificate| checked.add(certificate.clone()).is_ok()).collect();
        }
    }
    Vec::new()
}

/// The settings of a TLS client: the ring provider; trusting `material.roots`, or the machine's certificates, or Mozilla's
/// if the machine has none.
///
/// A `server_name` is the name that the certificate must be for; the name sent in the handshake stays the host's.
pub(crate) async fn client_config(config: &TlsConfig, material: &TlsMaterial) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(&versions(config))?;
    let verifier: Arc<dyn ServerCertVerifier> = if config.insecure_skip_verify {
        Arc::new(TrustAnything { provider })
    } else {
        let roots = Arc::new(root_store(material).await?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let name = config.server_name.as_deref().map(server_name).transpose()?;
        Arc::new(TrustNamed { name, trusted: material.roots.clone().unwrap_or_default(), verifier })
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    match &material.identity {
        Some((chain, Pem(key))) => {
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| rustls::Error::General(error.to_string()))?;
            Ok(builder.with_client_auth_cert(chain.clone(), key)?)
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

/// The versions of TLS that `config` allows.
fn versions(config: &TlsConfig) -> Vec<&'static SupportedProtocolVersion> {
    let allowed = |version: TlsVersion| {
        config.min_version.is_none_or(|min| min <= version) && config.max_version.is_none_or(|max| version <= max)
    };
    let all = [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)];
    all.into_iter().filter(|(version, _)| allowed(*version)).map(|(_, version)| version).collect()
}

async fn root_store(material: &TlsMaterial) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match &material.roots {
        Some(roots) => {
            for root in roots {
                store.add(root.clone())?;
            }
        }
        None => {
            store.add_parsable_certificates(machine_certificates().await);
            if store.is_empty() {
                store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
    }
    Ok(store)
}

/// `name` as TLS wants it.
pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName(name.to_owned()))
}

/// Checks certificates, if need be against a name of its own instead of the host's.
///
/// As in Go, a server's certificate that is itself in the `ca_file` needs nobody to vouch for it, even when it says of
/// itself that it vouches for others: what `openssl req -x509` makes, and what guides to exporters therefore show.
#[derive(Debug)]
struct TrustNamed {
    name: Option<ServerName<'static>>,
    trusted: Vec<CertificateDer<'static>>,
    verifier: Arc<WebPkiServerVerifier>,
}

/// How webpki words its refusal of an authority as a server. It has looked at the certificate's time of validity before.
const AUTHORITY_AS_SERVER: &str = "CaUsedAsEndEntity";

impl ServerCertVerifier for TrustNamed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let name = self.name.as_ref().unwrap_or(host);
        match self.verifier.verify_server_cert(end_entity, intermediates, name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(reason)))
                if reason.0.to_string() == AUTHORITY_AS_SERVER && self.trusted.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// `insecure_skip_verify`: any certificate will do; its holder must still have the key.
#[derive(Debug)]
struct TrustAnything {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for TrustAnything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
