"""`bmvr_deep_digits` and `bmvr_deep_teacher`: what is measured is what the weights do, and networks learn."""

import numpy as np
import pytest
from image_files import pictures, write_idx

import dendrosim as ds
from dendrosim.errors import ParameterError


@pytest.fixture(scope="module")
def digits():
    protocol = ds.load_protocol(
        "bmvr_deep_digits", hidden=(8, 6), presentations=20, splits=(3,), batch=32
    )
    return ds.run(protocol, backend="numpy", seed=1, progress=False)


def test_accuracies_are_those_of_the_weights(digits):
    fresh, labels = (np.asarray(digits.protocol.references[n]) for n in ("fresh0", "fresh_labels0"))
    for name in ("label", "targets", "single", "backprop", "backprop_single"):
        h = fresh.T
        layers = 1 if name.endswith("single") else 2
        for i in range(1, layers + 1):
            h = np.maximum(digits.final[f"{name}_0_w{i}"].values @ h, 0)
            if not name.startswith("backprop"):
                h = h - digits.final[f"{name}_0_m{i}"].values
        outputs = digits.final[f"{name}_0_w{layers + 1}"].values @ h
        right = np.mean(outputs.argmax(axis=0) == labels)
        assert digits.metrics["test_accuracy"][name][0] == pytest.approx(right, abs=1e-12)
    assert digits.metrics["behind_backprop"]["label"] == pytest.approx(
        digits.metrics["test_accuracy"]["backprop"][0] - digits.metrics["test_accuracy"]["label"][0]
    )
    assert len(digits.metrics["layer_accuracy"]["label"]) == 2
    assert ds.measure(digits).figures["learning"]().axes


def test_networks_of_a_split_begin_with_the_same_weights(digits):
    first = [digits[f"{n}_0_w1"].values[0] for n in ("label", "targets", "single", "backprop")]
    assert all(np.array_equal(first[0], other) for other in first[1:])


def test_linear_networks_are_compared_with_the_optimum_of_their_layers(tmp_path):
    """Three classes: labels without their mean have rank 2."""
    labels = np.arange(48) % 3
    images = pictures(48, 3, 3) // 4
    for image, label in zip(images, labels, strict=True):
        image[label] += 180
    write_idx(tmp_path, "train", images, labels)
    write_idx(tmp_path, "t10k", images[:12], labels[:12])
    protocol = ds.load_protocol(
        "bmvr_deep_digits", images=str(tmp_path), hidden=(3, 2), transfer="linear", centred=False, batch=48,
        presentations=10, networks=("label", "targets"),
    )  # fmt: skip
    result = ds.run(protocol, backend="numpy", progress=False)
    x, y = (protocol.data[n] for n in ("x0", "y0"))
    fitted = x @ np.linalg.lstsq(x, y, rcond=1e-10)[0]
    gains = np.linalg.svd(fitted, compute_uv=False)[:2] ** 2 / 48
    lowest = np.sum(y**2) / 48 - gains.sum()
    for name, powers in (("label", (1, 1)), ("targets", (2, 1))):
        w = [result.final[f"{name}_0_w{i}"].values for i in (3, 2, 1)]
        loss = np.sum((y - x @ np.linalg.multi_dot(w).T) ** 2) / 48
        found = result.metrics["relative_excess"][name]
        assert found == pytest.approx((loss - lowest) / gains.sum(), rel=1e-8)
        # Of three units in the first layer, one has nothing to predict.
        expected = [*gains ** powers[0], 0.0, *gains ** powers[1]]
        assert result.metrics["expected_gains"][name] == pytest.approx(expected, rel=1e-8, abs=1e-9)
        q = result.final[f"{name}_0_q2"].values
        assert np.asarray(result.metrics["gains"][name])[3:] == pytest.approx(
            np.linalg.svd(q, compute_uv=False) ** 2
        )


@pytest.fixture(scope="module")
def taught():
    protocol = ds.load_protocol(
        "bmvr_deep_teacher", transfer="linear", hidden=(4, 4), inputs=5, outputs=3, teacher_width=4,
        presentations=40, seeds=1, batch=32, samples=64,
    )  # fmt: skip
    return protocol, ds.run(protocol, backend="numpy", progress=False)


def test_losses_of_students_are_those_of_the_weights(taught):
    protocol, result = taught
    fresh, expected = (np.asarray(protocol.references[n]) for n in ("fresh0", "expected0"))
    for name in ("label", "backprop"):
        ws = [result.final[f"{name}_0_w{i}"].values for i in (3, 2, 1)]
        outputs = np.linalg.multi_dot([*ws, fresh])
        loss = np.sum((outputs - expected) ** 2) / np.sum(expected**2)
        assert result.metrics["loss"][name][0] == pytest.approx(loss, rel=1e-9)
    assert result.metrics["linear_loss"][0] == pytest.approx(0, abs=1e-12)  # a linear teacher
    assert np.sqrt(np.mean(protocol.data["y0"] ** 2)) == pytest.approx(1)
    assert ds.measure(result).figures["losses"]().axes


def test_what_does_not_fit_is_refused():
    for name in ("bmvr_deep_digits", "bmvr_deep_teacher"):
        with pytest.raises(ParameterError, match="none twice"):
            ds.load_protocol(name, networks=("label", "label"))
        with pytest.raises(ParameterError, match="at least one hidden layer"):
            ds.load_protocol(name, hidden=())
    with pytest.raises(ParameterError, match="show fewer at once"):
        ds.load_protocol("bmvr_deep_teacher", samples=10)
