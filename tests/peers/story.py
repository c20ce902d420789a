#!/usr/bin/env python3
"""Runs the stories one after the other; `run` starts this with everything installed. Names as arguments choose stories."""

import argparse
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

from stage import SECRETS, Failure, Stage
from stories import (
    answering, beating, chatting, differing, door, faulting, histograms, hostile, operated, paging, posting, querying, receiving, relaying, reloading, restarting,
    routing, scraping, silencing, templating)

STORIES = (
    paging.an_exporter_stops_and_returns,
    paging.a_kill_between_firing_and_delivery,
    paging.prometheus_writes_to_watchbell,
    querying.prometheus_and_watchbell_answer_alike,
    histograms.native_histograms_come_both_ways,
    differing.prometheus_and_watchbell_evaluate_alike,
    receiving.receivers_that_refuse,
    receiving.a_receiver_that_hangs_holds_up_nobody,
    receiving.mail_that_is_refused,
    chatting.every_service_takes_what_it_is_sent,
    chatting.refusals_with_a_200_are_tried_again,
    relaying.relaying_reaches_every_alertmanager,
    faulting.nothing_accepted_is_lost_over_kills,
    reloading.rules_are_edited_while_they_run,
    reloading.a_broken_file_is_refused,
    reloading.pending_alerts_survive_a_reload,
    restarting.a_pending_alert_fires_on_time_after_a_restart,
    restarting.samples_that_were_accepted_survive_a_kill,
    silencing.amtool_speaks_to_watchbell,
    silencing.amtool_asks_for_the_configuration,
    door.the_door_is_guarded,
    routing.amtool_reads_the_routes,
    routing.amtool_judges_as_was_recorded,
    templating.amtool_renders_as_was_recorded,
    answering.somebody_answers_over_kills,
    posting.amtool_adds_alerts,
    posting.prometheus_posts_to_watchbell,
    beating.a_heartbeat_stays_away,
    beating.one_watchbell_watches_another,
    hostile.hostile_bodies,
    hostile.hostile_targets,
    operated.endpoints,
    operated.one_trace_from_batch_to_delivery,
    operated.stopping_and_refusing_to_start,
    scraping.targets_behind_tls_and_passwords,
    scraping.targets_from_files,
)


def secrets_in(root):
    """Where a secret stands that should not: logs and answers."""
    for folder in ("logs", "answers"):
        for file in sorted((root / folder).iterdir()):
            text = file.read_text(encoding="utf-8", errors="replace")
            for secret in SECRETS:
                at = text.find(secret)
                if at >= 0:
                    yield f"{file}: {secret} in {text[max(0, at - 120):at + 40]!r}"


def panics_in(root):
    for file in sorted((root / "logs").glob("*watchbell*")):
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if "panicked" in line:
                yield f"{file}:{number}: {line[:300]}"


def tell(story, root, binary):
    """Whether the story went as it should."""
    name, began = story.__name__, time.monotonic()
    stage = Stage(name, root, binary)
    error = figures = None
    try:
        figures = story(stage)
    except Failure as failure:
        where = [frame for frame in traceback.extract_tb(failure.__traceback__) if "stories" in frame.filename]
        error = f"{Path(where[-1].filename).name}:{where[-1].lineno}: {failure}" if where else str(failure)
    except Exception:  # A story that breaks has failed; the others go on.
        error = traceback.format_exc()
    finally:
        stage.close()
    print(f"{'FAILED' if error else 'ok':6} {name} ({time.monotonic() - began:.1f} s)", flush=True)
    if figures:
        print(f"       {figures}", flush=True)
    if error:
        print("       " + error.replace("\n", "\n       "), flush=True)
    return error is None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="watchbell")
    parser.add_argument("--root", type=Path, required=True, help="the folder for logs, records and data; emptied first")
    parser.add_argument("stories", nargs="*")
    arguments = parser.parse_args()
    # A story that is asked to end still ends its processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for folder in ("logs", "answers", "stories"):
        shutil.rmtree(arguments.root / folder, ignore_errors=True)
        (arguments.root / folder).mkdir(parents=True)
    chosen = [story for story in STORIES if not arguments.stories or any(
        part in story.__name__ for part in arguments.stories)]
    outcomes = [tell(story, arguments.root, arguments.binary.resolve()) for story in chosen]
    for what, found in (("no_secret_was_shown", secrets_in), ("nothing_panicked", panics_in)):
        faults = list(found(arguments.root))
        print(f"{'FAILED' if faults else 'ok':6} {what}")
        for fault in faults[:10]:
            print(f"       {fault}")
        outcomes.append(not faults)
    failed = outcomes.count(False)
    print(f"peers: {len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
