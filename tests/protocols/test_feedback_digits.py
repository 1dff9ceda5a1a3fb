"""`feedback_digits`: what is measured is what the weights do, for images of users too, and networks learn."""

import numpy as np
import pytest
from image_files import pictures, write_cifar, write_idx

import dendrosim as ds
from dendrosim.errors import DataError, ParameterError, ShapeError


def dense(result, name, values=None):
    """A matrix at the end, or other values of it, as an array (post, pre)."""
    stored = result.final[name]
    values = stored.values if values is None else values
    if values.ndim == 2:
        return values
    found = np.zeros(result.circuit.shape(result.circuit.matrix(name)))
    found[stored.post.values, stored.pre.values] = values
    return found


def outputs(ws, x):
    for w in ws[:-1]:
        x = np.clip(x @ w.T, -1, 1)
    return x @ ws[-1].T


@pytest.fixture(scope="module")
def result():
    protocol = ds.load_protocol(
        "feedback_digits", depths=(3,), rules=("bp", "urfb"), presentations=20,
        filters=1, eta="50 Hz",
    )  # fmt: skip
    return ds.run(protocol, backend="numpy", seed=5, progress=False)


def test_accuracies_are_those_of_the_weights(result):
    test = ds.tasks.load_digits("test", seed=0)
    train = ds.tasks.load_digits("train", seed=0)
    mean = train.images.mean(axis=0)
    fresh = (test.images - mean) / (train.images - mean).std()
    for kind in ("full", "local"):
        for rule in ("bp", "urfb"):
            ws = [dense(result, f"{rule}_{kind}3_0_w{i}") for i in (1, 2, 3)]
            right = outputs(ws, fresh).argmax(axis=1) == test.labels
            found = result.metrics["accuracy"][kind][rule]
            assert np.asarray(found) == pytest.approx(np.array([[right.mean()]]), abs=1e-12)
            assert right.mean() > 0.3  # of 10 classes, after 20 batches


def test_rules_start_from_the_same_weights_and_local_layers_are_sparse(result):
    for kind, count in (("full", 64 * 16), ("local", (3 * 4 - 1) ** 2)):
        start = [result[f"{rule}_{kind}3_0_w1"].values[0] for rule in ("bp", "urfb")]
        assert start[0].size == count
        assert np.array_equal(*start)
    assert result["bp_local3_0_w2"].ndim == 3  # the last hidden layer is fully connected


def test_correlations_are_those_of_w_and_r(result):
    found = result.metrics["correlation"]["local"]["urfb"]["depth3"]
    for i in (2, 3):
        w, r = (dense(result, f"urfb_local3_0_{n}{i}") for n in "wr")
        expected = np.corrcoef(w.ravel(), r.T.ravel())[0, 1]
        assert found[i - 2] == pytest.approx(expected, abs=1e-12)
    early = []  # before trial 2, after a tenth of the trials
    for i in (2, 3):
        w, r = (result[f"urfb_local3_0_{n}{i}"].values[2] for n in "wr")
        early.append(np.corrcoef(w.ravel(), r.T.ravel())[0, 1])
    found = result.metrics["early_correlation"]["local"]["urfb"][0][0]
    assert found == pytest.approx(np.mean(early), abs=1e-12)


def test_figures_can_be_drawn(result):
    figures = ds.measure(result).figures
    assert set(figures) == {"accuracy", "correlation"}
    for draw in figures.values():
        assert draw().axes


def test_idx_files_of_a_user_are_learned(tmp_path):
    """Images of two classes, whose upper or lower half is bright."""
    labels = np.arange(48) % 2
    images = pictures(48, 6, 4) // 8
    for image, label in zip(images, labels, strict=True):
        image[3 * label : 3 * label + 3] += 200
    write_idx(tmp_path, "train", images[:32], labels[:32])
    write_idx(tmp_path, "t10k", images[32:], labels[32:])
    given = {
        "rules": ("urfb",),
        "depths": (3,),
        "kinds": ("local",),
        "filters": 2,
        "batch": 8,
        "presentations": 20,
    }
    protocol = ds.load_protocol("feedback_digits", images=str(tmp_path), **given)
    found = ds.run(protocol, backend="numpy", progress=False)
    assert found.circuit.population("urfb_local3_0_layer1").size == 3 * 2 * 2
    assert found.metrics["accuracy"]["local"]["urfb"][0][0] > 0.9
    write_idx(tmp_path, "t10k", pictures(4, 6, 6), [0, 1, 0, 1])
    with pytest.raises(
        DataError, match=r"training images have 6 x 4 x 1 values and test images 6 x 6 x 1"
    ):
        ds.load_protocol("feedback_digits", images=str(tmp_path), **given)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"\x00\x00\x08\x03\x00")
    with pytest.raises(DataError, match="train-images-idx3-ubyte: truncated"):
        ds.load_protocol("feedback_digits", images=str(tmp_path), **given)


def test_cifar_files_of_a_user_are_learned(tmp_path):
    """Images of two classes, red or blue."""
    labels = np.arange(16) % 2
    images = pictures(16, 32, 32, 3) // 8
    for image, label in zip(images, labels, strict=True):
        image[:, :, 2 * label] += 200
    fine = [[0, k] for k in labels]
    write_cifar(tmp_path, "train.bin", fine, images)
    write_cifar(tmp_path, "test.bin", fine[:4], images[:4])
    given = {
        "rules": ("frfb",),
        "depths": (2,),
        "kinds": ("local",),
        "stride": 8,
        "batch": 8,
        "presentations": 5,
    }
    protocol = ds.load_protocol("feedback_digits", images=str(tmp_path), kernel=8, **given)
    found = ds.run(protocol, backend="numpy", progress=False)
    assert found.circuit.shape(found.circuit.matrix("frfb_local2_0_w1")) == (64, 3072)
    assert found.final["frfb_local2_0_w1"].size == 64 * 8 * 8 * 3
    assert found.metrics["accuracy"]["local"]["frfb"][0][0] == 1


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"depths": (0,)}, ParameterError, "depths"),
        ({"depths": (4, 2)}, ParameterError, "ascending order"),
        ({"rules": ("bp", "bp")}, ParameterError, "none twice"),
        ({"splits": ()}, ParameterError, "give at least one"),
        ({"stride": 3}, ShapeError, "stride: .* do not tile the image"),
        (
            {"kernel": 9, "depths": (2,)},
            ShapeError,
            "layer 1: .* kernel is 9, larger than height = 8",
        ),
        (
            {"kernel": 5, "depths": (2, 4)},
            ShapeError,
            "layer 2: .* kernel is 5, larger than height = 4",
        ),
        (
            {"kernel": 3, "kinds": ("full",)},
            ParameterError,
            r"choose kinds=\[local\], or leave kernel",
        ),
        ({"pruned": 0.5}, ParameterError, r"choose kinds=\[full\], or leave pruned out"),
        (
            {"pruned": 0.999, "kinds": ("full",)},
            ParameterError,
            "are left without inputs; prune at most",
        ),
        ({"images": "/nowhere"}, DataError, "/nowhere: there is no such folder"),
        ({"batch": 5000}, ParameterError, "only 1347 training images"),
    ],
)
def test_what_does_not_fit_is_refused(given, kind, said):
    with pytest.raises(kind, match=said):
        ds.load_protocol("feedback_digits", **given)


@pytest.mark.slow
def test_updated_feedback_is_close_to_back_propagation_where_fixed_feedback_falls_behind():
    given = {"rules": ("bp", "urfb", "frfb"), "depths": (5,), "splits": (7,)}
    found = ds.run(ds.load_protocol("feedback_digits", **given), seed=7, progress=False).metrics
    for kind in ("full", "local"):
        bp, urfb, frfb = (found["accuracy"][kind][rule][0][0] for rule in given["rules"])
        assert bp > 0.9
        assert urfb > frfb
        assert bp - frfb > 0.02
        assert bp - urfb < 0.04
