"""Summaries of a protocol: its sizes in one line, and the tables that notebooks show."""

from collections.abc import Iterator, Mapping

from dendrosim.circuit.summary import circuit_line, circuit_tables
from dendrosim.display.html import Table, as_html
from dendrosim.display.short import count, short
from dendrosim.errors import printable
from dendrosim.protocol.protocol_data import ProtocolData

METHODS = {"euler": "forward Euler", "rk2": "Heun's method (rk2)"}
"""What the command line calls the methods of a protocol."""


SETS = 4
"""Number of data sets that the line of a protocol names."""


def protocol_line(protocol: ProtocolData) -> str:
    """Return the sizes of a protocol in one line."""
    steps = protocol.total_steps
    data = [
        f"data {name} ({rows} × {columns})" for name, (rows, columns) in
        ((name, array.shape) for name, array in protocol.data.items())
    ]  # fmt: skip
    return ", ".join(
        [
            circuit_line(protocol.circuit),
            f"{count(steps, 'step')} of {protocol.dt} ({steps * protocol.time_step:.6g} s)",
            *([] if protocol.method == "euler" else [METHODS[protocol.method]]),
            f"batch {protocol.batch}",
            *(data[:SETS] or ["no data"]),
            *([f"and {len(data) - SETS} more data sets"] if len(data) > SETS else []),
        ]
    )


def protocol_text(protocol: ProtocolData) -> str:
    """Return the name and sizes of a protocol, as its `repr` shows them."""
    return printable(f"<Protocol {protocol.name or '(unnamed)'}: {protocol_line(protocol)}>")


def protocol_html(protocol: ProtocolData) -> str:
    """Return a protocol and its circuit as HTML for notebooks."""
    line = f"{protocol.name or '(unnamed)'}: {protocol_line(protocol)}"
    return as_html("Protocol", line, (*_tables(protocol), *circuit_tables(protocol.circuit)))


def _tables(protocol: ProtocolData) -> Iterator[Table]:
    """Yield the tables of a protocol in a notebook: phases, recordings, signals, data sets and parameters."""
    yield Table(
        "phases",
        ("block", "trials", "phase", "duration", "gates", "signals"),
        [
            (
                block.name, block.trials, phase.name, str(phase.duration),
                _named(phase.gates), _named(phase.signals),
            )
            for block in protocol.blocks
            for phase in block.phases
        ],
    )  # fmt: skip
    yield Table(
        "recordings",
        ("variables", "every", "phases"),
        [(", ".join(r.variables), str(r.every), ", ".join(r.phases)) for r in protocol.recordings],
    )
    yield Table(
        "signals", ("input", "driven by"), [(n, repr(s)) for n, s in protocol.signals.items()]
    )
    yield Table(
        "data",
        ("name", "samples", "units"),
        [(name, *array.shape) for name, array in protocol.data.items()],
    )
    yield Table(
        "parameters", ("name", "value"), [(n, short(v)) for n, v in protocol.parameters.items()]
    )


def _named(values: Mapping[str, object]) -> str:
    return "\n".join(f"{name}: {value!r}" for name, value in values.items())
