"""Debian's amtool renders templates as was recorded; `cargo test` holds Watchbell's to the recording."""

import templates
from stage import equal


def amtool_renders_as_was_recorded(_stage):
    equal(list(templates.differing()), [], "templates that amtool renders otherwise than recorded")
