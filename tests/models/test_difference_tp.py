"""Difference target propagation: targets, updates and learned feedback equal loops and closed forms."""

import numpy as np
import pytest
from one_trial import DT, SETTLED, TAU, drawn, learned, run

import dendrosim as ds

METHODS = {
    "DTP": {"feedback": "layerwise", "decoder": "transfer", "reconstruction": "plain"},
    "DTPDRL": {"feedback": "layerwise", "decoder": "transfer", "reconstruction": "difference"},
    "DDTP-linear": {"feedback": "direct", "decoder": "linear", "reconstruction": "difference"},
    "DDTP-RHL": {
        "feedback": "hidden", "decoder": "transfer", "reconstruction": "difference", "hidden": 7,
    },
    "DDTP-control": {"feedback": "direct", "decoder": "linear", "reconstruction": "plain"},
}  # fmt: skip


class Paths:
    """The feedback paths of a method in a network, as functions of the activities of one sample."""

    def __init__(self, method, ws, qs, r):
        own = METHODS[method]
        self.ws, self.qs, self.r, self.feedback = ws, qs, r, own["feedback"]
        self.t = np.tanh if own["decoder"] == "transfer" else (lambda v: v)

    def forward(self, x, layer=None, noise=0.0):
        """Activities of all layers; noise is added to those of one layer. The output is linear."""
        h = [x]
        for i, w in enumerate(self.ws, 1):
            a = w @ h[-1]
            h.append((a if i == len(self.ws) else np.tanh(a)) + (noise if i == layer else 0))
        return h

    def path(self, i, above, qs=None):
        """g_i of a list of activities, of which it uses that of its source."""
        source = above[i + 1] if self.feedback == "layerwise" else above[-1]
        source = np.tanh(self.r @ source) if self.feedback == "hidden" else source
        return self.t((self.qs if qs is None else qs)[i - 1] @ source)

    def goals(self, top, free, down_to=1):
        """Targets of all layers down to one, for a target of the output and the free activities."""
        goal = [*free[:-1], top]
        for i in range(len(free) - 2, down_to - 1, -1):
            goal[i] = free[i] + self.path(i, goal) - self.path(i, free)
        return goal


def difference_case(method, seed=1, sizes=(5, 4, 4, 3)):
    rng = np.random.default_rng(seed)
    ws = drawn(sizes, seed)
    own = METHODS[method]
    above = {"layerwise": sizes[2:], "direct": sizes[-1:] * 2, "hidden": (7, 7)}[own["feedback"]]
    qs = [0.6 * rng.normal(size=s) for s in zip(sizes[1:-1], above, strict=True)]
    r = rng.normal(size=(7, sizes[-1]))
    start = {f"w{i}": w for i, w in enumerate(ws, 1)} | {f"q{i}": q for i, q in enumerate(qs, 1)}
    start |= {"r": r} if own["feedback"] == "hidden" else {}
    return Paths(method, ws, qs, r), start, rng


@pytest.mark.parametrize("method", METHODS)
def test_difference_targets_and_updates_equal_those_of_the_algorithm(method):
    paths, start, rng = difference_case(method)
    eta_hat = 0.2
    circuit = ds.load_circuit(
        "difference_tp", sizes=(5, 4, 4, 3), eta_hat=eta_hat, **METHODS[method]
    )
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))
    found, _ = learned(circuit, start, x, y, eta=1.0)
    wanted = [np.zeros_like(w) for w in paths.ws]
    for k in range(3):
        h = paths.forward(x[:, k])
        goal = paths.goals(h[-1] - eta_hat * (h[-1] - y[:, k]), h)
        for i, w in enumerate(paths.ws, 1):
            d = 1 if i == 3 else 1 - np.tanh(w @ h[i - 1]) ** 2
            wanted[i - 1] += np.outer(d * (goal[i] - h[i]), h[i - 1]) / eta_hat / 3
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize("layer", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", METHODS)
def test_feedback_weights_descend_their_loss(method, layer):
    """The step of q_i in the phase in which layer i is perturbed, against a numerical gradient of the loss."""
    paths, start, rng = difference_case(method, 2)
    sigma, decay, samples, gate = 0.3, 0.1, 2, 50.0
    circuit = ds.load_circuit(
        "difference_tp",
        sizes=(5, 4, 4, 3),
        sigma=sigma,
        decay_q=decay,
        eta_q="1 Hz",
        **METHODS[method],
    )
    x, noise = rng.normal(size=(5, samples)), sigma * rng.normal(size=(4, samples))
    perturbed = f"layer{layer}.noise"
    signals = {"layer0.h": x, "layer3.target": np.zeros((3, samples)), perturbed: noise}
    steps = int(SETTLED * TAU / DT)
    phases = [
        ("free", steps, {}, ()),
        ("noise", steps, {"hold": 0.0}, (perturbed,)),
        ("learn", 1, {"hold": 0.0, f"sleep{layer}": gate}, (perturbed,)),
    ]
    result = run(circuit, phases, signals, start, batch=samples)

    def loss(q):
        qs = [q if j == layer else other for j, other in enumerate(paths.qs, 1)]
        total = 0.0
        for k in range(samples):
            free = paths.forward(x[:, k])
            h = paths.forward(x[:, k], layer, noise[:, k])
            if METHODS[method]["reconstruction"] == "plain":
                total += 0.5 * np.sum((paths.path(layer, h, qs) - h[layer]) ** 2)
            else:
                # Targets of the layers above are computed with their weights as they are.
                goal = paths.goals(h[-1], free, down_to=layer + 1)
                again = free[layer] + paths.path(layer, goal, qs) - paths.path(layer, free, qs)
                total += 0.5 * np.sum((again - h[layer]) ** 2) / sigma**2
        scale = sigma**2 if METHODS[method]["reconstruction"] == "plain" else 1.0
        return total / samples + scale * decay * 0.5 * np.sum(q**2)

    q = start[f"q{layer}"]
    gradient = np.zeros_like(q)
    for place in np.ndindex(q.shape):
        e = np.zeros_like(q)
        e[place] = 1e-5
        gradient[place] = (loss(q + e) - loss(q - e)) / 2e-5
    change = (result.final[f"q{layer}"].values - q) / (gate * DT)
    assert change == pytest.approx(-gradient, abs=1e-7)
    other = f"q{3 - layer}"
    assert np.array_equal(result.final[other].values, start[other])


def test_direct_linear_feedback_of_a_linear_network_tends_to_the_damped_pseudo_inverse():
    """Q_i = J_i^T (J_i J_i^T + decay_q I)^-1, for noise whose covariance over the samples is sigma^2 I."""
    sizes, sigma, decay = (3, 4, 4, 3), 0.2, 0.05
    circuit = ds.load_circuit(
        "difference_tp", sizes=sizes, transfer="linear", sigma=sigma, decay_q=decay, eta_q="60 Hz"
    )
    ws, rng = drawn(sizes, 9), np.random.default_rng(10)
    start = {f"w{i}": w for i, w in enumerate(ws, 1)}
    noise = 2 * sigma * np.hstack([np.eye(4), -np.eye(4)])
    for i, jacobian in ((1, ws[2] @ ws[1]), (2, ws[2])):
        signals = {
            "layer0.h": rng.normal(size=(3, 8)), "layer3.target": np.zeros((3, 8)), f"layer{i}.noise": noise,
        }  # fmt: skip
        shown, begin = (f"layer{i}.noise",), {"q1": np.zeros((4, 3)), "q2": np.zeros((4, 3))}
        phases = [
            ("free", 120, {}, ()),
            ("noise", 120, {"hold": 0.0}, shown),
            ("learn", 2500, {"hold": 0.0, f"sleep{i}": 1.0}, shown),
        ]
        result = run(circuit, phases, signals, start | begin, batch=8)
        expected = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + decay * np.eye(3))
        assert result.final[f"q{i}"].values == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sizes": (3,)}, "input and an output layer"),
        ({"feedback": "above"}, "layerwise"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(given, message):
    with pytest.raises(ds.errors.DendrosimError, match=message):
        ds.load_circuit("difference_tp", **given)
