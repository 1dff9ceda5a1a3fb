"""Interneurons learn to predict: the self-predicting state stays, and its slowest mode has its rate."""

import numpy as np
import pytest

import dendrosim as ds

SMALL = {"sizes": (3, 2, 2), "samples": 30, "g_teaching": 20.0, "eta_lateral": "100 Hz"}


@pytest.mark.parametrize("model", ["dendritic_error", "dendritic_predictive"])
def test_the_self_predicting_state_stays(model):
    protocol = ds.load_protocol(
        "error_self_prediction",
        model=model,
        self_predicting=True,
        duration="0.1 s",
        dt="0.5 ms",
        sizes=(4, 3, 5, 2),
    )
    metrics = ds.measure(ds.run(protocol, "numpy", progress=False)).metrics
    assert metrics["apical"] < 1e-12
    if model == "dendritic_error":
        assert metrics["interneuron_mismatch"] < 1e-12
    else:
        assert "interneuron_mismatch" not in metrics


def test_apical_dendrites_fall_silent_at_the_rate_of_the_slowest_mode():
    protocol = ds.load_protocol("error_self_prediction", duration="10 s", dt="0.5 ms", **SMALL)
    result = ds.run(protocol, progress=False)
    apical = abs(result["layer1.apical"].values).reshape(50, -1).max(axis=1)
    w, x = (result.final[n].values for n in ("w1", "w2")), protocol.data["x"].T
    h1 = np.tanh(10 / 19 * next(w) @ x)
    h2 = np.tanh(10 / 11 * next(w) @ h1)
    slopes, part, taught = 1 - h2**2, 10 / 11, 20 / 31
    rates = list(100 * np.linalg.eigvalsh(h2 @ h2.T / 30))
    rates += [
        100 * taught * part * r for s in slopes for r in np.linalg.eigvalsh((s * h1) @ h1.T / 30)
    ]
    late = (result["layer1.apical"].time.values[[-11, -1]], apical[[-11, -1]])
    rate = -np.diff(np.log(late[1]))[0] / np.diff(late[0])[0]
    assert rate == pytest.approx(min(rates), rel=0.05)
    assert apical[-1] < 0.01 * apical[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dt": "1.1 ms"}, "pyramidal cells have a total conductance of 19 leaks.*1.053 ms"),
        ({"g_teaching": 50.0, "dt": "0.5 ms"}, "interneurons have a total conductance of 61 leaks"),
        ({"sizes": (3, 2)}, "hidden layer"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ds.errors.ParameterError, match=message):
        ds.load_protocol("error_self_prediction", **given)
