"""`bmvr_accuracy`: weights follow eq. 9 and 24, and accuracies are those of the weights."""

import numpy as np
import pytest
from image_files import pictures, write_idx

import dendrosim as ds
from dendrosim.circuit.start_values import draw_start_value
from dendrosim.errors import ParameterError

ALL = 30


@pytest.fixture(scope="module")
def result():
    protocol = ds.load_protocol(
        "bmvr_accuracy", samples=ALL, batch=ALL, hidden=(3, 4), runs=1, presentations=6,
        rates=(0.1, 0.02, 0.03), epsilon=0.05, backprop_rate=0.04,
    )  # fmt: skip
    return ds.run(protocol, backend="numpy", seed=2, progress=False)


def test_weights_follow_the_algorithm_of_mean_subtracted_relus(result):
    x, y = (result.protocol.data[f"{n}0"].T for n in "xy")
    assert np.all(x[-1] == 1)
    circuit = result.circuit
    w1, b, q, m = (
        draw_start_value(
            circuit, f"bmvr_4_0_{n}", circuit.shape(circuit.matrix(f"bmvr_4_0_{n}")), 2
        )
        for n in ("w1", "b", "q", "m")
    )
    for _ in range(6):
        u = w1 @ x
        rate = np.maximum(u, 0)
        z, a = rate - m, b @ y
        n = q.T @ z
        w1, b, q, m = (
            w1 + 0.1 * ((u > 0) * (a - q @ n)) @ x.T / ALL,
            b + 0.02 * (z @ y.T / ALL - b),
            q + 0.03 * (z @ n.T / ALL - q),
            m + 0.05 * (rate.mean(axis=1, keepdims=True) - m),
        )
    for name, expected in (("w1", w1), ("b", b), ("q", q), ("m", m)):
        found = result.final[f"bmvr_4_0_{name}"].values
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)


def test_accuracies_are_those_of_the_weights(result):
    given, data = result.protocol.references, result.protocol.data
    parts = {
        "test": (np.asarray(given["fresh0"]), np.asarray(given["fresh_labels0"])),
        "train": (data["x0"], np.asarray(given["labels0"])),
    }
    for i, k in enumerate((3, 4)):
        w1, b, m = (result.final[f"bmvr_{k}_0_{n}"].values for n in ("w1", "b", "m"))
        v1, v2 = (result.final[f"backprop_{k}_0_{n}"].values for n in ("w1", "w2"))
        for part, (x, labels) in parts.items():
            ours = (np.maximum(x @ w1.T, 0) - m[:, 0]) @ b
            theirs = np.maximum(x @ v1.T, 0) @ v2.T
            for rule, outputs in (("bmvr", ours), ("backprop", theirs)):
                right = np.mean(outputs.argmax(axis=1) == labels)
                found = result.metrics[f"{part}_accuracy"][rule][i][0]
                assert found == pytest.approx(right, abs=1e-12)
    assert np.isnan(result.metrics["summary"]["bmvr"]["test_sd"]).all()
    assert ds.measure(result).figures["accuracy"]().axes


def test_images_of_a_user_can_be_swapped(tmp_path):
    write_idx(tmp_path, "train", pictures(20, 4, 4), np.arange(20) % 2)
    write_idx(tmp_path, "t10k", pictures(8, 4, 4, seed=1), np.arange(8) % 2)
    given = {"images": str(tmp_path), "hidden": (2,), "batch": 4, "runs": 2, "presentations": 1}
    protocol = ds.load_protocol("bmvr_accuracy", swap=True, table="64", **given)
    assert protocol.data["x0"].shape == (8, 17)
    assert np.asarray(protocol.references["fresh0"]).shape == (20, 17)
    assert protocol.circuit.parameters["bmvr_2_0_eta"].value * 0.01 == pytest.approx(0.001)
    assert "x1" not in protocol.data  # runs share the images of a folder
    plain = ds.load_protocol("bmvr_accuracy", **given)
    assert plain.data["x0"].shape == (20, 17)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ParameterError, match="none twice"):
        ds.load_protocol("bmvr_accuracy", hidden=(4, 4))
    with pytest.raises(ParameterError, match="give three numbers"):
        ds.load_protocol("bmvr_accuracy", rates=(0.1,))
