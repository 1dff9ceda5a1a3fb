"""A run that continues the clock of another one: what must be the same in both, and what is taken over."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.engine.names import AUTO
from dendrosim.engine.plan.carried import Carried, signal_keys
from dendrosim.engine.plan.continued_check import check_end, check_settings
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import DataError, ParameterError, ResumeError
from dendrosim.machine.json_text import parse_json, read_text
from dendrosim.protocol.beginning import Beginning
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.clock_check import check_reach
from dendrosim.results.result import Result
from dendrosim.spec import Spec, encode

BEGIN, ARRAYS = "continued.json", "continued.npz"
_GROUPS = ("populations", "sources", "matrices", "projections", "pathways")
_FREE = (
    "parameters", "initial", "weight", "connect", "final", "bounds", "sign", "rate", "trains",
)  # fmt: skip
"""Fields of the parts of a circuit that may differ: numbers, and those whose outcome is in the result."""
_MOST_PASSES = 10**7  # as many take about a minute
_TAKEN = ("seed", "precision", "batch", "backend")
"""Settings that are those of the result if they are not given. Only another back end may be given."""


def continued_settings(settings: RunSettings, initial: Any) -> RunSettings:
    """Return the settings of a run that continues the clock of a result.

    Raises
    ------
    ParameterError
        If `initial` is no result, or a setting differs from that of the result.
    DataError
        If the result keeps nothing from which its clock can be continued, or its provenance contradicts its
        arrays.
    """
    if not isinstance(initial, Result):
        raise ParameterError(
            "continue_clock continues the clock of a result: give the result as `initial`, such as "
            "initial=ds.open_result('result.nc')"
        )
    if initial.status != "done":
        raise ParameterError(
            f"the initial result is of a run that has not ended as planned ({initial.message}), so its clock "
            "cannot be continued; resume that run, or leave continue_clock out"
        )
    if initial.carried is None:
        raise DataError(
            f"the initial result has no state of its clock: it was computed by back end "
            f"{initial.provenance.get('backend', '?')}, or by an older dendrosim; run it anew with numpy or cpp, "
            "or leave continue_clock out"
        )
    check_settings(initial)
    taken: dict[str, Any] = {}
    for name in _TAKEN:
        before, given = initial.provenance.get(name), getattr(settings, name)
        if name not in settings.changed or given == AUTO:
            taken[name] = before
        elif given != before and name != "backend":
            raise ParameterError(
                f"{name} is {given!r}, but the initial result was computed with {before!r}, and its clock is "
                f"continued; leave {name} out"
            )
    return replace(settings, **taken)


def read_carried(protocol: Protocol, initial: Result) -> Carried:
    """Return what a run takes over from a result whose clock it continues.

    Raises
    ------
    ParameterError
        If the protocol does not continue that of the result; the message names the field that differs.
    DataError
        If parts of the result contradict each other.
    """
    before = initial.protocol
    if protocol.time_step != before.time_step:
        raise ParameterError(
            f"dt is {protocol.dt}, but that of the initial result is {before.dt}, and its clock is continued; use "
            "the same dt"
        )
    for where, now, then in _differences(protocol.circuit, before.circuit):
        raise ParameterError(
            f"{where} is {now}, but in the initial result, whose clock is continued, it is {then}; only "
            "parameters, gates, signals, phases and recordings may differ"
        )
    if json.dumps(protocol.circuit.structure()) != json.dumps(before.circuit.structure()):
        raise ParameterError(
            "the circuit has parameters of other shapes or units, or distributions of other kinds, than that of "
            "the initial result, whose clock is continued; only numbers may differ"
        )
    check_end(initial)
    begin = initial.begin.after(before)
    try:
        check_reach(protocol, begin)
    except ValueError as error:
        raise ParameterError(
            f"{error}; make the protocol shorter, or leave continue_clock out"
        ) from None
    for block in protocol.blocks:
        passes = begin.trials_before(block) * protocol.batch // max(1, protocol.rows(block))
        if block.order == "shuffled" and passes > _MOST_PASSES:
            raise ParameterError(
                f"block {block.name!r} has shown its data {passes:,} times before the run, and the order of its "
                f"samples is drawn again from the beginning, at most {_MOST_PASSES:,} times; give the "
                "block another name"
            )
    assert initial.carried is not None
    origin: dict[str, Any] = {
        k: initial.provenance.get(k) for k in ("protocol", "seed", "backend", "finished")
    }
    origin |= {**begin.plain(), "time": begin.step * before.time_step}
    origin["signals"] = sorted(signal_keys(initial.carried))
    return Carried(begin, initial.carried, origin)


def _differences(now: Circuit, then: Circuit) -> Iterator[tuple[str, Any, Any]]:
    """Yield the fields in which the structure of two circuits differs: name, value now, and value before."""
    for group in _GROUPS:
        ours, theirs = getattr(now, group), getattr(then, group)
        if len(ours) != len(theirs):
            yield f"number of {group}", len(ours), len(theirs)
            continue
        for part, other in zip(ours, theirs, strict=True):
            yield from _part_differences(part, other)


def _part_differences(part: Spec, other: Spec) -> Iterator[tuple[str, Any, Any]]:
    for field in fields(part):
        if field.name in _FREE:
            continue
        ours, theirs = getattr(part, field.name), getattr(other, field.name)
        if field.name == "inputs":  # their values are signals
            ours, theirs = sorted(ours), sorted(theirs)
        if encode(ours) != encode(theirs):
            name = f"{type(part).__name__} {part.name!r}" if hasattr(part, "name") else str(part)
            yield f"{field.name} of {name}", repr(str(ours)), repr(str(theirs))


def store_carried(folder: Path, carried: Carried) -> None:
    """Write what a run has taken over into its folder, so that it can be resumed without the other result."""
    names = list(carried.arrays)
    record = {"begin": carried.begin.plain(), "origin": carried.origin, "names": names}
    (folder / BEGIN).write_text(json.dumps(record), "utf-8")
    np.savez(folder / ARRAYS, *carried.arrays.values())


def stored_carried(folder: Path) -> Carried | None:
    """Return what an interrupted run has taken over; None if it continued no clock.

    Raises
    ------
    ResumeError
        If the files cannot be read.
    """
    if not (folder / BEGIN).exists():
        return None
    try:
        record = parse_json(read_text(folder / BEGIN))
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            found = {name: arrays[f"arr_{k}"] for k, name in enumerate(record["names"])}
        return Carried(Beginning.read(record["begin"]), found, dict(record["origin"]))
    except (OSError, ValueError, LookupError, TypeError, MemoryError, zipfile.BadZipFile) as error:
        raise ResumeError(
            f"cannot resume {folder.parent}: {folder / BEGIN} and {folder / ARRAYS} cannot be read ({error}); run "
            "the protocol anew"
        ) from None
