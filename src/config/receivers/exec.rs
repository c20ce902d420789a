//! `exec_configs`.

use crate::deliver::{Channel, ExecConfig};

use super::{ChannelDefaults, Fields, templates_by_name, timeout};

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    if !defaults.allow_exec {
        let hint = Some("`allow_exec: true` at the top of the main file allows it");
        let message = "a receiver may not run commands unless that is allowed";
        reader.error_hint("config/exec", fields.span(), message, hint);
    }
    let at = fields.key_span("command");
    let command = fields.need_text("command");
    let mut env = std::collections::BTreeMap::new();
    if let Some(node) = fields.take("env") {
        reader.hide(node);
    }
    for (name, value) in templates_by_name(fields, "env") {
        let span = fields.key_span("env");
        if name.is_empty() || name.contains(['=', '\0']) {
            reader.error("config/exec", &span, "a variable of `env` needs a name without `=`");
        }
        env.insert(name, reader.expand(&value, &span).unwrap_or_default());
    }
    let args = fields.texts("args").unwrap_or_default();
    args.iter().for_each(|(_, node)| reader.note_template(node));
    let config = ExecConfig {
        args: args.into_iter().map(|(argument, _)| argument).collect(),
        env,
        max_alerts: fields.count("max_alerts").unwrap_or(0),
        timeout: timeout(fields),
        // A name alone is looked up in `PATH`; a path is one of this folder.
        command: command.map(|command| if command.contains('/') { reader.resolve(&command, &at) } else { command })?,
    };
    Some(Channel::Exec(Box::new(config)))
}
