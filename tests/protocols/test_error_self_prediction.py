"""Interneurons learn to predict: the self-predicting state stays, and its slowest mode has its rate."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import DendrosimWarning

G_BASAL, G_APICAL, G_DENDRITE, G_TEACHING, ETA = 3.0, 1.0, 3.0, 6.0, 300.0
SMALL = {
    "sizes": (3, 2, 2), "samples": 30, "g_basal": G_BASAL, "g_apical": G_APICAL, "g_dendrite": G_DENDRITE,
    "g_teaching": G_TEACHING, "eta_lateral": f"{ETA} Hz",
}  # fmt: skip


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
    protocol = ds.load_protocol("error_self_prediction", duration="2 s", dt="1.5 ms", **SMALL)
    result = ds.run(protocol, "numpy", progress=False)
    recorded = result["layer1.apical"]
    apical = abs(recorded.values).reshape(len(recorded), -1).max(axis=1)
    w, x = (result.final[n].values for n in ("w1", "w2")), protocol.data["x"].T
    h1 = np.tanh(G_BASAL / (1 + G_BASAL + G_APICAL) * next(w) @ x)
    h2 = np.tanh(G_BASAL / (1 + G_BASAL) * next(w) @ h1)
    slopes, part = 1 - h2**2, G_DENDRITE / (1 + G_DENDRITE)
    taught = G_TEACHING / (1 + G_DENDRITE + G_TEACHING)
    rates = list(ETA * np.linalg.eigvalsh(h2 @ h2.T / 30))
    rates += [
        ETA * taught * part * r for s in slopes for r in np.linalg.eigvalsh((s * h1) @ h1.T / 30)
    ]
    late = (recorded.time.values[[-11, -1]], apical[[-11, -1]])
    rate = -np.diff(np.log(late[1]))[0] / np.diff(late[0])[0]
    assert rate == pytest.approx(min(rates), rel=0.02)
    assert apical[-1] < 0.01 * apical[0]


def test_loops_that_grow_are_named_before_and_after_the_run():
    """With a learning rate at which lateral weights stay as they are."""
    own = {
        "model": "dendritic_predictive",
        "form": "current",
        "sizes": (3, 4, 2),
        "duration": "0.1 s",
    }
    own |= {"g_apical": 4.0, "dt": "2 ms", "eta_lateral": "1 uHz"}
    with pytest.warns(DendrosimWarning, match="does not settle at any dt.*smaller g_apical"):
        protocol = ds.load_protocol("error_self_prediction", **own)
    with pytest.warns(
        DendrosimWarning, match="at the end.*grows at any dt.*choose a smaller g_apical"
    ):
        ds.run(protocol, "numpy", progress=False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dt": "1.1 ms"}, "pyramidal cells have a total conductance of 19 leaks.*1.053 ms"),
        ({"g_teaching": 50.0, "dt": "0.5 ms"}, "interneurons have a total conductance of 61 leaks"),
        ({"sizes": (3, 2)}, "hidden layer"),
        (
            {"model": "dendritic_predictive", "self_predicting": True, "dt": "0.6 ms", "seed": 1},
            r"feedback loops of the circuit are unstable from dt = .*shorter dt, or a smaller g_apical",
        ),
        (
            {
                "model": "dendritic_predictive",
                "self_predicting": True,
                "form": "current",
                "g_apical": 30.0,
            },
            "does not settle at any dt.*grows at .*smaller g_apical",
        ),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ds.errors.ParameterError, match=message):
        ds.load_protocol("error_self_prediction", **given)
