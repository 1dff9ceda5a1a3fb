"""Settings of an interrupted run that a stranger has written, or a user by hand, are refused by name."""

import json
import shutil

import pytest

import dendrosim as ds
from campaigns.tally import Tally
from dendrosim.engine.run_files import MARK
from dendrosim.engine.run_folder import begin_run
from dendrosim.engine.seal import seal_folder
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import DendrosimError

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
    template, out = tmp_path / "template", tmp_path / "out"
    template.mkdir()
    (template / "lock").write_bytes(MARK)
    begin_run(template, protocol(), RunSettings("cpp", 0, "double", 1, 1, False))
    whole = json.loads((template / "run.json").read_text())

    def resume(text):
        shutil.rmtree(out, ignore_errors=True)
        folder = out / "unfinished"
        shutil.copytree(template, folder)
        (folder / "run.json").write_text(text, "utf-8", "surrogatepass")
        if sealed:
            seal_folder(folder, {"lock"})
        return ds.run(resume=out)

    with pytest.raises(DendrosimError) as raised:  # the record itself is not the fault
        resume(json.dumps(whole))
    assert ("task.bin" if sealed else "before its first step") in str(raised.value)
    texts = [*TEXTS]
    for key in whole:
        texts += [json.dumps({**whole, key: value}) for value in VALUES]
        texts.append(json.dumps({k: v for k, v in whole.items() if k != key}))
    for key in whole["settings"]:
        for value in VALUES:
            texts.append(json.dumps({**whole, "settings": {**whole["settings"], key: value}}))
    tally = Tally("hostile records of runs", 20)
    for text in texts:
        tally.judge(text[:300], lambda text=text: resume(text), lambda result: False)
    tally.conclude(record_property)
