"""Target propagation with exact and learned inverses on a teacher's function: the protocol against loops."""

import numpy as np
import pytest
from smooth_leaky_units import inverse, s, slope

import dendrosim as ds
from dendrosim.errors import SpecError

SMALL = {"width": 3, "presentations": 4, "batch": 4, "samples": 8, "seeds": 1}


def ran(**given):
    result = ds.run(ds.load_protocol("tp_inverses", **{**SMALL, **given}), "numpy", progress=False)
    return result, ds.measure(result).metrics


def test_training_with_exact_inverses_equals_a_loop():
    """Target propagation, back-propagation and a network in which the last layer learns alone."""
    result, metrics = ran(eta_hat=0.1)
    x, y = (result.protocol.data[n].T for n in ("x0", "y0"))
    step = 2.0 * 10e-3  # learning rate times tau
    for rule in ("tp", "bp", "bp_fixed"):
        w1, w2 = (result[f"{rule}_0_w{i}"].values[0] for i in (1, 2))
        for k in range(4):
            rows = np.arange(4 * k, 4 * (k + 1)) % 8
            a1 = w1 @ x[:, rows]
            h1 = s(a1)
            a2 = w2 @ h1
            h2 = s(a2)
            error = y[:, rows] - h2
            if rule == "tp":
                change = np.linalg.solve(w2, inverse(h2 + 0.1 * error)) - h1
                first = slope(a1) * change / 0.1
            else:
                first = slope(a1) * (w2.T @ (slope(a2) * error))
            w1 = w1 + (rule != "bp_fixed") * step * first @ x[:, rows].T / 4
            w2 = w2 + step * (slope(a2) * error) @ h1.T / 4
        # Circuits settle to 1e-4 of the distance that is left.
        for i, w in enumerate((w1, w2), 1):
            final = result.final[f"{rule}_0_w{i}"].values
            assert final == pytest.approx(w, abs=2e-4)
        fresh, expected = (
            np.asarray(result.protocol.references[n]) for n in ("fresh0", "expected0")
        )
        ws = [result.final[f"{rule}_0_w{i}"].values for i in (1, 2)]
        reached = s(ws[1] @ s(ws[0] @ fresh))
        loss = 0.5 * np.mean(np.sum((reached - expected) ** 2, axis=0))
        assert metrics["final_loss"][rule] == pytest.approx([loss])
    assert len(set(v[0] for v in metrics["initial_loss"].values())) == 1
    assert {n for n in metrics if n.startswith("claim")} == {
        f"claim_{n}" for n in ("like_bp", "not_faster", "stuck", "stable", "modified", "hidden")
    }


def test_learned_inverses_start_as_pseudo_inverses_and_randomised_rules_change_one_layer():
    result, metrics = ran(inverse="learned", batch=1)
    assert set(metrics["median_loss"]) == {
        "tp", "dtp", "randomised_tp", "randomised_dtp", "bp", "bp_fixed",
    }  # fmt: skip
    w = [result[f"randomised_dtp_0_w{i}"].values for i in (1, 2)]
    for k in range(3):
        assert sum(bool(np.any(one[k + 1] != one[k])) for one in w) == 1
    start = result.protocol.circuit.matrix("dtp_0_q1").initial
    assert isinstance(start, ds.PseudoInverse)


def test_what_does_not_fit_is_refused():
    with pytest.raises(SpecError, match="depth"):
        ds.load_protocol("tp_inverses", depth=0)
