"""Networks learn the function of a teacher network of the same shape, by target propagation and back-propagation.

Inputs are normally distributed, and targets are the outputs of the teacher. The weights of the teacher and the
initial weights of the networks are well conditioned. All models see the same samples in the same order, and with
`model=all` start from the same weights. In every trial the circuits settle and then learn in a single step
(`plasticity=events`), or they learn all the time (`plasticity=continuous`).

Measured on fresh inputs, per model if there are several:

    initial_loss, final_loss   mean of 1/2 |h_L - y|^2 of the feed-forward output
    final_loss_dynamic         the same loss of the output to which the circuit settles without a target; two-phase
                               learning trains it, and it equals the feed-forward output if inverses are exact
    diverged                   whether a loss reached three times the initial one, or is not a number
    angle_gradient, angle_gauss_newton, angle_damped_gauss_newton
                               per layer, degrees between an update and gradient descent, or the Gauss-Newton
                               target, for the same samples; medians over the trials in which the loss was above
                               1 % of the initial one (below, incomplete settling hides the signal)
    saturated                  largest fraction of a layer's units, over all samples, that were clipped at once

Sources
-------
Thesis, chapter 6, which leaves these models untested. The rules as printed (`rule=printed`, eq. 6.35 and 6.58)
make the loss explode. Angles: Meulemans et al. (2020), A theoretical framework for target propagation.

Robustness
----------
With the rule of the thesis (`rule=difference`, here with its rates and sample numbers) many nonlinear networks
diverge, for three reasons. The signal J_i^-1 e has no limit where a weight matrix becomes ill-conditioned. s^-1
multiplies it by 1/s' in every layer, up to 10 for `leaky_relu`, and such an update need not be a descent direction
(see `tp_descent`). Apical weights that reconstruct activity invert little more than its mean direction. The
defaults (`rule=bounded`) change each of these, by rules that need no other signals than the synapse has: plateau
potentials saturate, apical dendrites add up rates, and apical weights learn from perturbations, with a decay that
damps the Gauss-Newton target.

In a single phase an error of the apical weights cannot be subtracted, because there is no free phase. With exact
inverses, which need s^-1, 71 % of the networks of `leaky_relu` units (slopes 0.1 and 1) keep more than a tenth of
their loss, although they do not diverge. By default its apical weights are therefore transposes, the limit of
strong damping of the inverse, d (W^T W + d I)^-1 W^T, and they carry learning signals (`decoder=error`). Settling
and learning then descend one energy (see `dynamical_tp`), as in predictive coding. The smaller mu is, the closer
is this energy to the loss. Steps are no longer divided by the curvature, so linear networks, whose curvature is
large, have smaller rates. `inverse=exact` keeps inverses, with bounded signals.

64 samples do not determine a network of `leaky_relu` units; for this reason 1024 are the default. When such units
learn from single samples, bounded signals have about the same size however small the error is, so at a constant
rate the loss comes to rest at a value that grows with the rate and with the number of inputs. In two phases and
multiplexed, rates therefore fall as 1/(1 + trial/T), where T is 0.3 of all trials, and networks with more than 48
weights, the number of 5-4-4-3 layers, see as many more samples: of 40 multiplexed networks of 8-7-6-4 units (seeds
0 to 39), 15 % still keep more than a tenth of their loss after 5,000 samples, 5 % after 10,000 and 2.5 % after
15,000 and 20,000.

Two phases of `leaky_relu` units have the weight mu = 0.05 of apical dendrites if there are more than three layers
above the input, else 0.2: apical weights invert slopes that are means over samples, so gains of loops exceed 1
where slopes are 1, and more layers make more loops. With mu = 0.2, seven of eight networks of 6-6-5-4-3 units that
learn from single samples diverge (seeds 200 to 207), with 0.05 none.
"""

from itertools import pairwise
from typing import Any, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis import learning_signals
from dendrosim.errors import ShapeError
from dendrosim.learning.cycle import learning_cycle, recall_phase, sleep_cycle
from dendrosim.learning.networks import (
    MODELS,
    LayeredNetwork,
    check_parameter_names,
    check_target_range,
    circuits_by_prefix,
    input_signals,
    join_networks,
    learning_recordings,
    load_network,
)
from dendrosim.learning.progress import progress_figures, read_progress
from dendrosim.learning.settling import choose_time_step, count_settling_steps
from dendrosim.plot import style

FRESH = 400  # number of inputs on which losses are measured
SNAPSHOTS = 50  # number of trials whose updates are kept
# Rates of two phases and of multiplexing, whose apical weights learn by differences. The decay of apical weights
# damps the Gauss-Newton target about as much as the singular values of a layer, 0.7 to 1.4, allow.
IN_BATCHES = {"inverse": "drl", "eta": "32 Hz", "reach": 0.1, "eta_q": "5 Hz", "decay_q": 0.6}
TRANSPOSED = {"inverse": "transpose", "decoder": "error", "mu": 0.05}
# Chosen on seeds 200 to 299 with layers of 6-5-4-3 and 5-5-5-5, online 5-4-4-3 and 4-4-4-4 units.
ROBUST: dict[tuple[str, str], dict[str, Any]] = {
    ("single", "batch"): TRANSPOSED | {"eta": "32 Hz", "reach": 0.3},
    ("single", "online"): TRANSPOSED | {"eta": "16 Hz", "reach": 0.1},
    ("two_phase", "batch"): IN_BATCHES,
    ("two_phase", "online"): IN_BATCHES | {"eta": "8 Hz"},
    ("multiplexed", "batch"): IN_BATCHES,
    ("multiplexed", "online"): IN_BATCHES | {"eta": "8 Hz"},
}

# Without a division by the curvature, which is largest in linear networks, steps must be smaller.
LINEAR = {"batch": {"eta": "8 Hz"}, "online": {"eta": "4 Hz", "reach": 0.3}}
# Exact inverses in a single phase. With this mu, circuits are stable at all slopes from 0.1 to 1.
EXACT: dict[str, dict[str, Any]] = {
    "linear": {"eta": "1 Hz", "reach": 1.0},
    "smooth_leaky": {"eta": "1 Hz", "reach": 0.3},
    "leaky_relu": {"eta": "1 Hz", "reach": 0.1, "mu": 0.05},
}
# Slopes of 0.1 and 1 make the signals of single samples very unequal. A tight bound makes them more equal.
ONE_BY_ONE: dict[str, dict[str, Any]] = {
    "leaky_relu": {"eta": "16 Hz", "reach": 0.03, "eta_q": "2 Hz", "decay_q": 0.3},
}
# With these slopes, apical weights that invert the mean slope make gains above 1 where slopes are 1, and loops
# through more than three layers grow. A small mu weakens them.
SHALLOW, WEAK = 3, {"mu": 0.05}
SINGLE_SAMPLES = {"linear": 1000, "leaky_relu": 8000}
WEIGHTS = 48  # of the layers 5-4-4-3 and 4-4-4-4; networks with more need as many more samples
FALL = 0.3  # part of the trials after which these networks learn half as fast


class Parameters(ds.Parameters):
    model: Literal["single", "two_phase", "multiplexed", "backprop", "all"] = ds.parameter(
        "all", "one model, or all of them side by side"
    )
    sizes: tuple[int, ...] | None = ds.parameter(
        None, "units per layer, input first (default: 5-5-5-5 for single, backprop, all and rule=printed, because "
        "exact inverses need layers of one size above the input; else 6-5-4-3; online 4-4-4-4 and 5-4-4-3)",
        least=1,
    )  # fmt: skip
    transfer: str = ds.parameter("linear", "transfer function, also of the teacher; a bijection")
    mode: Literal["batch", "online"] = ds.parameter("batch", "64 samples at a time, or one")
    samples: int | None = ds.parameter(
        None, "training samples (default: 1024; online 4000, 1000 if linear, 8000 or more if leaky_relu; "
        "thesis: 64, online 1000)", least=1,
    )  # fmt: skip
    presentations: int | None = ds.parameter(
        None, "trials (default: 2000 batches, thesis: 1000 if nonlinear; online each sample once)", least=1,
    )  # fmt: skip
    plasticity: Literal["events", "continuous"] = ds.parameter("events", "in steps, or continuous")
    settle: ds.Quantity | None = ds.parameter(None, "settling (from spectrum)", unit="s", above=0)
    dt: ds.Quantity | None = ds.parameter(None, "step (0.5 tau, continuous 0.2)", unit="s", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant, and scale of learning steps", above=0)
    inverse: Literal["exact", "learned", "fixed", "transpose", "drl"] | None = ds.parameter(
        None,
        "apical weights (default: transpose for single, else drl; thesis and continuous: exact for single, else "
        "learned; with all, single keeps its default)",
    )
    rule: Literal["bounded", "difference", "local", "printed"] | None = ds.parameter(
        None, "signal from which weights learn (default: bounded; single has no local and printed)"
    )
    decoder: Literal["inverse", "linear", "error"] | None = ds.parameter(
        None,
        "what apical dendrites receive (default: linear with drl, error for single, thesis: inverse)",
    )
    eta: ds.Quantity | None = ds.parameter(
        None, "learning rate of target propagation (default: with the bounded rule and drl 32 Hz, online 8 Hz, "
        "leaky_relu 16 Hz, and for single 32 Hz, online 16 Hz, linear 8 and 4 Hz; "
        "else 1 Hz; multiplexed and learned in a batch 5 Hz if linear, else 2 Hz; two_phase 0.2 Hz if online and "
        "continuous, because its weights then also learn from their own last changes)", unit="Hz", above=0,
    )  # fmt: skip
    backprop_eta: ds.Quantity = ds.parameter("5 Hz", "learning rate of back-propagation", above=0)
    pretraining: int | None = ds.parameter(
        None, "apical trials beforehand (thesis, drl: 1000)", least=0
    )
    damping: float = ds.parameter(0.01, "damping of the damped Gauss-Newton direction", least=0)
    data_seed: int = ds.parameter(0, "seed of teacher and data, not of initial weights", least=0)
    circuit = ds.parameters_of(
        "dynamical_tp", "two_phase_dtp", "multiplexed_dtp",
        without=("target", "decoder", "tau_hold", "tau_basal", "tau_apical"), optional=True,
    )  # fmt: skip

    @property
    def is_robust(self) -> bool:
        """Whether weights learn by the bounded rule, in single steps."""
        bounded = self.rule in (None, "bounded") and self.model != "backprop"
        return bounded and self.plasticity == "events"


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    batch, events = p.mode == "batch", p.plasticity == "events"
    sizes = _sizes(p) if p.sizes is None else p.sizes
    samples, trials = _counts(p, sizes)
    others = dict(p.circuit)
    networks = _networks(p, sizes, others)
    step = choose_time_step(p.dt, p.tau, 0.5 if events else 0.2)
    steps = count_settling_steps({n.name: n.find_settling() for n in networks}, step, p.settle)
    rng = np.random.default_rng(p.data_seed)
    start = ds.WellConditioned(others.get("gain", 1.4), others.get("condition", 2.0))
    teacher = [start.sample(shape, rng) for shape in zip(sizes[1:], sizes[:-1], strict=True)]
    x, fresh = rng.normal(size=(sizes[0], samples)), rng.normal(size=(sizes[0], FRESH))
    y, expected = (
        learning_signals.forward(teacher, shown, p.transfer).activities[-1] for shown in (x, fresh)
    )
    check_target_range(networks, np.concatenate([y, expected], axis=1))
    alone = p.pretraining is None and p.inverse == "drl" and not p.is_robust
    pretraining = 1000 if alone else p.pretraining
    circuits, thin = circuits_by_prefix(networks), max(1, trials // SNAPSHOTS)
    timing: Any = dict(dt=step, tau=float(p.tau.value), steps=steps, plasticity=p.plasticity)
    falling = _falling(p, networks, trials)
    cycle = learning_cycle(circuits, **timing, observed=events, anneal=falling)
    test = recall_phase(circuits, dt=step, steps=steps)
    test = test.replace(signals=input_signals(networks, ds.Samples("fresh"), 0.0))
    blocks = [ds.Block("train", cycle, trials=trials), ds.Block("test", (test,), trials="pass")]
    if pretraining:
        blocks.insert(0, ds.Block("pretrain", sleep_cycle(circuits, **timing), trials=pretraining))
    seconds = sum(float(phase.duration.value) for phase in cycle)
    return ds.Protocol(
        join_networks(networks),
        tuple(blocks),
        dt=f"{step!r} s",
        signals=input_signals(networks, ds.Samples("x"), ds.Samples("y")),
        data={"x": x.T, "y": y.T, "fresh": fresh.T},
        recordings=learning_recordings(networks, thin=thin, cycle=seconds, events=events),
        batch=64 if batch else 1,
        references={"fresh_targets": expected, "thin": thin},
    )


def _counts(p: Parameters, sizes: tuple[int, ...]) -> tuple[int, int]:
    """Return the number of training samples and the number of trials."""
    batch, linear = p.mode == "batch", p.transfer == "linear"
    # 64 samples do not determine a network of leaky_relu units: one that fits them fails on others.
    many = 1024 if batch else SINGLE_SAMPLES.get(p.transfer, 4000)
    if not batch and p.transfer in ONE_BY_ONE:
        weights = sum(a * b for a, b in pairwise(sizes))
        many = max(many, round(many * weights / WEIGHTS / 1000) * 1000)
    samples = p.samples or (many if p.is_robust else 64 if batch else 1000)
    trials = 2000 if linear or p.is_robust else 1000
    return samples, p.presentations or (trials if batch else samples)


def _falling(p: Parameters, networks: list[LayeredNetwork], trials: int) -> dict[str, float]:
    """Return by prefix the number of trials after which a network learns half as fast."""
    one_by_one = p.is_robust and p.mode == "online" and p.transfer in ONE_BY_ONE
    if not one_by_one or p.inverse not in (None, "drl"):
        return {}
    names = ("two_phase", "multiplexed")
    return {n.prefix.removesuffix("_"): FALL * trials for n in networks if n.name in names}


def _sizes(p: Parameters) -> tuple[int, ...]:
    square = p.model in ("single", "backprop", "all") or p.rule == "printed"
    if p.mode == "batch":
        return (5, 5, 5, 5) if square else (6, 5, 4, 3)
    return (4, 4, 4, 4) if square else (5, 4, 4, 3)


def _networks(
    p: Parameters, sizes: tuple[int, ...], others: dict[str, Any]
) -> list[LayeredNetwork]:
    """Return the networks of the chosen models."""
    if p.model == "all" and not p.is_robust and len(set(sizes[1:])) > 1:
        raise ShapeError(
            f"sizes is {sizes}; with model=all and this rule the single phase has exact inverses, which need "
            f"layers 1 to {len(sizes) - 1} of one size (layer 0 may differ); or choose one model"
        )
    names = tuple(MODELS) if p.model == "all" else (p.model,)
    given = {"inverse": p.inverse, "rule": p.rule, "decoder": p.decoder, "eta": p.eta}
    chosen = {k: v for k, v in given.items() if v is not None}
    check_parameter_names(names, others | chosen, ["backprop_eta"] * ("backprop" in names))
    networks, common = [], {"sizes": sizes, "transfer": p.transfer}
    for name in names:
        own = {"eta": p.backprop_eta}
        if name != "backprop":
            own = {k: v for k, v in _defaults(name, p).items() if k not in others}
            own |= _of_single(chosen) if name == "single" != p.model else chosen
        prefix = f"{name}_" if len(names) > 1 else ""
        options: Any = {"common": common, "own": own, "others": others, "prefix": prefix}
        networks.append(load_network(name, tau=p.tau, **options))
    return networks


def _of_single(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return what of the choices for all models applies to a single phase."""
    rule = {} if chosen.get("rule") in (None, "bounded") else {"rule": "difference"}
    return {"eta": chosen["eta"], **rule} if "eta" in chosen else rule


def _defaults(name: str, p: Parameters) -> dict[str, Any]:
    """Return the defaults of a network."""
    batch, learned = p.mode == "batch", p.inverse in (None, "learned", "drl")
    if p.is_robust and name == "single":
        if p.model == "single" and p.inverse not in (None, "transpose"):
            return EXACT.get(p.transfer, EXACT["smooth_leaky"])
        return ROBUST[name, p.mode] | (LINEAR[p.mode] if p.transfer == "linear" else {})
    if p.is_robust and p.inverse in (None, "drl"):
        deep = name == "two_phase" and p.transfer in ONE_BY_ONE and len(p.sizes or ()) > SHALLOW + 1
        own = ROBUST[name, p.mode] | ({} if batch else ONE_BY_ONE.get(p.transfer, {}))
        return own | (WEAK if deep else {})
    fast = name == "multiplexed" and batch and p.inverse != "drl"
    own: dict[str, Any] = {"eta": "1 Hz"}
    if p.rule in (None, "bounded"):
        own["reach"] = 1.0 if p.plasticity == "events" else 3.0
    if fast:
        own["eta"] = "5 Hz" if p.transfer == "linear" else "2 Hz"
    if name == "two_phase" and (p.mode, p.plasticity) == ("online", "continuous"):
        own["eta"] = "0.2 Hz"
    if name != "single" and batch and learned:
        own["eta_q"] = "5 Hz"
    return own | ({"decay_q": 0.01} if p.inverse == "drl" else {})


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the networks on fresh inputs, and their updates with ideal directions."""
    protocol = result.protocol
    model, transfer = protocol.parameters["model"], protocol.parameters["transfer"]
    prefixes = {name: f"{name}_" for name in MODELS} if model == "all" else {model: ""}
    first = next(iter(prefixes))
    fresh, expected = protocol.data["fresh"].T, np.asarray(protocol.references["fresh_targets"])
    shown = {"thin": protocol.references["thin"], "damping": protocol.parameters["damping"]}
    courses = {
        name: read_progress(result, prefix, prefixes[first], transfer, tests=FRESH, **shown)
        for name, prefix in prefixes.items()
    }
    metrics = {name: course.metrics(fresh, expected, transfer) for name, course in courses.items()}

    def loss() -> Any:
        losses = {
            style.readable(name): c.losses(fresh, expected, transfer)[:-1]
            for name, c in courses.items()
        }
        trials, title = courses[first].trials, "Networks learn what a teacher does"
        axes: Any = {"xlabel": "trial", "ylabel": "loss on fresh inputs", "log": True}
        return ds.plot.curve(trials, losses, title=title, **axes).figure

    figures = {"loss": loss}
    for name, course in courses.items():
        figures |= progress_figures(name, course)
    return ds.Measurement(metrics if model == "all" else metrics[model], figures)
