//! Targets of steps and fallbacks.

use super::each;

#[test]
fn what_is_wrong_is_told() {
    insta::assert_snapshot!(each(&[
        ("'team:web'", ""),
        ("'team:web'", "'user:adda'"),
        ("'team:web'", "'team:wep'"),
        ("'schedule:primary'", "'schedule:primry'"),
        ("'team:web'", "'channel:romo'"),
        ("'team:web'", "'channel:pages'"),
        ("'team:web'", "'channel:@ada/mail'"),
        ("'team:web'", "'user:ben'"),
        ("members: [ada]", "members: [ada, ben]"),
        ("users: [ada]", "users: [ada, [ben, ada]]"),
        ("'team:web'", "ada"),
        ("'team:web'", "'planet:mars'"),
        ("'team:web'", "'webhook:https://hooks.example/secret'"),
        ("'team:web'", "{user: ada, team: web, offset: 1}"),
        ("'team:web'", "{schedule: primary, offset: 101}"),
        ("'team:web'", "{webhook: 'ftp://hooks.example'}"),
        ("'team:web'", "{webhook: {url: 'https://hooks.example', urll: x}}"),
        ("'team:web'", "'team:web', 'team:web'"),
        ("'team:web'", "'schedule:primary'"),
        ("['channel:room']", "[]"),
        ("    fallback: ['channel:room']\n", ""),
        ("'channel:room'", "'schedule:primary'"),
        ("console_configs: [{}]", ""),
    ]), @r"
    error[yaml/empty]: `targets` must not be empty
      --> watchbell.yml:17:21
       |
    17 |       - {after: 5m, targets: []}
       |                     ^^^^^^^

    ---
    error[config/unknown-user]: no user is named `adda`
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: ['user:adda']}
       |                               ^^^^^^^^^^^
       |
       = help: did you mean `ada`?

    ---
    error[config/unknown-team]: no team is named `wep`
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: ['team:wep']}
       |                               ^^^^^^^^^^
       |
       = help: did you mean `web`?

    ---
    error[config/unknown-schedule]: no schedule is named `primry`
      --> watchbell.yml:16:20
       |
    16 |       - {targets: ['schedule:primry']}
       |                    ^^^^^^^^^^^^^^^^^
       |
       = help: did you mean `primary`?

    ---
    error[config/unknown-receiver]: no receiver is named `romo`
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: ['channel:romo']}
       |                               ^^^^^^^^^^^^^^
       |
       = help: did you mean `room`?

    ---
    error[config/escalation-loop]: the receiver `pages` pages by the policy `web` itself
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: ['channel:pages']}
       |                               ^^^^^^^^^^^^^^^
       |
       = help: name a receiver that is told directly

    ---
    error[config/target]: `@ada/mail` is no receiver that can be named
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: ['channel:@ada/mail']}
       |                               ^^^^^^^^^^^^^^^^^^^
       |
       = help: users are paged through their contacts by their `notify`: write `user:NAME`

    ---
    error[config/no-contact]: `ben` cannot be paged: they have no contact
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: ['user:ben']}
       |                               ^^^^^^^^^^
       |
       = help: give them `contacts` in `users`, such as `[{name: mail, email: ADDRESS}]`

    ---
    error[config/no-contact]: `ben` of the team `web` cannot be paged: they have no contact
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: ['team:web']}
       |                               ^^^^^^^^^^
       |
       = help: give them `contacts` in `users`, such as `[{name: mail, email: ADDRESS}]`

    ---
    error[config/no-contact]: `ben` of the schedule `primary` cannot be paged: they have no contact
      --> watchbell.yml:16:20
       |
    16 |       - {targets: ['schedule:primary']}
       |                    ^^^^^^^^^^^^^^^^^^
       |
       = help: give them `contacts` in `users`, such as `[{name: mail, email: ADDRESS}]`

    ---
    error[config/target]: `ada` is no target
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: [ada]}
       |                               ^^^
       |
       = help: did you mean `user:ada`?

    ---
    error[config/target]: `planet:mars` is no target
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: ['planet:mars']}
       |                               ^^^^^^^^^^^^^
       |
       = help: write `user:NAME`, `team:NAME`, `schedule:NAME`, `schedule:NAME+1` or `channel:RECEIVER`

    ---
    error[config/target]: an address is no target in this form: it may be a secret
      --> watchbell.yml:17:31
       |
    17 |       - {after: 5m, targets: [**************************************]}
       |                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write `{webhook: ADDRESS}`

    ---
    error[config/target]: give `user` or `team`, not both
      --> watchbell.yml:17:43
       |
    17 |       - {after: 5m, targets: [{user: ada, team: web, offset: 1}]}
       |                                           ^^^^
       |
       = help: each is a target of its own

    error[config/target]: `offset` goes with a `schedule`
      --> watchbell.yml:17:54
       |
    17 |       - {after: 5m, targets: [{user: ada, team: web, offset: 1}]}
       |                                                      ^^^^^^

    ---
    error[config/limit]: `offset` may be 100 at most
      --> watchbell.yml:17:51
       |
    17 |       - {after: 5m, targets: [{schedule: primary, offset: 101}]}
       |                                                   ^^^^^^

    ---
    error[config/url]: `url` must begin with `http://` or `https://`
      --> watchbell.yml:17:41
       |
    17 |       - {after: 5m, targets: [{webhook: *********************}]}
       |                                         ^^^^^^^^^^^^^^^^^^^^^

    ---
    error[yaml/unknown-field]: unknown field `urll` in a webhook channel
      --> watchbell.yml:17:72
       |
    17 |       - {after: 5m, targets: [{webhook: {url: ***********************, urll: *}}]}
       |                                                                        ^^^^
       |
       = help: did you mean `url`?

    ---
    error[config/duplicate]: `team:web` is given twice
      --> watchbell.yml:17:43
       |
    17 |       - {after: 5m, targets: ['team:web', 'team:web']}
       |                                           ^^^^^^^^^^

    ---
    warning[config/same-targets]: this step pages nobody who was not paged by a step before
      --> watchbell.yml:17:9
       |
    17 |       - {after: 5m, targets: ['schedule:primary']}
       |         ^
       |
       = help: to page the same again, give the step before a `repeat`

    ---
    error[yaml/empty]: `fallback` must not be empty
      --> watchbell.yml:18:5
       |
    18 |     fallback: []
       |     ^^^^^^^^

    ---
    error[yaml/missing-field]: an escalation policy needs the field `fallback`
      --> watchbell.yml:14:5
       |
    14 |   - name: web
       |     ^

    ---
    error[config/fallback]: a schedule cannot be the fallback: there may be nobody on call by it, and then nobody is left
      --> watchbell.yml:18:16
       |
    18 |     fallback: ['schedule:primary']
       |                ^^^^^^^^^^^^^^^^^^
       |
       = help: name a user, a team or a channel

    ---
    error[config/silent-receiver]: the receiver `room` tells nobody: it has no channel
      --> watchbell.yml:18:16
       |
    18 |     fallback: ['channel:room']
       |                ^^^^^^^^^^^^^^
    ");
}
