"""Repeats the run of a result, and says what differs from then: versions, files, machine, numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dendrosim.engine.settings import RunSettings
from dendrosim.errors import DendrosimError, UsageError
from dendrosim.library.catalogue import Entry
from dendrosim.library.loading import build_protocol
from dendrosim.library.stored_names import find_stored_entry, remember_given
from dendrosim.machine.packages import package_version
from dendrosim.protocol.protocol import Protocol

if TYPE_CHECKING:
    from dendrosim.results.result import Result


class Again(NamedTuple):
    """A run that repeats another one: protocol, settings, the protocol's file if it is at hand, and remarks."""

    protocol: Protocol
    settings: RunSettings
    entry: Entry | None
    remarks: list[str]


def plan_again(
    result: "Result", entry: Entry | None, changes: Mapping[str, Any], given: Mapping[str, Any]
) -> Again:
    """Plan a run that repeats that of a result.

    Without changes of parameters, the very protocol that the result keeps is run, whatever its file says now. With
    changes, the file makes the protocol anew, with all other parameters as in the result.

    Parameters
    ----------
    result : Result
        The result.
    entry : Entry or None
        The file of the protocol; None to look up the name that the result keeps.
    changes : mapping
        Plain values of parameters that change.
    given : mapping
        Settings that change, by the names of the fields of `RunSettings`.

    Raises
    ------
    UnknownNameError
        If parameters change, and the file of the protocol is not at hand.
    UsageError
        If parameters change, and the protocol has no name.
    """
    stored = result.protocol
    settings = {
        f.name: result.provenance[f.name]
        for f in fields(RunSettings)
        if f.name in result.provenance
    }
    if entry is None and stored.name:
        try:
            entry = find_stored_entry(stored.name)
        except DendrosimError:
            if changes:
                raise
    if entry is None:
        if changes:
            raise UsageError(
                "the protocol of the result has no name, so its parameters cannot be set"
            )
        unknown = [f"the file of protocol {stored.name!r} is not at hand, so there are no metrics"]
        return Again(
            stored, RunSettings(**{**settings, **given}), None, unknown if stored.name else []
        )
    remember_given(entry)
    made, remarks = _make_today(entry, stored)
    if changes:
        if made is not None and made.batch == stored.batch:
            settings.pop("batch", None)  # that of the protocol, which the change may change
        stored = build_protocol(entry, {**stored.parameters, **changes})
    return Again(stored, RunSettings(**{**settings, **given}), entry, remarks)


def _make_today(entry: Entry, stored: Protocol) -> tuple[Protocol | None, list[str]]:
    """Return the protocol that a file makes now with the parameters of a stored one, and remarks on it."""
    try:
        made = build_protocol(entry, stored.parameters)
    except DendrosimError as error:
        return None, [
            f"{entry.path} does not make the protocol any more ({error}); the stored one is run"
        ]
    if made.replace(batch=stored.batch, name=stored.name) == stored:
        return made, []
    return made, [
        f"{entry.path} makes another protocol now; the stored one is run unless --set is given"
    ]


def check_start(result: "Result", has_initial: bool, continues: bool) -> None:
    """Raise UsageError unless the start state of a result's run is given in the same way as then."""
    known = result.provenance
    start = known.get("continued") or known.get("initial")
    if start and not has_initial:
        raise UsageError(
            f"the run started from the final state of another one ({start.get('protocol')}, seed "
            f"{start.get('seed')}, {start.get('finished')}): name its file with --initial"
            f"{' and --continue-clock' if 'continued' in known else ''}"
        )
    if has_initial and not start:
        raise UsageError(
            "the run started from the initial values of its circuit: leave --initial out"
        )
    if start and continues != ("continued" in known):
        raise UsageError(
            f"the run {'continued' if 'continued' in known else 'did not continue'} the clock of --initial: "
            f"{'add' if 'continued' in known else 'leave out'} --continue-clock"
        )


def differences(result: "Result", now: "Result") -> Iterator[str]:
    """Yield what differs between the runs of two results, as phrases: versions, files, settings, start state."""
    then, today = result.provenance, now.provenance
    old, new = then.get("versions", {}), today.get("versions", {})
    for name in {**old, **new}:
        version = new.get(name, package_version(name))
        if old.get(name) != version:
            yield f"{name} is {version} and was {old.get(name)}"
    for name in ("git", "platform", "backend", "precision", "threads", "batch", "seed"):
        if then.get(name) != today.get(name):
            yield f"{name} is {today.get(name)} and was {then.get(name)}"
    yield from _file_differences(then, today)
    for name in ("initial", "continued"):
        if then.get(name) != today.get(name):
            yield f"the start state is that of another run ({name})"
    for name, value in now.protocol.parameters.items():
        if result.protocol.parameters.get(name) != value:
            yield f"{name} is {value} and was {result.protocol.parameters.get(name)}"


def _file_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    old = {file["path"]: file for file in then.get("files", [])}
    new = {file["path"]: file for file in now.get("files", [])}
    if new and not old:
        yield "the result does not say with which files it was made"
    for path, before in old.items():
        after = new.get(path)
        if after is None:
            yield f"{path} is not used or not at hand"
        elif after["sha256"] != before["sha256"]:
            was, is_ = (file["commit"] or "no commit" for file in (before, after))
            yield f"{path} has changed (commit {is_}, then {was})"


def same_numbers(one: "Result", other: "Result") -> bool:
    """Return whether recordings, spikes and final states of two results are the same, bit for bit."""
    pairs = [
        (one.state, other.state),
        (_traces(one), _traces(other)),
        (_spikes(one), _spikes(other)),
    ]
    return all(
        a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a) for a, b in pairs
    )


def _traces(result: "Result") -> dict[str, Any]:
    return {
        f"{name}/{part}": getattr(t, part)
        for name, t in result.traces.items()
        for part in ("time", "values")
    }


def _spikes(result: "Result") -> dict[str, Any]:
    return {
        f"{name}/{part}": x
        for name, s in result.spikes.items()
        for part, x in s._asdict().items()
        if x is not None
    }


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
