"""A process that computes points for `local_jobs`: it reads their numbers and answers each with a line of JSON."""

import gc
import json
import os
import sys
import warnings
from typing import Any, TextIO

from dendrosim.errors import DendrosimWarning
from dendrosim.study.later_sync import raise_errors
from dendrosim.study.worker import Opening, open_as, run_point


def main() -> None:
    """Open the sweep that the first line of standard input names, and compute the points of the other lines."""
    gc.set_threshold(100_000)  # points make many objects and hardly any garbage
    # What a model or protocol file prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    said = _keep_warnings()
    lines = iter(sys.stdin.readline, "")
    opening = json.loads(next(lines, "null"))
    if opening is None:
        return
    try:
        sweep = open_as(Opening(*opening["sweep"]))
        _answer(answers, {})
        for line in lines:
            ended = run_point(sweep, json.loads(line)["point"], opening["again"])
            _answer(answers, {"ended": ended, "warnings": said[:]})
            said.clear()
        raise_errors(wait=True)
    except Exception as error:
        _answer(answers, {"stop": [type(error).__name__, str(error)]})


def _answer(answers: TextIO, message: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(message) + "\n")
        answers.flush()
    except OSError:  # the process that asked has ended; the record is written
        sys.exit(1)


def _keep_warnings() -> list[str]:
    """Return the list that gets each different warning of dendrosim; all others are printed as usual."""
    said: list[str] = []
    usual = warnings.showwarning

    def keep(message: Any, category: type[Warning], *rest: Any, **more: Any) -> None:
        if issubclass(category, DendrosimWarning):
            said.append(str(message))
        else:
            usual(message, category, *rest, **more)

    warnings.showwarning = keep
    warnings.simplefilter("once", DendrosimWarning)
    return said
