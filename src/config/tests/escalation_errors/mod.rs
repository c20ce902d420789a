//! What is wrong with contacts, teams, severities, services and escalation policies, as it is told.

mod people;
mod policies;
mod severities_and_services;
mod targets;

use super::main;

const BASE: &str = "
global: {smtp_smarthost: 'mail.example:587', smtp_from: watchbell@example.org}
users:
  - {name: ada, time_zone: UTC, contacts: [{name: mail, email: ada@example.org}]}
  - {name: ben, time_zone: UTC}
teams: [{name: web, members: [ada]}]
schedules:
  - {name: primary, time_zone: UTC, layers: [{name: l, rotation: {start: 2026-01-05, every: 1w}, users: [ada]}]}
severities:
  default: P1
  levels: [{name: P1, values: [page], respond_within: 15m}, {name: P2, respond_within: 1h}]
services: [{name: shop, depends_on: [db]}, {name: db}]
escalation_policies:
  - name: web
    steps:
      - {targets: ['schedule:primary']}
      - {after: 5m, targets: ['team:web']}
    fallback: ['channel:room']
    ack_timeout: 1h
route: {receiver: pages}
receivers: [{name: pages, escalation: web}, {name: room, console_configs: [{}]}]
";

/// The problems of [`BASE`] in which `old` is `new`.
fn with(old: &str, new: &str) -> String {
    assert!(BASE.contains(old), "{old}");
    main(&BASE.replacen(old, new, 1))
}

/// The problems of each change, in order.
fn each(changes: &[(&str, &str)]) -> String {
    assert_eq!(main(BASE), "");
    let told = changes.iter().map(|(old, new)| {
        let found = with(old, new);
        assert!(!found.is_empty(), "nothing is wrong with {new}");
        found
    });
    told.collect::<Vec<_>>().join("---\n")
}
