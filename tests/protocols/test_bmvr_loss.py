"""`bmvr_loss`: weights follow the algorithms of the abstract, and what is measured is their loss."""

import numpy as np
import pytest
from image_files import pictures, write_idx

import dendrosim as ds
from dendrosim.errors import DataError, ParameterError

ALL = 30  # images, all of which are shown in each trial, so that their order has no effect


@pytest.fixture(scope="module")
def result():
    protocol = ds.load_protocol(
        "bmvr_loss", samples=ALL, batch=ALL, hidden=3, runs=2, presentations=8, rates=(0.01, 0.02, 0.03),
        t0=(5.0, 6.0, 7.0), backprop_rate=0.015, backprop_t0=4.0,
    )  # fmt: skip
    return ds.run(protocol, backend="numpy", seed=2, progress=False)


def test_weights_follow_the_algorithms_with_falling_rates(result):
    """Eq. 2 and 5-7; weights learn in the last fifth of a presentation."""
    for k in (0, 1):
        x, y = (result.protocol.data[f"{n}{k}"].T for n in "xy")
        w1, b = (result[f"bmvr_{k}_{n}"].values[0] for n in ("w1", "b"))
        v1, v2 = (result[f"backprop_{k}_{n}"].values[0] for n in ("w1", "w2"))
        q = _initial_q(result, k)
        for t in range(8):
            rates = (r / (1 + (t + 0.8) / t0) for r, t0 in ((0.01, 5), (0.02, 6), (0.03, 7)))
            first, second, third = (r / ALL for r in rates)
            z, a = w1 @ x, b @ y
            n = q.T @ z
            w1, b, q = (
                w1 + first * (a - q @ n) @ x.T,
                b + second * (z @ y.T - ALL * b),
                q + third * (z @ n.T - ALL * q),
            )
            rate, error = 0.015 / (1 + (t + 0.8) / 4) / ALL, y - v2 @ v1 @ x
            v1, v2 = v1 + rate * v2.T @ error @ x.T, v2 + rate * error @ (v1 @ x).T
        for name, expected in ((f"bmvr_{k}_w1", w1), (f"bmvr_{k}_b", b), (f"bmvr_{k}_q", q),
                               (f"backprop_{k}_w1", v1), (f"backprop_{k}_w2", v2)):  # fmt: skip
            np.testing.assert_allclose(result.final[name].values, expected, rtol=1e-9, atol=1e-12)


def _initial_q(result, k):
    from dendrosim.circuit.start_values import draw_start_value

    name, circuit = f"bmvr_{k}_q", result.circuit
    return draw_start_value(circuit, name, circuit.shape(circuit.matrix(name)), 2)


def test_losses_and_the_optimum_are_those_of_the_data(result):
    x, y = (result.protocol.data[f"{n}0"] for n in "xy")
    metrics = result.metrics
    fitted = x @ np.linalg.lstsq(x, y, rcond=1e-10)[0]
    gains = np.linalg.svd(fitted, compute_uv=False)[:3] ** 2 / ALL
    assert metrics["optimum"] == pytest.approx(np.sum(y**2) / ALL - gains.sum(), rel=1e-8)
    for k in (0, 1):  # images have another order in each run, which the loss does not see
        w1, b = (result.final[f"bmvr_{k}_{n}"].values for n in ("w1", "b"))
        loss = np.mean(np.sum((y - x @ w1.T @ b) ** 2, axis=1))
        assert metrics["loss"]["bmvr"]["runs"][k] == pytest.approx(loss, rel=1e-8)
    found = metrics["loss"]["backprop"]
    assert found["mean"] == pytest.approx(np.mean(found["runs"]))
    assert found["sd"] == pytest.approx(abs(np.diff(found["runs"])[0]) / 2**0.5)
    assert not np.array_equal(result.protocol.data["x0"], result.protocol.data["x1"])


def test_the_figure_can_be_drawn(result):
    assert ds.measure(result).figures["loss"]().axes


def test_images_of_a_user_with_the_rates_of_a_table(tmp_path):
    labels = np.arange(24) % 3
    images = pictures(24, 4, 4) // 8
    for image, label in zip(images, labels, strict=True):
        image[label] += 200
    write_idx(tmp_path, "train", images, labels)
    write_idx(tmp_path, "t10k", images[:6], labels[:6])
    protocol = ds.load_protocol(
        "bmvr_loss",
        images=str(tmp_path),
        table="cifar10",
        hidden=2,
        runs=1,
        presentations=2,
        samples=20,
    )
    assert protocol.data["x0"].shape == (20, 16)
    values = protocol.circuit.parameters
    assert values["bmvr_0_eta"].value * 0.01 == pytest.approx(0.01)
    assert values["bmvr_0_eta"].value * values["bmvr_0_rho"].value * 0.01 == pytest.approx(0.002)
    assert values["bmvr_0_decay_w1"].value == pytest.approx(1.5e4 * 0.05)
    assert values["backprop_0_eta"].value * 0.01 == pytest.approx(0.0065)
    found = ds.run(protocol, backend="numpy", progress=False).metrics
    assert np.isnan(found["loss"]["bmvr"]["sd"])
    assert found["optimum"] < found["label_variance"]
    with pytest.raises(DataError, match="there is no such folder"):
        ds.load_protocol("bmvr_loss", images=str(tmp_path / "nowhere"))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ParameterError, match=r"rates is \[0.1, 0.2\]; give three numbers"):
        ds.load_protocol("bmvr_loss", rates=(0.1, 0.2))
    with pytest.raises(ParameterError, match="only 1347 training images"):
        ds.load_protocol("bmvr_loss", batch=2000)
