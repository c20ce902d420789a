//! Email over SMTP (RFC 5321): one connection, one mail, one verdict.

use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, Identity, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail as MailCommand, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use tracing::warn;

use super::chart::Image;
use super::mail::{self, Mail};
use super::mail_login::log_in;
use super::text::one_line;
use super::{Attempt, limit};
use crate::deliver::{EmailConfig, Outcome, SmtpSecurity, TlsVersion};
use crate::shell::secret::Hidden;
use crate::shell::tls::{Pem, TlsError, TlsMaterial, machine_certificates, server_name};

/// The time that a server has to answer QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);

/// The greatest length of an error, in characters.
const ERROR_LENGTH_MAX: usize = 512;

pub(super) async fn send(config: &EmailConfig, attempt: &Attempt<'_>) -> Outcome {
    let mut hidden = Hidden::default();
    let chart = match attempt.charts {
        Some(charts) if config.chart && !config.html.is_empty() => charts.image(attempt.notification).await,
        _ => None,
    };
    let trying = try_send(config, attempt, chart.as_ref(), &mut hidden);
    let outcome = match tokio::time::timeout(limit(config.timeout), trying).await {
        // What became of the mail is settled, however the server takes its leave.
        Ok(Ok((outcome, connection))) => {
            quit(connection).await;
            outcome
        }
        Ok(Err(outcome)) => outcome,
        Err(_) => Outcome::Retry { error: format!("no answer within {:?}", limit(config.timeout)), after: None },
    };
    let shown = |error: String| super::text::cut(&one_line(&hidden.redact(&error)), ERROR_LENGTH_MAX);
    match outcome {
        delivered @ (Outcome::Delivered | Outcome::DeliveredAs { .. }) => delivered,
        Outcome::Retry { error, after } => Outcome::Retry { error: shown(error), after },
        Outcome::Rejected { error } => Outcome::Rejected { error: shown(error) },
    }
}

/// Says goodbye to the server, which has no more than [`QUIT_TIMEOUT`] to answer.
async fn quit(mut connection: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(QUIT_TIMEOUT, connection.quit()).await;
}

/// The outcome once the server has an opinion of the mail, with the connection still open.
async fn try_send(
    config: &EmailConfig,
    attempt: &Attempt<'_>,
    chart: Option<&Image>,
    hidden: &mut Hidden,
) -> Result<(Outcome, AsyncSmtpConnection), Outcome> {
    let mail = mail::render(config, attempt.notification, &attempt.texts(), attempt.idempotency_key, chart)?;
    let mut connection = connect(config).await?;
    if let Err(outcome) = log_in(&mut connection, config, hidden).await {
        return Ok((outcome, connection));
    }
    let (Ok(outcome) | Err(outcome)) = transfer(&mut connection, &mail).await;
    Ok((outcome, connection))
}

/// Connected, greeted and as protected as `config` demands.
async fn connect(config: &EmailConfig) -> Result<AsyncSmtpConnection, Outcome> {
    let is_name = |text: &str| !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic());
    if !is_name(&config.hello) {
        return Err(rejected(format!("hello: `{}` is not a host name", one_line(&config.hello))));
    }
    let hello = ClientId::Domain(config.hello.clone());
    let tls = tls_parameters(config).await.map_err(|error| match error {
        TlsError::File(_) | TlsError::Content { .. } => retry(error),
        _ => rejected(error),
    })?;
    let (at_once, later) = match config.security {
        SmtpSecurity::Implicit => (Some(tls), None),
        SmtpSecurity::StarttlsRequired | SmtpSecurity::StarttlsIfOffered => (None, Some(tls)),
    };
    let address = (config.host.as_str(), config.port);
    let timeout = Some(limit(config.timeout));
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(address, timeout, &hello, at_once, None).await.map_err(classify)?;
    if let Some(tls) = later {
        if connection.can_starttls() {
            connection.starttls(tls, &hello).await.map_err(classify)?;
        } else if config.security == SmtpSecurity::StarttlsRequired {
            quit(connection).await;
            return Err(rejected("the server does not offer STARTTLS, which `require_tls` asks for"));
        }
    }
    Ok(connection)
}

async fn tls_parameters(config: &EmailConfig) -> Result<TlsParameters, TlsError> {
    let expected = config.tls.server_name.as_ref().unwrap_or(&config.host);
    server_name(expected)?;
    let material = TlsMaterial::read(&config.tls).await?;
    let roots = match material.roots {
        Some(roots) => roots,
        None => machine_certificates().await,
    };
    let general = |error: SmtpError| TlsError::Rustls(rustls::Error::General(error.to_string()));
    let store = if roots.is_empty() { CertificateStore::WebpkiRoots } else { CertificateStore::None };
    let mut builder = TlsParametersBuilder::new(expected.clone())
        .certificate_store(store)
        .dangerous_accept_invalid_certs(config.tls.insecure_skip_verify)
        .dangerous_accept_invalid_hostnames(config.tls.insecure_skip_verify);
    if config.tls.min_version == Some(TlsVersion::Tls13) {
        builder = builder.set_min_tls_version(lettre::transport::smtp::client::TlsVersion::Tlsv13);
    }
    for root in roots {
        builder = builder.add_root_certificate(Certificate::from_der(root.to_vec()).map_err(general)?);
    }
    if let Some((chain, Pem(key))) = material.identity {
        // This version of lettre takes the certificate's bytes as DER, whatever the function's name says.
        let certificate = chain.first().map(|certificate| certificate.to_vec()).unwrap_or_default();
        builder = builder.identify_with(Identity::from_pem(&certificate, &key).map_err(general)?);
    }
    builder.build().map_err(general)
}

/// Hands the mail over. Recipients that are refused for good do not keep the others from theirs; one that is refused
/// for now has the whole mail tried again.
async fn transfer(connection: &mut AsyncSmtpConnection, mail: &Mail) -> Result<Outcome, Outcome> {
    let envelope = mail.envelope();
    let mut parameters = Vec::new();
    let is_ascii = |address: &lettre::Address| AsRef::<str>::as_ref(address).is_ascii();
    if !envelope.from().into_iter().chain(envelope.to()).all(is_ascii) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(rejected("the server does not know SMTPUTF8, which an address needs"));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    connection.command(MailCommand::new(envelope.from().cloned(), parameters)).await.map_err(classify)?;
    let mut refusals = Vec::new();
    for recipient in envelope.to() {
        if let Err(error) = connection.command(Rcpt::new(recipient.clone(), Vec::new())).await {
            if !error.is_permanent() {
                return Err(classify(error));
            }
            refusals.push((recipient, error));
        }
    }
    if refusals.len() == envelope.to().len() {
        return Err(refusals.pop().map_or_else(|| rejected("no recipients"), |(_, error)| classify(error)));
    }
    connection.command(Data).await.map_err(classify)?;
    connection.message(mail.bytes()).await.map_err(classify)?;
    for (recipient, error) in refusals {
        warn!(%recipient, %error, "mail: a recipient was refused, the others have it");
    }
    Ok(Outcome::Delivered)
}

/// 5xx is final; 4xx, answers that are none, and trouble with the connection are not.
pub(super) fn classify(error: SmtpError) -> Outcome {
    if error.is_permanent() || error.is_client() { rejected(error) } else { retry(error) }
}

pub(super) fn rejected(error: impl ToString) -> Outcome {
    Outcome::Rejected { error: error.to_string() }
}

pub(super) fn retry(error: impl ToString) -> Outcome {
    Outcome::Retry { error: error.to_string(), after: None }
}
