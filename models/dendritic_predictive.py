"""Dendritic predictive coding: lateral synapses predict what the layer above sends to an apical dendrite.

A pyramidal cell has a soma u, a basal dendrite, which receives the layer below, and an apical dendrite, which
receives the layer above (b) and its own layer (n). There are no interneurons with voltages of their own. With
conductances in units of the leak and rates h = s(u):

    tau du_i/dt = -u_i + g_basal (basal_i - u_i) + g_apical (apical_i - u_i),      i = 1 .. L-1
    tau du_L/dt = -u_L + g_basal (basal_L - u_L) + nudging (target - u_L)          the last while `teach` is open
    basal_i = w_i h_(i-1),  apical_i = b_i u_(i+1) + n_i h_i
    dw_i/dt = learn eta k_i (u_i - kappa_i basal_i) h_(i-1)^T
    dn_i/dt = -(learn eta m_i + sleep eta_lateral) apical_i h_i^T
    db_i/dt = sleep eta_top_down (u_i - b_i u_(i+1)) u_(i+1)^T                     with top_down=learned

With form=current, dendrites do not load the soma: tau du_i/dt = -u_i + basal_i + g_apical apical_i. With
teaching=rate, the current into the output is nudging (target - h_L). With feedback=rate, b_i carries h_(i+1), as
in the sources, and learns from h_i - s(b_i h_(i+1)), as in `dendritic_error`. With `slopes`, apical_i is
multiplied by s'(u_i) on its way to the soma, and with teaching=rate the current into the output by s'(u_L). With
`low_pass`, all changes of weights pass a low-pass filter; with `dale`, pyramidal cells excite others and inhibit
their own layer.

In the self-predicting state (`self_predicting`), n_i = -kappa_(i+1) b_i w_(i+1). Let D_i = n_i + kappa_(i+1) b_i
w_(i+1), and c_i = g_apical/G_i (or g_apical s'(u_i)/G_i with `slopes`). With G_i and kappa_i of
`dendrosim.mechanisms.error_compartments`, as derived here for feedback=voltage and settled voltages:

- apical_i = D_i h_i + b_i e_(i+1), where e_i = u_i - kappa_i basal_i is c_i apical_i in hidden layers. Without a
  target all apical dendrites are silent; with one, of any strength, errors come down as e_i = c_i b_i e_(i+1).
- k_L = kappa_L G_L/nudging and k_i = kappa_i G_i k_(i+1)/g_apical make the change of w_i that of gradient descent
  with the rate eta (of the squared error of voltages, or with teaching=rate of rates) for b_i = w_(i+1)^T, if
  nudging is weak and units are linear, or with `slopes`.
- m_i = kappa_(i+1) k_(i+1) makes n_i follow w_(i+1) exactly while both learn: what b_i e_(i+1) changes in n_i is
  what w_(i+1) needs. Then dD_i/dt = -learn eta m_i D_i h_i h_i^T. Learning under a target does not destroy the
  self-predicting state, however strong the target is, but approaches it.
- In the flow of all weights, with neurons slaved, there is one zero mode for each weight of w. All other modes
  decay, at the rates (learn eta m_i + sleep eta_lateral) eig <h_i h_i^T>, for each pyramidal cell of layer i.
- With top_down=learned, b_i is at rest at the least-squares prediction <u_i u_(i+1)^T> <u_(i+1) u_(i+1)^T>^+ of a
  layer from the one above. With n_i = -kappa_(i+1) b_i w_(i+1) no weight changes, again for every w, so that there
  is again one zero mode for each weight of w, and one for each direction that voltages above do not have. All
  other modes decayed in the twelve circuits (both forms, linear and tanh, three seeds) that were analysed.
- With two layers of linear units and form=current, a mode of b_1 w_2 with the eigenvalue mu has two modes of
  voltage, the roots of x^2 + (2 + g_apical mu) x + 1 in units of 1/tau. All decay if and only if
  g_apical Re mu > -2. Their product is 1: the stronger the feedback, the more slowly the circuit settles.

Sources
-------
Mikulasch, Rudelt, Wibral & Priesemann (2023), Where is the error? Hierarchical predictive coding through dendritic
error computation, Trends in Neurosciences 46; as a rate model, the implementation that comes with Error-neuron
microcircuits, PLOS Computational Biology (2026), doi 10.1371/journal.pcbi.1014164, without its look-ahead of
voltages and the noise on its top-down weights. Feedback of voltages, `slopes`, learned top-down weights, the
current form and the factors k and m: as given above.

Learning
--------
In `credit_assignment` with 1, 2 and 4 layers (ten networks each, with seeds 100 to 109, which were not used to
tune), no network diverges; median losses are 0.0011, 0.177 and 0.282 with random feedback weights, 0.0011,
0.078 and 0.119 with symmetric ones, 0.0048, 0.159 and 0.188 with slopes, 0.0011, 0.129 and 0.192 with feedback
of rates, and 0.0011, 0.069 and 0.088 with learned weights, beside 0.0006, 0.113 and 0.146 of back-propagation.
(Without slopes, updates of layer 1 are up to twice as large as the gradient, and with learned weights three times,
which is an advantage while losses still fall.) Learned weights are 6 to 14 degrees from the pseudo-inverses of the
weights of the layer above, and 25 from their transposes.

Statements that fail
--------------------
- With feedback=rate, as in the sources, apical dendrites are silent at n_i = -kappa_(i+1) b_i w_(i+1) only if the
  layer above is linear: what is left is b_i (s(u_(i+1)) - u_(i+1)), which does not depend on the target. Weak
  nudging cannot be told from it.
- Without `slopes`, errors of nonlinear layers come down without the slopes of these layers.
- Weak nudging does not help if weights learn in steps: k and m are proportional to 1/nudging, and steps that are
  too long make D_i larger (see `dendrosim.mechanisms.lateral_overshoot`). A strong target does not destroy the
  self-predicting state, so rules here have a nudging of 0.5.
- With random feedback weights, b_i w_(i+1) has modes with negative mu. As lateral weights grow with w_(i+1), loops
  need shorter and shorter steps (see the results of `error_learning`).
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.error_compartments import (
    TARGET,
    TEACHING,
    VOLTAGE_PREDICTED,
    ErrorCompartments,
    LateralPrediction,
    check_layers,
    conductances,
    learning_values,
)
from dendrosim.mechanisms.plastic_connection import connect, drawn_weights, received

OUTPUT = {
    "conductance": """
du/dt = (-u + g_basal*(basal - u) + teaching)/tau   : 1   # soma
predicted = g_basal/(1 + g_basal)*basal           : 1   # voltage that the basal dendrite predicts
h = s(u)                                          : 1   # rate
""",
    "current": """
du/dt = (-u + basal + teaching)/tau                 : 1   # soma
predicted = basal                                 : 1   # voltage that the basal dendrite predicts
h = s(u)                                          : 1   # rate
""",
}
STEEP_TEACHING = "teaching = teach*nudging*ds(u)*(target - h) : 1   # descends the squared error\n"
APICAL = "apical = top_down + lateral : 1   # apical dendrite\n"
ERROR = {
    False: "error = apical : 1   # what reaches the soma\n",
    True: "error = ds(u)*apical : 1   # what reaches the soma\n",
}
BASAL = "learn*eta*factor*(u_post - predicted_post)*h_pre"
LATERAL = "-(learn*eta*factor + sleep*eta_lateral)*apical_post*h_pre"
SENT = {"voltage": "u", "rate": "h"}
TOP_DOWN = {
    "voltage": "sleep*eta_top_down*(u_post - top_down_post)*u_pre",
    "rate": "sleep*eta_top_down*(h_post - s(top_down_post))*h_pre",
}

_CURRENT = {
    "form": "current", "teaching": "rate", "nudging": 0.5, "g_apical": 0.5, "eta_lateral": "5 Hz",
}  # fmt: skip
LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("b{i}",),
    apical=("layer{i}.apical",),
    closed_loop=True,
    rules={
        "dendritic_predictive": _CURRENT,
        "dendritic_predictive_symmetric": {**_CURRENT, "symmetric": True},
        "dendritic_predictive_slopes": {**_CURRENT, "symmetric": True, "slopes": True},
        "dendritic_predictive_rates": {**_CURRENT, "symmetric": True, "feedback": "rate"},
        "dendritic_predictive_learned": {
            **_CURRENT,
            "top_down": "learned",
            "eta_lateral": "20 Hz",
            "eta_top_down": "5 Hz",
        },
    },
)


class Parameters(ErrorCompartments, LateralPrediction, ds.Parameters):
    feedback: Literal["voltage", "rate"] = ds.parameter("voltage", "what a layer sends down")
    slopes: bool = ds.parameter(
        False, "whether errors are multiplied by the slopes of transfer functions"
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = check_layers(p)
    values = learning_values(p, last)
    populations = [ds.Population("layer0", p.sizes[0], "h : 1", inputs=["h"])]
    matrices, projections = [], []

    def add(*given, **more):
        found = connect(*given, p.low_pass, **more)
        matrices.extend(found[0])
        projections.extend(found[1])

    factors, excite = _factors(p), "excitatory" if p.dale else None
    for i, units in enumerate(p.sizes[1:], 1):
        hidden = i < last
        kind = "linear" if p.output == "linear" and not hidden else p.transfer
        inputs = {} if hidden else {"target": 0.0}
        populations.append(
            ds.Population(f"layer{i}", units, _text(p, hidden), transfer=kind, inputs=inputs)
        )
        add(
            f"w{i}", f"layer{i - 1}.h", f"layer{i}.basal", _drawn(p, p.sizes[i - 1]), BASAL,
            sign=excite, parameters={"factor": factors["w"][i - 1]},
        )  # fmt: skip
    for i in range(1, last):
        _connect_apical(p, i, factors, add)
    gates = {"teach": 0.0, "learn": 0.0} | ({"sleep": 0.0} if last > 1 else {})
    return ds.Circuit(populations, matrices, projections, p.with_values(**values), gates)


def _text(p, hidden):
    """Return the equations of a hidden layer or of the output."""
    text = VOLTAGE_PREDICTED[p.form] if hidden else OUTPUT[p.form]
    text += received("basal", "basal dendrite, fed by w", p.low_pass)
    if hidden:
        text += ERROR[p.slopes] + APICAL
        text += received("top_down", "fed by b", p.low_pass and p.top_down == "learned")
        return text + received("lateral", "fed by n", p.low_pass)
    steep = p.slopes and p.teaching == "rate"
    return text + (STEEP_TEACHING if steep else TEACHING[p.teaching]) + TARGET


def _connect_apical(p, i, factors, add):
    """Add what the apical dendrites of layer i receive, from the layer above and from the layer itself."""
    layer, above = f"layer{i}", f"layer{i + 1}"
    excite, inhibit = ("excitatory", "inhibitory") if p.dale else (None, None)
    down = ds.Transpose(f"w{i + 1}") if p.symmetric else _drawn(p, p.sizes[i + 1])
    rule = TOP_DOWN[p.feedback] if p.top_down == "learned" else None
    add(f"b{i}", f"{above}.{SENT[p.feedback]}", f"{layer}.top_down", down, rule, sign=excite)
    lateral = _drawn(p, p.sizes[i], -1.0)
    if p.self_predicting:
        lateral = ds.Product(f"b{i}", f"w{i + 1}", -factors["kappa"][i])
    add(
        f"n{i}", f"{layer}.h", f"{layer}.lateral", lateral, LATERAL,
        sign=inhibit, parameters={"factor": factors["n"][i - 1]},
    )  # fmt: skip


def _drawn(p, inputs, sign=1.0):
    return drawn_weights(p.gain, inputs, dale=p.dale, sign=sign)


def _factors(p):
    """Return the factors k of w, the factors m of n, and kappa of layers 1 to L."""
    found, last = conductances(p), len(p.sizes) - 1
    k = [found.kappa[-1] * found.total[-1] / p.nudging]
    for i in range(last - 2, -1, -1):
        k.insert(0, found.kappa[i] * found.total[i] * k[0] / p.g_apical)
    return {"w": k, "n": [found.kappa[i] * k[i] for i in range(1, last)], "kappa": found.kappa}
