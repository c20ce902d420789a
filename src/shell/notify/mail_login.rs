//! Logging in to a mail server (RFC 4954): CRAM-MD5 (RFC 2195), PLAIN (RFC 4616), LOGIN.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::response::{Response, Severity};
use md5::{Digest, Md5};

use super::email::{classify, rejected, retry};
use crate::deliver::{EmailConfig, Outcome, Secret};
use crate::shell::secret::{Hidden, reveal};

/// In this order: LOGIN only where PLAIN is not offered.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// The block size of MD5, in bytes.
const BLOCK: usize = 64;

/// Logs in if there is a user and the server knows AUTH: by CRAM-MD5 if there is a secret for it and the server offers it, else by
/// the password. The password never crosses a network in the clear.
pub(super) async fn log_in(
    connection: &mut AsyncSmtpConnection,
    config: &EmailConfig,
    hidden: &mut Hidden,
) -> Result<(), Outcome> {
    if config.auth_username.is_empty() {
        return Ok(());
    }
    let outcome = match &config.auth_secret {
        Some(secret) => match (offered(connection, &config.hello).await?, &config.auth_password) {
            (offered, _) if offered.iter().any(|name| name == "CRAM-MD5") => {
                let secret = reveal(secret).await?;
                hidden.add(&secret);
                cram_md5(connection, &config.auth_username, &secret).await
            }
            (offered, None) if !offered.is_empty() => {
                let offered = offered.join(", ");
                return Err(rejected(format!(
                    "the server does not offer CRAM-MD5, which `auth_secret` is for: {offered}"
                )));
            }
            (_, password) => by_password(connection, config, password.as_ref(), hidden).await,
        },
        None => by_password(connection, config, config.auth_password.as_ref(), hidden).await,
    };
    if outcome.is_err() {
        connection.abort().await;
    }
    outcome
}

/// The names of the mechanisms that the server offers; asked again, since the connection keeps only those it knows itself.
async fn offered(connection: &mut AsyncSmtpConnection, hello: &str) -> Result<Vec<String>, Outcome> {
    let greeting = connection.command(format!("EHLO {hello}\r\n")).await.map_err(classify)?;
    let mut names = Vec::new();
    for line in greeting.message() {
        let mut words = line.split([' ', '=']);
        if words.next().is_some_and(|word| word.eq_ignore_ascii_case("AUTH")) {
            names.extend(words.map(str::to_ascii_uppercase));
        }
    }
    Ok(names)
}

async fn cram_md5(connection: &mut AsyncSmtpConnection, user: &str, secret: &str) -> Result<(), Outcome> {
    let answer = connection.command("AUTH CRAM-MD5\r\n").await.map_err(classify)?;
    let challenge = answer.first_word().and_then(|word| BASE64.decode(word).ok());
    let Some(challenge) = challenge.filter(|_| answer.code().severity == Severity::PositiveIntermediate) else {
        return Err(retry("the server's challenge for CRAM-MD5 cannot be read"));
    };
    let digest: String = hmac_md5(secret.as_bytes(), &challenge).iter().map(|byte| format!("{byte:02x}")).collect();
    settle(connection.command(format!("{}\r\n", BASE64.encode(format!("{user} {digest}")))).await)
}

async fn by_password(
    connection: &mut AsyncSmtpConnection,
    config: &EmailConfig,
    password: Option<&Secret>,
    hidden: &mut Hidden,
) -> Result<(), Outcome> {
    let mechanism = connection.server_info().get_auth_mechanism(&MECHANISMS);
    let (Some(mechanism), Some(secret)) = (mechanism, password) else { return Ok(()) };
    if !connection.is_encrypted() && !is_loopback(&config.host) {
        return Err(rejected("the server asks for a password over a connection that is not encrypted"));
    }
    let password = reveal(secret).await?;
    hidden.add(&password);
    if mechanism == Mechanism::Plain && !config.auth_identity.is_empty() {
        let response = BASE64.encode(format!("{}\0{}\0{password}", config.auth_identity, config.auth_username));
        hidden.add(&response);
        return settle(connection.command(format!("AUTH PLAIN {response}\r\n")).await);
    }
    let credentials = Credentials::new(config.auth_username.clone(), password);
    settle(connection.auth(&MECHANISMS, &credentials).await)
}

/// Only 2xx says that we are in.
fn settle(answer: Result<Response, SmtpError>) -> Result<(), Outcome> {
    match answer {
        Ok(answer) if answer.is_positive() && answer.code().severity == Severity::PositiveCompletion => Ok(()),
        Ok(answer) => Err(retry(format!("the server does not end the login: {}", answer.code()))),
        Err(error) => Err(classify(error)),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// HMAC (RFC 2104) with MD5.
fn hmac_md5(key: &[u8], text: &[u8]) -> [u8; 16] {
    let mut block = [0; BLOCK];
    match key.len() > BLOCK {
        true => block[..16].copy_from_slice(&Md5::digest(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let with = |pad: u8, text: &[u8]| -> [u8; 16] {
        let key: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
        Md5::digest([key.as_slice(), text].concat()).into()
    };
    with(0x5c, &with(0x36, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2104, appendix; RFC 2195, section 2.
    #[test]
    fn published_digests() {
        for (key, text, expected) in [
            (vec![0x0b; 16], "Hi There", "9294727a3638bb1c13f48ef8158bfc9d"),
            (b"Jefe".to_vec(), "what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
            (
                b"tanstaaftanstaaf".to_vec(),
                "<1896.697170952@postoffice.reston.mci.net>",
                "b913a602c7eda7a495b4e6e7334d3890",
            ),
            (
                vec![0xaa; 80],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
            ),
        ] {
            let digest: String = hmac_md5(&key, text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, expected, "{text}");
        }
    }
}
