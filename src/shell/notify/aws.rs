//! Requests to AWS: whose keys sign them, the signed request, what the answer means.

use reqwest::Url;

use super::http::{Answer, HttpSender, Post, form};
use super::sigv4::{Credentials, Request, Scope, amz_date, authorization};
use crate::deliver::{HttpConfig, Outcome, Sigv4Config};
use crate::model::Timestamp;
use crate::shell::secret::{FileError, Hidden, read_bounded, reveal};

/// The greatest size of a shared credentials file, in bytes.
const CREDENTIALS_FILE_SIZE_MAX: u64 = 1 << 20;

/// How the session of a role is named in AWS's logs.
const ROLE_SESSION_NAME: &str = "watchbell";

const FORM: &str = "application/x-www-form-urlencoded";

/// Error codes that pass: too many requests, and keys that are about to be replaced.
const TRANSIENT_CODES: [&str; 10] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalFailure",
    "KMSThrottling",
    "RequestThrottled",
    "ServiceUnavailable",
    "Throttled",
    "Throttling",
    "ThrottlingException",
];

/// Looks up a variable of the environment.
pub(super) type Environment = fn(&str) -> Option<String>;

/// What requests of one attempt have in common.
pub(super) struct Aws<'a> {
    pub(super) sender: &'a HttpSender,
    pub(super) sigv4: &'a Sigv4Config,
    pub(super) http: &'a HttpConfig,
    pub(super) timeout: std::time::Duration,
    pub(super) environment: Environment,
    pub(super) now: Timestamp,
}

impl Aws<'_> {
    /// The region: the configured one, or that of the environment.
    pub(super) fn region(&self) -> Result<String, Outcome> {
        if !self.sigv4.region.is_empty() {
            return Ok(self.sigv4.region.clone());
        }
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| self.variable(name));
        let error = "no AWS region: give `region` in `sigv4` or set AWS_REGION";
        region.ok_or_else(|| Outcome::Rejected { error: error.to_owned() })
    }

    /// The keys to sign with, those of the role if there is one.
    pub(super) async fn credentials(&self, region: &str, hidden: &mut Hidden) -> Result<Credentials, Outcome> {
        let own = self.own_credentials().await?;
        hide(&own, hidden);
        if self.sigv4.role_arn.is_empty() {
            return Ok(own);
        }
        let role = self.assume_role(region, &own, hidden).await?;
        hide(&role, hidden);
        Ok(role)
    }

    async fn own_credentials(&self) -> Result<Credentials, Outcome> {
        if let Some((access_key, secret_key)) = &self.sigv4.keys {
            let secret_key = reveal(secret_key).await?;
            return Ok(Credentials { access_key: access_key.clone(), secret_key, session_token: None });
        }
        if self.sigv4.profile.is_empty()
            && let Some(access_key) = self.variable("AWS_ACCESS_KEY_ID")
            && let Some(secret_key) = self.variable("AWS_SECRET_ACCESS_KEY")
        {
            return Ok(Credentials { access_key, secret_key, session_token: self.variable("AWS_SESSION_TOKEN") });
        }
        self.shared_credentials().await
    }

    /// Those of a profile in the shared credentials file.
    async fn shared_credentials(&self) -> Result<Credentials, Outcome> {
        let rejected = |error: String| Outcome::Rejected { error };
        let path = self.variable("AWS_SHARED_CREDENTIALS_FILE");
        let path = path.or_else(|| Some(format!("{}/.aws/credentials", self.variable("HOME")?)));
        let none = "no AWS credentials: give `access_key` and `secret_key` in `sigv4`, or set AWS_ACCESS_KEY_ID and \
                    AWS_SECRET_ACCESS_KEY";
        let path = path.ok_or_else(|| rejected(none.to_owned()))?;
        let content = match read_bounded(&path, CREDENTIALS_FILE_SIZE_MAX).await {
            Err(FileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(rejected(format!("{none}; there is no {path}")));
            }
            content => content?,
        };
        let given = Some(self.sigv4.profile.clone()).filter(|profile| !profile.is_empty());
        let profile = given.or_else(|| self.variable("AWS_PROFILE")).unwrap_or_else(|| "default".to_owned());
        let missing = || rejected(format!("{path} has no keys for the profile `{profile}`"));
        of_profile(&String::from_utf8_lossy(&content), &profile).ok_or_else(missing)
    }

    /// Asks STS for keys of the role (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
    async fn assume_role(&self, region: &str, own: &Credentials, hidden: &mut Hidden) -> Result<Credentials, Outcome> {
        let host = if self.sigv4.fips { "sts-fips" } else { "sts" };
        let url = self.variable("AWS_ENDPOINT_URL_STS").unwrap_or_else(|| address(host, region));
        self.role_at(&url, region, own, hidden).await
    }

    async fn role_at(
        &self,
        url: &str,
        region: &str,
        own: &Credentials,
        hidden: &mut Hidden,
    ) -> Result<Credentials, Outcome> {
        let mut pairs = vec![
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.sigv4.role_arn),
            ("RoleSessionName", ROLE_SESSION_NAME),
        ];
        if !self.sigv4.external_id.is_empty() {
            pairs.push(("ExternalId", &self.sigv4.external_id));
        }
        let scope = Scope { region, service: "sts", at: self.now };
        let answer = self.post(url, &pairs, &scope, own, hidden).await?;
        match verdict(&answer, "AccessKeyId", hidden) {
            Outcome::Delivered | Outcome::DeliveredAs { .. } => {}
            Outcome::Retry { error, after } => return Err(Outcome::Retry { error: format!("role: {error}"), after }),
            Outcome::Rejected { error } => return Err(Outcome::Rejected { error: format!("role: {error}") }),
        }
        let text = String::from_utf8_lossy(&answer.body);
        let keys = element(&text, "AccessKeyId").zip(element(&text, "SecretAccessKey"));
        let token = element(&text, "SessionToken");
        keys.zip(token)
            .map(|((access_key, secret_key), token)| Credentials { access_key, secret_key, session_token: Some(token) })
            .ok_or_else(|| Outcome::Retry { error: "role: the answer has no keys".to_owned(), after: None })
    }

    /// Posts a signed form.
    pub(super) async fn post(
        &self,
        url: &str,
        pairs: &[(&str, &str)],
        scope: &Scope<'_>,
        credentials: &Credentials,
        hidden: &mut Hidden,
    ) -> Result<Answer, Outcome> {
        let body = form(pairs);
        let (host, path) = host_and_path(url);
        let date = amz_date(scope.at);
        let mut headers = vec![("content-type", FORM), ("host", host.as_str()), ("x-amz-date", date.as_str())];
        if let Some(token) = &credentials.session_token {
            headers.push(("x-amz-security-token", token));
        }
        let request = Request { method: "POST", path: &path, query: "", headers: &headers, body: body.as_bytes() };
        let authorization = authorization(&request, scope, credentials);
        let mut post = Post::json(url, self.http, self.timeout, body.into_bytes())
            .content_type(FORM)
            .header("X-Amz-Date", date.as_str())
            .secret_header("Authorization", authorization);
        if let Some(token) = &credentials.session_token {
            post = post.secret_header("X-Amz-Security-Token", token.as_str());
        }
        self.sender.post(post, hidden, self.now).await
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }
}

/// The variables of this process.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where `service` is in `region`.
pub(super) fn address(service: &str, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{suffix}/")
}

/// The header `Host` that goes out with a request to `url`, and its path; empty for an address that is none, which the
/// sender refuses.
fn host_and_path(url: &str) -> (String, String) {
    let Ok(url) = Url::parse(url) else { return Default::default() };
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    (host, url.path().to_owned())
}

fn hide(credentials: &Credentials, hidden: &mut Hidden) {
    hidden.add(&credentials.secret_key);
    hidden.add(credentials.session_token.as_deref().unwrap_or_default());
}

/// What `answer` means: a success that holds the XML element `expected` is one; a refusal is quoted by its code and message.
pub(super) fn verdict(answer: &Answer, expected: &str, hidden: &Hidden) -> Outcome {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status.is_success() {
        if element(&text, expected).is_some() {
            return Outcome::Delivered;
        }
        let error = format!("{} without `{expected}`, as AWS would have it", answer.status);
        return Outcome::Retry { error, after: answer.retry_after };
    }
    let Some(code) = element(&text, "Code") else { return answer.verdict(hidden) };
    let message = element(&text, "Message").unwrap_or_default();
    let shown = Answer { body: format!("{code}: {message}").into_bytes(), complete: true, ..*answer };
    match shown.verdict(hidden) {
        Outcome::Rejected { error } if TRANSIENT_CODES.contains(&code.as_str()) => {
            Outcome::Retry { error, after: answer.retry_after }
        }
        outcome => outcome,
    }
}

/// The text of the first XML element `name`, which has no attributes; the five entities of XML are read.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    let read = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(inner.trim().to_owned(), |text, (entity, character)| text.replace(entity, character));
    Some(read)
}

/// The keys of `profile` in the shared credentials file `text`.
fn of_profile(text: &str, profile: &str) -> Option<Credentials> {
    let (mut inside, mut access_key, mut secret_key, mut session_token) = (false, None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            let name = name.trim();
            inside = name == profile || name.strip_prefix("profile ").is_some_and(|name| name.trim() == profile);
        } else if inside && !line.starts_with(['#', ';']) {
            let Some((name, value)) = line.split_once('=') else { continue };
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match name.trim().to_ascii_lowercase().as_str() {
                "aws_access_key_id" => access_key = value,
                "aws_secret_access_key" => secret_key = value,
                "aws_session_token" => session_token = value,
                _ => {}
            }
        }
    }
    Some(Credentials { access_key: access_key?, secret_key: secret_key?, session_token })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::response::IntoResponse;

    use super::*;
    use crate::deliver::Secret;
    use crate::shell::notify::attempt_tests::{server, show};
    use crate::shell::notify::fixture::at;

    fn keys(credentials: Credentials) -> String {
        let Credentials { access_key, secret_key, session_token } = credentials;
        format!("{access_key} {secret_key} {}", session_token.unwrap_or_default())
    }

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/aws_credentials");

    fn bare(_: &str) -> Option<String> {
        None
    }

    fn with_keys(name: &str) -> Option<String> {
        let value = match name {
            "AWS_ACCESS_KEY_ID" => "ENVKEY",
            "AWS_SECRET_ACCESS_KEY" => "envsecret",
            "AWS_SESSION_TOKEN" => "envtoken",
            "AWS_DEFAULT_REGION" => "eu-central-1",
            "AWS_SHARED_CREDENTIALS_FILE" => FILE,
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn with_file(name: &str) -> Option<String> {
        match name {
            "AWS_PROFILE" => Some("pager".to_owned()),
            "AWS_SHARED_CREDENTIALS_FILE" => Some(FILE.to_owned()),
            _ => None,
        }
    }

    fn nowhere(name: &str) -> Option<String> {
        (name == "HOME").then(|| "/nonexistent".to_owned())
    }

    async fn credentials(sigv4: Sigv4Config, environment: Environment) -> String {
        let (sender, http) = (HttpSender::default(), HttpConfig::default());
        let now = at("2026-11-22T03:00:00Z");
        let (timeout, sigv4) = (Duration::from_secs(10), &sigv4);
        let aws = Aws { sender: &sender, sigv4, http: &http, timeout, environment, now };
        let region = match aws.region() {
            Ok(region) => region,
            Err(outcome) => return show(outcome),
        };
        match aws.credentials(&region, &mut Hidden::default()).await {
            Ok(found) => format!("{region}: {}", keys(found)),
            Err(outcome) => show(outcome),
        }
    }

    #[tokio::test]
    async fn whose_keys_sign() {
        let region = |region: &str| Sigv4Config { region: region.into(), ..Sigv4Config::default() };
        let own = Some(("KEY".to_owned(), Secret::Value("secret".into())));
        let profile = |profile: &str| Sigv4Config { profile: profile.into(), ..region("r") };
        for (sigv4, environment, expected) in [
            (region(""), bare as Environment, "rejected: no AWS region: give `region` in `sigv4` or set AWS_REGION"),
            (Sigv4Config { keys: own, ..region("r") }, with_keys, "r: KEY secret "),
            (region(""), with_keys, "eu-central-1: ENVKEY envsecret envtoken"),
            (profile("default"), with_keys, "r: FILEKEY filesecret "),
            (region("r"), with_file, "r: PAGERKEY pager=secret pagertoken"),
            (profile("half"), with_file, "rejected: FILE has no keys for the profile `half`"),
            (
                region("r"),
                nowhere,
                "rejected: no AWS credentials: give `access_key` and `secret_key` in `sigv4`, or set AWS_ACCESS_KEY_ID \
                 and AWS_SECRET_ACCESS_KEY; there is no /nonexistent/.aws/credentials",
            ),
            (
                region("r"),
                bare,
                "rejected: no AWS credentials: give `access_key` and `secret_key` in `sigv4`, or set AWS_ACCESS_KEY_ID \
                 and AWS_SECRET_ACCESS_KEY",
            ),
        ] {
            assert_eq!(credentials(sigv4, environment).await.replace(FILE, "FILE"), expected);
        }
    }

    #[tokio::test]
    async fn a_role_is_taken_on() {
        let (address, requests) = server(|path| match path {
            "/good" => "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLEKEY</AccessKeyId>\
                        <SecretAccessKey>role&amp;secret</SecretAccessKey><SessionToken>roletoken</SessionToken>\
                        </Credentials></AssumeRoleResult></AssumeRoleResponse>"
                .into_response(),
            _ => (
                axum::http::StatusCode::FORBIDDEN,
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>",
            )
                .into_response(),
        })
        .await;
        let sigv4 = Sigv4Config {
            region: "us-east-2".into(),
            role_arn: "arn:aws:iam::1:role/pager".into(),
            external_id: "x&y".into(),
            ..Sigv4Config::default()
        };
        let (sender, http) = (HttpSender::default(), HttpConfig::default());
        let (timeout, now) = (Duration::from_secs(10), at("2026-11-22T03:00:00Z"));
        let aws = Aws { sender: &sender, sigv4: &sigv4, http: &http, timeout, environment: with_keys, now };
        let own = Credentials { access_key: "A".into(), secret_key: "ownsecret".into(), session_token: None };
        let mut hidden = Hidden::default();
        let url = format!("http://{address}/good");
        let role = aws.role_at(&url, "us-east-2", &own, &mut hidden).await.map(keys).map_err(show);
        assert_eq!(role, Ok("ROLEKEY role&secret roletoken".to_owned()));
        let url = format!("http://{address}/bad");
        let refused = aws.role_at(&url, "us-east-2", &own, &mut hidden).await.map(keys).map_err(show);
        assert_eq!(refused, Err("rejected: role: 403 Forbidden: AccessDenied: not for you".to_owned()));
        let requests = requests.lock().expect("not poisoned");
        let expected = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fpager&\
                        RoleSessionName=watchbell&ExternalId=x%26y";
        assert_eq!(requests[0].2, expected.as_bytes());
        assert!(requests[0].1["authorization"].to_str().is_ok_and(|text| text.contains("/us-east-2/sts/aws4_request")));
    }

    #[test]
    fn addresses() {
        for (service, region, expected) in [
            ("sns", "us-east-2", "https://sns.us-east-2.amazonaws.com/"),
            ("sts", "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn/"),
        ] {
            assert_eq!(address(service, region), expected);
        }
        for (url, expected) in [
            ("https://sns.us-east-2.amazonaws.com", ("sns.us-east-2.amazonaws.com", "/")),
            ("http://127.0.0.1:4566/a b", ("127.0.0.1:4566", "/a%20b")),
            ("https://example.org:443/", ("example.org", "/")),
            ("nowhere", ("", "")),
        ] {
            assert_eq!(host_and_path(url), (expected.0.to_owned(), expected.1.to_owned()), "{url}");
        }
    }
}
