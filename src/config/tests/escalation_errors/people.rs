//! Contacts, notification rules, teams.

use super::super::main;
use super::{BASE, each};

const MAIL: &str = "{name: mail, email: ada@example.org}";

#[test]
fn what_is_wrong_is_told() {
    insta::assert_snapshot!(each(&[
        (MAIL, "{email: ada@example.org}"),
        (MAIL, "{name: a/b, email: ada@example.org}"),
        (MAIL, "{name: mail}"),
        (MAIL, "{name: mail, emial: ada@example.org}"),
        (MAIL, "{name: mail, email: ada@example.org, receiver: room}"),
        (MAIL, "{name: mail, receiver: rom}"),
        (MAIL, "{name: mail, receiver: pages}"),
        (MAIL, "{name: mail, email: a@b.example}, {name: mail, email: ada@example.org}"),
        (MAIL, "{name: mail, email: ada@example.org, fallback: rooms}"),
        (MAIL, "{name: phone, sms: '+4915112345678'}"),
        (MAIL, "{name: chat, telegram: ada}"),
        ("ada@example.org}]", "ada@example.org}], notify: [mial]"),
        ("ada@example.org}]", "ada@example.org}], notify: {high: [{contact: mail, after: 8d}], low: [], mid: []}"),
        ("ada@example.org}]", "ada@example.org}], notify: [mail, {contact: mail}]"),
        ("name: ben, time_zone: UTC", "name: ben, time_zone: UTC, notify: [mail]"),
        ("name: ben, time_zone: UTC", "name: ben, time_zone: UTC, known_as: {slak: U1}"),
        ("members: [ada]", "members: [ada, adda, ada]"),
        ("members: [ada]", "members: []"),
        ("teams: [", "teams: [{name: web, members: [ada]}, "),
    ]), @r"
    error[yaml/missing-field]: a contact needs the field `name`
     --> watchbell.yml:4:44
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{email: ada@example.org}]}
      |                                            ^

    ---
    error[config/contact]: the name of a contact must not hold `/`
     --> watchbell.yml:4:45
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: a/b, email: ada@example.org}]}
      |                                             ^^^^

    ---
    error[config/contact]: this contact says no way to tell the user
     --> watchbell.yml:4:44
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail}]}
      |                                            ^
      |
      = help: give `email`, `sms`, `slack`, `telegram`, `ntfy`, `webhook`, the `…_configs` of a receiver, or `receiver`

    ---
    error[config/contact]: this contact says no way to tell the user
     --> watchbell.yml:4:44
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, emial: ***************}]}
      |                                            ^
      |
      = help: give `email`, `sms`, `slack`, `telegram`, `ntfy`, `webhook`, the `…_configs` of a receiver, or `receiver`

    error[yaml/unknown-field]: unknown field `emial` in a contact
     --> watchbell.yml:4:57
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, emial: ***************}]}
      |                                                         ^^^^^
      |
      = help: did you mean `email`?

    ---
    error[config/contact]: give `receiver`, which is told as it is, or channels of the contact's own, not both
     --> watchbell.yml:4:81
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, email: ada@example.org, receiver: room}]}
      |                                                                                 ^^^^^^^^

    ---
    error[config/unknown-receiver]: no receiver is named `rom`
     --> watchbell.yml:4:67
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, receiver: rom}]}
      |                                                                   ^^^
      |
      = help: did you mean `room`?

    ---
    error[config/escalation-loop]: the receiver `pages` pages by the policy `web` itself
     --> watchbell.yml:4:67
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, receiver: pages}]}
      |                                                                   ^^^^^
      |
      = help: name a receiver that is told directly

    ---
    error[config/duplicate]: another contact of this user is named `mail` too
     --> watchbell.yml:4:79
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, email: a@b.example}, {name: mail, email: ada@example.org}]}
      |                                                                               ^^^^

    ---
    error[config/unknown-receiver]: no receiver is named `rooms`
     --> watchbell.yml:4:91
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, email: ada@example.org, fallback: rooms}]}
      |                                                                                           ^^^^^
      |
      = help: did you mean `room`?

    ---
    error[yaml/missing-field]: a Twilio channel needs `account_sid`, here or as `twilio_account_sid` in `global`
     --> watchbell.yml:4:63
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: phone, sms: '+4915112345678'}]}
      |                                                               ^^^^^^^^^^^^^^^^

    error[yaml/missing-field]: a Twilio channel needs `auth_token` or `api_key`, here or as `twilio_auth_token` in `global`
     --> watchbell.yml:4:63
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: phone, sms: '+4915112345678'}]}
      |                                                               ^^^^^^^^^^^^^^^^

    error[yaml/missing-field]: a Twilio channel needs `from` or `messaging_service_sid`, here or as `twilio_from` in `global`
     --> watchbell.yml:4:63
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: phone, sms: '+4915112345678'}]}
      |                                                               ^^^^^^^^^^^^^^^^

    ---
    error[config/telegram]: `chat_id` must be a number that is not 0, or the `@name` of a channel
     --> watchbell.yml:4:57
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: chat, telegram: ***}]}
      |                                                         ^^^^^^^^

    error[yaml/missing-field]: a Telegram channel needs the field `bot_token`
     --> watchbell.yml:4:67
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: chat, telegram: ***}]}
      |                                                                   ^^^

    ---
    error[config/unknown-contact]: this user has no contact `mial`
     --> watchbell.yml:4:92
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, email: ada@example.org}], notify: [mial]}
      |                                                                                            ^^^^
      |
      = help: did you mean `mail`?

    ---
    error[config/limit]: `after` may be 7 days at most
     --> watchbell.yml:4:115
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, email: ada@example.org}], notify: {high: [{contact: mail, after: 8d}], low: [...
      |                                                                                                                   ^^^^^

    error[yaml/empty]: nobody would be told by this rule
     --> watchbell.yml:4:133
      |
    4 | ...xample.org}], notify: {high: [{contact: mail, after: 8d}], low: [], mid: []}}
      |                                                                    ^
      |
      = help: leave it out for the default, or name a contact

    error[yaml/unknown-field]: unknown field `mid` in `notify`
     --> watchbell.yml:4:137
      |
    4 | ...e.org}], notify: {high: [{contact: mail, after: 8d}], low: [], mid: []}}
      |                                                                   ^^^
      |
      = help: known fields: high, low

    ---
    error[config/duplicate]: this contact is told at the same time already
     --> watchbell.yml:4:98
      |
    4 |   - {name: ada, time_zone: UTC, contacts: [{name: mail, email: ada@example.org}], notify: [mail, {contact: mail}]}
      |                                                                                                  ^

    ---
    error[config/unknown-contact]: this user has no contact `mail`
     --> watchbell.yml:5:42
      |
    5 |   - {name: ben, time_zone: UTC, notify: [mail]}
      |                                          ^^^^
      |
      = help: give the user `contacts`

    ---
    error[yaml/unknown-field]: unknown field `slak` in `known_as`
     --> watchbell.yml:5:44
      |
    5 |   - {name: ben, time_zone: UTC, known_as: {slak: **}}
      |                                            ^^^^
      |
      = help: did you mean `slack`?

    ---
    error[config/unknown-user]: no user is named `adda`
     --> watchbell.yml:6:36
      |
    6 | teams: [{name: web, members: [ada, adda, ada]}]
      |                                    ^^^^
      |
      = help: did you mean `ada`?

    error[config/duplicate]: `ada` is given twice
     --> watchbell.yml:6:42
      |
    6 | teams: [{name: web, members: [ada, adda, ada]}]
      |                                          ^^^

    ---
    error[yaml/missing-field]: a team needs the field `members`
     --> watchbell.yml:6:9
      |
    6 | teams: [{name: web, members: []}]
      |         ^

    ---
    error[config/duplicate]: another team is named `web` too
     --> watchbell.yml:6:39
      |
    6 | teams: [{name: web, members: [ada]}, {name: web, members: [ada]}]
      |                                       ^^^^
    ");
    let twice = "known_as: {slack: U0AAAAAAA}";
    insta::assert_snapshot!(main(&BASE.replace("time_zone: UTC, contacts", &format!("time_zone: UTC, {twice}, contacts")).replace("ben, time_zone: UTC", &format!("ben, time_zone: UTC, {twice}"))), @r"
    error[config/duplicate]: `ada` is known as `U0AAAAAAA` too
     --> watchbell.yml:5:44
      |
    5 |   - {name: ben, time_zone: UTC, known_as: {slack: U0AAAAAAA}}
      |                                            ^^^^^
    ");
}
