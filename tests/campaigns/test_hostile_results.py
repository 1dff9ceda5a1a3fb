"""Results that open although they mean nothing are drawn and measured, or refused, in bounded time."""

import io
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import result_examples
from result_files import replace_text, resealed

import dendrosim as ds
from campaigns.tally import Tally
from dendrosim.library.catalogue import list_entries
from dendrosim.results.result_data import Spikes


def put(path, *places):
    """Return a change that writes numbers into an array: pairs of an index and a value."""

    def change(file):
        for place, value in places:
            file[path][place] = value

    return change


def plan(edit):
    """Return a change of the protocol."""

    def change(file):
        protocol = json.loads(file["protocol"][()])
        edit(protocol["blocks"][0])
        replace_text(file, "protocol", json.dumps(protocol))

    return change


EVERY = slice(None)
ODD = {
    "a plan of 10^15 trials": plan(lambda block: block.update(trials=10**15)),
    "values that are not finite": put("recordings/soma.v/soma.v", (EVERY, np.nan), (3, np.inf)),
    "times that are not finite": put("recordings/soma.v/time", (2, np.nan), (3, np.inf)),
    "spikes at impossible times": put("spikes/soma/time", (0, -1e300), (1, np.nan), (2, np.inf)),
    "a phase of 10^9 s": plan(lambda block: block["phases"][0]["duration"].update(value=1e9)),
    "huge values": put("recordings/soma.v/soma.v", (slice(20), 1.7e308), (slice(20, 40), -1.7e308)),
    "huge times": put("recordings/soma.v/time", (2, 1e308)),
    "no time passes": put("recordings/soma.v/time", (EVERY, 0.0)),
    "times before the beginning": put("recordings/w/time", (EVERY, -1.0)),
    "weights that are not finite": put("recordings/w/w", (EVERY, np.nan)),
    "final weights that are infinite": put("final/w/w", (EVERY, np.inf)),
    "huge final weights": put("final/w/w", (0, 1.7e308)),
}
QUICK = 4


@pytest.mark.parametrize(
    "labels",
    [list(ODD)[:QUICK], pytest.param(list(ODD)[QUICK:], marks=pytest.mark.slow)],
    ids=["few", "rest"],
)
@pytest.mark.filterwarnings("ignore")
def test_odd_results_are_drawn_or_refused(tmp_path, labels, record_property):
    tally, path = Tally("odd results, drawn", seconds=60), tmp_path / "result.nc"
    spikes = Spikes(np.arange(3), np.array([0.001, 0.002, 0.5]), np.array([0, 1, 0]))
    result_examples.result(batch=2, spikes={"soma": spikes}).save(path)
    content = path.read_bytes()
    for label in labels:
        path.write_bytes(content)
        with resealed(path) as file:
            ODD[label](file)
        for name, draw in ds.plot.overview(ds.open_result(path)).items():
            tally.judge(f"{label}: {name}", lambda draw=draw: draw().savefig(io.BytesIO()))
            plt.close("all")
    tally.conclude(record_property)


def test_a_result_with_the_name_of_a_protocol_is_measured_or_refused(tmp_path, record_property):
    tally, path = Tally("odd results, measured", seconds=60), tmp_path / "result.nc"
    for entry in list_entries():
        if entry.file_kind == "protocol":
            result = result_examples.result()
            result.protocol = result.protocol.replace(name=entry.name)
            result.save(path)
            tally.judge(entry.name, lambda: ds.measure(ds.open_result(path)))
    tally.conclude(record_property)
    assert tally.counts["typed"] > 10
