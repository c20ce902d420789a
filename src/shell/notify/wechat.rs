//! WeChat Work: a message of an app (<https://developer.work.weixin.qq.com/document/path/90236>), under a token that is
//! fetched first and kept while it holds.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::http::{Answer, Post, form, json};
use super::refusal::{not_understood, refused};
use super::text::{RenderError, Texts, cut_bytes};
use super::{Attempt, limit};
use crate::deliver::{Outcome, WechatConfig};
use crate::model::Timestamp;
use crate::shell::secret::{Hidden, reveal};

/// The greatest size of a message, in bytes.
const MESSAGE_SIZE_MAX: usize = 2048;

/// The greatest number of tokens that are kept.
const TOKENS_MAX: usize = 64;

/// How long a token is used at most, and how long before its end no more.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(2 * 60 * 60);
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// Codes that pass: the system is busy, or too much was asked of it.
const TRANSIENT_CODES: [i64; 4] = [-1, 45009, 45033, 45047];

/// Codes that say that the token holds no more.
const TOKEN_CODES: [i64; 3] = [40014, 41001, 42001];

/// A message.
#[derive(Serialize)]
pub(super) struct WechatMessage {
    msgtype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<Content>,
    #[serde(skip_serializing_if = "String::is_empty")]
    touser: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    toparty: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    totag: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    agentid: String,
    safe: &'static str,
}

#[derive(Serialize)]
struct Content {
    content: String,
}

/// Answers are 200 whatever they say; their code decides.
#[derive(Deserialize)]
struct AnswerBody {
    #[serde(default)]
    errcode: i64,
    #[serde(default)]
    errmsg: String,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

/// The tokens of the apps, kept from attempt to attempt: WeChat wants them fetched rarely.
#[derive(Default)]
pub(super) struct WechatTokens(Mutex<Vec<Token>>);

struct Token {
    app: App,
    token: String,
    until: Timestamp,
}

/// Whose a token is.
#[derive(Clone, PartialEq)]
struct App {
    api_url: String,
    corp_id: String,
    secret: String,
}

impl WechatTokens {
    fn get(&self, app: &App, now: Timestamp) -> Option<String> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.iter().find(|token| token.app == *app && now < token.until).map(|token| token.token.clone())
    }

    fn keep(&self, app: App, token: String, until: Timestamp) {
        self.forget(&app);
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= TOKENS_MAX {
            tokens.remove(0);
        }
        tokens.push(Token { app, token, until });
    }

    fn forget(&self, app: &App) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|token| token.app != *app);
    }
}

pub(super) fn render(config: &WechatConfig, texts: &Texts<'_>) -> Result<WechatMessage, RenderError> {
    let content = cut_bytes(&texts.filled("message", &config.message), MESSAGE_SIZE_MAX);
    let content = Some(Content { content });
    let (text, markdown) = if config.is_markdown { (None, content) } else { (content, None) };
    Ok(WechatMessage {
        msgtype: if config.is_markdown { "markdown" } else { "text" },
        text,
        markdown,
        touser: texts.exact("to_user", &config.to_user)?,
        toparty: texts.exact("to_party", &config.to_party)?,
        totag: texts.exact("to_tag", &config.to_tag)?,
        agentid: texts.exact("agent_id", &config.agent_id)?,
        safe: "0",
    })
}

pub(super) async fn send(config: &WechatConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let texts = attempt.texts();
    let mut hidden = Hidden::default();
    let message = render(config, &texts)?;
    let app = App {
        api_url: config.api_url.clone(),
        corp_id: texts.exact("corp_id", &config.corp_id)?,
        secret: texts.secret("api_secret", &reveal(&config.api_secret).await?)?,
    };
    hidden.add(&app.secret);
    let token = match attempt.wechat_tokens.get(&app, attempt.now) {
        Some(token) => token,
        None => fetch(&app, config, attempt, &mut hidden).await?,
    };
    hidden.add(&token);
    let url = format!("{}message/send?{}", app.api_url, form(&[("access_token", &token)]));
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&message)?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    let body = accepted(&answer, &hidden)?;
    if TOKEN_CODES.contains(&body.errcode) {
        attempt.wechat_tokens.forget(&app);
        return Ok(refused("WeChat", &reason(&body), true, &answer, &hidden));
    }
    Ok(Outcome::Delivered)
}

/// A new token, which is kept.
async fn fetch(
    app: &App,
    config: &WechatConfig,
    attempt: &Attempt<'_>,
    hidden: &mut Hidden,
) -> Result<String, Outcome> {
    let query = form(&[("corpid", &app.corp_id), ("corpsecret", &app.secret)]);
    let url = format!("{}gettoken?{query}", app.api_url);
    let post = Post::get(&url, &config.http, limit(config.timeout));
    let answer = attempt.http.post(post, hidden, attempt.now).await?;
    let body = accepted(&answer, hidden)?;
    if body.access_token.is_empty() {
        return Err(not_understood("WeChat", &answer, hidden));
    }
    let age = Duration::from_secs(body.expires_in).min(TOKEN_AGE_MAX).saturating_sub(TOKEN_MARGIN);
    attempt.wechat_tokens.keep(app.clone(), body.access_token.clone(), attempt.now + age);
    Ok(body.access_token)
}

/// What the answer says, unless it refuses for another reason than the token.
fn accepted(answer: &Answer, hidden: &Hidden) -> Result<AnswerBody, Outcome> {
    if !answer.status.is_success() {
        return Err(answer.verdict(hidden));
    }
    let body: AnswerBody =
        serde_json::from_slice(&answer.body).map_err(|_| not_understood("WeChat", answer, hidden))?;
    if body.errcode == 0 || TOKEN_CODES.contains(&body.errcode) {
        return Ok(body);
    }
    let is_transient = TRANSIENT_CODES.contains(&body.errcode);
    Err(refused("WeChat", &reason(&body), is_transient, answer, hidden))
}

fn reason(body: &AnswerBody) -> String {
    format!("{} {}", body.errcode, body.errmsg)
}
