//! The page behind a link: what the incident is, and one button. It needs nothing from elsewhere, and runs no scripts.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::seen::{Seen, ago, clock_time, done_text};
use super::{Link, LinkAction};
use crate::escalate::AnswerError;
use crate::model::Timestamp;
use crate::shell::notify::escape_html;

/// The field of the form that says that one wants to answer although somebody else has.
pub(crate) const TAKE_OVER: &str = "take_over";

const STYLE: &str = include_str!("page.css");

/// What the page may do: show itself in its own style, and send its form to where it comes from.
pub(crate) static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// How the page looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Question,
    Done,
    Refused,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Tone::Question => "question",
            Tone::Done => "done",
            Tone::Refused => "refused",
        }
    }
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    /// The status of the answer.
    pub(crate) status: u16,
    tone: Tone,
    heading: String,
    text: String,
    seen: Option<Seen>,
    /// What the button says, and whether it takes over from somebody else.
    button: Option<(String, bool)>,
    /// Whom the answer is from.
    from: Option<String>,
}

impl Page {
    /// Asks whether what the link does is to be done; changes nothing.
    pub(crate) fn ask(link: &Link, seen: Seen) -> Page {
        let number = link.incident;
        let (heading, text, label) = match link.action {
            LinkAction::Ack => (
                format!("Acknowledge incident {number}?"),
                "You take care of it: paging stops, and everybody who was paged hears of it.",
                "Acknowledge",
            ),
            LinkAction::Resolve => (
                format!("Resolve incident {number}?"),
                "It is over: the incident is closed, and everybody who was paged hears of it.",
                "Resolve",
            ),
            LinkAction::Snooze => (
                format!("Snooze incident {number} for an hour?"),
                "It can wait: paging stops, and begins again in an hour.",
                "Snooze for 1 hour",
            ),
            LinkAction::Escalate => (
                format!("Escalate incident {number}?"),
                "Somebody else is to look at it: the next step is taken now.",
                "Escalate",
            ),
        };
        let other = Page::other(link, &seen);
        let (text, label) = match (&other, link.action) {
            (Some(other), LinkAction::Ack) => {
                (format!("{other} takes care of it. You can take it over."), "Take it over")
            }
            _ => (text.to_owned(), label),
        };
        let from = match link.is_user {
            true => format!("You answer as {}.", link.name),
            false => format!("You answer as whoever gets the messages of {}.", link.name),
        };
        Page {
            status: 200,
            tone: Tone::Question,
            heading,
            text,
            seen: Some(seen),
            button: Some((label.to_owned(), other.is_some())),
            from: Some(from),
        }
    }

    /// Whoever else takes care of it, so that an acknowledgement would take it from them.
    pub(crate) fn other(link: &Link, seen: &Seen) -> Option<String> {
        let other = seen.acknowledged_by().filter(|name| link.action == LinkAction::Ack && *name != link.name);
        other.map(str::to_owned)
    }

    /// Somebody else was quicker than the button.
    pub(crate) fn overtaken(link: &Link, seen: Seen) -> Page {
        let heading = match seen.answered_by() {
            Some(other) => format!("{other} was quicker"),
            None => format!("Incident {} has changed", link.incident),
        };
        Page { status: 409, tone: Tone::Refused, heading, ..Page::ask(link, seen) }
    }

    /// It is done.
    pub(crate) fn done(link: &Link, seen: Option<Seen>, now: Timestamp) -> Page {
        let text = done_text(&link.action.action(now), link.incident);
        let (heading, text) = text.split_once(". ").unwrap_or((&text, ""));
        Page { tone: Tone::Done, ..Page::plain(200, &format!("{heading}."), text, seen) }
    }

    /// The link does nothing, for that reason.
    pub(crate) fn refused(link: &Link, error: &AnswerError, seen: Option<Seen>) -> Page {
        let number = link.incident;
        match error {
            AnswerError::Used(_) => {
                let text = "A link is good for one time. Nothing was changed now; this is how the incident stands.";
                Page::plain(410, "This link was used already", text, seen)
            }
            AnswerError::Closed(_) => {
                Page::plain(409, &format!("Incident {number} is closed"), "There is nothing left to do.", seen)
            }
            AnswerError::Unknown(_) => {
                let text = "It was closed, and is so long over that nothing is known of it any more.";
                Page::plain(410, &format!("Incident {number} is gone"), text, None)
            }
            error => Page::plain(409, &format!("Incident {number} stays as it is"), &format!("Because {error}."), seen),
        }
    }

    /// The link has ended.
    pub(crate) fn ended(link: &Link, seen: Option<Seen>) -> Page {
        let text = format!(
            "It was good until {}. Nothing was changed; answer by a newer message, or by any other way.",
            clock_time(link.ends_at)
        );
        Page::plain(410, "This link has ended", &text, seen)
    }

    /// Nobody here has made the link.
    pub(crate) fn invalid() -> Page {
        let text =
            "Nothing was changed. Was the address cut off at the end of a line? Open the link from the message itself.";
        Page::plain(404, "This link is not valid", text, None)
    }

    /// Nobody can answer now.
    pub(crate) fn unavailable() -> Page {
        Page::plain(503, "Watchbell is restarting", "Nothing was changed. Try again in a moment.", None)
    }

    fn plain(status: u16, heading: &str, text: &str, seen: Option<Seen>) -> Page {
        let (heading, text) = (heading.to_owned(), text.to_owned());
        Page { status, tone: Tone::Refused, heading, text, seen, button: None, from: None }
    }

    /// The page as it is sent at `now`.
    pub(crate) fn html(&self, now: Timestamp) -> String {
        let (heading, text) = (escape_html(&self.heading), escape_html(&self.text));
        let incident = self.seen.as_ref().map(|seen| incident(seen, now)).unwrap_or_default();
        let form = self.button.as_ref().map(|(label, takes_over)| form(label, *takes_over)).unwrap_or_default();
        let from = self.from.as_ref().map(|from| format!("<p class=\"from\">{}</p>\n", escape_html(from)));
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{heading} · Watchbell</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n<main class=\"{}\">\n<h1>{heading}</h1>\n<p>{text}</p>\n{incident}{form}{}</main>\n</body>\n</html>\n",
            self.tone.class(),
            from.unwrap_or_default(),
        )
    }
}

fn incident(seen: &Seen, now: Timestamp) -> String {
    let rows = [
        ("Incident", format!("{} · {}", seen.number, seen.severity)),
        ("About", seen.title.clone()),
        ("State", seen.standing(now)),
        ("Opened", format!("{} ({})", ago(seen.opened_at, now), clock_time(seen.opened_at))),
    ];
    let row = |(name, value): &(&str, String)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape_html(value));
    format!("<dl>\n{}</dl>\n", rows.iter().map(row).collect::<String>())
}

/// A form without an address goes to the page's own.
fn form(label: &str, takes_over: bool) -> String {
    let takes_over = match takes_over {
        true => format!("<input type=\"hidden\" name=\"{TAKE_OVER}\" value=\"1\">"),
        false => String::new(),
    };
    format!("<form method=\"post\">{takes_over}<button type=\"submit\">{}</button></form>\n", escape_html(label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalate::{Closed, IncidentState, Via, Who};
    use crate::shell::answers::{LinkKey, LinkMaker, answer_links, link::tests::note};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("a time")
    }

    fn now() -> Timestamp {
        at("2026-11-22T03:14:00Z")
    }

    /// The links of a page: acknowledge, resolve, snooze, escalate.
    fn links(user: Option<&str>) -> [Link; 4] {
        let key = LinkKey::of(&[7; 32]);
        let maker = LinkMaker { key: &key, external_url: "http://bell", ttl: std::time::Duration::from_secs(3600) };
        let links = answer_links(&note(user), "ops", "delivery", now(), &maker);
        [links.ack, links.resolve, links.snooze, links.escalate].map(|url| {
            let token = url.as_deref().and_then(|url| url.rsplit('/').next()).expect("a token").to_owned();
            Link::read(&token, &key, now()).expect("good")
        })
    }

    fn seen(state: IncidentState) -> Seen {
        Seen {
            number: 12,
            severity: "P1".to_owned(),
            title: "DiskFull db-1 <b>payments</b>".to_owned(),
            state,
            opened_at: at("2026-11-22T03:00:00Z"),
        }
    }

    fn by(name: &str) -> IncidentState {
        let by = Who { name: name.to_owned(), via: Via::Slack };
        IncidentState::Acknowledged { by, at: at("2026-11-22T03:10:00Z"), reminded: false }
    }

    /// What stands in the page's body, one element a line.
    fn body(page: &Page) -> String {
        let html = page.html(now());
        let (_, body) = html.split_once("<main").expect("a body");
        let text = body.split_once("</main>").expect("an end").0.replace("\n\n", "\n");
        format!("{} {}", page.status, text.trim())
    }

    #[test]
    fn asks() {
        let [ack, resolve, snooze, escalate] = links(Some("ada"));
        insta::assert_snapshot!(body(&Page::ask(&ack, seen(IncidentState::Open))), @r#"
        200 class="question">
        <h1>Acknowledge incident 12?</h1>
        <p>You take care of it: paging stops, and everybody who was paged hears of it.</p>
        <dl>
        <dt>Incident</dt><dd>12 · P1</dd>
        <dt>About</dt><dd>DiskFull db-1 &lt;b&gt;payments&lt;/b&gt;</dd>
        <dt>State</dt><dd>open: nobody has answered</dd>
        <dt>Opened</dt><dd>14m ago (2026-11-22 03:00 UTC)</dd>
        </dl>
        <form method="post"><button type="submit">Acknowledge</button></form>
        <p class="from">You answer as ada.</p>
        "#);
        for (link, heading, button) in [
            (resolve, "Resolve incident 12?", ">Resolve<"),
            (snooze, "Snooze incident 12 for an hour?", ">Snooze for 1 hour<"),
            (escalate, "Escalate incident 12?", ">Escalate<"),
        ] {
            let text = body(&Page::ask(&link, seen(by("bob"))));
            assert!(text.contains(heading) && text.contains(button) && !text.contains(TAKE_OVER), "{text}");
        }
        let [ack, ..] = links(None);
        assert!(body(&Page::ask(&ack, seen(by("ops")))).contains("whoever gets the messages of ops."));
    }

    #[test]
    fn outcomes() {
        let [ack, resolve, ..] = links(Some("ada"));
        let closed = IncidentState::Closed { at: now(), why: Closed::AlertsOver };
        let pages = [
            Page::ask(&ack, seen(by("bob"))),
            Page::overtaken(&ack, seen(by("bob"))),
            Page::done(&ack, Some(seen(by("ada"))), now()),
            Page::done(&resolve, None, now()),
            Page::refused(&ack, &AnswerError::Used(12), Some(seen(by("ada")))),
            Page::refused(&ack, &AnswerError::Closed(12), Some(seen(closed))),
            Page::refused(&ack, &AnswerError::Unknown(12), None),
            Page::refused(&ack, &AnswerError::Nobody(12), None),
            Page::ended(&ack, Some(seen(IncidentState::Open))),
            Page::invalid(),
            Page::unavailable(),
        ];
        let texts: Vec<String> = pages.iter().map(body).collect();
        insta::assert_snapshot!(texts.join("\n---\n"), @r#"
        200 class="question">
        <h1>Acknowledge incident 12?</h1>
        <p>bob takes care of it. You can take it over.</p>
        <dl>
        <dt>Incident</dt><dd>12 · P1</dd>
        <dt>About</dt><dd>DiskFull db-1 &lt;b&gt;payments&lt;/b&gt;</dd>
        <dt>State</dt><dd>acknowledged by bob by Slack, 4m ago</dd>
        <dt>Opened</dt><dd>14m ago (2026-11-22 03:00 UTC)</dd>
        </dl>
        <form method="post"><input type="hidden" name="take_over" value="1"><button type="submit">Take it over</button></form>
        <p class="from">You answer as ada.</p>
        ---
        409 class="refused">
        <h1>bob was quicker</h1>
        <p>bob takes care of it. You can take it over.</p>
        <dl>
        <dt>Incident</dt><dd>12 · P1</dd>
        <dt>About</dt><dd>DiskFull db-1 &lt;b&gt;payments&lt;/b&gt;</dd>
        <dt>State</dt><dd>acknowledged by bob by Slack, 4m ago</dd>
        <dt>Opened</dt><dd>14m ago (2026-11-22 03:00 UTC)</dd>
        </dl>
        <form method="post"><input type="hidden" name="take_over" value="1"><button type="submit">Take it over</button></form>
        <p class="from">You answer as ada.</p>
        ---
        200 class="done">
        <h1>You have acknowledged incident 12.</h1>
        <p>Paging stops.</p>
        <dl>
        <dt>Incident</dt><dd>12 · P1</dd>
        <dt>About</dt><dd>DiskFull db-1 &lt;b&gt;payments&lt;/b&gt;</dd>
        <dt>State</dt><dd>acknowledged by ada by Slack, 4m ago</dd>
        <dt>Opened</dt><dd>14m ago (2026-11-22 03:00 UTC)</dd>
        </dl>
        ---
        200 class="done">
        <h1>You have resolved incident 12.</h1>
        <p>Everybody who was paged hears of it.</p>
        ---
        410 class="refused">
        <h1>This link was used already</h1>
        <p>A link is good for one time. Nothing was changed now; this is how the incident stands.</p>
        <dl>
        <dt>Incident</dt><dd>12 · P1</dd>
        <dt>About</dt><dd>DiskFull db-1 &lt;b&gt;payments&lt;/b&gt;</dd>
        <dt>State</dt><dd>acknowledged by ada by Slack, 4m ago</dd>
        <dt>Opened</dt><dd>14m ago (2026-11-22 03:00 UTC)</dd>
        </dl>
        ---
        409 class="refused">
        <h1>Incident 12 is closed</h1>
        <p>There is nothing left to do.</p>
        <dl>
        <dt>Incident</dt><dd>12 · P1</dd>
        <dt>About</dt><dd>DiskFull db-1 &lt;b&gt;payments&lt;/b&gt;</dd>
        <dt>State</dt><dd>closed just now: none of its alerts fires</dd>
        <dt>Opened</dt><dd>14m ago (2026-11-22 03:00 UTC)</dd>
        </dl>
        ---
        410 class="refused">
        <h1>Incident 12 is gone</h1>
        <p>It was closed, and is so long over that nothing is known of it any more.</p>
        ---
        409 class="refused">
        <h1>Incident 12 stays as it is</h1>
        <p>Because nobody is named who is to take care of incident 12.</p>
        ---
        410 class="refused">
        <h1>This link has ended</h1>
        <p>It was good until 2026-11-22 04:14 UTC. Nothing was changed; answer by a newer message, or by any other way.</p>
        <dl>
        <dt>Incident</dt><dd>12 · P1</dd>
        <dt>About</dt><dd>DiskFull db-1 &lt;b&gt;payments&lt;/b&gt;</dd>
        <dt>State</dt><dd>open: nobody has answered</dd>
        <dt>Opened</dt><dd>14m ago (2026-11-22 03:00 UTC)</dd>
        </dl>
        ---
        404 class="refused">
        <h1>This link is not valid</h1>
        <p>Nothing was changed. Was the address cut off at the end of a line? Open the link from the message itself.</p>
        ---
        503 class="refused">
        <h1>Watchbell is restarting</h1>
        <p>Nothing was changed. Try again in a moment.</p>
        "#);
    }

    #[test]
    fn needs_nothing_from_elsewhere() {
        let [ack, ..] = links(Some("<script>alert(1)</script>"));
        let html = Page::ask(&ack, seen(by("<img src=x>"))).html(now());
        for word in ["<script", "<img", "<b>", "http", "url(", "href=", "@import"] {
            assert!(!html.contains(word), "{word}: {html}");
        }
        let (_, style) = html.split_once("<style>").expect("a style");
        let style = style.split_once("</style>").expect("its end").0;
        let sum = STANDARD.encode(Sha256::digest(style));
        assert!(CONTENT_SECURITY_POLICY.contains(&format!("style-src 'sha256-{sum}'")));
    }

    #[test]
    fn who_else_answered() {
        let [ack, resolve, ..] = links(Some("ada"));
        for (link, state, expected) in [
            (&ack, IncidentState::Open, None),
            (&ack, by("ada"), None),
            (&ack, by("bob"), Some("bob")),
            (&resolve, by("bob"), None),
        ] {
            assert_eq!(Page::other(link, &seen(state)).as_deref(), expected);
        }
    }
}
