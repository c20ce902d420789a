//! Buttons and messages in Telegram (<https://core.telegram.org/bots/api#callbackquery>).

use serde::Deserialize;
use serde_json::{Value, json};

use super::Verb;
use super::command::Command;
use super::signature::is_same;

/// What the data of our buttons begin with.
const BUTTON_PREFIX: &str = "watchbell:";
/// The longest text of an answer to a button, in characters.
const TEXT_LENGTH_MAX: usize = 200;

/// Whether it is Telegram that sends: it knows the secret token.
pub fn is_from_telegram(secret: &str, token: &str) -> bool {
    !secret.is_empty() && is_same(secret.as_bytes(), token.as_bytes())
}

/// Something that came to the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelegramAnswer {
    /// The id of the Telegram user.
    pub user: i64,
    /// Their name.
    pub name: String,
    /// The chat that it comes from: its number, and `@name` if it has one.
    pub chat: Option<(i64, Option<String>)>,
    /// What is asked for; none if it is not clear.
    pub command: Option<Command>,
    /// What it is answered by.
    pub way: ReplyWay,
}

/// By what an answer goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyWay {
    /// A word over the button, of the id of the press.
    Press(String),
    /// A message in the chat.
    Message(i64),
}

#[derive(Deserialize)]
struct Update {
    #[serde(default)]
    callback_query: Option<Press>,
    #[serde(default)]
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Press {
    id: String,
    from: User,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    from: Option<User>,
    chat: Chat,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct User {
    id: i64,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    username: Option<String>,
}

#[derive(Deserialize)]
struct Chat {
    id: i64,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    username: Option<String>,
}

impl User {
    fn name(self) -> String {
        let names = [self.username, Some(self.first_name), Some(self.id.to_string())];
        names.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default()
    }
}

impl Chat {
    fn names(self) -> (i64, Option<String>) {
        (self.id, self.username.map(|name| format!("@{name}")))
    }
}

/// What an update holds for us; none if it holds nothing, such as what people say to each other in a group.
///
/// # Errors
///
/// It cannot be read.
pub fn read(body: &[u8]) -> Result<Option<TelegramAnswer>, serde_json::Error> {
    let Update { callback_query, message } = serde_json::from_slice(body)?;
    if let Some(Press { id, from, message, data }) = callback_query {
        let Some(data) = data.strip_prefix(BUTTON_PREFIX) else { return Ok(None) };
        let command = data
            .split_once(':')
            .and_then(|(verb, number)| Some(Command::Do(Verb::of_button(verb)?, Some(number.parse().ok()?))));
        let chat = message.map(|message| message.chat.names());
        return Ok(Some(TelegramAnswer { user: from.id, name: from.name(), chat, command, way: ReplyWay::Press(id) }));
    }
    let Some(Message { from: Some(from), chat, text }) = message else { return Ok(None) };
    let command = Command::read(&text);
    // In a group only what is said to bots is for us; alone with one, every word.
    let is_for_us = chat.kind == "private" || text.starts_with('/') && command.is_some();
    let way = ReplyWay::Message(chat.id);
    Ok(is_for_us.then(|| TelegramAnswer { user: from.id, name: from.name(), chat: Some(chat.names()), command, way }))
}

/// What Telegram is to do in answer to the update.
pub fn reply(way: &ReplyWay, text: &str) -> Value {
    match way {
        ReplyWay::Press(id) => {
            let text: String = text.chars().take(TEXT_LENGTH_MAX).collect();
            json!({ "method": "answerCallbackQuery", "callback_query_id": id, "text": text, "show_alert": true })
        }
        ReplyWay::Message(chat) => json!({ "method": "sendMessage", "chat_id": chat, "text": text }),
    }
}

/// The buttons under a page.
pub(crate) fn buttons(incident: u64) -> Value {
    let button = |(label, name): (&str, &str)| json!({ "text": label, "callback_data": format!("{BUTTON_PREFIX}{name}:{incident}") });
    let rows = [[("Acknowledge", "ack"), ("Resolve", "resolve")], [("Snooze 1h", "snooze"), ("Escalate", "escalate")]];
    json!({ "inline_keyboard": rows.map(|row| row.map(button)) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens() {
        for (secret, token, expected) in
            [("s3cret", "s3cret", true), ("s3cret", "s3cre", false), ("s3cret", "", false), ("", "", false)]
        {
            assert_eq!(is_from_telegram(secret, token), expected, "{secret} {token}");
        }
    }

    fn pressed(data: &str) -> Option<TelegramAnswer> {
        let body = json!({ "update_id": 1, "callback_query": {
            "id": "77", "from": { "id": 5, "is_bot": false, "first_name": "Ada", "username": "ada_l" },
            "message": { "message_id": 3, "date": 0, "chat": { "id": -100, "type": "supergroup", "username": "ops" }, "text": "x" },
            "chat_instance": "1", "data": data,
        } });
        read(body.to_string().as_bytes()).expect("an update")
    }

    #[test]
    fn presses() {
        for (data, expected) in [
            ("watchbell:ack:12", Some(Command::Do(Verb::Ack, Some(12)))),
            ("watchbell:snooze:12", Some(Command::Do(Verb::Snooze(Duration::from_secs(3600)), Some(12)))),
            ("watchbell:drop:12", None),
            ("watchbell:ack", None),
            ("watchbell:ack:-2", None),
        ] {
            let way = ReplyWay::Press("77".into());
            let chat = Some((-100, Some("@ops".to_owned())));
            let answer = TelegramAnswer { user: 5, name: "ada_l".into(), chat, command: expected, way };
            assert_eq!(pressed(data), Some(answer), "{data}");
        }
        assert_eq!(pressed("other:ack:12"), None);
        for row in buttons(12)["inline_keyboard"].as_array().expect("rows") {
            for button in row.as_array().expect("buttons") {
                let answer = pressed(button["callback_data"].as_str().expect("data")).expect("ours");
                assert!(matches!(answer.command, Some(Command::Do(_, Some(12)))));
            }
        }
    }

    #[test]
    fn messages() {
        for (kind, text, expected) in [
            ("private", "ack 12", Some(Some(Command::Do(Verb::Ack, Some(12))))),
            ("private", "hello", Some(None)),
            ("group", "/ack@watch_bot 12", Some(Some(Command::Do(Verb::Ack, Some(12))))),
            ("group", "/help", Some(Some(Command::Help))),
            ("group", "ack 12", None),
            ("group", "/weather", None),
        ] {
            let message =
                json!({ "from": { "id": 5, "first_name": "Ada" }, "chat": { "id": 9, "type": kind }, "text": text });
            let found = read(json!({ "update_id": 1, "message": message }).to_string().as_bytes()).expect("an update");
            assert_eq!(
                found.map(|answer| (answer.command, answer.name, answer.way)),
                expected.map(|command| (command, "Ada".to_owned(), ReplyWay::Message(9))),
                "{kind} {text}"
            );
        }
        for body in
            [r#"{"update_id":1}"#, r#"{"update_id":1,"message":{"chat":{"id":1,"type":"channel"},"text":"/ack 1"}}"#]
        {
            assert_eq!(read(body.as_bytes()).expect("an update"), None);
        }
        assert!(read(b"[").is_err() && read(b"").is_err());
    }

    #[test]
    fn replies() {
        insta::assert_snapshot!(reply(&ReplyWay::Press("77".into()), &"ä".repeat(999)).to_string().chars().count(), @"285");
        insta::assert_snapshot!(reply(&ReplyWay::Message(-100), "Done."), @r#"{"chat_id":-100,"method":"sendMessage","text":"Done."}"#);
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
            let _ = read(&body);
            pressed(&text);
            pressed(&format!("watchbell:{text}"));
        }
    }
}
