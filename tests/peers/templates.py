#!/usr/bin/env python3
"""Renders templates with Debian's amtool, whose templates are Go's own.

Without arguments it tells how amtool's output differs from the recording; with --record it records anew. `cargo test` holds
Watchbell's templates to the recording (`src/template/recorded.rs`).
"""

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "templates"
RECORDED = FOLDER / "recorded.json"
# Debian's amtool reads the default templates from here.
DEFAULTS = "/usr/share/prometheus/alertmanager/*.tmpl"


def rendered(kind, template):
    """What amtool prints; None if it refuses."""
    command = ["amtool", "template", "render", f"--template.text={template}", f"--template.type={kind}",
               f"--template.glob={DEFAULTS}", f"--template.data={FOLDER / 'data.json'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout if done.returncode == 0 else None


def differing():
    """Each recorded template with what was recorded and what amtool prints, where they differ."""
    for case in json.loads(RECORDED.read_text(encoding="utf-8")):
        now = rendered(case["kind"], case["template"])
        if now != case["output"]:
            yield case["template"], case["output"], now


def record():
    cases = json.loads(RECORDED.read_text(encoding="utf-8"))
    lines = [json.dumps({**case, "output": rendered(case["kind"], case["template"])}, ensure_ascii=False) for case in cases]
    RECORDED.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        record()
    found = list(differing())
    for template, recorded, now in found:
        print(f"{template}\n  recorded {recorded!r}\n  now      {now!r}")
    sys.exit(1 if found else 0)
