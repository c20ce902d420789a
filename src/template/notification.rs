use std::sync::{Arc, LazyLock};

use super::check;
use super::data::NotificationData;
use super::error::{TemplateError, TemplateFileError};
use super::execute::{Executor, Output};
use super::notification_functions::{NotificationFunctions, names};
use super::syntax::{self, Defines, Syntax};
use super::value::{Bounded, Value};
use crate::model::nearest;

/// The named templates that receivers may use: the built-in ones overlaid by the user's files; cheap to clone.
#[derive(Clone, Debug)]
pub struct NotificationTemplates {
    defines: Arc<Defines>,
}

/// The files of the built-in templates.
const DEFAULT_FILES: [(&str, &str); 2] =
    [("default.tmpl", include_str!("default/default.tmpl")), ("email.tmpl", include_str!("default/email.tmpl"))];

/// The built-in templates, parsed; they are part of the program, and a test parses them.
static DEFAULTS: LazyLock<Defines> = LazyLock::new(|| {
    DEFAULT_FILES.iter().filter_map(|(_, text)| syntax::parse(text).ok()).flat_map(|syntax| syntax.defines).collect()
});

static FUNCTIONS: LazyLock<Vec<&'static str>> = LazyLock::new(names);

impl NotificationTemplates {
    /// The built-in templates overlaid by those that `files` (path and text) define; later files win.
    ///
    /// # Errors
    ///
    /// The first file that is no template, or that calls an unknown function.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, TemplateFileError> {
        let mut defines = DEFAULTS.clone();
        for (path, text) in files {
            let parsed = parse(text).map_err(|error| TemplateFileError { path: path.to_owned(), error })?;
            for (name, body) in parsed.defines {
                // As in Go, an empty body never replaces one that says something.
                if !body.is_empty_tree() || !defines.contains_key(&name) {
                    defines.insert(name, body);
                }
            }
        }
        Ok(NotificationTemplates { defines: Arc::new(defines) })
    }

    /// Parses a receiver's field without rendering it.
    ///
    /// # Errors
    ///
    /// Text that is no template, unknown functions and variables, calls of templates that nobody defines.
    pub fn check(&self, template: &str) -> Result<(), TemplateError> {
        if !template.contains("{{") {
            return Ok(());
        }
        let parsed = parse(template)?;
        let mut calls = Vec::new();
        check::calls(&parsed.main, &mut calls);
        for (name, offset) in calls {
            if !self.defines.contains_key(name) && !parsed.defines.contains_key(name) {
                let mut error = TemplateError::new(format!("template \"{name}\" not defined")).at(offset);
                let near = nearest(name, self.defines.keys().map(String::as_str));
                error.hint = near.map(|near| format!("did you mean `{near}`?"));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Renders a receiver's field as plain text.
    ///
    /// # Errors
    ///
    /// What [`NotificationTemplates::check`] finds, what fails at run time, and limits reached.
    pub fn text(&self, template: &str, data: &NotificationData) -> Result<String, TemplateError> {
        self.render(template, data, Output::Text(Bounded::default()))
    }

    /// Renders a receiver's field as HTML: values are escaped for their place, unless they come from `safeHtml` or `safeUrl`.
    ///
    /// # Errors
    ///
    /// As [`NotificationTemplates::text`].
    pub fn html(&self, template: &str, data: &NotificationData) -> Result<String, TemplateError> {
        self.render(template, data, Output::Html(Box::default()))
    }

    fn render(&self, template: &str, data: &NotificationData, output: Output) -> Result<String, TemplateError> {
        if !template.contains("{{") {
            return Ok(template.to_owned());
        }
        let Syntax { main, defines: own } = parse(template)?;
        let overlaid;
        let defines = if own.is_empty() {
            &*self.defines
        } else {
            let mut all = (*self.defines).clone();
            all.extend(own);
            overlaid = all;
            &overlaid
        };
        Executor::new(&NotificationFunctions(data), defines, output).run(&main, &Value::Data(data), &[])
    }
}

impl Default for NotificationTemplates {
    /// The built-in templates alone.
    fn default() -> Self {
        NotificationTemplates { defines: Arc::new(DEFAULTS.clone()) }
    }
}

fn parse(text: &str) -> Result<Syntax, TemplateError> {
    let parsed = syntax::parse(text)?;
    check::check(&parsed, &FUNCTIONS, &[])?;
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::recorded::notification;

    fn rendered(template: &str) -> String {
        NotificationTemplates::default()
            .text(template, &notification())
            .unwrap_or_else(|error| format!("error: {error}"))
    }

    #[test]
    fn the_built_in_files_are_templates() {
        for (path, text) in DEFAULT_FILES {
            assert!(parse(text).is_ok(), "{path}: {:?}", parse(text).err());
        }
        let templates = NotificationTemplates::default();
        for (name, body) in templates.defines.iter() {
            let mut calls = Vec::new();
            check::calls(body, &mut calls);
            assert!(calls.iter().all(|(called, _)| templates.defines.contains_key(*called)), "{name}");
        }
        for name in [
            "__subject",
            "__description",
            "__alertmanager",
            "__alertmanagerURL",
            "__text_alert_list",
            "__text_alert_list_markdown",
            "slack.default.text",
            "pagerduty.default.instances",
            "email.default.html",
            "opsgenie.default.description",
            "telegram.default.message",
            "msteamsv2.default.text",
        ] {
            assert!(templates.defines.contains_key(name), "{name}");
        }
    }

    #[test]
    fn functions_newer_than_the_recordings() {
        for (template, expected) in [
            ("{{ trimSpace \"  a \" }}|{{ urlUnescape \"a%20b+c\" }}", "a|a b c"),
            ("{{ date \"15:04\" (index .Alerts 0).StartsAt }}", "10:20"),
            ("{{ (index .Alerts 0).StartsAt | tz \"Europe/Paris\" | date \"15:04 MST -0700\" }}", "11:20 CET +0100"),
            ("{{ since (index .Alerts 1).StartsAt }} {{ (since (index .Alerts 1).StartsAt).Hours }}", "1h30m0s 1.5"),
            ("{{ since (index .Alerts 1).StartsAt | humanizeDuration }}", "1h 30m 0s"),
            (
                "{{ now.Format \"2006-01-02\" }} {{ (now.Sub (index .Alerts 0).StartsAt).Round 60000000000 }}",
                "2026-03-01 9m0s",
            ),
            ("{{ toDate \"2006-01-02 15:04\" \"2026-05-06 07:08\" }}", "2026-05-06 07:08:00 +0000 UTC"),
            ("{{ (toDate \"2006-01-02\" \"x\").IsZero }}", "true"),
            ("{{ (mustToDate \"Jan 2, 2006 at 3:04pm (MST)\" \"Feb 3, 2013 at 7:54pm (UTC)\").Unix }}", "1359921240"),
            (
                "{{ mustToDate \"2006-01-02T15:04:05Z07:00\" \"2026-01-02T03:04:05.25+02:00\" }}",
                "2026-01-02 03:04:05.25 +0200 +02",
            ),
            ("{{ toJson .CommonLabels }}", r#"{"alertname":"HighLatency","job":"api"}"#),
            (
                "{{ toJson (dict \"a\" (list 1 2.5 \"<x>\" nil true) \"b\" 1e21) }}",
                r#"{"a":[1,2.5,"\u003cx\u003e",null,true],"b":1e+21}"#,
            ),
            ("{{ base64encode \"a?>b\" }} {{ base64decode \"YT8-Yg==\" }}", "YT8-Yg== a?>b"),
            ("{{ range append (list 1) 2 3 }}{{ . }},{{ end }}{{ (dict \"k\" \"v\").k }}", "1,2,3,v"),
            ("{{ .RouteLabels.team }} {{ routeLabels \"team\" }} {{ .NotificationReason }}", "web web new alerts"),
            ("{{ (stringSlice \"a\" \"b\").Join \"-\" }} {{ .CommonLabels.Names.Join \",\" }}", "a-b alertname,job"),
            ("{{ safeUrl \"x\" }}{{ .GroupLabels.Names }}", "x[alertname]"),
        ] {
            assert_eq!(rendered(template), expected, "{template}");
        }
    }

    #[test]
    fn faults() {
        let templates = NotificationTemplates::default();
        let data = notification();
        for (template, message) in [
            ("{{ .Nope }}", "can't evaluate field Nope"),
            ("{{ .Alerts.Fring }}", "can't evaluate field Fring"),
            ("{{ template \"nope\" . }}", "template \"nope\" not defined"),
            ("{{ index .Alerts 5 }}", "index out of range: 5"),
            ("{{ if gt 1.5 1 }}{{ end }}", "incompatible types for comparison"),
            ("{{ toUpper 5 }}", "expected string"),
            ("{{ join \",\" .CommonLabels }}", "expected []string"),
            ("{{ .CommonLabels.job.x }}", "can't evaluate field x in type string"),
            ("{{ nofunc 1 }}", "function \"nofunc\" not defined"),
            ("{{ $nope }}", "undefined variable \"$nope\""),
            ("{{ .GroupLabels.Remove }}", "want 1 got 0"),
            ("{{ ne 1 2 3 }}", "want 2 got 3"),
            ("{{ len 3 }}", "len of type int"),
            ("{{ slice \"abc\" 5 }}", "out of range"),
            ("{{ .Status.Format \"x\" }}", "can't evaluate field Format in type string"),
            ("{{ .Status 1 }}", "cannot be invoked as function"),
            ("{{ dict \"a\" }}", "even number"),
            ("{{ base64decode \"?\" }}", "illegal base64"),
            ("{{ tz \"Mars/Olympus\" now }}", "unknown time zone"),
            ("{{ mustToDate \"2006\" \"x\" }}", "parsing time"),
            ("{{ urlUnescape \"%zz\" }}", "invalid URL escape"),
        ] {
            let error = templates.text(template, &data).expect_err(template);
            assert!(error.message.contains(message), "{template}: {error}");
        }
        let error = templates.check("x {{ template \"slack.default.titel\" . }}").expect_err("unknown template");
        assert_eq!((error.offset, error.hint.as_deref()), (Some(5), Some("did you mean `slack.default.title`?")));
    }

    #[test]
    fn files_overlay_the_built_in_templates() {
        let files = [
            (
                "a.tmpl",
                "{{ define \"__subject\" }}mine {{ template \"own\" . }}{{ end }}{{ define \"slack.default.title\" }} {{ end }}",
            ),
            ("b.tmpl", "{{ define \"own\" }}{{ .Status }}{{ end }}"),
        ];
        let templates = NotificationTemplates::new(files).unwrap();
        assert_eq!(templates.text("{{ template \"slack.default.title\" . }}", &notification()).unwrap(), "mine firing");
        let error =
            NotificationTemplates::new([("bad.tmpl", "{{ define \"x\" }}{{ humanise }}{{ end }}")]).unwrap_err();
        assert_eq!((error.path.as_str(), error.error.offset), ("bad.tmpl", Some(19)));
    }

    #[test]
    fn limits_end_hostile_templates() {
        for (template, message) in [
            ("{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}", "nested deeper"),
            (
                "{{ define \"a\" }}{{ if . }}{{ template \"a\" (slice . 1) }}{{ template \"a\" (slice . 1) }}{{ end }}{{ end }}\
                 {{ template \"a\" \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }}",
                "steps",
            ),
            ("{{ range 100000000 }}{{ end }}", "steps"),
            ("{{ range 100000000 }}aaaaaaaaaaaaaaaa{{ end }}", "the output exceeds"),
            ("{{ $x := \"a\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}", "the output exceeds"),
            ("{{ $x := list }}{{ range 100 }}{{ $x = list $x $x }}{{ end }}", "nested deeper"),
            ("{{ $x := list 1 }}{{ range 30 }}{{ $x = list $x $x }}{{ end }}{{ $x }}", "the output exceeds"),
            ("{{ $x := list 1 }}{{ range 30 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}", "the output exceeds"),
            ("{{ $x := list }}{{ range 100000 }}{{ $x = append $x 1 }}{{ end }}", "more than"),
            ("{{ range 1000 }}{{ printf \"%9999d\" 1 }}{{ end }}", "the output exceeds"),
            (
                "{{ $x := \"$0$0$0$0\" }}{{ range 15 }}{{ $x = print $x $x }}{{ end }}{{ $y := reReplaceAll \".+\" $x $x }}",
                "the output exceeds",
            ),
            ("{{ match \"(a{1000}){1000}\" \"a\" }}", "error parsing regexp"),
            ("{{ range 1000000 }}{{ $x := match \"(a|b)*c\" \"ab\" }}{{ end }}", "steps"),
        ] {
            let text = rendered(template);
            assert!(text.starts_with("error: ") && text.contains(message), "{template}: {:.200}", text);
        }
    }

    #[test]
    fn storms_of_alerts_are_cut_short() {
        let mut data = notification();
        data.alerts = vec![data.alerts[0].clone(); 30_000];
        let templates = NotificationTemplates::default();
        let text = templates.text("{{ template \"pagerduty.default.instances\" .Alerts.Firing }}", &data).unwrap();
        assert!(text.ends_with("... and more: 30000 alerts in all\n"));
        let html = templates.html("{{ template \"email.default.html\" . }}", &data).unwrap();
        assert!(html.contains("... and more: 30000 alerts in all</td>") && html.ends_with("</html>\n"));
        let text = templates.text("{{ template \"msteams.default.text\" . }}", &data).unwrap();
        assert!(text.contains("... and more: 30000 alerts in all"));
    }

    #[test]
    fn the_deepest_templates_fit_a_small_stack() {
        let parens = |inner: &str| format!("{}{inner}{}", "(".repeat(90), ")".repeat(90));
        let recursion = format!(
            "{{{{ define \"a\" }}}}{{{{ with {} }}}}{{{{ template \"a\" . }}}}{{{{ end }}}}{{{{ end }}}}{{{{ template \"a\" 1 }}}}",
            parens("1")
        );
        let chains = format!("{}x{}", "{{ if 0 }}{{ else if 0 }}{{ else if 1 }}".repeat(33), "{{ end }}".repeat(33));
        let long = format!("{{{{ if 0 }}}}{}{{{{ end }}}}", "{{ else if 0 }}".repeat(99));
        let run = move || (rendered(&recursion), rendered(&chains), rendered(&long));
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap();
        let (recursion, chains, long) = thread.join().unwrap();
        assert!(recursion.contains("nested deeper"), "{recursion}");
        assert_eq!((chains.as_str(), long.as_str()), ("x", ""));
    }

    #[test]
    fn default_slack() {
        let fields = ["title", "titlelink", "fallback", "username", "color", "text"];
        let text: String = fields
            .iter()
            .map(|field| format!("{field}: {}\n", rendered(&format!("{{{{ template \"slack.default.{field}\" . }}}}"))))
            .collect();
        insta::assert_snapshot!(text, @r#"
        title: [FIRING:1] HighLatency (api)
        titlelink: http://am.example:9093/#/alerts?receiver=team-X+%26+co
        fallback: [FIRING:1] HighLatency (api) | http://am.example:9093/#/alerts?receiver=team-X+%26+co
        username: Watchbell
        color: danger
        text:
        "#);
    }

    #[test]
    fn default_pagerduty() {
        let text: String = ["description", "client", "clientURL"]
            .iter()
            .map(|field| {
                format!("{field}: {}\n", rendered(&format!("{{{{ template \"pagerduty.default.{field}\" . }}}}")))
            })
            .collect();
        let firing = rendered("{{ template \"pagerduty.default.instances\" .Alerts.Firing }}");
        insta::assert_snapshot!(format!("{text}{firing}"), @r#"
        description: [FIRING:1] HighLatency (api)
        client: Watchbell
        clientURL: http://am.example:9093/#/alerts?receiver=team-X+%26+co
        Labels:
         - alertname = HighLatency
         - instance = web-1:9090
         - job = api
         - severity = critical
        Annotations:
         - description = p99 5s
         - runbook_url = https://runbooks.example/x?a=1&b=2
         - summary = Latency is <high>
        Source: http://prom/graph?g0.expr=up&g0.tab=1
        "#);
    }

    #[test]
    fn default_markdown() {
        insta::assert_snapshot!(rendered("{{ template \"msteams.default.text\" . }}"), @r#"
        # Alerts firing:

        **HighLatency** firing since 2026-03-01 10:20:30 UTC

        Labels:
        - alertname = HighLatency
        - instance = web-1:9090
        - job = api
        - severity = critical

        Annotations:
        - description = p99 5s
        - runbook_url = https://runbooks.example/x?a=1&b=2
        - summary = Latency is <high>

        [Source](http://prom/graph?g0.expr=up&g0.tab=1)

        # Alerts resolved:

        **HighLatency** resolved since 2026-03-01 09:00:00 UTC

        Labels:
        - alertname = HighLatency
        - instance = web-2:9090
        - job = api
        - severity = warning

        Annotations:
        - summary = Latency is <high>
        "#);
    }

    #[test]
    fn default_opsgenie() {
        insta::assert_snapshot!(rendered("{{ template \"opsgenie.default.description\" . }}"), @r#"
        Latency is <high>

        Alerts firing:
        Labels:
         - alertname = HighLatency
         - instance = web-1:9090
         - job = api
         - severity = critical
        Annotations:
         - description = p99 5s
         - runbook_url = https://runbooks.example/x?a=1&b=2
         - summary = Latency is <high>
        Source: http://prom/graph?g0.expr=up&g0.tab=1

        Alerts resolved:
        Labels:
         - alertname = HighLatency
         - instance = web-2:9090
         - job = api
         - severity = warning
        Annotations:
         - summary = Latency is <high>
        Source:
        "#);
    }

    #[test]
    fn default_email() {
        let templates = NotificationTemplates::default();
        let html = templates.html("{{ template \"email.default.html\" . }}", &notification()).unwrap();
        insta::assert_snapshot!(html, @r#"
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>[FIRING:1] HighLatency (api)</title>
        </head>
        <body style="margin:0;padding:0;background:#f4f5f7;color:#1f2430;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.45;">
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f4f5f7;">
        <tr><td align="center" style="padding:16px;">
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:640px;background:#ffffff;border:1px solid #dfe2e8;">
        <tr><td style="padding:16px 20px;color:#ffffff;background:#b3261e;">
        <strong style="font-size:18px;">2 alerts for alertname=HighLatency</strong>
        </td></tr>
        <tr><td style="padding:16px 20px;">
        <a href="http://am.example:9093/#/alerts?receiver=team-X&#43;%26&#43;co" style="display:inline-block;padding:10px 16px;background:#234a8b;color:#ffffff;text-decoration:none;">View in Watchbell</a>
        </td></tr>
        <tr><td style="padding:0 20px;"><h2 style="margin:0;font-size:17px;color:#b3261e;">Firing (1)</h2></td></tr>
        <tr><td style="padding:12px 20px;border-bottom:1px solid #dfe2e8;">
        <strong>Latency is &lt;high&gt;</strong><br>
        <span style="font-size:13px;color:#5d6575;">since 2026-03-01 10:20:30 UTC</span>
        <p style="margin:8px 0 0;font-size:14px;">
        <strong>alertname</strong> = HighLatency<br>
        <strong>instance</strong> = web-1:9090<br>
        <strong>job</strong> = api<br>
        <strong>severity</strong> = critical<br>
        </p>
        <p style="margin:8px 0 0;font-size:14px;">
        <strong>description</strong>: p99 5s<br>
        <strong>runbook_url</strong>: <a href="https://runbooks.example/x?a=1&amp;b=2" style="color:#234a8b;">https://runbooks.example/x?a=1&amp;b=2</a><br>
        </p>
        <a href="http://prom/graph?g0.expr=up&amp;g0.tab=1" style="font-size:14px;color:#234a8b;">Source</a>
        </td></tr>

        <tr><td style="padding:0 20px;"><h2 style="margin:0;font-size:17px;color:#1b6e3c;">Resolved (1)</h2></td></tr>
        <tr><td style="padding:12px 20px;border-bottom:1px solid #dfe2e8;">
        <strong>Latency is &lt;high&gt;</strong><br>
        <span style="font-size:13px;color:#5d6575;">since 2026-03-01 09:00:00 UTC, ended 2026-03-01 10:00:00 UTC</span>
        <p style="margin:8px 0 0;font-size:14px;">
        <strong>alertname</strong> = HighLatency<br>
        <strong>instance</strong> = web-2:9090<br>
        <strong>job</strong> = api<br>
        <strong>severity</strong> = warning<br>
        </p>
        </td></tr>

        </table>
        <p style="font-size:13px;color:#5d6575;">Sent by <a href="http://am.example:9093" style="color:#5d6575;">Watchbell</a></p>
        </td></tr>
        </table>
        </body>
        </html>
        "#);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]
        #[test]
        fn never_panics_on_any_text(text in "(\\{\\{|\\}\\}|[-.|$()\"`' :=/*]|if|else|end|range|with|define|template|block|break|printf|index|and|\\PC){0,40}") {
            let data = notification();
            let templates = NotificationTemplates::default();
            let _ = templates.check(&text);
            let _ = templates.text(&text, &data);
            let _ = templates.html(&text, &data);
        }

        #[test]
        fn never_panics_on_mutated_templates(which in 0usize..2, at in 0usize..8000, cut in 0usize..40, insert in "(\\{\\{|\\}\\}|end|else|if|\\|| \\.|\\(|\\)|\"|[$a-z0-9]){0,4}") {
            let mut text = DEFAULT_FILES[which].1.to_owned();
            let floor = |text: &str, at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let start = floor(&text, at);
            let end = floor(&text, start + cut).max(start);
            text.replace_range(start..end, &insert);
            if let Ok(templates) = NotificationTemplates::new([("x", text.as_str())]) {
                let _ = templates.text("{{ template \"opsgenie.default.description\" . }}", &notification());
                let _ = templates.html("{{ template \"email.default.html\" . }}", &notification());
            }
        }

        #[test]
        fn layouts_never_panic(layout in "(2006|01|02|15|04|05|Jan|Mon|_2|002|PM|MST|Z07:00|-0700|\\.000|,999|\\PC){0,8}", text in "\\PC{0,30}") {
            let data = notification();
            let quoted = |text: &str| text.replace(['\\', '"'], "x");
            let template = format!("{{{{ (toDate \"{}\" \"{}\").Format \"{}\" }}}}", quoted(&layout), quoted(&text), quoted(&layout));
            let _ = NotificationTemplates::default().text(&template, &data);
        }

        #[test]
        fn printf_never_panics(format in "(%|[-+# 0*.]|[0-9]|\\[[0-9]\\]|[vTtdxXobcqUeEfgGs]|\\PC){0,20}", number in proptest::prelude::any::<i64>()) {
            let quoted = format.replace(['\\', '"'], "x");
            let template = format!("{{{{ printf \"{quoted}\" {number} 1.5 \"é\" .CommonLabels nil now (list 1 \"a\") true }}}}");
            let _ = NotificationTemplates::default().text(&template, &notification());
        }
    }
}
