"""The command `dendrosim cache`."""

import json
import re
import shutil

import pytest
from reference_problems import leaky_protocol

from dendrosim.experiments.run import run


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A cache with one program and what it needed, and with a file of somebody else."""
    folder = tmp_path_factory.mktemp("ready") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENDROSIM_CACHE", str(folder))
        run(leaky_protocol(), "cpp")
    (folder / "mine").touch()
    return folder


@pytest.fixture
def cache(ready, tmp_path, monkeypatch):
    shutil.copytree(ready, tmp_path / "cache")
    monkeypatch.setenv("DENDROSIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_command_shows_verifies_and_clears(cache, call):
    def ask(*arguments):
        code, out, _ = call("cache", *arguments, "--json")
        return code, json.loads(out)

    code, shown = ask()
    assert code == 0
    assert shown["folder"] == str(cache)
    assert shown["limit"] == 2 * 2**30
    kinds = {kind["folder"]: kind for kind in shown["kinds"]}
    assert [kinds[k]["entries"] for k in ("programs", "toolchains", "cython")] == [1, 1, 0]
    assert kinds["remembered"]["entries"] >= 2
    assert shown["size"] == sum(kind["size"] for kind in shown["kinds"]) > 100_000
    assert ask("verify") == (0, {"entries": 2 + kinds["remembered"]["entries"], "damaged": []})
    damaged = [*cache.glob("programs/*/program"), *cache.glob("toolchains/*.o")]
    damaged += cache.glob("remembered/*")
    for path in damaged:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    code, found = ask("verify")
    assert code == 3
    assert set(found["damaged"]) == {str(p.parent if p.name == "program" else p) for p in damaged}
    assert ask("clear")[1]["deleted"] == found["entries"]
    assert ask()[1]["size"] == 0
    assert (cache / "mine").exists()
    assert list(cache.glob("*/*")) == []


def test_the_command_prints_tables(cache, call):
    code, out, _ = call("cache")
    assert code == 0
    assert re.search(r"^ *compiled programs +1 +\d+\.\d kB +20\d\d-\d\d-\d\d *$", out, re.MULTILINE)
    assert out.splitlines()[-1].startswith(f"{cache}: ")
    assert call("cache", "verify")[1].endswith("0 damaged\n")
    (program,) = cache.glob("programs/*")
    (program / "seal").unlink()
    code, out, _ = call("cache", "verify")
    assert code == 3
    assert str(program) in out
    assert "1 damaged; a run that needs them makes them anew" in out
    assert "freed" in call("cache", "clear")[1]


def test_an_action_that_is_none_is_refused(fails):
    assert "clear, show, verify" in fails(2, "UnknownNameError", "cache", "empty")


def test_a_size_that_is_none_is_refused(fails, monkeypatch):
    monkeypatch.setenv("DENDROSIM_CACHE_SIZE", "big")
    assert "DENDROSIM_CACHE_SIZE is 'big'" in fails(2, "UsageError", "cache")
