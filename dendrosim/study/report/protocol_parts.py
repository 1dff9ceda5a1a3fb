"""What pages show of a protocol: its circuit as a diagram and as equations, and its timeline."""

from typing import Any

from dendrosim.circuit.summary import circuit_line, circuit_plain
from dendrosim.protocol.protocol import Protocol
from dendrosim.study.report.diagram import draw_circuit
from dendrosim.study.report.equations import equation_groups
from dendrosim.study.report.timeline import draw_timelines


def describe_protocol(protocol: Protocol) -> dict[str, Any]:
    """Return circuit, timeline and recordings of a protocol, by the names that templates use."""
    plain = circuit_plain(protocol.circuit)
    return {
        "circuit": circuit_line(protocol.circuit),
        "diagram": draw_circuit(plain),
        "groups": equation_groups(plain),
        "timelines": draw_timelines(protocol),
        "recordings": [
            (", ".join(r.variables), str(r.every), ", ".join(r.phases)) for r in protocol.recordings
        ],
    }
