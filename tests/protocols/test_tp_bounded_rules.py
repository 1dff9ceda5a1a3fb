"""Bounded learning signals and apical weights that learn by differences, against a loop of their equations."""

import numpy as np
import pytest
from smooth_leaky_units import inverse, outer, s, slope

import dendrosim as ds

TAU, DT, MU, HAT, SIGMA, STEPS = 10e-3, 5e-3, 0.2, 0.5, 0.1, 8
ONE = TAU / DT


class Chain:
    """A chain of three layers, stepped by the Euler method.

    `kind` is single (transposes that carry errors), exact (a single phase with exact inverses), two_phase or
    multiplexed (apical weights that learn by differences).
    """

    def __init__(self, kind, ws, batch, *, eta, reach, eta_q=0.0, decay=0.0):
        self.kind, self.ws, self.qs = (
            kind,
            [w.copy() for w in ws],
            [np.linalg.pinv(w) for w in ws[1:]],
        )
        zero = [np.zeros((len(w), batch)) for w in ws]
        self.soma, self.apical, self.held, self.rest, self.noise = (
            [z.copy() for z in zero] for _ in range(5)
        )
        self.eta, self.reach, self.eta_q, self.decay = eta, reach, eta_q, decay
        self.transpose()

    def step(self, x, y, *, teach=0.0, hold=0.0, learn=0.0, sleep=None):
        """Take a step; `sleep` is the number of the layer whose apical weights learn."""
        multiplexed, exact = self.kind == "multiplexed", self.kind == "exact"
        single = self.kind == "single"
        # In multiplexed circuits the state is the basal voltage, else the somatic rate.
        h = (
            [s(a) + n for a, n in zip(self.soma, self.noise, strict=True)]
            if multiplexed
            else self.soma
        )
        u = [w @ b for w, b in zip(self.ws, [x, *h], strict=False)]
        top = h[-1] - teach * HAT * (h[-1] - y)
        goal = [*self.apical[:-1], top] if multiplexed else h
        carried = [inverse(a) for a in goal] if exact else goal
        if single:
            carried = [slope(v) * (a - s(v)) for a, v in zip(h, u, strict=True)]
        g = [*(q @ a for q, a in zip(self.qs, carried[1:], strict=True)), top]
        if single:
            g = [*(a + b for a, b in zip(h[:-1], g[:-1], strict=True)), top]
        kept = goal if multiplexed else h
        pre = self.soma if multiplexed else u
        r, last = MU / (1 - MU), len(self.ws)
        fall = [1.0] * last if multiplexed else [r ** (last - i) for i in range(last)]
        reference = [s(v) for v in u] if single or exact else self.held
        qs, ws = list(self.qs), list(self.ws)
        for i in range(last):
            error = slope(pre[i]) * (goal[i] - reference[i])
            plateau = error / np.sqrt(1 + (error / (self.reach * fall[i])) ** 2)
            ws[i] = ws[i] + DT * learn * self.eta / HAT / fall[i] * outer(plateau, [x, *h][i])
        if sleep is not None:
            i = sleep
            moved = self.noise[i] if multiplexed else h[i] - self.held[i]
            answer = goal[i] - self.held[i] if multiplexed else g[i] - self.rest[i]
            grown = outer(moved - answer, goal[i + 1] - self.held[i + 1]) / SIGMA**2
            qs[i] = qs[i] + DT * ONE * self.eta_q * (grown - self.decay * qs[i])
        ease = DT / TAU
        old = (self.soma, self.apical, self.held, self.rest)
        if multiplexed:
            self.soma = [a + ease * (b - a) for a, b in zip(self.soma, u, strict=True)]
            self.apical = [a + ease * (b - a) for a, b in zip(self.apical, g, strict=True)]
        else:
            moved = [a - b + c for a, b, c in zip(g, self.rest, self.held, strict=True)]
            drive = g if single or exact else [*moved[:-1], top]
            self.soma = [
                a + ease * (-a + (1 - MU) * s(v) + MU * b + n)
                for a, v, b, n in zip(self.soma, u, drive, self.noise, strict=True)
            ]
            self.rest = [a + ease * hold * (b - a) for a, b in zip(old[3], g, strict=True)]
        self.held = [a + ease * hold * (b - a) for a, b in zip(old[2], kept, strict=True)]
        self.ws, self.qs = ws, [np.linalg.inv(w) for w in ws[1:]] if exact else qs
        self.transpose()

    def transpose(self):
        if self.kind == "single":
            self.qs = [w.T for w in self.ws[1:]]

    def trial(self, x, y, noise):
        """Show one batch; `noise` has the perturbation of every layer that learns by differences."""
        if self.kind not in ("single", "exact"):
            self.repeat(x, y, hold=1.0)
        self.repeat(x, y, teach=1.0)
        self.step(x, y, teach=1.0, learn=ONE)
        self.step(x, y, teach=1.0)
        if noise:
            self.repeat(x, y, hold=1.0)
        for i, n in enumerate(noise):
            self.noise[i] = n
            self.repeat(x, y, times=STEPS - 1)
            self.step(x, y, sleep=i)
            self.noise[i] = np.zeros_like(n)

    def repeat(self, x, y, times=STEPS, **gates):
        for _ in range(times):
            self.step(x, y, **gates)


@pytest.mark.parametrize("kind", ["single", "exact", "two_phase", "multiplexed"])
def test_training_by_bounded_signals_equals_an_independent_loop(kind):
    sizes = (3, 3, 3, 3) if kind == "exact" else (4, 3, 3, 2)
    own = {"eta_q": "3 Hz", "decay_q": 0.2}
    if kind in ("single", "exact"):
        own = {"mu": MU} | ({"inverse": "exact"} if kind == "exact" else {})
    model = "single" if kind == "exact" else kind
    protocol = ds.load_protocol(
        "tp_student_teacher", model=model, data_seed=2, sizes=sizes, transfer="smooth_leaky", presentations=4,
        samples=100, settle="40 ms", eta="6 Hz", reach=0.05, **own,
    )  # fmt: skip
    layers = () if kind in ("single", "exact") else (1, 2)
    noises = [
        ds.Recording(f"layer{i}.noise", every="phase", phases=f"train/noise{i}") for i in layers
    ]
    result = ds.run(
        protocol.replace(recordings=(*protocol.recordings, *noises)), backend="numpy", seed=2
    )
    start = [result[f"w{i}"].values[0] for i in (1, 2, 3)]
    chain = Chain(kind, start, 64, eta=6.0, reach=0.05, eta_q=3.0, decay=0.2)
    x, y = result.protocol.data["x"].T, result.protocol.data["y"].T
    noise = [result[f"layer{i}.noise"].values for i in layers]
    for k in range(4):
        rows = np.arange(64 * k, 64 * (k + 1)) % 100
        chain.trial(x[:, rows], y[:, rows], [n[k] for n in noise])
    for i in (1, 2, 3):
        assert np.abs(chain.ws[i - 1] - start[i - 1]).max() > 1e-3
        assert result.final[f"w{i}"].values == pytest.approx(chain.ws[i - 1], abs=1e-10)
    for i in () if kind == "single" else (1, 2):
        assert result.final[f"q{i}"].values == pytest.approx(chain.qs[i - 1], abs=1e-10)
