//! TLS of our own server: its certificate, and those of clients.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::tls::{Pem, TlsError, certificates_in, pem};
use crate::config::WebTls;
use crate::deliver::{Secret, TlsVersion};

/// What the files of a [`WebTls`] held when they were read.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ServerMaterial {
    chain: Vec<CertificateDer<'static>>,
    key: Pem,
    client_authorities: Option<Vec<CertificateDer<'static>>>,
}

impl ServerMaterial {
    /// Reads the files that `config` names.
    pub(super) async fn read(config: &WebTls) -> Result<ServerMaterial, TlsError> {
        Ok(ServerMaterial {
            chain: certificates(&config.cert_file, "cert_file").await?,
            key: Pem(pem(&Secret::File(config.key_file.clone())).await?),
            client_authorities: match &config.client_ca_file {
                Some(path) => Some(certificates(path, "client_ca_file").await?),
                None => None,
            },
        })
    }
}

async fn certificates(path: &str, field: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = Secret::File(path.to_owned());
    certificates_in(&pem(&file).await?, &file, field)
}

/// The settings of a TLS server that speaks HTTP/1.1: the ring provider, our certificate, clients' certificates checked if
/// there are authorities for them.
///
/// # Errors
///
/// A file that holds no key, a key of another certificate, an authority that is none.
pub(super) fn server_config(config: &WebTls, material: &ServerMaterial) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[&rustls::SupportedProtocolVersion] = match config.min_version {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions)?;
    let builder = match &material.client_authorities {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots.add(authority.clone())?;
            }
            let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            if !config.client_certificate_required {
                verifier = verifier.allow_unauthenticated();
            }
            let verifier = verifier.build().map_err(|error| rustls::Error::General(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let no_key = |_| TlsError::Content { wanted: "private key", place: config.key_file.clone() };
    let key = PrivateKeyDer::from_pem_slice(&material.key.0).map_err(no_key)?;
    let mut server = builder.with_single_cert(material.chain.clone(), key)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(server)
}
