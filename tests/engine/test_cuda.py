"""The back end cuda: what is generated compiles for the GPU, and computes what the equations say.

Without a GPU, programs run against stand-ins for CUDA (see `cuda_stand_in`); with one, the same tests run on it.
"""

import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import delayed_synapses
import heun_problem
import numpy as np
import pytest
from comparisons import gap
from reference_problems import PROBLEMS, leaky_protocol

import dendrosim as ds
from dendrosim.cli.main import main
from dendrosim.engine import run_folder as unfinished
from dendrosim.engine import simulate
from dendrosim.engine.backends import backends
from dendrosim.engine.compilation import compile_without_run, undriven_protocol
from dendrosim.engine.cuda import toolchain
from dendrosim.engine.cuda.backend import Cuda
from dendrosim.engine.run_files import MARK
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import BackendMissingError, NonFiniteError, ResumeError, ShapeError, SpecError
from dendrosim.experiments.run import run
from dendrosim.library import catalogue

MODELS = (
    "backprop", "bmvr", "bmvr_deep", "burst_ccn", "burst_cell_types", "burst_microcircuit", "burst_rate",
    "cell_types", "deep_feedback_control", "dendritic_error", "dendritic_predictive", "difference_tp",
    "dynamical_tp", "error_neurons", "feedback_alignment", "gauss_newton", "linear_feedback", "multiplexed_dtp",
    "node_perturbation", "pseudo_inverse_flow", "pv", "pyramidal_burst", "pyramidal_burst_conductance",
    "pyramidal_ca", "pyramidal_passive", "reciprocal_feedback", "segregated_dendrites", "shutdown_circuit",
    "somatodendritic", "sst", "target_propagation", "threshold_circuit", "two_phase_dtp",
)  # fmt: skip
WITH_EVENTS = ("burst_teaching", "burst_xor_network")
"""Models with events, which the back end refuses."""
PROTOCOLS = (
    "bac_firing", "bmvr_gaussian", "burst_coding", "stp_decoding", "tp_sleep", "tp_student_teacher",
)  # fmt: skip
QUICK = "pyramidal_passive"

_lacking, _idle = toolchain.missing(run=False), toolchain.missing(run=True)
compiles = pytest.mark.skipif(bool(_lacking), reason=" ".join(_lacking))
runs = pytest.mark.skipif(bool(_idle), reason=" ".join(_idle))
generates = pytest.mark.skipif(
    find_spec("brian2cuda") is None, reason="the package brian2cuda is not installed"
)
PLACES = [pytest.param("stand-in", marks=generates), pytest.param("gpu", marks=runs)]


def slow_but(quick, names):
    return [n if n == quick else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.fixture
def cuda(monkeypatch):
    """Run a protocol on the GPU or without one."""

    def start(place, protocol, seed=2, precision="double", folder=None):
        if place == "stand-in":
            from cuda_stand_in import StandIn

            monkeypatch.setitem(backends(), "cuda", StandIn())
        return simulate.run(protocol, RunSettings("cuda", seed, precision), folder=folder)

    return start


# -- programs -------------------------------------------------------------------------------------


@compiles
@pytest.mark.parametrize("name", slow_but(QUICK, MODELS))
def test_every_model_compiles_and_links_for_the_gpu(name):
    program = compile_without_run(ds.load_circuit(name), "cuda")
    assert os.access(program.folder / "program", os.X_OK)


@compiles
@pytest.mark.slow
@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_with_signals_recordings_and_spikes_compile_and_link(name, precision):
    program = compile_without_run(ds.load_protocol(name), "cuda", precision)
    assert os.access(program.folder / "program", os.X_OK)


@pytest.mark.parametrize("name", WITH_EVENTS)
def test_a_model_with_events_is_refused(name):
    refused = Cuda().refused(undriven_protocol(ds.load_circuit(name)))
    assert "events other than spikes" in refused


def test_no_model_is_left_out():
    assert sorted(MODELS + WITH_EVENTS) == sorted(
        e.name for e in catalogue.list_entries() if e.file_kind == "model"
    )


@generates
def test_check_compiles_on_demand(capsys, monkeypatch):
    from cuda_stand_in import StandIn

    monkeypatch.setitem(backends(), "cuda", StandIn())
    assert main(["check", QUICK, "--compile", "--backend", "cuda"]) == 0
    assert f"{QUICK}: its program for cuda compiles and links" in capsys.readouterr().out


@generates
@pytest.mark.parametrize("place", ["state", "parameter", "weight"])
def test_a_name_that_brian2cuda_cannot_have_is_refused(place, tmp_path):
    name = {place: "workspace"}
    unit = ds.Population(
        "unit", 2, "d{0}/dt = ({1}*r - {0})/(5*ms) : 1\nr : 1".format(
            name.get("state", "v"), name.get("parameter", "gain")
        ),
    )  # fmt: skip
    rule = f"d{name.get('weight', 'w')}/dt = -1/second : 1"
    matrix = ds.Matrix("w", "unit", "unit", 1.0, rule)
    projection = ds.Projection(f"unit.{name.get('state', 'v')}", "w", "unit.r")
    circuit = ds.Circuit((unit,), (matrix,), (projection,), {name.get("parameter", "gain"): 1.0})
    with pytest.raises(SpecError, match=r"'workspace'.*--backend cpp"):
        Cuda().generate(undriven_protocol(circuit), "single", tmp_path)


@generates
def test_an_array_of_more_elements_than_can_be_counted_is_refused(tmp_path):
    unit = ds.Population("unit", 46_341, "dv/dt = (u - v)/(5*ms) : 1\nu : 1")
    wide = ds.Matrix("w", "unit", "unit", initial=0.0)
    circuit = ds.Circuit((unit,), (wide,), (ds.Projection("unit.v", "w", "unit.u"),))
    with pytest.raises(ShapeError, match="matrix 'w' has 2,147,488,281 elements"):
        Cuda().generate(undriven_protocol(circuit), "single", tmp_path)


# -- what programs compute ------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("problem", "batch"),
    [
        pytest.param(p, b, marks=() if (i, b) == (1, 3) else pytest.mark.slow, id=f"{p}-{b}")
        for i, p in enumerate(PROBLEMS)
        for b in (1, 3)
    ],
)
def test_n_steps_are_n_forward_euler_steps(cuda, place, problem, batch):
    result = cuda(place, problem.protocol(batch))
    history, final = problem.loop(*problem.drives(result, batch))
    for name, expected in history.items():
        assert gap(result.traces[name].values, expected) < 1e-10, name
    for name, expected in final.items():
        assert gap(result.state[name], expected) < 1e-10, name


def heun_protocol(batch):
    """The problem of Heun's method without sparse matrices, which the back end refuses."""
    given = heun_problem.protocol(batch, steps=3)
    whole = given.circuit
    dense = whole.replace(
        matrices=[m for m in whole.matrices if m.connect is None],
        projections=[p for p in whole.projections if whole.matrix(p.matrix).connect is None],
    )
    return given.replace(circuit=dense)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("batch", [1, 3])
def test_steps_of_heun_are_those_of_numpy(cuda, place, batch):
    expected = run(heun_protocol(batch), "numpy", 2)
    result = cuda(place, heun_protocol(batch))
    for name, value in expected.state.items():
        assert gap(result.state[name], value) < 1e-10, name


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_single_precision_is_the_default_and_close_to_double(cuda, place):
    problem = PROBLEMS[0]
    single = cuda(place, problem.protocol(3), precision="auto")
    assert single.provenance["precision"] == "single"
    assert single.provenance["versions"]["brian2cuda"]
    double = run(problem.protocol(3), "numpy", 2, "double")
    for name, value in double.state.items():
        assert single.state[name].dtype == np.float32
        assert gap(single.state[name].astype(float), value) < 1e-5, name


@cache
def _pathways(backend):
    return run(delayed_synapses.protocol(3), backend, 2)


@pytest.mark.parametrize("place", PLACES)
def test_spikes_arrive_after_their_delays_and_are_kept_in_order(cuda, place):
    result = cuda(place, delayed_synapses.protocol(3))
    expected = _pathways("numpy")
    for name, spikes in expected.spikes.items():
        found = result.spikes[name]
        assert len(spikes.unit)
        assert np.array_equal(found.unit, spikes.unit)
        assert np.array_equal(found.sample, spikes.sample)
        assert np.allclose(found.time, spikes.time, rtol=1e-12)
    for name, trace in expected.traces.items():
        assert gap(result.traces[name].values, trace.values) < 1e-10, name
    for name, values in expected.state.items():
        assert gap(result.state[name], values) < 1e-10, name
    assert {"feed.facil", "feed.resource", "feed.weight"} <= {*result.traces} & {*result.state}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_an_inverse_follows_its_matrix_through_pauses_of_learning(cuda, place):
    units = ds.Population(
        "unit", 3, "dv/dt = (r - v)/(5*ms) : 1\nr : 1", initial={"v": ds.Uniform(0.5, 1)}
    )
    circuit = ds.Circuit(
        (units,),
        (
            ds.Matrix(
                "w", "unit", "unit", ds.Identity(2.0, 0.3), "dw/dt = learn*v_post*v_pre/second : 1"
            ),
            ds.Matrix("q", "unit", "unit", inverse_of="w"),
        ),
        (ds.Projection("unit.v", "q", "unit.r"),),
        gates={"learn": 1},
    )  # fmt: skip
    phases = [
        ds.Phase(f"phase{i}", "12 ms", gates={"learn": gate}) for i, gate in enumerate((1, 0, 1))
    ]
    protocol = ds.Protocol(circuit, (ds.Block("run", tuple(phases)),), dt="0.1 ms")
    result = cuda(place, protocol)
    assert gap(result.state["q"], np.linalg.inv(result.state["w"])) < 1e-10
    expected = run(protocol, "numpy", 2)
    for name, value in expected.state.items():
        assert gap(result.state[name], value) < 1e-10, name


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("place", PLACES)
def test_rules_that_are_no_matrix_products_run_element_by_element(cuda, place, batch):
    units = ds.Population(
        "unit", 5, "dv/dt = (r - v)/(5*ms) : 1\nr : 1", initial={"v": ds.Uniform(0.5, 1)}
    )
    rate = "v_post*v_pre*(1 + w) + tanh(v_post*v_pre*w) - w**3"
    matrix = ds.Matrix(
        "w", "unit", "unit", ds.Identity(2.0, 0.3), f"dw/dt = ({rate})/(10*second) : 1"
    )
    circuit = ds.Circuit((units,), (matrix,), (ds.Projection("unit.v", "w", "unit.r"),))
    block = ds.Block("run", (ds.Phase("on", "5 ms"),))
    protocol = ds.Protocol(circuit, (block,), dt="0.1 ms", batch=batch)
    found, expected = cuda(place, protocol), run(protocol, "numpy", 2)
    for name, value in expected.state.items():
        assert gap(found.state[name], value) < 1e-10, name


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_noise_has_the_numbers_of_the_other_back_ends(cuda, place):
    changes = {
        "signals": {"cell.current": ds.OrnsteinUhlenbeck("50 pA", "80 pA", "3 ms")},
        "batch": 4,
    }
    found = cuda(place, leaky_protocol(**changes))
    expected = run(leaky_protocol(**changes), "numpy", 2)
    assert gap(found.state["cell.v"], expected.state["cell.v"]) < 1e-10


@pytest.mark.parametrize("place", PLACES)
def test_a_number_that_is_not_finite_ends_the_run_within_a_hundred_steps(cuda, place):
    unit = ds.Population("unit", 70, "dv/dt = v*v/(10*ms) : 1", initial={"v": 1.0})
    block = ds.Block("run", (ds.Phase("on", "100 ms"),))
    protocol = ds.Protocol(
        ds.Circuit((unit,)), (block,), dt="0.1 ms", recordings=(ds.Recording("unit.v", "0.1 ms"),)
    )
    with pytest.raises(NonFiniteError, match="within the last 100 steps") as raised:
        cuda(place, protocol)
    partial = raised.value.partial
    assert partial.provenance["guarded_every"] == 100
    values = partial.traces["unit.v"].values
    assert np.all(np.isfinite(values))
    assert 100 < len(values) < 1000


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_keeps_its_recordings_in_a_folder_cannot_be_resumed(cuda, place, tmp_path):
    folder = tmp_path / "unfinished"
    folder.mkdir()
    found = cuda(place, leaky_protocol(), folder=folder)
    assert (folder / "trace0.bin").stat().st_size == found.traces["cell.v"].values.nbytes
    assert not unfinished.has_started(folder)
    (folder / "lock").write_bytes(MARK)  # as `lock_folder` writes it
    with pytest.raises(ResumeError, match="back end cuda keeps no checkpoints"):
        unfinished.read_run(folder)


# -- what is there and what is missing --------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine without any part of the tool chain."""
    for name in ("CUDA_PATH", "CUDA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)
    monkeypatch.setattr(toolchain, "USUAL", tmp_path / "nothing")
    monkeypatch.setattr(toolchain, "find_spec", lambda name: None)
    monkeypatch.setattr(toolchain, "package_version", lambda name: "")
    return tmp_path


@dataclass
class Toolkit:
    """A folder that looks like the CUDA toolkit."""

    folder: object

    def brings(self, *files):
        for name in files:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def compiler(self, version):
        path = self.folder / "bin" / "nvcc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "Cuda compilation tools, release {version}, V1"\n'
            f'echo "#$ TOP={self.folder}" >&2\n'
        )
        path.chmod(0o755)


@pytest.fixture
def toolkit(bare, monkeypatch):
    monkeypatch.setenv("CUDA_PATH", str(bare / "cuda"))
    return Toolkit(bare / "cuda")


def test_all_that_is_missing_is_named_at_once(bare):
    with pytest.raises(BackendMissingError) as raised:
        toolchain.check_run()
    said = str(raised.value)
    for words in (
        "NVIDIA GPU",
        "install the driver",
        "nvcc",
        "CUDA toolkit",
        "dendrosim[cuda]",
        "--backend cpp",
    ):
        assert words in said
    assert raised.value.exit_code == 5


def test_the_command_line_says_what_is_missing(bare, capsys):
    assert main(["check", QUICK, "--compile", "--backend", "cuda"]) == 5
    assert "nvcc" in capsys.readouterr().err


def test_a_run_without_a_gpu_is_refused_before_anything_is_drawn(bare, monkeypatch):
    monkeypatch.setattr(simulate, "timeline", None)
    with pytest.raises(BackendMissingError, match="GPU"):
        run(leaky_protocol(), "cuda")


def test_a_folder_without_a_compiler_is_named(bare, monkeypatch):
    monkeypatch.setenv("CUDA_HOME", str(bare))
    with pytest.raises(BackendMissingError, match="CUDA_HOME"):
        toolchain.nvcc()


def test_libraries_come_from_the_toolkit(toolkit):
    toolkit.compiler("13.0")
    toolkit.brings("include/cublas_v2.h", "lib64/libcublas.so", "lib64/libcublas.so.13")
    found = toolchain.library("cublas")
    assert (found.include, found.file.name) == (toolkit.folder / "include", "libcublas.so")


@pytest.mark.parametrize(
    ("version", "package"), [("13.0", "nvidia-curand"), ("12.4", "nvidia-curand-cu12")]
)
def test_the_package_of_a_missing_library_is_that_of_the_toolkit(toolkit, version, package):
    toolkit.compiler(version)
    with pytest.raises(BackendMissingError, match=f"pip install {package}[;,]"):
        toolchain.library("curand")


@pytest.mark.parametrize(("version", "home"), [("13.1", "nvidia/cu13"), ("12.8", "nvidia/curand")])
def test_libraries_come_from_packages_of_the_toolkits_version(toolkit, monkeypatch, version, home):
    toolkit.compiler(version)
    site = toolkit.folder / "site"
    Toolkit(site).brings(f"{home}/include/curand_kernel.h", f"{home}/lib/libcurand.so.10")
    spec = type("Spec", (), {"submodule_search_locations": [str(site / "nvidia")]})
    monkeypatch.setattr(toolchain, "find_spec", lambda name: spec)
    found = toolchain.library("curand")
    assert found.file == site / home / "lib" / "libcurand.so.10"


def test_an_old_toolkit_is_refused(toolkit):
    toolkit.compiler("11.8")
    with pytest.raises(BackendMissingError, match=r"CUDA 11\.8.*12\.0 or later"):
        toolchain.cuda_version()


def test_gpus_that_are_hidden_are_not_there(monkeypatch):
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: "nvidia-smi")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(BackendMissingError, match="CUDA_VISIBLE_DEVICES, which is empty"):
        toolchain.gpu()


def test_a_list_of_gpus_is_read():
    said = "NVIDIA H200, 9.0\nName, with comma, 8.6\n[N/A], [N/A]\n"
    names = [(g.name, g.capability) for g in toolchain.parse_gpus(said)]
    assert names == [("NVIDIA H200", "9.0"), ("Name, with comma", "8.6")]


def test_doctor_tells_of_every_part(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for words in ("CUDA: compiler", "CUDA: cuBLAS", "CUDA: Brian2CUDA", "CUDA: GPU"):
        assert words in said
