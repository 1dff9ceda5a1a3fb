"""Target propagation and back-propagation learn real handwritten digits, on the same presentations.

Every trial shows a batch of 64 digits: the circuits settle and then learn in a single step. Afterwards the test
digits are shown without target. Measured, per model if there are several: `test_accuracy` of the feed-forward
output and `test_accuracy_dynamic` of that to which the circuit settles, losses and angles as in
`tp_student_teacher`, and `inverse`, the kind of apical weights.

The layers get narrower, so that there are no exact inverses:

    single        fixed Q = W(0)^+, the pseudo-inverse of the initial weights; what that costs is the result. Its
                  learning rate falls as 1/(1 + trial/200), and the nudge is complete (eta_hat = 1).
    two_phase     Q learned by reconstruction while the circuit sleeps on noise (`dream`)
    multiplexed   Q learned by the difference reconstruction loss, layer by layer (`inverse=drl`); with
                  `feedback=direct` from the output, with `inverse=learned` by reconstruction on noise
    backprop      weights are transported

Q that learns to reconstruct the digits themselves, not noise, inverts the few directions in which they vary, and
stays about four points behind back-propagation.

Pixels are centred by the training mean and divided by one global root mean square; labels are (one-hot - 0.1)/0.3.

Sources
-------
Thesis, chapter 6, which leaves these models untested; Meulemans et al. (2020), A theoretical framework for target
propagation. Data: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository, 1998, CC BY 4.0.

Rates
-----
Chosen on splits 5, 6 and 7, the seeds of the division into training and test digits.
"""

from typing import Annotated, Literal

import numpy as np

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.learning.cycle import learning_cycle, recall_phase
from dendrosim.learning.networks import (
    MODELS,
    check_target_range,
    circuits_by_prefix,
    input_signals,
    join_networks,
    learning_recordings,
    load_network,
)
from dendrosim.learning.progress import progress_figures, read_progress
from dendrosim.learning.settling import choose_time_step, count_settling_steps

SNAPSHOTS = 40  # trials of which the updates are kept
DAMPING = 0.1
ANNEAL = {"single": 200.0}  # trials after which the learning rate has halved
DEFAULTS = {
    "single": {"eta": "1 Hz", "eta_hat": 1.0, "inverse": "fixed"},
    "two_phase": {"eta": "4 Hz", "eta_q": "50 Hz", "decay_q": 0.015, "inverse": "learned"},
    "multiplexed": {"eta": "3 Hz", "eta_q": "5 Hz", "decay_q": 0.1, "sigma": 0.1, "inverse": "drl"},
    "backprop": {"eta": "5 Hz"},
}
LEARNED = {"eta": "3 Hz", "eta_q": "50 Hz", "decay_q": 0.02}
DIRECT = {"eta": "5 Hz"}


def protocol(
    *,
    model: Literal["single", "two_phase", "multiplexed", "backprop", "all"] = "all",
    hidden: tuple[int, ...] = (32, 16),
    transfer: str = "smooth_leaky",
    inverse: Literal["learned", "drl"] = "drl",
    feedback: Literal["layerwise", "direct"] = "layerwise",
    eta: Annotated[ds.Quantity | None, "Hz"] = None,
    presentations: int = 2000,
    dream: float = 3.0,
    split: int = 0,
    settle: Annotated[ds.Quantity | None, "s"] = None,
    dt: Annotated[ds.Quantity | None, "s"] = None,
    tau: ds.Quantity = "10 ms",
) -> ds.Protocol:
    """Return the protocol.

    Parameters
    ----------
    model
        One model, or all of them side by side, from the same weights.
    hidden
        Units of the layers between 64 pixels and 10 classes.
    transfer
        Of all layers: linear, smooth_leaky or leaky_relu; `backprop` alone also takes those without inverse.
    inverse
        How apical weights of `multiplexed` learn.
    feedback
        Whether targets of `multiplexed` come from the layer above, or from the output directly.
    eta
        Learning rate, of a single model only (default: 1, 4, 3 and 5 Hz for `single`, `two_phase`,
        `multiplexed` and `backprop`; 5 Hz with direct feedback).
    presentations
        Batches of 64 digits.
    dream
        Standard deviation of the noise on which apical weights learn to reconstruct.
    split
        Seed of the division into training and test digits.
    settle
        Time for which circuits settle in each phase (default: chosen from the spectrum).
    dt
        Time step (default: 0.5 tau).
    tau
        Time constant of all layers. A step of learning changes a weight by tau times its rate.
    """
    ds.positive(tau=tau, presentations=presentations, dream=dream)
    ds.not_negative(split=split)
    if eta is not None and model == "all":
        raise ParameterError("eta is for one model; choose it with model=...")
    if model not in ("multiplexed", "all") and (inverse, feedback) != ("drl", "layerwise"):
        raise ParameterError(
            f"inverse is {inverse} and feedback {feedback}, but model is {model}; they are for multiplexed"
        )
    names = tuple(MODELS) if model == "all" else (model,)
    train, test = (ds.tasks.load_digits(part, seed=split) for part in ("train", "test"))
    mean = train.images.mean(axis=0)
    scale = np.sqrt(np.mean((train.images - mean) ** 2))
    x, x_test = ((part.images - mean) / scale for part in (train, test))
    y, y_test = ((ds.tasks.one_hot(part.labels) - 0.1) / 0.3 for part in (train, test))
    chosen = []
    for name in names:
        own = dict(DEFAULTS[name])
        if name == "multiplexed":
            own |= {"inverse": inverse, "feedback": feedback}
            own |= LEARNED if inverse == "learned" else DIRECT if feedback == "direct" else {}
        own |= {} if eta is None else {"eta": eta}
        chosen.append(
            load_network(
                name,
                tau=tau,
                common={"sizes": (64, *hidden, 10), "transfer": transfer},
                own=own,
                others={},
                prefix=f"{name}_" if model == "all" else "",
            )
        )
    check_target_range(chosen, y)
    step = choose_time_step(dt, tau)
    steps = count_settling_steps({c.name: c.find_settling() for c in chosen}, step, settle)
    members = circuits_by_prefix(chosen)
    cycle = learning_cycle(
        members,
        dt=step,
        tau=float(tau.value),
        steps=steps,
        observed=True,
        dream=dream,
        anneal={c.prefix.removesuffix("_"): ANNEAL[c.name] for c in chosen if c.name in ANNEAL},
    )
    recall = recall_phase(members, dt=step, steps=steps)
    recall = recall.replace(signals=input_signals(chosen, ds.Samples("x_test"), 0.0))
    thin = max(1, presentations // SNAPSHOTS)
    return ds.Protocol(
        join_networks(chosen),
        (
            ds.Block("train", cycle, trials=presentations, order="shuffled"),
            ds.Block("test", (recall,), trials="pass"),
        ),
        dt=f"{step!r} s",
        signals=input_signals(chosen, ds.Samples("x"), ds.Samples("y")),
        data={"x": x, "y": y, "x_test": x_test},
        recordings=learning_recordings(chosen, thin=thin, cycle=1.0, events=True),
        batch=64,
        references={
            "test_labels": test.labels,
            "test_targets": y_test,
            "test_images": test.images,
            "thin": thin,
        },
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the learners on the test digits, and their updates with ideal directions."""
    protocol = result.protocol
    model, transfer = protocol.parameters["model"], protocol.parameters["transfer"]
    names = tuple(MODELS) if model == "all" else (model,)
    labels = np.asarray(protocol.references["test_labels"])
    x, y = protocol.data["x_test"].T, np.asarray(protocol.references["test_targets"]).T
    courses = {
        name: read_progress(
            result,
            f"{name}_" if model == "all" else "",
            f"{names[0]}_" if model == "all" else "",
            transfer,
            thin=protocol.references["thin"],
            damping=DAMPING,
            tests=len(labels),
        )
        for name in names
    }
    metrics = {}
    for name, course in courses.items():
        kind = (
            protocol.parameters["inverse"]
            if name == "multiplexed"
            else DEFAULTS[name].get("inverse")
        )
        metrics[name] = {
            "test_accuracy": _accuracy(course.feed_forward(x, transfer), labels),
            "test_accuracy_dynamic": _accuracy(course.outputs, labels),
            "inverse": {"fixed": "fixed at W(0)^+", None: "transported"}.get(kind, kind),
            **course.metrics(x, y, transfer),
        }

    def learning():
        errors = {
            name: [1 - _accuracy(h, labels) for h in course.feed_forward_of_snapshots(x, transfer)]
            for name, course in courses.items()
        }
        return ds.plot.curve(
            courses[names[0]].trials,
            errors,
            xlabel="presentations",
            ylabel="test error",
            title="Digits learned by target propagation",
            log=True,
        ).figure

    def digits():
        called = np.argmax(courses[names[-2 if model == "all" else 0]].outputs, axis=0)
        return ds.plot.images(
            np.asarray(protocol.references["test_images"])[:40],
            labels=called[:40],
            truth=labels[:40],
            title="test digits and what the circuit calls them",
        ).figure

    figures = {"learning": learning, "digits": digits}
    for name, course in courses.items():
        figures |= progress_figures(name, course)
    return ds.Measurement(metrics if model == "all" else metrics[model], figures)


def _accuracy(outputs, labels):
    """Fraction of samples (columns) whose largest output is their label."""
    return float(np.mean(np.argmax(outputs, axis=0) == labels))
