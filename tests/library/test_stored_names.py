"""The name of a protocol in a file never chooses what is executed; a path is taken from the user only."""

import os
import warnings
from pathlib import Path

import pytest
import result_examples
from library_examples import PROTOCOL, write_library

import dendrosim as ds
from dendrosim.cli import main as cli
from dendrosim.engine import simulate
from dendrosim.engine.progress import Progress
from dendrosim.errors import DendrosimWarning, ResumeError, RunInterruptedError, UnknownNameError
from dendrosim.library import stored_names

MARKED = "import pathlib\npathlib.Path(__file__).with_name('executed').touch()\n" + PROTOCOL


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A protocol file outside the catalogue, which leaves a file `executed` beside it."""
    monkeypatch.setenv("DENDROSIM_PATH", str(write_library(tmp_path / "catalogue")))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(MARKED)
    return path


@pytest.fixture
def new_process(monkeypatch):
    """Forget which files were loaded, as in a new process."""

    def forget():
        monkeypatch.setattr(stored_names, "_given", {})
        Path("executed").unlink(missing_ok=True)

    forget()
    return forget


def stored(name, path="result.nc"):
    """Write a result whose protocol has a name."""
    result = result_examples.result()
    result.protocol = result.protocol.replace(name=str(name))
    return result.save(path)


@pytest.mark.usefixtures("new_process")
@pytest.mark.parametrize(
    "name",
    ["{file}", "./mine.py", "mine.py", "mine", "../{folder}/mine.py", "catalogue/../mine.py", "/dev/stdin",
     "mine\x00.py", "\x1b[2Jmine.py", "/", ".", "..", "~/mine.py"],
)  # fmt: skip
def test_no_file_is_executed_because_a_result_names_it(file, name):
    name = name.format(file=file, folder=file.parent.name)
    result = ds.open_result(stored(name))
    with pytest.raises(UnknownNameError, match=r"ds\.load_protocol\(FILE\)"):
        ds.measure(result)
    with pytest.warns(DendrosimWarning, match="no metrics.*DENDROSIM_PATH"):
        ds.run(result.protocol, "numpy")
    assert not Path("executed").exists()


@pytest.mark.usefixtures("new_process")
def test_figures_are_general_and_the_message_says_how_to_give_the_file(file, capsys):
    stored(f"{file.parent}/\x1b[2J/../mine.py")
    assert cli.main(["plot", "result.nc", "--out", "figures"]) == 0
    said = capsys.readouterr().err
    assert "drawing general figures" in said
    assert "dendrosim plot RESULT.nc --protocol FILE" in said
    assert said.replace("\n", "").isprintable()
    assert not Path("executed").exists()


def run_and_save(file):
    return ds.run(ds.load_protocol(str(file)), "numpy").save("result.nc")


def test_a_file_that_was_loaded_by_its_path_measures_in_the_same_process(file):
    path = run_and_save(file)
    assert "last" in ds.open_result(path).metrics
    assert ds.measure(ds.open_result(path)).metrics["good"] is True


def test_a_file_that_the_user_gives_measures_and_draws(file, new_process, capsys):
    path = run_and_save(file)
    new_process()
    assert ds.measure(ds.open_result(path), protocol=file).metrics["good"] is True
    assert cli.main(["plot", str(path), "--protocol", "mine.py", "--out", "figures"]) == 0
    assert sorted(os.listdir("figures")) == ["traces.png"]
    assert not capsys.readouterr().err
    assert cli.main(["plot", str(path), "--protocol", "gone.py"]) == 2
    assert "no such file: gone.py" in capsys.readouterr().err


def test_a_file_in_a_folder_of_the_catalogue_measures_by_its_path(file, new_process, monkeypatch):
    path = run_and_save(file)
    new_process()
    monkeypatch.setenv("DENDROSIM_PATH", f"{file.parent / 'catalogue'}{os.pathsep}{file.parent}")
    file.rename(file.parent / "catalogue" / "protocols" / "mine.py")
    with pytest.raises(UnknownNameError):
        ds.measure(ds.open_result(path))
    stored(file.parent / "catalogue" / "protocols" / "mine.py")
    assert stored_names.find_stored_entry(ds.open_result("result.nc").protocol.name).name == "mine"


@pytest.fixture
def interrupted(file, new_process, monkeypatch):
    """The folder of an interrupted run of the file, with a parameter that is not the default."""
    begun = []
    with monkeypatch.context() as patch:

        def interrupt(_, step, segment):
            if step > 0 and not begun:
                begun.append(step)
                raise KeyboardInterrupt

        patch.setattr(simulate, "INTERVAL", 0.0)
        patch.setattr(Progress, "at", interrupt)
        with pytest.raises(RunInterruptedError, match=r"dendrosim run /.*mine\.py --resume /.*out"):
            ds.run(ds.load_protocol(str(file), duration="800 s", level=2.0), "cpp", out="out")
    new_process()
    return Path("out")


def test_a_folder_is_resumed_with_the_file_that_the_user_gives(interrupted, file, capsys):
    assert cli.main(["run", "--resume", "out"]) == 2
    assert "dendrosim run FILE --resume DIR" in capsys.readouterr().err
    with pytest.raises(ResumeError, match="no file is executed"):
        ds.run(resume=interrupted)
    assert not Path("executed").exists()
    assert cli.main(["run", "mine.py", "--resume", "out", "--set", "level=3"]) == 2
    assert "parameter level 2.0, not 3.0" in capsys.readouterr().err
    original = file.read_text()
    file.write_text(original.replace('"0.1 ms"', '"0.2 ms"'))
    assert cli.main(["run", "mine.py", "--resume", "out"]) == 2
    assert "give the file as it was then, or run the protocol anew" in capsys.readouterr().err
    file.write_text(original)
    Path("moved").mkdir()
    Path("mine.py").rename("moved/mine.py")
    assert cli.main(["run", "moved/mine.py", "--resume", "out", "--json"]) == 0
    assert '"duration": 800.0' in capsys.readouterr().out
    assert ds.open_result("out/result.nc").metrics["last"] == pytest.approx([2.0] * 3)


def test_a_file_that_fails_does_not_cost_the_interrupted_run(interrupted, file, monkeypatch):
    before = sorted(os.listdir(interrupted / "unfinished"))
    protocol = ds.load_protocol(str(file), duration="800 s", level=2.0)
    file.write_text(MARKED + "\n1/0\n")
    with pytest.raises(ResumeError, match=r"mine\.py, line \d+: ZeroDivisionError"):
        ds.run(protocol, resume=interrupted)
    assert cli.main(["run", "mine.py", "--resume", "out"]) == 3
    assert sorted(os.listdir(interrupted / "unfinished")) == before


@pytest.mark.parametrize("out", [None, "out"])
def test_a_protocol_whose_file_is_not_at_hand_runs_and_says_so_before(
    file, new_process, out, monkeypatch
):
    first = ds.run(ds.load_protocol(str(file)), "numpy")
    again = ds.open_result(first.save("first.nc"))
    new_process()
    compute = simulate.run
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        def said():
            return [str(w.message) for w in caught if issubclass(w.category, DendrosimWarning)]

        def compute_if_said(*given, **options):
            assert len(said()) == 1, "the warning comes before the run"
            return compute(*given, **options)

        monkeypatch.setattr(simulate, "run", compute_if_said)
        result = ds.run(again.protocol, "numpy", out=out)
    assert "the result will have no metrics" in said()[0]
    assert "ds.measure(result, FILE)" in said()[0]
    assert not Path("executed").exists()
    assert not result.metrics
    assert result["unit.v"].identical(first["unit.v"])
    if out:
        assert ds.open_result("out/result.nc").names == first.names
    measured = ds.measure(result, str(file)).metrics
    assert measured.keys() == first.metrics.keys()
