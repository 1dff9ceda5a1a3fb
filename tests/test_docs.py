"""The guide's files work as printed, the page about the engine names what exists, and every link has an end."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.library.description import describe

ROOT = Path(__file__).parents[1]
GUIDE, ENGINE_PAGE = ROOT / "docs" / "writing.md", ROOT / "docs" / "engine.md"
ENGINE = ROOT / "dendrosim" / "engine"
MADE_FILES = {"main.cpp", "steps.cpp", "program.cpp", "ds_glue.cpp", "ds_weights.cpp"}
IN_CACHE = {"programs/KEY/", "toolchains/", "cython/", "remembered/", "locks/", "work/"}


@pytest.fixture
def mine(tmp_path, monkeypatch):
    found = re.findall(r"```python title=(\S+)\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert [name for name, _ in found] == [
        "models/leaky_pair.py", "protocols/pulse_response.py",
        "models/relay.py", "protocols/relay_noise.py", "models/plain_cells.py",
    ]  # fmt: skip
    for name, text in found:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path))
    return tmp_path


def test_the_guides_circuit_learns_what_it_says(mine):
    # Linear cells with a constant pulse I: before learning the steady soma solves s = I - w r,
    # r = mean of s; a weight with (s - goal) r > 0 must grow.
    protocol = ds.load_protocol("pulse_response", amplitudes=(0.5, 2.0), goal=0.1)
    result = ds.run(protocol, backend="numpy")
    assert result["cell.soma"].sizes == {"time": 400, "unit": 2}
    start = result["w"].values[0]
    before = result["cell.soma"].sel(time=0.119, method="nearest").values
    r = np.linalg.solve(np.eye(2) + start @ np.full((1, 2), 0.5), [0.5, 2.0])
    assert before == pytest.approx(r, rel=1e-3)
    assert np.all(np.asarray(result.metrics["peak_after"]) < result.metrics["peak_before"])
    assert np.all(result.final["w"].values > start)


def test_the_guides_senders_fire_as_integrate_and_fire_cells_do(mine):
    # Without adaptation an interval is t_ref + tau ln(R I/(R I - 20 mV)); 150 pA is below threshold.
    protocol = ds.load_protocol("relay_noise", jump="0 pA")
    result = ds.run(protocol, backend="numpy")
    drive = 0.1 * np.array([250.0, 300.0, 400.0, 500.0])
    interval = 2.0 + 10 * np.log(drive / (drive - 20.0))
    rate = np.asarray(result.metrics["rate"])
    assert rate[0] == 0
    # Each interval is rounded up to a step of 0.1 ms, Euler and rounding shift it by a step or two.
    assert rate[1:] == pytest.approx(1e3 / interval, rel=0.03)
    adapting = ds.run(ds.load_protocol("relay_noise"), backend="numpy")
    assert np.all(np.asarray(adapting.metrics["rate"])[1:] < rate[1:])
    assert len(result.spikes["sender"].unit) == round(rate.sum() * 2)


@pytest.mark.usefixtures("mine")
def test_the_guides_plain_function_is_a_model_as_well():
    circuit = ds.load_circuit("plain_cells", cells=2, tau="5 ms")
    assert circuit.population("cell").size == 2
    assert circuit.parameters["tau"] == ds.quantity("5 ms")
    with pytest.raises(ds.errors.ParameterError, match="tau is 0 s; it must be positive"):
        ds.load_circuit("plain_cells", tau="0 s")


def test_files_and_folders_that_the_page_about_the_engine_names_exist():
    text = ENGINE_PAGE.read_text("utf-8")
    named = set(re.findall(r"`([\w/]+(?:\.(?:py|h|cpp|cuh)|/))`", text)) - MADE_FILES - IN_CACHE
    assert len(named) > 40
    missing = [
        name
        for name in named
        if not (ROOT / name).exists()
        and not (ENGINE / name).exists()
        and not ("/" not in name and list(ENGINE.glob(f"*/*/{name}")))
    ]
    assert missing == []


def test_names_of_the_runtime_in_the_page_about_the_engine_exist():
    sources = "".join(
        path.read_text("utf-8") for path in ENGINE.rglob("source/*") if path.suffix != ".cuh"
    )
    text = ENGINE_PAGE.read_text("utf-8")
    named = set(re.findall(r"ds::(\w+)", text)) | {"most_samples", "parallel_from", "work_from"}
    assert len(named) > 15
    assert [name for name in named if not re.search(rf"\b{name}\b", sources)] == []
    for name, value in (("parallel_from", "4096"), ("most_samples", "256"), ("block", "256")):
        assert re.search(rf"\b{name} = {value};", sources), f"{name} is not {value} any more"


def test_the_page_about_the_engine_names_every_environment_variable():
    read = set()
    for path in ENGINE.parent.rglob("*.py"):
        text = path.read_text("utf-8")
        read |= set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", text))
        if "environ" in text:
            read |= set(re.findall(r"\"([A-Z]+(?:_[A-Z]+)+)\"", text))
    assert {"DENDROSIM_PATH", "CUDA_HOME", "CXX", "LD_LIBRARY_PATH"} <= read
    page = ENGINE_PAGE.read_text("utf-8").partition("## Environment variables")[2]
    assert read <= set(re.findall(r"`([A-Z_]+)`", page.partition("\n## ")[0]))


def test_the_guides_circuit_without_a_file_is_run_and_analysed():
    section = GUIDE.read_text("utf-8").partition("## In notebooks")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = {}
    exec(code.replace("ds.run(protocol)", "ds.run(protocol, backend='numpy')"), names)
    assert names["result"]["cell.v"].values[-1] == pytest.approx([1.0, 2.0], rel=0.01)


PAGES = sorted((ROOT / "docs").rglob("*.md"))
GENERATED = re.compile(r"generated/(api|models|protocols|gallery|rules)(/[\w.]+)?(\.md)?")
SITE = [path for path in PAGES if "generated" not in path.parts]


def relative(path):
    return path.relative_to(ROOT / "docs").as_posix()


def toctrees(path):
    """Pages that the lists of contents of a page name, relative to the folder of the site."""
    blocks = re.findall(r"```\{toctree\}\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    named = [re.sub(r".*<(.*)>", r"\1", x) for x in lines if x and not x.startswith((":", "-"))]
    return [((path.parent / name).relative_to(ROOT / "docs")).as_posix() for name in named]


def test_every_page_of_the_site_is_in_one_list_of_contents():
    listed = [name for path in SITE for name in toctrees(path)]
    assert len(listed) == len(set(listed))
    expected = {relative(path)[:-3] for path in SITE} - {"index"}
    assert {name for name in listed if not GENERATED.fullmatch(name)} == expected


@pytest.mark.parametrize("path", [*SITE, ROOT / "README.md"], ids=lambda p: p.name)
def test_links_between_pages_have_an_end(path):
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
        if not link.startswith("http"):
            exists = (path.parent / link).exists() or GENERATED.fullmatch(link.removeprefix("../"))
            assert exists, f"{path.name} links to {link}"


def test_every_protocol_is_run_for_the_gallery():
    code = (ROOT / "docs" / "extensions" / "protocol_pages.py").read_text("utf-8")
    most = float(re.search(r"^SHORT = ([\d.]+)", code, re.MULTILINE)[1])
    seconds = json.loads((ROOT / "docs" / "run_times.json").read_text("utf-8"))["seconds"]
    reduced = json.loads((ROOT / "docs" / "gallery.json").read_text("utf-8"))
    short = {name for name, time in seconds.items() if time <= most}
    assert short | set(reduced) == {path.stem for path in (ROOT / "protocols").glob("*.py")}
    for name, settings in reduced.items():
        known = {parameter.name for parameter in describe(name).parameters}
        assert {text.partition("=")[0] for text in settings} <= known


def test_the_page_about_shipped_files_has_all_of_them():
    page = (ROOT / "docs" / "shipped.md").read_text("utf-8")
    for folder in ("models", "protocols"):
        names = {path.stem for path in (ROOT / folder).glob("*.py")}
        linked = re.findall(rf"\[`(\w+)`\]\(generated/{folder}/(\w+)\.md\)", page)
        assert {name for name, _ in linked} == names
        assert all(name == target for name, target in linked)


@pytest.mark.parametrize("path", [*SITE, ROOT / "README.md"], ids=lambda p: p.name)
def test_public_names_that_pages_use_exist(path):
    text = path.read_text("utf-8")
    for name in set(
        re.findall(r"\bds\.((?:plot\.|rules\.|tasks\.|errors\.|learning\.)?[A-Za-z_]\w*)", text)
    ):
        value = ds
        for part in name.split("."):
            assert hasattr(value, part), f"{path.name}: ds.{name} does not exist"
            value = getattr(value, part)


def test_every_public_name_has_a_place_in_the_reference():
    code = (ROOT / "docs" / "extensions" / "api_pages.py").read_text("utf-8")
    groups = re.search(r"^GROUPS = (\{.*?^\})", code, re.DOTALL | re.MULTILINE)
    parts = [part for group in eval(groups[1]).values() for part in group]
    stub = (ROOT / "dendrosim" / "__init__.pyi").read_text("utf-8")
    for module in re.findall(r"^from \.([\w.]+) import", stub, re.MULTILINE):
        assert any(f"{module}.".startswith(f"{part}.") for part in parts), module
