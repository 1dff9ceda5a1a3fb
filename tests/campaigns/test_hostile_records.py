"""Settings of an interrupted run that a stranger has written, or a user by hand, are refused by name."""

import json

import pytest

import dendrosim as ds
from campaigns.tally import Tally
from dendrosim.engine.run_folder import begin_run
from dendrosim.engine.seal import seal_folder
from dendrosim.engine.settings import RunSettings

VALUES = (
    None,
    True,
    -1,
    0.5,
    10**30,
    float("inf"),
    "",
    "\x1b[2J",
    "x" * 10**5,
    [],
    [1],
    {},
    {"a": []},
)
TEXTS = ("", "[" * 10**5, '{"a":' * 10**5, "null", "3", "[]", "{}", '"x"', "1" * 10**5, "\ud800")


def protocol():
    cell = ds.Population("cell", 1, "dv/dt = -v/ms : 1")
    return ds.Protocol(ds.Circuit((cell,)), (ds.Block("b", (ds.Phase("p", "2 ms"),)),), "1 ms")


@pytest.mark.parametrize("sealed", [True, False])
def test_no_record_of_a_run_ends_in_a_bug(tmp_path, sealed, record_property):
    out = tmp_path / "out"
    folder = out / "unfinished"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    settings = RunSettings("cpp", 0, "double", 1, 1, False)
    begin_run(folder, protocol(), settings)
    whole, tally = (
        json.loads((folder / "run.json").read_text()),
        Tally("hostile records of runs", 20),
    )
    texts = [*TEXTS]
    for key in whole:
        texts += [json.dumps({**whole, key: value}) for value in VALUES]
        texts.append(json.dumps({k: v for k, v in whole.items() if k != key}))
    for key in whole["settings"]:
        for value in VALUES:
            texts.append(json.dumps({**whole, "settings": {**whole["settings"], key: value}}))
    for text in texts:
        (folder / "run.json").write_text(text, "utf-8", "surrogatepass")
        if sealed:
            seal_folder(folder, {"lock", "seal.json", "task.bin"})
        tally.judge(text[:300], lambda: ds.run(resume=out), lambda result: False)
    tally.conclude(record_property)
