//! What Prometheus 2.42 (`promtool test rules`) and Alertmanager 0.25 (`amtool template render`) print, recorded.

use super::data::{AlertData, NotificationData};
use super::{NotificationTemplates, RuleData, RuleTemplate};
use crate::model::{AlertStatus, Labels, Timestamp, parse_value};

/// The notification that the recorded templates were rendered over.
pub(super) fn notification() -> NotificationData {
    let time = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    let labels = |instance: &str, severity: &str| {
        Labels::from_pairs([
            ("alertname", "HighLatency"),
            ("instance", instance),
            ("severity", severity),
            ("job", "api"),
        ])
    };
    let summary = ("summary", "Latency is <high>");
    NotificationData {
        receiver: "team-X & co".to_owned(),
        status: AlertStatus::Firing,
        alerts: vec![
            AlertData {
                status: AlertStatus::Firing,
                labels: labels("web-1:9090", "critical"),
                annotations: Labels::from_pairs([
                    summary,
                    ("runbook_url", "https://runbooks.example/x?a=1&b=2"),
                    ("description", "p99 5s"),
                ]),
                starts_at: time("2026-03-01T10:20:30.5Z"),
                ends_at: None,
                generator_url: "http://prom/graph?g0.expr=up&g0.tab=1".to_owned(),
                fingerprint: "0123456789abcdef".to_owned(),
            },
            AlertData {
                status: AlertStatus::Resolved,
                labels: labels("web-2:9090", "warning"),
                annotations: Labels::from_pairs([summary]),
                starts_at: time("2026-03-01T09:00:00Z"),
                ends_at: Some(time("2026-03-01T10:00:00Z")),
                generator_url: String::new(),
                fingerprint: "fedcba9876543210".to_owned(),
            },
        ],
        reason: "new alerts".to_owned(),
        group_labels: Labels::from_pairs([("alertname", "HighLatency")]),
        common_labels: Labels::from_pairs([("alertname", "HighLatency"), ("job", "api")]),
        common_annotations: Labels::from_pairs([summary]),
        route_labels: Labels::from_pairs([("team", "web")]),
        external_url: "http://am.example:9093".to_owned(),
        now: time("2026-03-01T10:30:00Z"),
    }
}

/// Templates with what they print as text.
#[rustfmt::skip]
const TEXT: &[(&str, &str)] = &[
    ("{{ .Receiver }} {{ .Status }} {{ .ExternalURL }}", "team-X & co firing http://am.example:9093"),
    ("{{ .GroupLabels }} {{ .CommonLabels.SortedPairs }}", "map[alertname:HighLatency] [{alertname HighLatency} {job api}]"),
    ("{{ range .Alerts.Firing }}{{ .Labels.instance }}{{ end }}", "web-1:9090"),
    (r#"{{ range .Alerts }}{{ .Annotations.summary }}{{ "\n" }}{{ end }}"#, "Latency is <high>\nLatency is <high>\n"),
    ("{{ len .Alerts.Firing }}/{{ .Alerts.Resolved | len }}/{{ len .Alerts }}", "1/1/2"),
    (r#"{{ .GroupLabels.SortedPairs.Values | join " " }}"#, "HighLatency"),
    (r#"{{ .CommonLabels.Names }} {{ .CommonLabels.Values | join "," }}"#, "[alertname job] HighLatency,api"),
    ("{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }};{{ end }}", "alertname=HighLatency;job=api;"),
    (r#"{{ (index .Alerts 0).Labels.SortedPairs.Names | join "," }}"#, "alertname,instance,job,severity"),
    (r#"{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join " " }}{{ end }}"#, "api"),
    (r#"{{ .CommonLabels.Remove (stringSlice "job" "x") }}"#, "map[alertname:HighLatency]"),
    ("{{ (index .Alerts 0).StartsAt }}", "2026-03-01 10:20:30.5 +0000 UTC"),
    (r#"{{ (index .Alerts 0).StartsAt.Format "2006-01-02T15:04:05Z07:00" }}"#, "2026-03-01T10:20:30Z"),
    (r#"{{ (index .Alerts 0).StartsAt.Format "Mon, 02 Jan 2006 15:04:05 MST" }}"#, "Sun, 01 Mar 2026 10:20:30 UTC"),
    (r#"{{ (index .Alerts 0).StartsAt.Format "Jan _2 3:04PM 06 002 .000 ,999 __2 Monday January" }}"#, "Mar  1 10:20AM 26 060 .500 ,5  60 Sunday March"),
    ("{{ (index .Alerts 0).StartsAt.Unix }} {{ (index .Alerts 0).StartsAt.Year }} {{ (index .Alerts 0).StartsAt.Month }} {{ (index .Alerts 0).StartsAt.Weekday }}", "1772360430 2026 March Sunday"),
    ("{{ (index .Alerts 0).EndsAt.IsZero }} {{ (index .Alerts 1).EndsAt.IsZero }} {{ (index .Alerts 0).EndsAt }}", "true false 0001-01-01 00:00:00 +0000 UTC"),
    ("{{ with index .Alerts 1 }}{{ .EndsAt.Sub .StartsAt }} {{ (.EndsAt.Sub .StartsAt).Minutes }} {{ .EndsAt.After .StartsAt }}{{ end }}", "1h0m0s 60 true"),
    ("{{ (index .Alerts 1).StartsAt.Add 90000000000 }}", "2026-03-01 09:01:30 +0000 UTC"),
    ("{{ (index .Alerts 1).StartsAt.AddDate 0 1 -1 }}", "2026-03-31 09:00:00 +0000 UTC"),
    (r#"{{ (index .Alerts 0).StartsAt.UnixNano }} {{ (index .Alerts 0).StartsAt.YearDay }} {{ printf "%d %s %v" (index .Alerts 0).StartsAt.Month (index .Alerts 0).StartsAt.Month (index .Alerts 0).StartsAt.Weekday }}"#, "1772360430500000000 60 3 March Sunday"),
    (r#"{{ title "node-exporter foo_bar foo.bar don't a:b 2nd 1a ÉCOLE x/y (z) McDONALD" }}"#, "Node-Exporter Foo_bar Foo.bar Don't A:b 2Nd 1A École X/Y (Z) Mcdonald"),
    (r#"{{ toUpper "straße" }} {{ toLower "ÀB" }} {{ "  x " | printf "[%s]" }}"#, "STRAßE àb [  x ]"),
    (r#"{{ match "^High" .CommonLabels.alertname }} {{ reReplaceAll "High(.*)" "Low$1" .CommonLabels.alertname }} {{ reReplaceAll "(a)(b)" "${2}$1x" "abab" }}"#, "true LowLatency bb"),
    (r#"{{ if or (eq .CommonLabels.job "x") (eq .CommonLabels.job "api" "web") }}yes{{ end }}"#, "yes"),
    ("{{ .CommonLabels.nope }}|{{ .CommonLabels.nope | len }}|{{ if .CommonLabels.nope }}a{{ else }}b{{ end }}", "|0|b"),
    (r#"{{ $s := "" }}{{ range .Alerts }}{{ $s = print $s .Labels.severity "," }}{{ end }}{{ $s }}"#, "critical,warning,"),
    ("{{ range $i, $a := .Alerts }}{{ if $i }}, {{ end }}{{ $a.Labels.instance }}{{ end }}", "web-1:9090, web-2:9090"),
    ("{{ range $k, $v := .CommonLabels }}{{ $k }}:{{ $v }} {{ end }}", "alertname:HighLatency job:api "),
    ("{{- range .Alerts -}}\n  {{ .Status }}\n{{- end -}}  x", "firingresolvedx"),
    (r#"{{ printf "%5d|%-5d|%05d|%x|%X|%q|%v|%T|%t|%%|%8.3f|%e|%g" 42 42 42 255 255 "hi" .CommonLabels .Status true 3.14159 1234.5 1e21 }}"#, r#"   42|42   |00042|ff|FF|"hi"|map[alertname:HighLatency job:api]|string|true|%|   3.142|1.234500e+03|1e+21"#),
    (r#"{{ printf "%d %s %!" "hi" 5 }} {{ printf "%s" }} {{ printf "a" 1 "b" }} {{ printf "%z" 1 }} {{ printf "%" }}"#, "%!d(string=hi) %!s(int=5) %!!(MISSING) %!s(MISSING) a%!(EXTRA int=1, string=b) %!z(int=1) %!(NOVERB)"),
    (r#"{{ printf "%6.2f|%+d|%x|% d|%c|%U|%08.3f|%.3s|%10s|%-10s|" 3.14159 5 "hi" 5 65 0x1F600 3.14159 "abcdef" "r" "l" }}"#, "  3.14|+5|6869| 5|A|U+1F600|0003.142|abc|         r|l         |"),
    (r#"{{ printf "%v %v %s %q %d" nil true true "a\"b\n\x01é" true }}"#, r#"<nil> true %!s(bool=true) "a\"b\n\x01é" %!d(bool=true)"#),
    (r#"{{ printf "%[2]s %[1]s" "a" "b" }} {{ printf "%*d|%-*d|%.*f|%6.2f%%|%*d" 5 42 4 7 2 3.14159 12.345 "x" 3 }}"#, "b a    42|7   |3.14| 12.35%|%!(BADWIDTH)3"),
    (r#"{{ printf "%o %b %#x %#o %X %x %+.2e %G %08b|%+5d|%-+5d|" 8 5 255 8 "hi" -255 12345.678 1e-7 5 3 3 }}"#, "10 101 0xff 010 6869 -ff +1.23e+04 1E-07 00000101|   +3|+3   |"),
    (r#"{{ printf "%s %v %d %q" (stringSlice "a" "b") (stringSlice) (stringSlice "x") (stringSlice "a" "b") }}"#, r#"[a b] [] [%!d(string=x)] ["a" "b"]"#),
    (r#"{{ printf "%t %s %5t|%v" "x" 1.5 true 1e6 }} {{ 1e20 }} {{ 123456.0 }} {{ 1e6 }} {{ 0.0001 }} {{ 0.00001 }}"#, "%!t(string=x) %!s(float64=1.5)  true|1e+06 1e+20 123456 1e+06 0.0001 1e-05"),
    (r#"{{ print 1 2 "a" 3 nil 4.5 }}|{{ println "x" 1 }}|{{ print "a" "b" }}"#, "1 2a3 <nil> 4.5|x 1\n|ab"),
    (r#"{{ len "héllo" }} {{ index "abc" 1 }} {{ slice "abcdef" 2 }} {{ slice "abcdef" 1 3 }} {{ index (stringSlice "a" "b") 1 }}"#, "6 98 cdef bc b"),
    (r#"{{ eq 1 1 }} {{ lt 1 2 }} {{ ge "b" "a" }} {{ le 1.5 1.5 }} {{ not "" }} {{ and 1 0 2 }} {{ or 0 "" "x" }}"#, "true true true true true 0 x"),
    (r#"{{ html "<a href=\"x\">&'+" }} {{ js "it's <b>\n" }} {{ urlquery "a b&c=d/é" }}"#, r"&lt;a href=&#34;x&#34;&gt;&amp;&#39;+ it\'s \u003Cb\u003E\u000A a+b%26c%3Dd%2F%C3%A9"),
    (r#"{{ "a+b%2Fc" | urlquery }} {{ print (1 | printf "%d-%d" 2) }}"#, "a%2Bb%252Fc 2-1"),
    (r#"{{ "quoted" }}{{ `raw "x"` }}{{ 'a' }}{{ 0x1F }}{{ 1_000 }}{{ 1e3 }}{{ true }}"#, r#"quotedraw "x"973110001000true"#),
    ("{{ with $x := .CommonLabels.job }}{{ $x }}{{ . }}{{ end }}{{ with .CommonLabels.nope }}a{{ else }}none{{ end }}", "apiapinone"),
    (r#"{{ range .Alerts }}{{ if eq .Status "resolved" }}{{ continue }}{{ end }}{{ .Labels.instance }}{{ break }}{{ end }}"#, "web-1:9090"),
    (r#"{{ block "inner" .CommonLabels }}[{{ .job }}]{{ end }}"#, "[api]"),
    (r#"{{ if not (eq .Status "resolved") }}{{ if and .CommonLabels.job (gt (len .Alerts) 1) }}many{{ end }}{{ end }}"#, "many"),
    (r#"{{ template "__subject" . }}"#, "[FIRING:1] HighLatency (api)"),
    (r#"{{ template "slack.default.fallback" . }}"#, "[FIRING:1] HighLatency (api) | http://am.example:9093/#/alerts?receiver=team-X+%26+co"),
    (r#"{{ template "__alertmanagerURL" . }}"#, "http://am.example:9093/#/alerts?receiver=team-X+%26+co"),
    (r#"{{ template "__text_alert_list" .Alerts.Firing }}"#, "Labels:\n - alertname = HighLatency\n - instance = web-1:9090\n - job = api\n - severity = critical\nAnnotations:\n - description = p99 5s\n - runbook_url = https://runbooks.example/x?a=1&b=2\n - summary = Latency is <high>\nSource: http://prom/graph?g0.expr=up&g0.tab=1\n"),
    (r#"{{ template "pagerduty.default.instances" .Alerts.Resolved }}"#, "Labels:\n - alertname = HighLatency\n - instance = web-2:9090\n - job = api\n - severity = warning\nAnnotations:\n - summary = Latency is <high>\nSource: \n"),
    (r#"{{ (index .Alerts 0).Labels.severity | title | printf "%-10s|" }}"#, "Critical  |"),
    (r#"{{ .CommonAnnotations.summary | safeHtml }} {{ .Alerts.Firing | len | printf "%03d" }}"#, "Latency is <high> 001"),
    ("{{/* a comment */}}x{{- /* another */ -}}  y", "xy"),
    ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ end }}{{ $x }}", "2"),
    ("{{ (index .Alerts 0).Labels }}", "map[alertname:HighLatency instance:web-1:9090 job:api severity:critical]"),
];

/// Templates with what they print as HTML.
#[rustfmt::skip]
const HTML: &[(&str, &str)] = &[
    ("<p>{{ .CommonAnnotations.summary }}</p>", "<p>Latency is &lt;high&gt;</p>"),
    (r#"<p title="{{ .CommonAnnotations.summary }}">{{ .CommonAnnotations.summary | safeHtml }}</p>"#, r#"<p title="Latency is &lt;high&gt;">Latency is <high></p>"#),
    ("<p title={{ .CommonAnnotations.summary }}>x</p>", "<p title=Latency&#32;is&#32;&lt;high&gt;>x</p>"),
    (r#"<a href="{{ (index .Alerts 0).Annotations.runbook_url }}">{{ (index .Alerts 0).GeneratorURL }}</a>"#, r#"<a href="https://runbooks.example/x?a=1&amp;b=2">http://prom/graph?g0.expr=up&amp;g0.tab=1</a>"#),
    (r#"<a href="{{ template "__alertmanagerURL" . }}">x</a>"#, r#"<a href="http://am.example:9093/#/alerts?receiver=team-X&#43;%26&#43;co">x</a>"#),
    (r#"<a href="{{ "javascript:alert(1)" }}">x</a>"#, r##"<a href="#ZgotmplZ">x</a>"##),
    (r#"<a href='/x?q={{ "a b&c'd" }}&u={{ "http://x/?a=b" | urlquery }}'>x</a>"#, "<a href='/x?q=a%20b%26c%27d&u=http%3A%2F%2Fx%2F%3Fa%3Db'>x</a>"),
    (r#"<a href="/p/{{ "a b/c?d" }}">x</a>"#, r#"<a href="/p/a%20b/c?d">x</a>"#),
    (r#"<div style="color: {{ "red" }}; width: {{ "expression(1)" }}">x</div>"#, r#"<div style="color: red; width: ZgotmplZ">x</div>"#),
    (r#"<script>var a = {{ .Status }}; var b = '{{ "it's" }}';</script>"#, r#"<script>var a = "firing"; var b = 'it\u0027s';</script>"#),
    (r#"<title>{{ "<b>" }}</title><textarea>{{ "</textarea>" }}</textarea>"#, "<title>&lt;b&gt;</title><textarea>&lt;/textarea&gt;</textarea>"),
    ("<p>{{ .CommonAnnotations.summary | html }}</p>", "<p>Latency is &lt;high&gt;</p>"),
    (r#"<a onclick="f({{ "x\"y" }})">x</a>"#, r#"<a onclick="f(&#34;x\&#34;y&#34;)">x</a>"#),
    (r#"<p class="{{ if eq .Status "firing" }}red{{ else }}green{{ end }}">{{ range .Alerts }}<b>{{ .Labels.instance }}</b>{{ end }}</p>"#, r#"<p class="red"><b>web-1:9090</b><b>web-2:9090</b></p>"#),
    (r#"{{ .GroupLabels }} {{ 1.5 }} {{ "a+b" }} {{ printf "%q" "x" }}"#, "map[alertname:HighLatency] 1.5 a&#43;b &#34;x&#34;"),
    (r#"<a href="mailto:{{ "a@b.c" }}">x</a><img src="{{ "data:image/png;base64,x" }}">"#, r##"<a href="mailto:a@b.c">x</a><img src="#ZgotmplZ">"##),
    (r#"<input {{ "checked" }} value="{{ "a'b\"c`d" }}">"#, r#"<input checked value="a&#39;b&#34;c`d">"#),
];

/// A value, and how it is printed plainly, by `humanize`, `humanize1024`, `humanizeDuration`, `humanizePercentage` and
/// `humanizeTimestamp`.
#[rustfmt::skip]
const NUMBERS: &[(&str, [&str; 6])] = &[
    ("0", ["0", "0", "0", "0s", "0%", "1970-01-01 00:00:00 +0000 UTC"]),
    ("-0", ["-0", "-0", "-0", "-0s", "-0%", "1970-01-01 00:00:00 +0000 UTC"]),
    ("NaN", ["NaN", "NaN", "NaN", "NaN", "NaN%", "NaN"]),
    ("Inf", ["+Inf", "+Inf", "+Inf", "+Inf", "+Inf%", "+Inf"]),
    ("-Inf", ["-Inf", "-Inf", "-Inf", "-Inf", "-Inf%", "-Inf"]),
    ("1", ["1", "1", "1", "1s", "100%", "1970-01-01 00:00:01 +0000 UTC"]),
    ("-1", ["-1", "-1", "-1", "-1s", "-100%", "1969-12-31 23:59:59 +0000 UTC"]),
    ("0.5", ["0.5", "500m", "0.5", "500ms", "50%", "1970-01-01 00:00:00.5 +0000 UTC"]),
    ("-0.001234", ["-0.001234", "-1.234m", "-0.001234", "-1.234ms", "-0.1234%", "1969-12-31 23:59:59.999 +0000 UTC"]),
    ("1000", ["1000", "1k", "1000", "16m 40s", "1e+05%", "1970-01-01 00:16:40 +0000 UTC"]),
    ("999.95", ["999.95", "1000", "1000", "16m 39s", "1e+05%", "1970-01-01 00:16:39.95 +0000 UTC"]),
    ("999.99", ["999.99", "1000", "1000", "16m 39s", "1e+05%", "1970-01-01 00:16:39.99 +0000 UTC"]),
    ("1234567", ["1.234567e+06", "1.235M", "1.177Mi", "14d 6h 56m 7s", "1.235e+08%", "1970-01-15 06:56:07 +0000 UTC"]),
    ("-1234567", ["-1.234567e+06", "-1.235M", "-1.177Mi", "-14d 6h 56m 7s", "-1.235e+08%", "1969-12-17 17:03:53 +0000 UTC"]),
    ("1e-10", ["1e-10", "100p", "1e-10", "100ps", "1e-08%", "1970-01-01 00:00:00 +0000 UTC"]),
    ("1e-30", ["1e-30", "1e-06y", "1e-30", "1e-06ys", "1e-28%", "1970-01-01 00:00:00 +0000 UTC"]),
    ("1e30", ["1e+30", "1e+06Y", "8.272e+05Yi", "-106751991167300d -15h -30m -8s", "1e+32%", "ERROR"]),
    ("1.7e308", ["1.7e+308", "1.7e+284Y", "1.406e+284Yi", "-106751991167300d -15h -30m -8s", "+Inf%", "ERROR"]),
    ("59.99", ["59.99", "59.99", "59.99", "59.99s", "5999%", "1970-01-01 00:00:59.99 +0000 UTC"]),
    ("60", ["60", "60", "60", "1m 0s", "6000%", "1970-01-01 00:01:00 +0000 UTC"]),
    ("3600", ["3600", "3.6k", "3.516ki", "1h 0m 0s", "3.6e+05%", "1970-01-01 01:00:00 +0000 UTC"]),
    ("86400", ["86400", "86.4k", "84.38ki", "1d 0h 0m 0s", "8.64e+06%", "1970-01-02 00:00:00 +0000 UTC"]),
    ("90061.5", ["90061.5", "90.06k", "87.95ki", "1d 1h 1m 1s", "9.006e+06%", "1970-01-02 01:01:01.5 +0000 UTC"]),
    ("-90061.5", ["-90061.5", "-90.06k", "-87.95ki", "-1d 1h 1m 1s", "-9.006e+06%", "1969-12-30 22:58:58.5 +0000 UTC"]),
    ("1024", ["1024", "1.024k", "1ki", "17m 4s", "1.024e+05%", "1970-01-01 00:17:04 +0000 UTC"]),
    ("1048576", ["1.048576e+06", "1.049M", "1Mi", "12d 3h 16m 16s", "1.049e+08%", "1970-01-13 03:16:16 +0000 UTC"]),
    ("1.5e15", ["1.5e+15", "1.5P", "1.332Pi", "17361111111d 2h 40m 0s", "1.5e+17%", "ERROR"]),
    ("0.1234567", ["0.1234567", "123.5m", "0.1235", "123.5ms", "12.35%", "1970-01-01 00:00:00.123 +0000 UTC"]),
    ("1700000000", ["1.7e+09", "1.7G", "1.583Gi", "19675d 22h 13m 20s", "1.7e+11%", "2023-11-14 22:13:20 +0000 UTC"]),
    ("1700000000.1239", ["1.7000000001239e+09", "1.7G", "1.583Gi", "19675d 22h 13m 20s", "1.7e+11%", "2023-11-14 22:13:20.123 +0000 UTC"]),
    ("1e19", ["1e+19", "10E", "8.674Ei", "-106751991167300d -15h -30m -8s", "1e+21%", "ERROR"]),
    ("123456", ["123456", "123.5k", "120.6ki", "1d 10h 17m 36s", "1.235e+07%", "1970-01-02 10:17:36 +0000 UTC"]),
    ("100", ["100", "100", "100", "1m 40s", "1e+04%", "1970-01-01 00:01:40 +0000 UTC"]),
    ("12.345678", ["12.345678", "12.35", "12.35", "12.35s", "1235%", "1970-01-01 00:00:12.345 +0000 UTC"]),
    ("5e-324", ["5e-324", "4.941e-300y", "4.941e-324", "4.941e-300ys", "4.941e-322%", "1970-01-01 00:00:00 +0000 UTC"]),
];

#[test]
fn text_as_alertmanager_prints_it() {
    let (templates, data) = (NotificationTemplates::default(), notification());
    for (template, expected) in TEXT {
        assert_eq!(templates.text(template, &data).as_deref(), Ok(*expected), "{template}");
    }
}

#[test]
fn html_as_alertmanager_prints_it() {
    let (templates, data) = (NotificationTemplates::default(), notification());
    for (template, expected) in HTML {
        assert_eq!(templates.html(template, &data).as_deref(), Ok(*expected), "{template}");
    }
}

#[test]
fn numbers_as_prometheus_prints_them() {
    let functions =
        ["print", "humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp"];
    let labels = Labels::default();
    for (number, expected) in NUMBERS {
        let value = parse_value(number).unwrap();
        let at = Timestamp::default();
        let value = value.into();
        let data = RuleData { labels: &labels, value, external_labels: &labels, external_url: "", at };
        for (function, expected) in functions.iter().zip(expected) {
            let template = RuleTemplate::parse(&format!("{{{{ $value | {function} }}}}")).unwrap();
            match template.expand(&data, &|_| Ok(Vec::new())) {
                Ok(text) => assert_eq!(text, *expected, "{number} {function}"),
                Err(error) => assert_eq!(*expected, "ERROR", "{number} {function}: {error}"),
            }
        }
    }
}
