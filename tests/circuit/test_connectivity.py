"""Connection rules connect as many units as they say; what they draw depends on the seed only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.connectivity.all_to_all import AllToAll
from dendrosim.circuit.connectivity.in_degree import InDegree
from dendrosim.circuit.connectivity.one_to_one import OneToOne
from dendrosim.circuit.connectivity.pairings import Pairings
from dendrosim.circuit.connectivity.probability import Probability
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.population import Population
from dendrosim.engine import size_check
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.errors import MemoryLimitError, ParameterError, ShapeError, SpecError
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol

SIZES = st.integers(1, 12)


def matrix(rule, post, pre, same=False, seed=0):
    """How often every pair is connected, post x pre."""
    to, from_ = rule.draw(post, pre, same, np.random.default_rng(seed))
    counts = np.zeros((post, pre), dtype=int)
    np.add.at(counts, (to, from_), 1)
    return counts


# -- what each rule connects ------------------------------------------------------------------------------


@given(post=SIZES, pre=SIZES, same=st.booleans(), allowed=st.booleans())
def test_all_to_all_connects_every_pair_once(post, pre, same, allowed):
    if same:
        pre = post
    expected = np.ones((post, pre), dtype=int)
    if same and not allowed:
        np.fill_diagonal(expected, 0)
    assert np.array_equal(matrix(AllToAll(allowed), post, pre, same), expected)


@given(size=SIZES)
def test_one_to_one_is_the_identity(size):
    assert np.array_equal(matrix(OneToOne(), size, size), np.eye(size, dtype=int))


@given(
    post=SIZES, pre=SIZES, seed=st.integers(0, 2**32), p=st.floats(0, 1), allowed=st.booleans(),
    same=st.booleans(),
)  # fmt: skip
def test_probability_connects_no_pair_twice(post, pre, seed, p, allowed, same):
    if same:
        pre = post
    counts = matrix(Probability(p, allowed), post, pre, same, seed)
    assert counts.max() <= 1
    if same and not allowed:
        assert not np.any(np.diag(counts))


@pytest.mark.parametrize("allowed", [True, False])
def test_probability_0_connects_no_pair_and_1_connects_all(allowed):
    assert not np.any(matrix(Probability(0, allowed), 6, 6, same=True))
    every_pair = matrix(AllToAll(allowed), 6, 6, same=True)
    assert np.array_equal(matrix(Probability(1, allowed), 6, 6, same=True), every_pair)


@given(post=SIZES, pre=SIZES, data=st.data(), allowed=st.booleans(), same=st.booleans())
def test_in_degree_is_exact_without_duplicates(post, pre, data, allowed, same):
    if same:
        pre = post
    most = pre - (same and not allowed)
    number = data.draw(st.integers(0, most))
    rule = InDegree(number, allowed)
    rule.check("here", post, pre, same)
    counts = matrix(rule, post, pre, same, data.draw(st.integers(0, 2**32)))
    assert counts.max(initial=0) <= 1
    assert np.all(counts.sum(axis=1) == number)
    if same and not allowed:
        assert not np.any(np.diag(counts))


@given(
    pairs=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=12)
)  # fmt: skip
def test_pairings_are_the_pairs_given_repeated_ones_too(pairs):
    pre, post = [p for p, _ in pairs], [q for _, q in pairs]
    expected = np.zeros((7, 5), dtype=int)
    for a, b in pairs:
        expected[b, a] += 1
    assert np.array_equal(matrix(Pairings(pre, post), 7, 5), expected)


# -- statistics -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.97])
def test_probability_gives_binomial_numbers_in_all_in_every_row_and_in_every_column(p):
    """Each z-score counts binomial standard errors; 400 rows and columns have chi-square spread."""
    size = 400
    counts = matrix(Probability(p), size, size, seed=3)
    assert abs(counts.sum() - size**2 * p) < 4 * np.sqrt(size**2 * p * (1 - p))
    for axis in (0, 1):
        z = (counts.sum(axis=axis) - size * p) / np.sqrt(size * p * (1 - p))
        # The sum of 400 squared z has mean 400 and standard deviation about sqrt(2*400 + kurtosis).
        kurtosis = (1 - 6 * p * (1 - p)) / (size * p * (1 - p))
        assert abs(np.sum(z**2) - size) < 4 * np.sqrt(size * (2 + kurtosis))


def test_probability_draws_pairs_independently_of_each_other():
    """Neighbours in a row, neighbours in a column and mirrored pairs are uncorrelated, within 4/sqrt(n)."""
    counts = matrix(Probability(0.3), 500, 500, seed=4) - 0.3
    for a, b in (
        (counts[:, 1:], counts[:, :-1]),
        (counts[1:], counts[:-1]),
        (counts[np.triu_indices(500, 1)], counts.T[np.triu_indices(500, 1)]),
    ):
        assert abs(np.mean(a * b) / 0.21) < 4 / np.sqrt(a.size)


def test_in_degree_chooses_every_unit_equally_often():
    """Out-degrees are sums of 4000 choices with probability 1/10; 4.5 standard errors of each."""
    post, pre, number = 4000, 50, 5
    counts = matrix(InDegree(number), post, pre, seed=5)
    p = number / pre
    assert np.all(np.abs(counts.sum(axis=0) - post * p) < 4.5 * np.sqrt(post * p * (1 - p)))
    # Two given units share a target with probability 5*4/(50*49).
    pairs = (counts.T @ counts)[np.triu_indices(pre, 1)]
    q = number * (number - 1) / (pre * (pre - 1))
    assert abs(pairs.mean() - post * q) < 1e-9  # exact: every target has 10 pairs
    assert np.all(np.abs(pairs - post * q) < 6 * np.sqrt(post * q))


def test_in_degree_without_self_connections_chooses_among_the_others_equally():
    counts = sum(matrix(InDegree(2, False), 8, 8, True, seed) for seed in range(600))
    expected = 600 * 2 / 7
    error = np.sqrt(600 * 2 / 7 * 5 / 7)
    off = counts[~np.eye(8, dtype=bool)]
    assert np.all(np.abs(off - expected) < 4.5 * error)


# -- from the seed --------------------------------------------------------------------------------------

LIF = "dv/dt = -v/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1"


def protocol(*pathways, batch=1):
    cells = Population("cell", 30, LIF, threshold="v > 1", reset="v = 0")
    others = Population("other", 20, LIF, threshold="v > 1", reset="v = 0")
    return Protocol(
        Circuit((cells, others), pathways=pathways), (Block("run", (Phase("on", "1 ms"),)),), "0.1 ms",
        batch=batch,
    )  # fmt: skip


def pathway(name, pre="cell", post="other", **changes):
    options = {
        "connect": Probability(0.2), "weight": Normal(0.1, 1.0), "delay": Uniform("1 ms", "2 ms"),
    }  # fmt: skip
    return Pathway(name, pre, post, "g_post += weight", **{**options, **changes})


@pytest.mark.parametrize("connect", [Probability(0), InDegree(0), Pairings([], [])])
def test_a_rule_may_connect_no_unit(connect):
    drawn = synapse_tables(protocol(pathway("a", connect=connect), batch=2), 1)["a"]
    assert (
        len(drawn.pre) == len(drawn.post) == len(drawn.delays) == len(drawn.values["weight"]) == 0
    )


def same(first, second):
    return (
        np.array_equal(first.pre, second.pre)
        and np.array_equal(first.post, second.post)
        and np.array_equal(first.delays, second.delays)
        and np.array_equal(first.values["weight"], second.values["weight"])
    )


@pytest.mark.parametrize("connect", [Probability(0.2), InDegree(4)], ids=["probability", "degree"])
def test_the_seed_and_the_name_of_the_pathway_decide_about_everything(connect):
    drawn = synapse_tables(protocol(pathway("a", connect=connect)), 7)["a"]
    assert same(drawn, synapse_tables(protocol(pathway("a", connect=connect)), 7)["a"])
    assert not same(drawn, synapse_tables(protocol(pathway("a", connect=connect)), 8)["a"])
    assert not same(drawn, synapse_tables(protocol(pathway("b", connect=connect)), 7)["b"])


def test_another_pathway_changes_no_draw():
    first, more = pathway("a"), (pathway("b"), pathway("c", "other", "cell", connect=InDegree(3)))
    alone = synapse_tables(protocol(first), 7)["a"]
    for pathways in ((first, *more), (*more, first)):
        assert same(alone, synapse_tables(protocol(*pathways), 7)["a"])


def test_whom_it_connects_depends_on_no_weight_and_no_delay():
    alone = synapse_tables(protocol(pathway("a")), 7)["a"]
    other = synapse_tables(protocol(pathway("a", weight=0.5, delay="1 ms")), 7)["a"]
    assert np.array_equal(alone.pre, other.pre)
    assert np.array_equal(alone.post, other.post)


def test_in_a_batch_every_sample_has_the_same_synapses_among_its_own_units():
    alone = synapse_tables(protocol(pathway("a")), 7)["a"]
    batch = synapse_tables(protocol(pathway("a"), batch=3), 7)["a"]
    assert np.array_equal(batch.pre % 3, batch.post % 3)
    for sample in range(3):
        picked = batch.pre % 3 == sample
        assert np.array_equal(batch.pre[picked] // 3, alone.pre)
        assert np.array_equal(batch.post[picked] // 3, alone.post)
        assert np.array_equal(batch.delays[picked], alone.delays)
        assert np.array_equal(batch.values["weight"][picked], alone.values["weight"])


@pytest.mark.parametrize("connect", [Probability(0.2), InDegree(4), AllToAll()])
def test_synapses_are_ordered_by_presynaptic_then_postsynaptic_unit(connect):
    drawn = synapse_tables(protocol(pathway("a", connect=connect)), 7)["a"]
    pairs = list(zip(drawn.pre, drawn.post, strict=True))
    assert pairs == sorted(pairs)


def test_arrays_of_values_are_sorted_with_their_synapses():
    made = pathway(
        "a", connect=Pairings(pre=[5, 2, 5, 2], post=[1, 3, 1, 0]), weight=[0.0, 1.0, 2.0, 3.0],
        delay=["1 ms", "1.1 ms", "1.2 ms", "1.3 ms"],
    )  # fmt: skip
    drawn = synapse_tables(protocol(made), 7)["a"]
    assert drawn.pre.tolist() == [2, 2, 5, 5]
    assert drawn.post.tolist() == [0, 3, 1, 1]
    assert drawn.values["weight"].tolist() == [3, 1, 0, 2]
    assert np.allclose(drawn.delays, [1.3e-3, 1.1e-3, 1e-3, 1.2e-3], rtol=1e-12, atol=0)


def test_delays_are_whole_steps_and_follow_their_distribution():
    drawn = synapse_tables(protocol(pathway("a", connect=AllToAll())), 7)["a"].delays
    steps = drawn / 1e-4
    assert np.allclose(steps, np.round(steps), atol=1e-9)
    assert drawn.min() == pytest.approx(1e-3, abs=0.5e-4)
    # A uniform number between 1 and 2 ms, rounded to steps: sd 1/sqrt(12) ms, 600 synapses.
    assert abs(drawn.mean() - 1.5e-3) < 4 * 1e-3 / np.sqrt(12 * 600)


# -- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf"), True, 1 + 1e-9])
def test_a_probability_outside_0_to_1_is_refused(value):
    with pytest.raises(
        ParameterError, match=r"Probability.probability is .*(from 0 to 1|one finite number)"
    ):
        Probability(value)


@pytest.mark.parametrize("value", ["half", None, [0.5], {}])
def test_a_probability_that_is_no_number_is_refused(value):
    with pytest.raises(SpecError, match="Probability"):
        Probability(value)


@pytest.mark.parametrize("value", [-1, 2.5, "two", None, True])
def test_an_in_degree_that_is_no_number_of_units_is_refused(value):
    with pytest.raises(ParameterError, match=r"InDegree.number is .* an integer of at least 0"):
        InDegree(value)


def test_an_in_degree_larger_than_the_population_is_refused():
    with pytest.raises(ShapeError, match=r"Pathway 'a': InDegree is 31, .* only 30 units"):
        protocol(pathway("a", connect=InDegree(31)))
    protocol(pathway("a", "cell", "cell", connect=InDegree(30)))
    with pytest.raises(ShapeError, match=r"InDegree is 30, .* only 29 units"):
        protocol(pathway("a", "cell", "cell", connect=InDegree(30, self_connections=False)))


def test_one_to_one_of_different_sizes_is_refused():
    with pytest.raises(ShapeError, match=r"Pathway 'a': OneToOne .* not 30 units with 20"):
        protocol(pathway("a", connect=OneToOne()))


@pytest.mark.parametrize(
    ("pre", "post", "words"),
    [
        ([30], [0], r"Pairings.pre has unit 30, .* 0 to 29"),
        ([0], [20], r"Pairings.post has unit 20, .* 0 to 19"),
        ([0, 1], [0], "pre has 2 entries and post 1"),
        ([-1], [0], r"Pairings\.pre must be a list of unit numbers"),
        ([0.5], [0], r"Pairings\.pre must be a list"),
        ([True], [0], r"Pairings\.pre must be a list"),
        ([0], [[0]], r"Pairings\.post must be a list"),
        (3, 3, r"Pairings\.pre must be a list"),
        ("ab", [0], r"Pairings\.pre must be a list"),
    ],
)
def test_pairs_that_are_not_there_are_refused(pre, post, words):
    with pytest.raises(ShapeError, match=words):
        protocol(pathway("a", connect=Pairings(pre, post)))


@settings(max_examples=20)
@given(low=st.floats(0.01, 0.099))
def test_a_delay_that_can_be_drawn_shorter_than_a_step_is_refused(low):
    with pytest.raises(ParameterError, match=r"Pathway 'a': delay .* at least one time step"):
        protocol(pathway("a", delay=Uniform(f"{low} ms", "1 ms")))
    with pytest.raises(ParameterError, match=r"Pathway 'a': a delay .* was drawn"):
        synapse_tables(protocol(pathway("a", delay=Normal("1 ms", f"{low} ms"))), 1)


@pytest.mark.parametrize(
    "connect", [AllToAll(), Probability(0.5), InDegree(10), Pairings([0], [0])]
)
def test_more_synapses_than_memory_are_refused_before_any_is_drawn(connect, monkeypatch):
    monkeypatch.setattr(size_check, "available_memory", lambda: 50.0)
    monkeypatch.setattr(type(connect), "draw", None)
    with pytest.raises(MemoryLimitError, match=r"only 50 bytes of memory are free"):
        run(protocol(pathway("a", connect=connect)), "numpy")
