//! Replies by SMS, which Twilio passes on (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>,
//! <https://www.twilio.com/docs/messaging/twiml>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::form::first;
use super::signature::is_sha1;
use crate::shell::notify::escape_html;

/// The longest text of an answer, in characters: what fits into two messages.
const TEXT_LENGTH_MAX: usize = 300;

/// Whether Twilio has signed the `fields` that it posts to `url`: the base64 of the HMAC-SHA1 of the address and, sorted by name, each
/// name with its value.
pub fn is_signed(token: &str, url: &str, fields: &[(String, String)], signature: &str) -> bool {
    let Ok(tag) = STANDARD.decode(signature) else { return false };
    let mut sorted: Vec<&(String, String)> = fields.iter().collect();
    sorted.sort();
    sorted.dedup();
    let pairs = sorted.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    let parts: Vec<&[u8]> = std::iter::once(url.as_bytes()).chain(pairs).collect();
    is_sha1(token.as_bytes(), &parts, &tag)
}

/// A message that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sms {
    /// The telephone that it comes from, such as `+4915112345678`.
    pub from: String,
    /// What it says.
    pub text: String,
}

/// The message that `fields` hold; none if they hold none.
pub fn read(fields: &[(String, String)]) -> Option<Sms> {
    // By WhatsApp and the like, the number stands behind the way.
    let from = first(fields, "From");
    let from = from.rsplit_once(':').map_or(from, |(_, number)| number).trim();
    let text = fields.iter().find(|(name, _)| name == "Body").map(|(_, text)| text.clone())?;
    (!from.is_empty()).then(|| Sms { from: from.to_owned(), text })
}

/// What became of a message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsStatus {
    /// Twilio's name of the message.
    pub message: String,
    /// `sent`, `delivered`, `undelivered`, `failed`, ...
    pub status: String,
    /// The number of the fault, if there is one.
    pub error: String,
}

impl SmsStatus {
    /// What `fields` tell; none if they tell nothing.
    pub fn read(fields: &[(String, String)]) -> Option<SmsStatus> {
        let value = |names: [&str; 2]| names.iter().map(|name| first(fields, name)).find(|value| !value.is_empty());
        Some(SmsStatus {
            message: value(["MessageSid", "SmsSid"])?.to_owned(),
            status: value(["MessageStatus", "SmsStatus"])?.to_owned(),
            error: first(fields, "ErrorCode").to_owned(),
        })
    }

    /// Whether the message has not arrived and never will.
    pub fn is_failure(&self) -> bool {
        matches!(self.status.as_str(), "undelivered" | "failed")
    }
}

/// The answer by which Twilio replies `text` to the sender; with nothing, by which it does not.
pub fn reply(text: &str) -> String {
    let text: String = text.chars().take(TEXT_LENGTH_MAX).collect();
    let message = if text.is_empty() { String::new() } else { format!("<Message>{}</Message>", escape_html(&text)) };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>{message}</Response>\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::shell::answers::form::fields;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The example of Twilio's documentation.
    #[test]
    fn signatures() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let given = [
            ("To", "+18005551212"),
            ("Digits", "1234"),
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("From", "+14158675309"),
        ];
        let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        assert!(is_signed("12345", url, &pairs(&given), signature));
        assert!(!is_signed("12346", url, &pairs(&given), signature));
        assert!(!is_signed("", url, &pairs(&given), signature));
        assert!(!is_signed("12345", "https://mycompany.com/myapp.php", &pairs(&given), signature));
        assert!(!is_signed("12345", url, &pairs(&given[1..]), signature));
        for wrong in ["", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "RSOYDt4T1cUTdK1PDd93/VVr8B9=", "*"] {
            assert!(!is_signed("12345", url, &pairs(&given), wrong), "{wrong}");
        }
    }

    #[test]
    fn messages() {
        for (body, expected) in [
            ("From=%2B4915112345678&To=%2B1500&Body=ack+12&NumMedia=0", Some(("+4915112345678", "ack 12"))),
            ("From=whatsapp%3A%2B4915112345678&Body=", Some(("+4915112345678", ""))),
            ("From=&Body=ack", None),
            ("From=%2B49", None),
            ("", None),
        ] {
            let expected = expected.map(|(from, text)| Sms { from: from.to_owned(), text: text.to_owned() });
            assert_eq!(read(&fields(body.as_bytes())), expected, "{body}");
        }
    }

    #[test]
    fn statuses() {
        for (body, expected) in [
            ("MessageSid=SM1&MessageStatus=delivered", Some(("SM1", "delivered", "", false))),
            ("SmsSid=SM1&SmsStatus=sent", Some(("SM1", "sent", "", false))),
            ("MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003", Some(("SM1", "undelivered", "30003", true))),
            ("MessageSid=SM1", None),
            ("", None),
        ] {
            let status = SmsStatus::read(&fields(body.as_bytes()));
            let found = status.as_ref().map(|status| {
                (status.message.as_str(), status.status.as_str(), status.error.as_str(), status.is_failure())
            });
            assert_eq!(found, expected, "{body}");
        }
    }

    #[test]
    fn replies() {
        assert_eq!(
            reply("incident 12 <b> & more"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Message>incident 12 &lt;b&gt; &amp; more</Message></Response>\n"
        );
        assert!(reply("").ends_with("<Response></Response>\n"));
        assert!(reply(&"ä".repeat(999)).chars().count() < 400);
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
            let fields = fields(&body);
            read(&fields);
            SmsStatus::read(&fields);
            is_signed(&text, &text, &fields, &text);
        }
    }
}
