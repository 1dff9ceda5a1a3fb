"""`reciprocal_digits`: what is measured is what the weights do, and the networks learn."""

import numpy as np

import dendrosim as ds


def test_accuracies_and_claims_are_those_of_the_weights():
    protocol = ds.load_protocol(
        "reciprocal_digits", presentations=25, dt="10 ms", hidden=(16,), eta="3 Hz"
    )
    result = ds.run(protocol, backend="numpy", seed=1, progress=False)
    fresh, labels = (np.asarray(protocol.references[n]) for n in ("fresh", "labels"))

    def leaky(a):
        return 0.75 * a + 0.25 * (np.sqrt(a * a + 1) - 1)

    for name in ("reciprocal", "random", "backprop"):
        w1, w2 = (result.final[f"{name}_w{i}"].values for i in (1, 2))
        outputs = leaky(fresh @ w1.T) @ w2.T  # the output's transfer function keeps their order
        accuracy = np.mean(outputs.argmax(axis=1) == labels)
        assert result.metrics[name]["test_accuracy"] == accuracy
        assert accuracy > 0.3
        start = [result[f"{name}_w{i}"].values[0] for i in (1, 2)]
        first = [result[f"reciprocal_w{i}"].values[0] for i in (1, 2)]
        assert all(np.array_equal(a, b) for a, b in zip(start, first, strict=True))
    metrics = result.metrics
    gap = metrics["reciprocal"]["test_accuracy"] - metrics["backprop"]["test_accuracy"]
    assert metrics["similar_to_backprop"] == (abs(gap) <= 0.02)
    times = [metrics[n]["presentations_to_90"] for n in ("reciprocal", "random")]
    expected = times[0] < times[1] if not np.isnan(times[1]) else not np.isnan(times[0])
    assert metrics["faster_than_random"] == expected
