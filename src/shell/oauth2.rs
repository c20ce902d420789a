//! Tokens by the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4).

use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use super::clock::{Clock, Started};
use super::http_client::{HttpClientError, basic_credentials, client, describe, read_up_to, with_authorization};
use super::secret::{Hidden, reveal};
use crate::deliver::{HttpConfig, OAuth2Config};

/// How long a token may take.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long before its end a token is no longer used.
const TOKEN_MARGIN: Duration = Duration::from_secs(10);

/// The greatest part of an answer that is read, in bytes.
const ANSWER_SIZE_MAX: usize = 64 << 10;

/// The greatest part of an answer that an error quotes, in characters.
const REASON_LENGTH_MAX: usize = 256;

/// The sources of tokens that are in use. Connections configured alike share one token.
static IN_USE: std::sync::Mutex<Vec<Weak<Tokens>>> = std::sync::Mutex::new(Vec::new());

/// One source of tokens, with the token that it gave last.
pub(super) struct Tokens {
    config: OAuth2Config,
    clock: Clock,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Whether the server takes our credentials only in the form, not as basic authentication.
    in_form: bool,
}

struct Token {
    /// The value of `Authorization`.
    authorization: String,
    /// What it was fetched with.
    client_secret: String,
    fetched: Started,
    /// `None`: until it is refused.
    lifetime: Option<Duration>,
}

/// RFC 6749, section 5.1; some servers write the number as a text.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: serde_json::Value,
}

/// RFC 6749, section 5.2.
#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Tokens {
    /// The source that `config` describes; the one that is in use already, if there is one.
    pub(super) fn shared(config: &OAuth2Config) -> Arc<Tokens> {
        let mut in_use = IN_USE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        in_use.retain(|known| known.strong_count() > 0);
        if let Some(known) = in_use.iter().filter_map(Weak::upgrade).find(|known| known.config == *config) {
            return known;
        }
        let state = tokio::sync::Mutex::default();
        let tokens = Arc::new(Tokens { config: config.clone(), clock: Clock::system(), state });
        in_use.push(Arc::downgrade(&tokens));
        tokens
    }

    /// The value of `Authorization`, and whether it was fetched just now; it is added to `hidden`.
    ///
    /// A token is kept until shortly before its end, or until the client secret changes.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Token`], without secrets; the settings of the connection cannot be used.
    pub(super) async fn get(&self, hidden: &mut Hidden) -> Result<(String, bool), HttpClientError> {
        let client_secret = match &self.config.client_secret {
            Some(secret) => reveal(secret).await?,
            None => String::new(),
        };
        hidden.add(&client_secret);
        let mut state = self.state.lock().await;
        let fresh = |token: &&Token| {
            let age = self.clock.elapsed_since(token.fetched);
            token.client_secret == client_secret
                && token.lifetime.is_none_or(|lifetime| age.saturating_add(TOKEN_MARGIN) < lifetime)
        };
        let (authorization, is_new) = match state.token.as_ref().filter(fresh) {
            Some(token) => (token.authorization.clone(), false),
            None => {
                state.token = None;
                let token = self.fetch(&client_secret, &mut state.in_form, hidden).await?;
                (state.token.insert(token).authorization.clone(), true)
            }
        };
        hidden.add(&authorization);
        hidden.add(authorization.split_once(' ').map_or("", |(_, token)| token));
        Ok((authorization, is_new))
    }

    /// Forgets the token that `authorization` shows: the other side does not take it.
    pub(super) async fn forget(&self, authorization: &str) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|token| token.authorization == authorization) {
            state.token = None;
        }
    }

    /// A new token. Servers differ in where they take the credentials; what works is kept to.
    async fn fetch(
        &self,
        client_secret: &str,
        in_form: &mut bool,
        hidden: &mut Hidden,
    ) -> Result<Token, HttpClientError> {
        let OAuth2Config { tls, proxy, .. } = &self.config;
        // Nobody but the server that is configured gets the credentials, which may be in the body.
        let follow_redirects = false;
        let http = HttpConfig { tls: tls.clone(), proxy: proxy.clone(), follow_redirects, ..HttpConfig::default() };
        let client = client(&http, TOKEN_TIMEOUT).await?;
        let fetched = self.clock.start();
        let (mut status, mut body) = self.ask(&client, client_secret, *in_form, hidden).await?;
        let is_refused = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if is_refused && !*in_form {
            let second = self.ask(&client, client_secret, true, hidden).await?;
            if second.0.is_success() {
                *in_form = true;
                (status, body) = second;
            }
        }
        let granted = serde_json::from_slice::<Granted>(&body).ok().filter(|granted| !granted.access_token.is_empty());
        let Some(granted) = granted.filter(|_| status.is_success()) else {
            return Err(HttpClientError::Token(refusal(status, &body, hidden)));
        };
        let seconds = match &granted.expires_in {
            serde_json::Value::String(text) => text.parse().ok(),
            value => value.as_f64(),
        };
        Ok(Token {
            authorization: format!("{} {}", scheme(&granted.token_type), granted.access_token),
            client_secret: client_secret.to_owned(),
            fetched,
            lifetime: seconds.filter(|s: &f64| *s > 0.0).and_then(|s| Duration::try_from_secs_f64(s).ok()),
        })
    }

    /// One request for a token: the answer's status and body.
    async fn ask(
        &self,
        client: &Client,
        client_secret: &str,
        in_form: bool,
        hidden: &mut Hidden,
    ) -> Result<(StatusCode, Vec<u8>), HttpClientError> {
        let config = &self.config;
        let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        if !config.scopes.is_empty() {
            form.push(("scope".to_owned(), config.scopes.join(" ")));
        }
        for (name, value) in &config.endpoint_params {
            let value = reveal(value).await?;
            hidden.add(&value);
            form.retain(|(known, _)| known != name || known != "grant_type");
            form.push((name.clone(), value));
        }
        let mut request = client.post(&config.token_url).header(ACCEPT, "application/json");
        if in_form {
            form.push(("client_id".to_owned(), config.client_id.clone()));
            form.push(("client_secret".to_owned(), client_secret.to_owned()));
        } else {
            let credentials = basic_credentials(&encoded(&config.client_id), &encoded(client_secret), hidden);
            request = with_authorization(request, &credentials)?;
        }
        let failed = |error| HttpClientError::Token(format!("no token: {}", describe(error)));
        let mut response = request.form(&form).send().await.map_err(failed)?;
        let status = response.status();
        let (body, _) = read_up_to(&mut response, ANSWER_SIZE_MAX).await;
        Ok((status, body))
    }
}

/// `text` as a form has it (RFC 6749, section 2.3.1).
fn encoded(text: &str) -> String {
    let Ok(mut url) = Url::parse("http://form.invalid/") else { return String::new() };
    url.query_pairs_mut().append_key_only(text);
    url.query().unwrap_or_default().to_owned()
}

/// The scheme of `Authorization` for a token of the kind `token_type`.
fn scheme(token_type: &str) -> &str {
    match token_type {
        "" => "Bearer",
        known if known.eq_ignore_ascii_case("bearer") => "Bearer",
        known if known.eq_ignore_ascii_case("mac") => "MAC",
        known if known.eq_ignore_ascii_case("basic") => "Basic",
        other => other,
    }
}

/// Why there is no token. Of the answer only its reason is quoted: the rest may be anything.
fn refusal(status: StatusCode, body: &[u8], hidden: &Hidden) -> String {
    let Refused { error, error_description } = serde_json::from_slice(body).unwrap_or_default();
    let reason = hidden.redact(&[error, error_description].join(" "));
    let reason: String = reason.trim().chars().take(REASON_LENGTH_MAX).collect();
    let reason: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match (status.is_success(), reason.is_empty()) {
        (true, true) => format!("the answer {status} holds no token"),
        (_, true) => format!("no token: {status}"),
        (_, false) => format!("no token: {status}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Mutex;

    use axum::Router;
    use axum::http::{HeaderMap, Uri};
    use axum::response::IntoResponse;
    use reqwest::Method;
    use tokio::net::TcpListener;

    use super::*;
    use crate::deliver::Secret;
    use crate::shell::http_client::{HttpClient, SendError};

    /// What arrived, one line per request: path, `Authorization`, body.
    type Log = Arc<Mutex<Vec<String>>>;

    /// A server that answers the n-th request, from 1, as `answer` says of (n, path, `Authorization`, body).
    async fn server(answer: fn(usize, &str, &str, &str) -> (u16, String)) -> (SocketAddr, Log) {
        let log = Log::default();
        let kept = log.clone();
        let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: String| async move {
            let authorization = headers.get("authorization").map_or("-", |value| value.to_str().expect("text"));
            let mut kept = kept.lock().expect("not poisoned");
            kept.push(format!("{} {authorization} {body}", uri.path()).trim().to_owned());
            let (status, body) = answer(kept.len(), uri.path(), authorization, &body);
            (StatusCode::from_u16(status).expect("a status"), body).into_response()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        (address, log)
    }

    fn config(address: SocketAddr) -> HttpConfig {
        let oauth2 = OAuth2Config {
            client_id: "bell".into(),
            client_secret: Some(Secret::Value("cl@pper".into())),
            token_url: format!("http://{address}/token"),
            scopes: vec!["read".into(), "write".into()],
            endpoint_params: vec![("audience".into(), Secret::Value("tower".into()))],
            tls: crate::deliver::TlsConfig::default(),
            proxy: crate::deliver::ProxyConfig::default(),
        };
        HttpConfig { oauth2: Some(Box::new(oauth2)), ..HttpConfig::default() }
    }

    /// The statuses of `count` requests in a row; the text of an error.
    async fn ask(address: SocketAddr, config: &HttpConfig, count: usize, hidden: &mut Hidden) -> Vec<String> {
        let client = HttpClient::new(config, TOKEN_TIMEOUT).await.expect("a client");
        let mut answers = Vec::new();
        for _ in 0..count {
            let request = client.request(Method::POST, format!("http://{address}/alerts")).body("alert");
            answers.push(match client.send(request, config, hidden).await {
                Ok(response) => response.status().as_u16().to_string(),
                Err(SendError::Client(error)) => format!("{}: {error}", error.is_transient()),
                Err(SendError::Request(error)) => error.to_string(),
            });
        }
        answers
    }

    fn granted(n: usize, expires_in: &str) -> (u16, String) {
        (200, format!(r#"{{"access_token":"t0ken-{n}","token_type":"bearer","expires_in":{expires_in}}}"#))
    }

    const TOKEN_REQUEST: &str =
        "/token Basic YmVsbDpjbCU0MHBwZXI= grant_type=client_credentials&scope=read+write&audience=tower";

    #[tokio::test]
    async fn one_token_serves_many_requests() {
        let (address, log) =
            server(|n, path, _, _| if path == "/token" { granted(n, "3600") } else { (200, "".into()) }).await;
        let config = config(address);
        let mut hidden = Hidden::default();
        assert_eq!(ask(address, &config, 2, &mut hidden).await, ["200", "200"]);
        let told = "/alerts Bearer t0ken-1 alert";
        assert_eq!(*log.lock().expect("not poisoned"), [TOKEN_REQUEST, told, told]);
        assert_eq!(hidden.redact("cl@pper t0ken-1"), "<secret> <secret>");
    }

    #[tokio::test]
    async fn connections_alike_share_a_token_while_one_is_in_use() {
        let (address, log) =
            server(|n, path, _, _| if path == "/token" { granted(n, "3600") } else { (200, "".into()) }).await;
        let config = config(address);
        let _in_use = HttpClient::new(&config, TOKEN_TIMEOUT).await.expect("a client");
        for _ in 0..3 {
            assert_eq!(ask(address, &config, 1, &mut Hidden::default()).await, ["200"]);
        }
        let log = log.lock().expect("not poisoned").clone();
        assert_eq!(log.iter().filter(|line| line.starts_with("/token")).count(), 1);
    }

    #[tokio::test]
    async fn tokens_about_to_end_are_fetched_anew() {
        for expires_in in ["5", r#""5""#] {
            let answer = match expires_in {
                "5" => |n: usize, path: &str, _: &str, _: &str| match path {
                    "/token" => granted(n, "5"),
                    _ => (200, String::new()),
                },
                _ => |n: usize, path: &str, _: &str, _: &str| match path {
                    "/token" => granted(n, r#""5""#),
                    _ => (200, String::new()),
                },
            };
            let (address, log) = server(answer).await;
            ask(address, &config(address), 2, &mut Hidden::default()).await;
            let log = log.lock().expect("not poisoned").clone();
            assert_eq!(log[1..], ["/alerts Bearer t0ken-1 alert", TOKEN_REQUEST, "/alerts Bearer t0ken-3 alert"]);
        }
    }

    #[tokio::test]
    async fn a_token_that_is_refused_is_fetched_anew_once() {
        let (address, log) = server(|n, path, authorization, _| match (path, authorization) {
            ("/token", _) => granted(n, "3600"),
            (_, "Bearer t0ken-1") if n > 2 => (401, String::new()),
            _ => (200, String::new()),
        })
        .await;
        assert_eq!(ask(address, &config(address), 2, &mut Hidden::default()).await, ["200", "200"]);
        let told = |n: usize| format!("/alerts Bearer t0ken-{n} alert");
        let expected = [TOKEN_REQUEST.to_owned(), told(1), told(1), TOKEN_REQUEST.to_owned(), told(4)];
        assert_eq!(*log.lock().expect("not poisoned"), expected);

        let (address, log) =
            server(|n, path, _, _| if path == "/token" { granted(n, "3600") } else { (401, "".into()) }).await;
        assert_eq!(ask(address, &config(address), 2, &mut Hidden::default()).await, ["401", "401"]);
        assert_eq!(log.lock().expect("not poisoned").len(), 4, "a new token is not tried twice");
    }

    #[tokio::test]
    async fn credentials_go_into_the_form_where_the_server_wants_them_there() {
        let (address, log) = server(|n, path, authorization, _| match (path, authorization) {
            ("/token", "-") => granted(n, "5"),
            ("/token", _) => (401, r#"{"error":"invalid_client"}"#.into()),
            _ => (200, String::new()),
        })
        .await;
        assert_eq!(ask(address, &config(address), 2, &mut Hidden::default()).await, ["200", "200"]);
        let log = log.lock().expect("not poisoned").clone();
        let in_form = "/token - grant_type=client_credentials&scope=read+write&audience=tower&client_id=bell&client_secret=cl%40pper";
        let told = |n: usize| format!("/alerts Bearer t0ken-{n} alert");
        assert_eq!(log, [TOKEN_REQUEST, in_form, &told(2), in_form, &told(4)]);
    }

    #[tokio::test]
    async fn without_a_token_there_is_no_request() {
        for (answer, expected) in [
            (
                (|_, _, _, _| (500, "cl@pper".into())) as fn(usize, &str, &str, &str) -> (u16, String),
                "true: oauth2: no token: 500 Internal Server Error",
            ),
            (
                |_, _, _, _| (400, r#"{"error":"invalid_client","error_description":"cl@pper\nis wrong"}"#.into()),
                "true: oauth2: no token: 400 Bad Request: invalid_client <secret> is wrong",
            ),
            (|_, _, _, _| (200, "<html>".into()), "true: oauth2: the answer 200 OK holds no token"),
            (|_, _, _, _| (200, r#"{"access_token":""}"#.into()), "true: oauth2: the answer 200 OK holds no token"),
        ] {
            let (address, log) = server(answer).await;
            assert_eq!(ask(address, &config(address), 1, &mut Hidden::default()).await, [expected]);
            assert!(log.lock().expect("not poisoned").iter().all(|line| line.starts_with("/token")));
        }
    }

    #[tokio::test]
    async fn secret_parameters_do_not_show() {
        let (address, _) = server(|_, _, _, _| {
            let padding = "x".repeat(REASON_LENGTH_MAX - "invalid_grant ".len() - 6);
            (400, format!(r#"{{"error":"invalid_grant","error_description":"{padding}hunter2 is no password"}}"#))
        })
        .await;
        let mut config = config(address);
        if let Some(oauth2) = &mut config.oauth2 {
            oauth2.endpoint_params = vec![("password".into(), Secret::Value("hunter2".into()))];
        }
        let answers = ask(address, &config, 1, &mut Hidden::default()).await;
        assert!(!answers[0].contains("hunte"), "{answers:?}");
    }

    #[tokio::test]
    async fn credentials_are_not_sent_on() {
        let (other, told) = server(|n, _, _, _| granted(n, "3600")).await;
        let app = Router::new().fallback(move || async move {
            (StatusCode::TEMPORARY_REDIRECT, [("Location", format!("http://{other}/token"))])
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let answers = ask(address, &config(address), 1, &mut Hidden::default()).await;
        assert_eq!(answers, ["true: oauth2: no token: 307 Temporary Redirect"]);
        assert!(told.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn a_new_secret_fetches_a_new_token() {
        let (address, log) =
            server(|n, path, _, _| if path == "/token" { granted(n, "3600") } else { (200, "".into()) }).await;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let mut config = config(address);
        if let Some(oauth2) = &mut config.oauth2 {
            oauth2.client_secret = Some(Secret::File(path.display().to_string()));
        }
        let _in_use = HttpClient::new(&config, TOKEN_TIMEOUT).await.expect("a client");
        for (secret, requests) in [("first", 2), ("first", 3), ("second", 5)] {
            std::fs::write(&path, secret).expect("written");
            assert_eq!(ask(address, &config, 1, &mut Hidden::default()).await, ["200"]);
            assert_eq!(log.lock().expect("not poisoned").len(), requests);
        }
    }
}
