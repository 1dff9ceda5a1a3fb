"""Networks learn what a teacher network of the same shape does: target propagation beside back-propagation.

Inputs are normal numbers, targets what the teacher makes of them; its weights are well conditioned, as the initial
ones are. All models see the same samples in the same order, and with `model=all` start from the same weights.
In every trial the circuits settle and then learn, in single steps (`plasticity=events`) or all along.

Measured on fresh inputs, per model if there are several:

    initial_loss, final_loss   mean of 1/2 |h_L - y|^2 of the feed-forward output
    final_loss_dynamic         the same of the output to which the circuit settles without a target: where apical
                               weights are no exact inverses, that is what two phases train
    diverged                   whether a loss became three times the initial one, or is no number
    angle_gradient, angle_gauss_newton, angle_damped_gauss_newton
                               per layer, degrees between an update and gradient descent, or the Gauss-Newton
                               target, for the same samples; medians over the trials in which the loss was above
                               1 % of the initial one (below, activities that still settle hide the signal)
    saturated                  largest fraction of a layer's units, samples included, out of range at once

Sources
-------
Thesis, chapter 6, which leaves these models untested. The rules as printed (`rule=printed`, eq. 6.35 and 6.58)
make the loss explode. Angles: Meulemans et al. (2020), A theoretical framework for target propagation.

Limits
------
With exact inverses a weight matrix may become singular on the way, all the more if the transfer function is steep:
`leaky_relu`, whose slopes are 0.1 and 1, does not learn reliably.
"""

from typing import Annotated, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis import learning_signals
from dendrosim.errors import ShapeError
from dendrosim.learning.cycle import learning_cycle, recall_phase, sleep_cycle
from dendrosim.learning.networks import (
    MODELS,
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

FRESH = 400  # inputs on which losses are measured
SNAPSHOTS = 50  # trials of which the updates are kept


def protocol(
    *,
    model: Literal["single", "two_phase", "multiplexed", "backprop", "all"] = "all",
    sizes: tuple[int, ...] | None = None,
    transfer: str = "linear",
    mode: Literal["batch", "online"] = "batch",
    samples: int | None = None,
    presentations: int | None = None,
    plasticity: Literal["events", "continuous"] = "events",
    settle: Annotated[ds.Quantity | None, "s"] = None,
    dt: Annotated[ds.Quantity | None, "s"] = None,
    tau: ds.Quantity = "10 ms",
    inverse: Literal["exact", "learned", "fixed", "transpose", "drl"] | None = None,
    rule: Literal["difference", "local", "printed"] | None = None,
    eta: Annotated[ds.Quantity | None, "Hz"] = None,
    backprop_eta: ds.Quantity = "5 Hz",
    pretraining: int | None = None,
    damping: float = 0.01,
    data_seed: int = 0,
    **circuit: ds.parameters_of(
        "dynamical_tp",
        "two_phase_dtp",
        "multiplexed_dtp",
        without=(
            "sizes",
            "transfer",
            "target",
            "tau",
            "tau_hold",
            "tau_basal",
            "tau_apical",
            "inverse",
            "rule",
            "eta",
        ),
        optional=True,
    ),
) -> ds.Protocol:
    """Return the protocol.

    Parameters
    ----------
    model
        One model, or all of them side by side.
    sizes
        Units per layer, input first (default: 5-5-5-5 for `single`, `backprop` and `all`, else 6-5-4-3; online
        4-4-4-4 and 5-4-4-3). As the single phase has exact inverses and `rule=printed` compares neighbours, their
        layers above the input have one size.
    transfer
        Of all layers, of the teacher as well: linear, smooth_leaky or leaky_relu; `backprop` alone also takes
        those without inverse.
    mode
        `batch`: 64 samples side by side on shared weights; `online`: one after the other.
    samples
        Size of the training set (default: 64 in a batch, the same in every trial; 1000 online).
    presentations
        Trials: batches (default: 2000 if linear, else 1000), or single samples online (default: each once).
    plasticity
        Whether weights learn in single steps after settling, or all along.
    settle
        Time for which circuits settle in each phase (default: chosen from the spectrum).
    dt
        Time step (default: 0.5 tau, with continuous plasticity 0.2 tau).
    tau
        Time constant of all layers. A step of learning changes a weight by tau times its rate.
    inverse
        Apical weights (default: exact for `single`, which keeps them with model=all; else learned).
    rule
        What weights learn from, where a model leaves the choice: `printed` is for study and diverges.
    eta
        Learning rate of target propagation (default: 1 Hz; `multiplexed` in a batch 5 Hz if linear, else 2 Hz,
        but 1 Hz with inverse=drl; `two_phase` 0.2 Hz where single samples teach it all along, because its weights
        then learn from what they have just changed themselves).
    backprop_eta
        Learning rate of back-propagation.
    pretraining
        Trials before, in which apical weights learn alone (default: 1000 with inverse=drl, else none).
    damping
        Of the damped Gauss-Newton direction with which updates are compared.
    data_seed
        Seed of the teacher and the data; the run's own seed draws initial weights and the order of samples.
    """
    samples = (64 if mode == "batch" else 1000) if samples is None else samples
    ds.positive(tau=tau, samples=samples, backprop_eta=backprop_eta)
    ds.positive(presentations=1 if presentations is None else presentations)
    ds.not_negative(data_seed=data_seed, damping=damping)
    sizes = _sizes(model, mode, rule) if sizes is None else sizes
    if model == "all" and len(set(sizes[1:])) > 1:
        raise ShapeError(
            f"sizes is {sizes}; with model=all the single phase has exact inverses, which need layers 1 to "
            f"{len(sizes) - 1} of one size (layer 0 may differ); or choose one model"
        )
    others = {k: v for k, v in circuit.items() if v is not None}
    if (
        mode == "batch"
        and inverse in (None, "learned", "drl")
        and model not in ("single", "backprop")
    ):
        others.setdefault("eta_q", ds.quantity("5 Hz"))
    if inverse == "drl":
        others.setdefault("decay_q", 0.01)
    rates = {name: _rate(name, mode, plasticity, transfer, inverse) for name in MODELS}
    rates |= {} if eta is None else dict.fromkeys(rates, eta)
    rates["backprop"] = backprop_eta
    chosen = _learners(model, sizes, transfer, tau, inverse, rule, eta, rates, others)
    events, second = plasticity == "events", float(tau.value)
    step = choose_time_step(dt, tau, 0.5 if events else 0.2)
    steps = count_settling_steps({x.name: x.find_settling() for x in chosen}, step, settle)
    rng = np.random.default_rng(data_seed)
    start = ds.WellConditioned(others.get("gain", 1.4), others.get("condition", 2.0))
    teacher = [start.sample(shape, rng) for shape in zip(sizes[1:], sizes[:-1], strict=True)]
    x, fresh = rng.normal(size=(sizes[0], samples)), rng.normal(size=(sizes[0], FRESH))
    y, expected = (
        learning_signals.forward(teacher, shown, transfer).activities[-1] for shown in (x, fresh)
    )
    check_target_range(chosen, np.concatenate([y, expected], axis=1))
    batches = 2000 if transfer == "linear" else 1000
    trials = (batches if mode == "batch" else samples) if presentations is None else presentations
    members = circuits_by_prefix(chosen)
    cycle = learning_cycle(
        members, dt=step, tau=second, steps=steps, plasticity=plasticity, observed=events
    )
    test = recall_phase(members, dt=step, steps=steps)
    test = test.replace(signals=input_signals(chosen, ds.Samples("fresh"), 0.0))
    thin = max(1, trials // SNAPSHOTS)
    pretraining = (1000 if inverse == "drl" else 0) if pretraining is None else pretraining
    ds.not_negative(pretraining=pretraining)
    sleep = sleep_cycle(members, dt=step, tau=second, steps=steps, plasticity=plasticity)
    before = ds.Block("pretrain", sleep, trials=max(1, pretraining))
    return ds.Protocol(
        join_networks(chosen),
        (
            *((before,) if pretraining else ()),
            ds.Block("train", cycle, trials=trials),
            ds.Block("test", (test,), trials="pass"),
        ),
        dt=f"{step!r} s",
        signals=input_signals(chosen, ds.Samples("x"), ds.Samples("y")),
        data={"x": x.T, "y": y.T, "fresh": fresh.T},
        recordings=learning_recordings(
            chosen, thin=thin, cycle=sum(float(p.duration.value) for p in cycle), events=events
        ),
        batch=64 if mode == "batch" else 1,
        references={"fresh_targets": expected, "thin": thin},
    )


def _sizes(model, mode, rule):
    square = model in ("single", "backprop", "all") or rule == "printed"
    if mode == "batch":
        return (5, 5, 5, 5) if square else (6, 5, 4, 3)
    return (4, 4, 4, 4) if square else (5, 4, 4, 3)


def _learners(model, sizes, transfer, tau, inverse, rule, eta, rates, others):
    names = tuple(MODELS) if model == "all" else (model,)
    chosen = {k: v for k, v in {"inverse": inverse, "rule": rule}.items() if v is not None}
    given = chosen if eta is None else {**chosen, "eta": eta}
    own_rate = ("backprop_eta",) if "backprop" in names else ()
    check_parameter_names(names, {**others, **given}, own_rate)
    made = []
    for name in names:
        own = {"eta": rates[name]}
        if name in ("two_phase", "multiplexed") or name == model == "single":
            own |= chosen
        made.append(
            load_network(
                name,
                tau=tau,
                common={"sizes": sizes, "transfer": transfer},
                own=own,
                others=others,
                prefix=f"{name}_" if len(names) > 1 else "",
            )
        )
    return made


def _rate(name, mode, plasticity, transfer, inverse):
    if name == "two_phase" and (mode, plasticity) == ("online", "continuous"):
        return "0.2 Hz"
    if name == "multiplexed" and mode == "batch" and inverse != "drl":
        return "5 Hz" if transfer == "linear" else "2 Hz"
    return "1 Hz"


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the learners on fresh inputs, and their updates with ideal directions."""
    protocol = result.protocol
    model, transfer = protocol.parameters["model"], protocol.parameters["transfer"]
    names = tuple(MODELS) if model == "all" else (model,)
    fresh, expected = protocol.data["fresh"].T, np.asarray(protocol.references["fresh_targets"])
    courses = {
        name: read_progress(
            result,
            f"{name}_" if model == "all" else "",
            f"{names[0]}_" if model == "all" else "",
            transfer,
            thin=protocol.references["thin"],
            damping=protocol.parameters["damping"],
            tests=FRESH,
        )
        for name in names
    }
    metrics = {name: course.metrics(fresh, expected, transfer) for name, course in courses.items()}

    def loss():
        return ds.plot.curve(
            courses[names[0]].trials,
            {name: c.losses(fresh, expected, transfer)[:-1] for name, c in courses.items()},
            xlabel="trial",
            ylabel="loss on fresh inputs",
            title="Networks learn what a teacher does",
            log=True,
        ).figure

    figures = {"loss": loss}
    for name, course in courses.items():
        figures |= progress_figures(name, course)
    return ds.Measurement(metrics if model == "all" else metrics[model], figures)
