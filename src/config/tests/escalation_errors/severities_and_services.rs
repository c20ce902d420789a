//! Severities and services.

use super::each;

#[test]
fn what_is_wrong_is_told() {
    insta::assert_snapshot!(each(&[
        ("default: P1", "label: no-label"),
        ("default: P1", "default: P3"),
        ("levels: [", "levels: []\n  also: ["),
        ("values: [page]", "values: [page, PAGE]"),
        ("{name: P2", "{name: Page"),
        ("respond_within: 1h", "respond_within: 1m"),
        ("respond_within: 1h", "respond_within: 0s"),
        (", respond_within: 1h", ""),
        ("respond_within: 1h", "respond_within: 1h, urgency: loud, weight: 2000000"),
        ("depends_on: [db]", "depends_on: [dbb, dbb]"),
        ("{name: db}", "{name: db, depends_on: [shop]}"),
        ("{name: db}", "{name: db, depends_on: [cache]}, {name: cache, depends_on: [disk, db]}, {name: disk, depends_on: [disk]}"),
        ("{name: db}", "{name: db}, {name: db}"),
        ("services:", "service_label: 0\nservices:"),
    ]), @r"
    error[config/label-name]: `no-label` is no label name
      --> watchbell.yml:10:3
       |
    10 |   label: no-label
       |   ^^^^^

    error[yaml/missing-field]: `severities` needs the field `default`
      --> watchbell.yml:10:3
       |
    10 |   label: no-label
       |   ^

    ---
    error[config/unknown-severity]: no severity is named `P3`
      --> watchbell.yml:10:12
       |
    10 |   default: P3
       |            ^^
       |
       = help: did you mean `P1`?

    ---
    error[yaml/empty]: `levels` must not be empty
      --> watchbell.yml:11:3
       |
    11 |   levels: []
       |   ^^^^^^

    error[yaml/unknown-field]: unknown field `also` in `severities`
      --> watchbell.yml:12:3
       |
    12 |   also: [{name: **, values: [****], respond_within: ***}, {name: **, respond_within: **}]
       |   ^^^^
       |
       = help: known fields: label, levels, default

    ---
    error[config/duplicate]: `PAGE` means a severity already
      --> watchbell.yml:11:38
       |
    11 |   levels: [{name: P1, values: [page, PAGE], respond_within: 15m}, {name: P2, respond_within: 1h}]
       |                                      ^^^^
       |
       = help: upper and lower case count the same

    ---
    error[config/duplicate]: `Page` means another severity already
      --> watchbell.yml:11:62
       |
    11 |   levels: [{name: P1, values: [page], respond_within: 15m}, {name: Page, respond_within: 1h}]
       |                                                              ^^^^

    ---
    warning[config/severity-order]: this severity is to be answered sooner than the one before: the most severe comes first
      --> watchbell.yml:11:72
       |
    11 |   levels: [{name: P1, values: [page], respond_within: 15m}, {name: P2, respond_within: 1m}]
       |                                                                        ^^^^^^^^^^^^^^

    ---
    error[config/zero]: `respond_within` must be greater than zero
      --> watchbell.yml:11:72
       |
    11 |   levels: [{name: P1, values: [page], respond_within: 15m}, {name: P2, respond_within: 0s}]
       |                                                                        ^^^^^^^^^^^^^^

    ---
    error[yaml/missing-field]: a severity needs the field `respond_within`
      --> watchbell.yml:11:61
       |
    11 |   levels: [{name: P1, values: [page], respond_within: 15m}, {name: P2}]
       |                                                             ^

    ---
    error[config/urgency]: `loud` is neither `high` nor `low`
      --> watchbell.yml:11:92
       |
    11 |   levels: [{name: P1, values: [page], respond_within: 15m}, {name: P2, respond_within: 1h, urgency: loud, weight: 2000000}]
       |                                                                                            ^^^^^^^

    error[config/limit]: `weight` may be 1000000 at most
      --> watchbell.yml:11:107
       |
    11 |   levels: [{name: P1, values: [page], respond_within: 15m}, {name: P2, respond_within: 1h, urgency: loud, weight: 2000000}]
       |                                                                                                           ^^^^^^

    ---
    error[config/unknown-service]: no service is named `dbb`
      --> watchbell.yml:12:38
       |
    12 | services: [{name: shop, depends_on: [dbb, dbb]}, {name: db}]
       |                                      ^^^
       |
       = help: did you mean `db`?

    error[config/duplicate]: `dbb` is given twice
      --> watchbell.yml:12:43
       |
    12 | services: [{name: shop, depends_on: [dbb, dbb]}, {name: db}]
       |                                           ^^^

    ---
    error[config/dependency-cycle]: `shop` needs itself: shop -> db -> shop
      --> watchbell.yml:12:68
       |
    12 | services: [{name: shop, depends_on: [db]}, {name: db, depends_on: [shop]}]
       |                                                                    ^^^^
       |
       = help: a service cannot be the cause of what causes it: take one of these dependencies out

    ---
    error[config/dependency-cycle]: `db` needs itself: db -> cache -> db
      --> watchbell.yml:12:110
       |
    12 | services: [{name: shop, depends_on: [db]}, {name: db, depends_on: [cache]}, {name: cache, depends_on: [disk, db]}, {name: disk, depe...
       |                                                                                                              ^^
       |
       = help: a service cannot be the cause of what causes it: take one of these dependencies out

    error[config/dependency-cycle]: `disk` needs itself: disk -> disk
      --> watchbell.yml:12:142
       |
    12 | ...me: cache, depends_on: [disk, db]}, {name: disk, depends_on: [disk]}]
       |                                                                  ^^^^
       |
       = help: a service cannot be the cause of what causes it: take one of these dependencies out

    ---
    error[config/duplicate]: another service is named `db` too
      --> watchbell.yml:12:57
       |
    12 | services: [{name: shop, depends_on: [db]}, {name: db}, {name: db}]
       |                                                         ^^^^

    ---
    error[config/label-name]: `0` is no label name
      --> watchbell.yml:12:1
       |
    12 | service_label: 0
       | ^^^^^^^^^^^^^
    ");
}
