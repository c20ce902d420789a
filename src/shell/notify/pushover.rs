//! Pushover: a message (<https://pushover.net/api>).

use serde::Deserialize;

use super::http::{Answer, Post};
use super::refusal::{not_understood, refused};
use super::text::{Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{Outcome, PushoverConfig, PushoverFormat};
use crate::shell::secret::{Hidden, reveal};

/// The greatest lengths, in characters.
const TITLE_LENGTH_MAX: usize = 250;
const MESSAGE_LENGTH_MAX: usize = 1024;
const URL_LENGTH_MAX: usize = 512;
const URL_TITLE_LENGTH_MAX: usize = 100;

/// What stands for an empty text, which Pushover refuses.
const NO_MESSAGE: &str = "(no details)";

/// The answer's body.
#[derive(Deserialize)]
struct AnswerBody {
    status: i64,
    #[serde(default)]
    errors: Vec<String>,
}

/// The message as a form, without the two keys; parts that come out empty are left out.
pub(super) fn render(config: &PushoverConfig, texts: &Texts<'_>) -> Vec<(&'static str, String)> {
    let message = match config.format {
        PushoverFormat::Html => texts.html("message", &config.message),
        PushoverFormat::Plain | PushoverFormat::Monospace => texts.text("message", &config.message),
    };
    let message = cut(message.trim(), MESSAGE_LENGTH_MAX);
    let seconds = |duration: std::time::Duration| duration.as_secs().to_string();
    let priority = priority(&texts.text("priority", &config.priority));
    let mut form = vec![
        ("title", cut(&texts.text("title", &config.title), TITLE_LENGTH_MAX)),
        ("message", if message.is_empty() { NO_MESSAGE.to_owned() } else { message }),
        ("url", cut(&texts.text("url", &config.url), URL_LENGTH_MAX)),
        ("url_title", cut(&texts.text("url_title", &config.url_title), URL_TITLE_LENGTH_MAX)),
        ("priority", priority.to_string()),
        ("device", texts.text("device", &config.device)),
        ("sound", texts.text("sound", &config.sound)),
    ];
    if priority == 2 {
        form.push(("retry", seconds(config.retry)));
        form.push(("expire", seconds(config.expire)));
    }
    if config.ttl.as_secs() > 0 {
        form.push(("ttl", seconds(config.ttl)));
    }
    match config.format {
        PushoverFormat::Plain => {}
        PushoverFormat::Html => form.push(("html", "1".to_owned())),
        PushoverFormat::Monospace => form.push(("monospace", "1".to_owned())),
    }
    form.retain(|(_, value)| !value.is_empty());
    form
}

/// A priority that Pushover takes; 0 in place of a text that is no number.
fn priority(text: &str) -> i64 {
    text.trim().parse().unwrap_or(0).clamp(-2, 2)
}

pub(super) async fn send(config: &PushoverConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let texts = attempt.texts();
    let mut hidden = Hidden::default();
    let form = render(config, &texts);
    let token = texts.secret("token", &reveal(&config.token).await?)?;
    let user = texts.secret("user_key", &reveal(&config.user_key).await?)?;
    hidden.add(&token);
    hidden.add(&user);
    let mut pairs = vec![("token", token.as_str()), ("user", user.as_str())];
    pairs.extend(form.iter().map(|(name, value)| (*name, value.as_str())));
    let post = Post::form(&config.api_url, &config.http, limit(config.timeout), &pairs);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(verdict(&answer, &hidden))
}

/// Delivered is a success with `status` 1; one that says anything else may come from something in between.
fn verdict(answer: &Answer, hidden: &Hidden) -> Outcome {
    if !answer.status.is_success() {
        return answer.verdict(hidden);
    }
    match serde_json::from_slice::<AnswerBody>(&answer.body) {
        Ok(AnswerBody { status: 1, .. }) => Outcome::Delivered,
        Ok(AnswerBody { errors, .. }) => refused("Pushover", &errors.join(", "), false, answer, hidden),
        Err(_) => not_understood("Pushover", answer, hidden),
    }
}
