//! A mail: recipients, headers, text and HTML (RFC 5322, RFC 2046).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{self, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailboxes, Message, MessageBuilder, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use super::chart::Image;
use super::console;
use super::text::{RenderError, Texts, escape_html, one_line};
use crate::deliver::{EmailConfig, MailThreading, Notification};
use crate::model::Timestamp;

/// The greatest number of recipients.
pub(super) const RECIPIENTS_MAX: usize = 100;

/// The greatest length of a header's value, in characters.
const HEADER_LENGTH_MAX: usize = 4096;

/// Headers that are ours: those that MIME, dates and delivery rest on.
const RESERVED_HEADERS: [&str; 7] =
    ["bcc", "content-transfer-encoding", "content-type", "date", "message-id", "mime-version", "return-path"];

/// A mail, ready to be sent; shows as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Mail {
    envelope: Envelope,
    bytes: Vec<u8>,
}

impl Mail {
    /// Who it is from and for.
    pub(super) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Headers and body, ASCII only.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes).replace("\r\n", "\n"))
    }
}

/// The mail: the same bytes at every attempt under one `idempotency_key` with the same `chart`, its `Message-ID` included.
pub(super) fn render(
    config: &EmailConfig,
    notification: &Notification,
    texts: &Texts<'_>,
    idempotency_key: &str,
    chart: Option<&Image>,
) -> Result<Mail, RenderError> {
    let to = addresses("to", &texts.exact("to", &config.to)?)?;
    let from = addresses("from", &texts.exact("from", &config.from)?)?;
    let Some(sender) = from.iter().next().map(|mailbox| mailbox.email.clone()) else {
        return Err(RenderError::Address { field: "from", text: config.from.clone() });
    };
    let recipients = to.iter().map(|mailbox| mailbox.email.clone()).collect();
    let envelope =
        Envelope::new(Some(sender.clone()), recipients).map_err(|error| RenderError::Mail(error.to_string()))?;
    let id = digest(idempotency_key);
    let mut builder = Message::builder()
        .envelope(envelope.clone())
        .header(header::From::from(from))
        .header(header::To::from(to))
        .date(system_time(notification.decided_at))
        .message_id(Some(format!("<{id}@{}>", sender.domain())))
        .raw_header(raw("Auto-Submitted", "auto-generated")?);
    if let Some(root) = thread_root(config.threading, notification) {
        builder = builder.references(root.clone()).in_reply_to(root);
    }
    for (name, template) in &config.headers {
        if !RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            builder = with_header(builder, name, &texts.text("headers", template))?;
        }
    }
    let message = body(builder, config, texts, &id, chart)?;
    Ok(Mail { envelope, bytes: message.formatted() })
}

/// The id of a mail that never was, which all mails of a conversation answer to. Those about an incident are always one.
fn thread_root(threading: MailThreading, notification: &Notification) -> Option<String> {
    let day = match threading {
        _ if notification.incident.is_some() => String::new(),
        MailThreading::Off => return None,
        MailThreading::Group => String::new(),
        MailThreading::GroupAndDay => notification.decided_at.to_string().chars().take("2006-01-02".len()).collect(),
    };
    Some(format!("<alert-{:.16}-{day}@watchbell>", notification.dedup_key()))
}

/// Text and HTML as alternatives; without a template for the text it is what the console shows.
fn body(
    builder: MessageBuilder,
    config: &EmailConfig,
    texts: &Texts<'_>,
    id: &str,
    chart: Option<&Image>,
) -> Result<Message, RenderError> {
    let text = match config.text.is_empty() {
        true => console::render(texts.data(), false),
        false => texts.text("text", &config.text),
    };
    let built = if config.html.is_empty() {
        builder.singlepart(SinglePart::plain(text))
    } else {
        let html = texts.html("html", &config.html);
        let parts = MultiPart::alternative().boundary(format!("={id}")).singlepart(SinglePart::plain(text));
        builder.multipart(match chart {
            None => parts.singlepart(SinglePart::html(html)),
            Some(chart) => parts.multipart(with_chart(html, chart, id)?),
        })
    };
    built.map_err(|error| RenderError::Mail(error.to_string()))
}

/// The HTML with `chart` at its end, which comes as a part of its own (RFC 2387, RFC 2392).
fn with_chart(mut html: String, chart: &Image, id: &str) -> Result<MultiPart, RenderError> {
    let content_id = format!("{id}.chart@watchbell");
    let (width, height) = chart.size;
    let caption = escape_html(&chart.caption);
    let shown = format!(
        r#"<p><img src="cid:{content_id}" width="{width}" height="{height}" alt="Chart"><br><small>{caption} (times in UTC)</small></p>"#
    );
    let end = html.to_ascii_lowercase().rfind("</body>").unwrap_or(html.len());
    html.insert_str(end, &shown);
    let image = Attachment::new_inline_with_name(content_id, "chart.png".to_owned());
    let media_type = ContentType::parse("image/png").map_err(|error| RenderError::Mail(error.to_string()))?;
    let parts = MultiPart::related().boundary(format!("=chart-{id}"));
    Ok(parts.singlepart(SinglePart::html(html)).singlepart(image.body(chart.png.clone(), media_type)))
}

/// Sets `name`; headers that hold addresses are written as such if they can be read so.
fn with_header(builder: MessageBuilder, name: &str, value: &str) -> Result<MessageBuilder, RenderError> {
    let value = one_line(value);
    if value.is_empty() {
        return Ok(builder);
    }
    let mailboxes = value.parse::<Mailboxes>().ok();
    Ok(match (name.to_ascii_lowercase().as_str(), mailboxes) {
        ("from", Some(mailboxes)) => builder.header(header::From::from(mailboxes)),
        ("from", None) => return Err(RenderError::Address { field: "headers", text: value }),
        ("to", Some(mailboxes)) => builder.header(header::To::from(mailboxes)),
        ("cc", Some(mailboxes)) => builder.header(header::Cc::from(mailboxes)),
        ("reply-to", Some(mailboxes)) => builder.header(header::ReplyTo::from(mailboxes)),
        _ => builder.raw_header(raw(name, &value)?),
    })
}

/// A header with a value of one line; anything but printable ASCII is encoded (RFC 2047), so that no value can end it.
fn raw(name: &str, value: &str) -> Result<HeaderValue, RenderError> {
    let is_valid = name.len() <= 76 && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    let name_error = || RenderError::Header { name: one_line(name) };
    let header_name = HeaderName::new_from_ascii(name.to_owned()).ok().filter(|_| is_valid).ok_or_else(name_error)?;
    Ok(HeaderValue::new(header_name, super::text::cut(&one_line(value), HEADER_LENGTH_MAX)))
}

fn addresses(field: &'static str, text: &str) -> Result<Mailboxes, RenderError> {
    let text = text.trim().trim_end_matches(',');
    let found = text.parse::<Mailboxes>().ok().filter(|found| (1..=RECIPIENTS_MAX).contains(&found.iter().count()));
    found.ok_or_else(|| RenderError::Address { field, text: one_line(text) })
}

/// 32 hexadecimal digits that stand for `idempotency_key`.
fn digest(idempotency_key: &str) -> String {
    Sha256::digest(idempotency_key.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// `at` for the `Date` header, which cannot be before 1970 or after 9999.
fn system_time(at: Timestamp) -> SystemTime {
    const YEAR_9999_MS: i64 = 253_370_764_800_000;
    UNIX_EPOCH + Duration::from_millis(at.millis().clamp(0, YEAR_9999_MS).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use crate::deliver::Channel;
    use crate::shell::notify::text::Texts;
    use crate::shell::notify::{RenderError, fixture};

    use super::*;

    #[test]
    fn mail() {
        insta::assert_snapshot!(fixture::rendered(Channel::Email(Box::new(fixture::email("127.0.0.1", 25)))), @r##"
        From: Watchbell <bell@example.org>
        To: ops@example.org, Ada <ada@example.org>
        Date: Sun, 22 Nov 2026 03:00:00 +0000
        Message-ID: <2c70e12b7a0646f92279f427c7b38e73@example.org>
        Auto-Submitted: auto-generated
        Subject: [firing] HighLoad =?utf-8?b?4oCUIFN0w7ZydW5n?=
        MIME-Version: 1.0
        Content-Type: multipart/alternative;
         boundary="=2c70e12b7a0646f92279f427c7b38e73"

        --=2c70e12b7a0646f92279f427c7b38e73
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        2026-11-22 03:00:00Z  FIRING    HighLoad  (1 firing, 1 resolved; to night-w=
        atch: new alerts in group)
            FIRING    HighLoad  {instance=3D"a:9100", severity=3D"critical"}   Load=
         is high, =C3=BCberall  (for 5m)
                      value: 9.5
            RESOLVED  HighLoad  {instance=3D"bb:9100", severity=3D"critical"}  Load=
         is high  (after 3m30s)

        --=2c70e12b7a0646f92279f427c7b38e73
        Content-Type: text/html; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        <p>HighLoad: Load is high, =C3=BCberall</p>
        --=2c70e12b7a0646f92279f427c7b38e73--
        "##);
    }

    fn rendered(change: impl FnOnce(&mut EmailConfig)) -> Result<String, RenderError> {
        let mut config = fixture::email("127.0.0.1", 25);
        change(&mut config);
        let (templates, notification) = (fixture::templates(), fixture::notification());
        let texts = Texts::new(&templates, notification.template_data(fixture::EXTERNAL_URL));
        render(&config, &notification, &texts, "key", None).map(|mail| mail.to_string())
    }

    fn headers(mail: &str) -> &str {
        mail.split("\n\n").next().unwrap_or("")
    }

    #[test]
    fn a_chart_is_shown_at_the_end_of_the_html() {
        let (templates, notification) = (fixture::templates(), fixture::notification());
        let texts = Texts::new(&templates, notification.template_data(fixture::EXTERNAL_URL));
        let chart = Image { png: b"\x89PNG".to_vec(), size: (640, 220), caption: "HighLoad: load > 5".to_owned() };
        let body = |html: &str| {
            let config = EmailConfig { html: html.to_owned(), text: "text".into(), ..fixture::email("127.0.0.1", 25) };
            let mail = render(&config, &notification, &texts, "key", Some(&chart)).expect("rendered").to_string();
            mail.split_once("MIME-Version: 1.0\n").map(|(_, body)| body.to_owned()).expect("a body")
        };
        insta::assert_snapshot!(body("<body><p>Load</p></BODY></html>"), @r##"
        Content-Type: multipart/alternative;
         boundary="=2c70e12b7a0646f92279f427c7b38e73"

        --=2c70e12b7a0646f92279f427c7b38e73
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 7bit

        text
        --=2c70e12b7a0646f92279f427c7b38e73
        Content-Type: multipart/related;
         boundary="=chart-2c70e12b7a0646f92279f427c7b38e73"

        --=chart-2c70e12b7a0646f92279f427c7b38e73
        Content-Type: text/html; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        <body><p>Load</p><p><img src=3D"cid:2c70e12b7a0646f92279f427c7b38e73.chart@=
        watchbell" width=3D"640" height=3D"220" alt=3D"Chart"><br><small>HighLoad: =
        load &gt; 5 (times in UTC)</small></p></BODY></html>
        --=chart-2c70e12b7a0646f92279f427c7b38e73
        Content-ID: <2c70e12b7a0646f92279f427c7b38e73.chart@watchbell>
        Content-Disposition: inline; filename="chart.png"
        Content-Type: image/png
        Content-Transfer-Encoding: base64

        iVBORw==
        --=chart-2c70e12b7a0646f92279f427c7b38e73--
        --=2c70e12b7a0646f92279f427c7b38e73--
        "##);
        assert!(body("<p>Load</p>").replace("=\n", "").contains("<p>Load</p><p><img src=3D"));
        assert!(!body("").contains("chart"));
    }

    #[test]
    fn no_header_can_be_smuggled_in() {
        let mail = rendered(|config| {
            let subject = "a\r\nBcc: eve@example.org\r\n\r\nbody\u{2028}\u{0}";
            config.headers.insert("Subject".into(), subject.into());
            config.headers.insert("X-Team".into(), "ops\nX-Evil: 1".into());
            config.headers.insert("Bcc".into(), "eve@example.org".into());
            config.headers.insert("Content-Type".into(), "text/evil".into());
        });
        let mail = mail.expect("rendered");
        for line in headers(&mail).lines() {
            let name = line.split(':').next().unwrap_or("").to_ascii_lowercase();
            assert!(!["bcc", "x-evil"].contains(&name.as_str()), "{line}");
        }
        assert!(!headers(&mail).contains("text/evil"));
        for name in ["X Team", "X-Team:", "X\r\nBcc", "", "Ü"] {
            let refused = rendered(|config| drop(config.headers.insert(name.into(), "v".into())));
            assert!(matches!(refused, Err(RenderError::Header { .. })), "{name}");
        }
    }

    #[test]
    fn threads() {
        let root = |day: &str| format!("<alert-196cd8f79681ecfe-{day}@watchbell>");
        for (threading, expected) in [
            (MailThreading::Off, None),
            (MailThreading::Group, Some(root(""))),
            (MailThreading::GroupAndDay, Some(root("2026-11-22"))),
        ] {
            let mail = rendered(|config| config.threading = threading).expect("rendered");
            for name in ["References", "In-Reply-To"] {
                let line = headers(&mail).lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
                assert_eq!(line, expected.as_deref(), "{threading:?}");
            }
        }
    }

    #[test]
    fn stays_the_same_under_one_key() {
        assert_eq!(rendered(|_| ()).expect("rendered"), rendered(|_| ()).expect("rendered"));
    }

    #[test]
    fn encodes_what_is_not_ascii() {
        let mail = rendered(|config| drop(config.headers.insert("Subject".into(), "Störung: Ünïcode ✓".into())));
        let mail = mail.expect("rendered");
        assert!(mail.is_ascii());
        assert!(headers(&mail).contains("Subject: =?utf-8?b?"), "{mail}");
    }

    #[test]
    fn reads_addresses() {
        for (to, expected) in [
            ("a@example.org", Some("To: a@example.org")),
            ("a@example.org, Bea <b@example.org>,", Some("To: a@example.org, Bea <b@example.org>")),
            ("", None),
            ("nobody", None),
            ("a@example.org\r\nRCPT TO:<e@example.org>", None),
        ] {
            let mail = rendered(|config| config.to = to.into());
            match (mail, expected) {
                (Ok(mail), Some(line)) => assert!(headers(&mail).lines().any(|l| l == line), "{to}: {mail}"),
                (Err(RenderError::Address { field: "to", .. }), None) => {}
                (other, _) => panic!("{to}: {other:?}"),
            }
        }
        let many = vec!["a@example.org"; RECIPIENTS_MAX + 1].join(",");
        assert!(rendered(|config| config.to = many).is_err());
    }

    #[test]
    fn display_headers_replace_those_of_the_envelope() {
        let mail = rendered(|config| {
            config.headers.insert("To".into(), "Team <team@example.org>".into());
            config.headers.insert("Reply-To".into(), "help@example.org".into());
        });
        let mail = mail.expect("rendered");
        assert!(headers(&mail).contains("To: Team <team@example.org>\n"));
        assert!(headers(&mail).contains("Reply-To: help@example.org"));
    }
}
