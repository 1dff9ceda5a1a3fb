"""dendrosim with the back end cpp."""

import dendrosim as ds
from benchmarks.spiking_networks import problem as p
from benchmarks.spiking_networks.problem import Problem

CELL = """
dv/dt = (drive - v + g_e - g_i)/tau_m : 1 (unless refractory)
dg_e/dt = -g_e/tau_g                  : 1
dg_i/dt = -g_i/tau_g                  : 1
drive                                 : 1
"""


def circuit(problem: Problem, connected: bool = True) -> ds.Circuit:
    """Return the network, or its cells alone."""
    numbers, drive, outer = (
        {"e": problem.excitatory, "i": problem.cells - problem.excitatory},
        {},
        [],
    )
    all_drives = problem.drive()
    drive["e"], drive["i"] = all_drives[: numbers["e"]], all_drives[numbers["e"] :]
    cells = [
        ds.Population(
            name, count, CELL, inputs={"drive": drive[name]}, threshold="v > 1", reset="v = 0",
            refractory=f"{p.REFRACTORY}*ms",
        )
        for name, count in numbers.items()
    ]  # fmt: skip
    for pre, count, state, factor in zip(
        "ei", problem.inputs, ("g_e", "g_i"), (1, p.INHIBITION), strict=True
    ):
        for post in "ei":
            shared = {"connect": ds.InDegree(count), "delay": f"{p.DELAY} ms", "final": False}
            names, weight, effect = (
                (f"{pre}{post}", pre, post),
                factor * problem.weight,
                f"{state}_post += weight",
            )
            if names[0] == "ee" and problem.plasticity == "stdp":
                rule = ds.rules.pair_stdp(
                    weight_max=2 * weight, a_plus=p.A_PLUS, a_minus=p.A_MINUS, tau_plus=f"{p.TAU_PLUS} ms",
                    tau_minus=f"{p.TAU_MINUS} ms",
                )  # fmt: skip
                path = ds.Pathway(
                    *names, effect, weight=ds.Uniform(0, 2 * weight), rule=rule, **shared
                )
            elif names[0] == "ee" and problem.plasticity == "tm":
                synapse = ds.ShortTerm("canonical", p.U, f"{p.TAU_D} ms", f"{p.TAU_F} ms")
                rule = ds.rules.short_term(synapse)
                path = ds.Pathway(
                    *names, f"{effect}*released", weight=problem.full_weight, rule=rule, **shared
                )
            else:
                path = ds.Pathway(*names, effect, weight=weight, **shared)
            outer.append(path)
    times = {"tau_m": f"{p.TAU_M} ms", "tau_g": f"{p.TAU_G} ms"}
    return ds.Circuit(tuple(cells), parameters=times, pathways=outer if connected else ())


def protocol(problem: Problem, connected: bool = True) -> ds.Protocol:
    return ds.Protocol(
        circuit(problem, connected),
        (ds.Block("run", (ds.Phase("run", f"{problem.steps * p.DT:g} ms"),)),),
        dt=f"{p.DT} ms",
        recordings=(ds.Recording("*.spike", every="spike"),),
    )


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem, self.threads, self.protocol = problem, threads, protocol(problem)
        self.run(0)  # so that compilation is not timed

    def run(self, seed: int) -> float:
        """Simulate, and return the seconds of the steps, without the time for files."""
        self.result = ds.run(
            self.protocol, backend="cpp", seed=seed, precision=self.problem.precision,
            threads=self.threads, progress=False,
        )  # fmt: skip
        return self.result.provenance["seconds"]["steps"]

    def spikes(self) -> tuple[int, int]:
        """Return the numbers of excitatory and of inhibitory spikes."""
        return tuple(len(self.result.spikes[name].unit) for name in "ei")
