"""Networks of several depths learn images by random feedback, with fully and with locally connected layers.

Networks of all `depths` (layers above the input), kinds of layers, rules and `splits` learn side by side. In each
trial all of them see a batch; signals settle in steps of tau, in which the updates are exactly those of the
algorithms, and the weights take one step of eta tau. Circuits have both signals at once, without coupling
(form=compartments), which takes fewer time steps than form=phases and learns the same; bdfa needs phases.

Hidden layers have `filters` units at each place of a grid that is `stride` times coarser than the image (digits:
4 units at 4 x 4 places, so 64 in each layer). `kinds`:

    full     all layers are fully connected
    local    units see patches of `kernel` x `kernel` places of the layer below, with weights of their own
             (untied); from depth 3 on the last hidden layer is fully connected. The output layer always is.

These are the networks of the paper scaled to small images: a layer with stride 2 in place of a convolution and a
pooling layer, then layers at one resolution, a fully connected layer, and the outputs. There are no pooling, no
drop-out and no residual connections. The loss is hinge, and wrong classes together weigh as much as the right one,
as in the author's code; `bp_softmax` is back-propagation with the softmax loss. Images are centred and scaled to
unit variance, because units have no bias.

Split k draws training and test digits, initial weights and feedback weights with the seed k. Forward weights are
the same for all rules, and so are feedback weights for rules that have them. `images` may be a folder with IDX or
binary CIFAR files; splits then differ in weights only.

Measured, by kind of layers and rule, as arrays (splits, depths), on test images:

    accuracy, train_accuracy   fraction of right classes at the end, of test and of as many training images
    mean_error                 mean error over the time of learning: small if a rule learns fast
    early_gain                 decrease of the error in the first tenth of the trials, mean of both sets
    early_correlation          mean over layers of the correlation of W and R^T at that time
    largest_correlation, smallest_rise
                               largest correlation of a layer at the end; smallest increase of that of a layer

`summary` has means and standard deviations of accuracies over splits, `correlation` the correlations of W and R^T
at the end in layers 2 to L of each depth (mean over splits), `behind_bp` the distance of mean accuracies to bp by
depth, and `claims` whether the six claims of the paper's section 4 hold, with the numbers that decide them (see
`dendrosim.analysis.random_feedback_claims`).

Results
-------
Splits 0 to 4, depths 2 to 6 (`benchmarks/results/feedback_digits.md`). At every depth bp is ahead of urfb, and
urfb of frfb, but for local layers at depth 2. From depth 2 to 6, frfb falls from 1.2 to 2.5 points behind bp with
full layers, from 1.2 to 5.9 with local ones; urfb from 0.3 to 1.6, and from -0.4 to 2.7. Claims: `hinge` holds
(0.6 points behind softmax), `deep` holds (urfb 2.2 and frfb 4.2 points behind bp; in 3 of 5 splits by themselves),
`alignment` holds (correlations of up to 0.80), `early` holds (after 64 batches 92 % of the decrease of errors by
bp, at a correlation of 0.20). `shallow` fails in one part: urfb learns faster than frfb and ends 1.2 points ahead
of it, but no worse than bp. `local` fails at depth 2 only, where urfb is 0.4 points ahead of bp (standard error
0.7); local layers are 2.8 points behind full ones. With one split, differences of a point are chance.

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates, section 4, figures 5 to 11. Digits:
E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
CC BY 4.0.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis import learning_signals
from dendrosim.analysis.random_feedback_claims import decide_claims, order_gaps
from dendrosim.errors import ParameterError, prefix_errors
from dendrosim.learning.feedback_cycle import feedback_cycle
from dendrosim.learning.recorded_weights import dense_final, dense_trace
from dendrosim.learning.same_start import with_drawn_weights
from dendrosim.plot import style
from dendrosim.tasks.scaled_images import load_scaled_images

SNAPSHOTS = 20  # number of times at which weights are kept
KERNEL = 3
EARLY = 0.1  # part of the trials that counts as early
TRANSFER = "saturated_linear"
Rule = Literal["bp", "bp_softmax", "urfb", "frfb", "dfa", "kolen_pollack", "weight_mirror", "bdfa"]
ALIGNING = ("urfb", "frfb", "kolen_pollack", "weight_mirror", "bdfa")  # rules with R_2 .. R_L
MEASURES = ("accuracy", "train_accuracy", "mean_error", "early_gain")
CORRELATIONS = ("early_correlation", "largest_correlation", "smallest_rise")


class Parameters(ds.Parameters):
    rules: tuple[Rule, ...] = ds.parameter(
        ("bp", "bp_softmax", "urfb", "frfb"), "rules of feedback weights, as in feedback_alignment"
    )
    depths: tuple[int, ...] = ds.parameter((2, 4, 6), "layers above the input, ascending", least=2)
    kinds: tuple[Literal["full", "local"], ...] = ds.parameter(
        ("full", "local"), "fully or locally connected layers"
    )
    splits: tuple[int, ...] = ds.parameter((0,), "seeds of data and initial weights", least=0)
    images: str = ds.parameter("digits", "digits, or a folder with IDX or binary CIFAR files")
    presentations: int = ds.parameter(640, "number of batches", least=1)
    batch: int = ds.parameter(16, "images that are shown in one trial", least=1)
    filters: int = ds.parameter(4, "units at each place of hidden layers", least=1)
    kernel: int | None = ds.parameter(
        None, "height and width of patches of local layers (default: 3)", least=1
    )
    stride: int = ds.parameter(2, "distance of places in layer 1, in pixels", least=1)
    pruned: float = ds.parameter(
        0.0, "fraction of inputs that units of full layers lack", least=0, below=1
    )
    eta: ds.Quantity = ds.parameter("20 Hz", "learning rate of w", above=0)
    eta_r: ds.Quantity = ds.parameter(
        "5 Hz", "learning rate of r, with weight_mirror or bdfa", above=0
    )
    decay: float = ds.parameter(
        0.003, "decay of w and r relative to eta, with kolen_pollack", above=0
    )
    balance: float = ds.parameter(1 / 9, "weight of each wrong class in the hinge loss", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant, and scale of learning steps", above=0)


@dataclass(frozen=True)
class Member:
    """One network of the comparison; `split` is a place in the list of splits, so that programs are the same."""

    kind: str
    rule: str
    depth: int
    split: int

    @property
    def name(self) -> str:
        """Name of the network in the joined circuit, whose names begin with it."""
        return f"{self.rule}_{self.kind}{self.depth}_{self.split}"


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    _check(p)
    members = _members(p)
    data, shape, classes = _data(p)
    circuits = {m.name: _circuit(p, m, shape, classes) for m in members}
    tau = float(p.tau.value)
    signals: dict[str, Any] = {}
    for m in members:
        signals[f"{m.name}_layer0.h"] = ds.Samples(f"x{m.split}")
        signals[f"{m.name}_layer{m.depth}.target"] = ds.Samples(f"y{m.split}")
    kept = tuple(
        f"{m.name}_{n}{i}"
        for m in members
        for n, first in (("w", 1), *([("r", 2)] if m.rule in ALIGNING else []))
        for i in range(first, m.depth + 1)
    )
    return ds.Protocol(
        ds.Circuit.join(**circuits),
        (
            ds.Block(
                "train",
                feedback_cycle(circuits, dt=tau, tau=tau),
                trials=p.presentations,
                order="shuffled",
            ),
        ),
        dt=f"{tau!r} s",
        signals=signals,
        data={n: v for n, v in data.items() if n[0] in "xy"},
        recordings=(ds.Recording(kept, every="phase", phases="train/forward", thin=_thin(p)),),
        batch=p.batch,
        references={n: v for n, v in data.items() if n[0] not in "xy"},
    )


def _check(p):
    """Refuse lists with gaps or repetitions, and values that do not fit together."""
    for name in ("rules", "depths", "kinds", "splits"):
        given = getattr(p, name)
        if not given or len(set(given)) < len(given):
            raise ParameterError(f"{name} is {list(given)}; give at least one, and none twice")
    if list(p.depths) != sorted(p.depths):
        raise ParameterError(f"depths is {list(p.depths)}; give them in ascending order")
    if p.kernel is not None and "local" not in p.kinds:
        raise ParameterError(
            f"kernel is {p.kernel}, which is for local layers; choose kinds=[local], or leave kernel out"
        )
    if p.pruned and "local" in p.kinds:
        raise ParameterError(
            f"pruned is {p.pruned}, which is for fully connected layers; choose kinds=[full], or leave pruned out"
        )


def _thin(p):
    """Return the number of trials from one snapshot to the next."""
    return max(1, p.presentations // SNAPSHOTS)


def _members(p):
    return [
        Member(k, r, d, s)
        for s in range(len(p.splits))
        for d in p.depths
        for k in p.kinds
        for r in p.rules
    ]


def _circuit(p, member, shape, classes):
    """Return the circuit of a network, with initial weights drawn from the seed of its split."""
    height, width, channels = shape
    with prefix_errors("stride"):
        units = ds.LocalPatches(height, width, channels, p.filters, 1, p.stride).shape[0]
    hidden = member.depth - 1
    given: dict[str, Any] = {}
    if member.kind == "local":
        count = max(1, hidden - 1)
        strides = (p.stride, *(1,) * (count - 1))
        given = {"image": shape, "kernels": (p.kernel or KERNEL,) * count, "strides": strides}
    elif p.pruned:
        given["pruned"] = p.pruned
    if member.rule == "kolen_pollack":
        given["decay"] = p.decay
    if member.rule in ("weight_mirror", "bdfa"):
        given["eta_r"] = p.eta_r
    softmax = member.rule == "bp_softmax"
    given |= {"loss": "softmax"} if softmax else {"loss": "hinge", "balance": p.balance}
    rule = member.rule.removesuffix("_softmax")
    form = {"form": "phases"} if rule == "bdfa" else {"form": "compartments", "coupling": 0.0}
    circuit = ds.load_circuit(
        "feedback_alignment",
        sizes=(height * width * channels, *(units,) * hidden, classes),
        rule=rule,
        transfer=TRANSFER,
        eta=p.eta,
        tau=p.tau,
        **form,
        **given,
    )
    return with_drawn_weights(circuit, p.splits[member.split])


def _data(p):
    """Return arrays of all splits by name, the shape of an image, and the number of classes."""
    found: dict[str, Any] = {}
    for k, split in enumerate(p.splits):
        images = load_scaled_images(p.images, split)
        if len(images.labels) < p.batch:
            raise ParameterError(
                f"batch is {p.batch}, but there are only {len(images.labels)} training images; choose less"
            )
        seen = np.random.default_rng(split).permutation(len(images.labels))[: len(images.fresh)]
        found |= {
            f"x{k}": images.x,
            f"y{k}": ds.tasks.one_hot(images.labels, images.classes),
            f"fresh{k}": images.fresh,
            f"labels{k}": images.fresh_labels,
            f"seen{k}": images.x[seen],
            f"seen_labels{k}": images.labels[seen],
        }
    return found, images.shape, images.classes


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the rules."""
    p, given = Parameters(**result.protocol.parameters), result.protocol.references
    courses = {m: _course(result, m, given, p) for m in _members(p)}
    tables = {
        name: {k: {r: _table(courses, p, name, k, r) for r in rules} for k in p.kinds}
        for names, rules in (
            (MEASURES, p.rules),
            (CORRELATIONS, [r for r in p.rules if r in ALIGNING]),
        )
        for name in names
    }
    accuracy = tables["accuracy"]
    aligning = [r for r in p.rules if r in ALIGNING]
    metrics: dict[str, Any] = {
        "summary": {
            k: {r: {"mean": np.mean(a, axis=0), "sd": _spread(a)} for r, a in accuracy[k].items()}
            for k in p.kinds
        },
        "claims": decide_claims(tables),
        "correlation": {
            k: {
                r: {f"depth{d}": _correlations(courses, p, k, r, d)[-1] for d in p.depths}
                for r in aligning
            }
            for k in p.kinds
        },
        **tables,
    }
    if "bp" in p.rules:
        metrics["behind_bp"] = {
            r: order_gaps(accuracy, r) for r in p.rules if not r.startswith("bp")
        }
    figures: dict[str, Any] = {"accuracy": lambda: _draw_accuracy(accuracy, p)}
    if aligning:
        figures["correlation"] = lambda: _draw_correlations(courses, p, aligning)
    return ds.Measurement(metrics, figures)


def _spread(values):
    """Return the standard deviation over splits, NaN for a single split."""
    return np.std(values, axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)


def _table(courses, p, name, kind, rule):
    """Return a measure as an array (splits, depths)."""
    return np.array(
        [[courses[Member(kind, rule, d, s)][name] for d in p.depths] for s in range(len(p.splits))]
    )


def _correlations(courses, p, kind, rule, depth):
    """Return correlations (times, layers 2 to L), mean over splits."""
    each = [courses[Member(kind, rule, depth, s)]["correlations"] for s in range(len(p.splits))]
    return np.mean(each, axis=0)


def _course(result, member, given, p):
    """Return what one network reached, by name of the measure."""
    ws = _weights(result, f"{member.name}_w", range(1, member.depth + 1))
    errors = [
        np.array([_error(w, np.asarray(given[f"{x}{member.split}"]), given[f"{y}{member.split}"]) for w in ws])
        for x, y in (("fresh", "labels"), ("seen", "seen_labels"))
    ]  # fmt: skip
    early = min(round(EARLY * p.presentations / _thin(p)), len(ws) - 1)
    found: dict[str, Any] = {
        "accuracy": 1 - errors[0][-1],
        "train_accuracy": 1 - errors[1][-1],
        "mean_error": np.mean(errors[0]),
        "early_gain": np.mean([e[0] - e[early] for e in errors]),
    }
    if member.rule in ALIGNING:
        rs = _weights(result, f"{member.name}_r", range(2, member.depth + 1))
        r = np.array(
            [[_correlation(a, b) for a, b in zip(w[1:], r, strict=True)] for w, r in zip(ws, rs, strict=True)]
        )  # fmt: skip
        found |= {
            "correlations": r,
            "early_correlation": np.mean(r[early]),
            "largest_correlation": np.max(r[-1]),
            "smallest_rise": np.min(r[-1] - r[0]),
        }
    return found


def _weights(result, start, layers):
    """Return the weights of layers at all snapshots and at the end: for each time a list over layers."""
    traces = [dense_trace(result, f"{start}{i}") for i in layers]
    final = [dense_final(result, f"{start}{i}") for i in layers]
    return [*map(list, zip(*traces, strict=True)), final]


def _error(ws, x, labels):
    """Return the fraction of images (samples, pixels) whose largest output is not that of their label."""
    outputs = learning_signals.forward(ws, x.T, TRANSFER, "linear").activities[-1]
    return float(np.mean(np.argmax(outputs, axis=0) != labels))


def _correlation(w, r):
    """Return the correlation of W and R^T over the pairs of units that are connected in both directions."""
    pairs = (w != 0) & (r.T != 0)
    return float(np.corrcoef(w[pairs], r.T[pairs])[0, 1])


@style.styled
def _draw_accuracy(accuracy, p):
    """Draw accuracy against depth, one panel per kind of layers, with a dot for each split."""
    panels = style.row(len(p.kinds), (3.2 * len(p.kinds) + 1.2, 2.8))
    for ax, kind in zip(panels, p.kinds, strict=True):
        for rule, colour in zip(p.rules, (*style.PALETTE, style.INK, style.QUIET), strict=False):
            values = accuracy[kind][rule]
            ax.plot(p.depths, values.mean(axis=0), color=colour, label=rule)
            ax.plot(p.depths, values.T, ".", color=colour, ms=4)
        ax.set(title=f"{kind} layers", xlabel="layers above the input", xticks=p.depths)
    panels[0].set(ylabel="accuracy on test images")
    style.legend_right(panels[-1])
    return panels[0].figure


@style.styled
def _draw_correlations(courses, p, rules):
    """Draw correlations of W and R^T in the deepest networks, by kind and rule; higher layers are darker."""
    from matplotlib import colormaps

    shown, depth = [(k, r) for k in p.kinds for r in rules], p.depths[-1]
    shades = colormaps["viridis_r"](np.linspace(0.15, 1.0, depth - 1))
    panels = style.row(len(shown), (2.4 * len(shown) + 1.2, 2.6))
    for ax, (kind, rule) in zip(panels, shown, strict=True):
        found = _correlations(courses, p, kind, rule, depth)
        trials = np.append(_thin(p) * np.arange(len(found) - 1), p.presentations)
        for i, course in enumerate(found.T):
            ax.plot(trials, course, color=shades[i], label=f"layer {i + 2}")
        ax.set(title=f"{rule}, {kind}", xlabel="batches", ylim=(-0.15, 1))
    panels[0].set(ylabel="correlation of W and R")
    style.legend_right(panels[-1])
    return panels[0].figure
