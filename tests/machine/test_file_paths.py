"""Every function and option that takes a path refuses what is no path, or no regular file, and never waits."""

import inspect
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
import result_examples
from campaigns.tally import Tally, time_limit
from library_examples import write_library
from reference_problems import leaky_protocol

import dendrosim as ds
from dendrosim.cli import main as cli
from dendrosim.errors import DataError, DendrosimError, StorageError, UsageError
from dendrosim.machine.cache import cache_folder
from dendrosim.machine.file_paths import as_file_path, as_path, as_path_text, whole_text


class Faulty(os.PathLike):
    """A path of the user's own class, whose method returns anything or fails."""

    def __init__(self, returned):
        self.returned = returned

    def __fspath__(self):
        if isinstance(self.returned, Exception):
            raise self.returned
        return self.returned


NO_PATHS = {
    "number": 3,
    "zero": 0,
    "fraction": 1.5,
    "flag": True,
    "list": ["a"],
    "object": object(),
    "bytes": b"result.nc",
    "bytes of an object": Faulty(b"result.nc"),
    "number of an object": Faulty(3),
    "failing object": Faulty(ZeroDivisionError()),
    "empty": "",
    "empty object": Faulty(""),
    "NUL": "a\0b",
    "NUL in a file": "./a\0b.py",
    "NUL in a path": Path("folder\0/b.py"),
    "long name": "x" * 256,
    "long name of a file": "./" + "ä" * 128 + ".py",
    "long path": "ab/" * 1500,
    "half a character": "\ud800.py",
}
"""Values that are no path for any function."""

NO_FILES = (
    "pipe",
    "device",
    "folder",
    "loop",
    "below a file",
    "missing",
    "gone/missing",
    "unreadable",
)
"""Names of things in a folder, none of which can be read as a file; `NO_FOLDERS` cannot be written into."""
NO_FOLDERS = ("pipe", "device", "loop", "below a file", "file")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A current folder with one of each thing that has a path and is no file."""
    monkeypatch.setenv("DENDROSIM_PATH", str(write_library(tmp_path / "catalogue")))
    monkeypatch.chdir(tmp_path)
    for end in ("", ".py"):
        os.mkfifo(f"pipe{end}")
        Path(f"device{end}").symlink_to("/dev/zero")
        Path(f"folder{end}").mkdir()
        Path(f"loop{end}").symlink_to(f"loop{end}")
        Path(f"file{end}").write_text("x = 1\n")
        Path(f"unreadable{end}").symlink_to("/proc/self/mem")
    return tmp_path


def figure():
    from matplotlib.figure import Figure

    return Figure()


READING = {
    "open_result": lambda p: ds.open_result(p),
    "load_circuit": lambda p: ds.load_circuit(_file(p)),
    "load_protocol": lambda p: ds.load_protocol(_file(p)),
    "check_model": lambda p: ds.check_model(_file(p)),
    "check_protocol": lambda p: ds.check_protocol(_file(p)),
    "measure": lambda p: ds.measure(result_examples.result(), _file(p)),
    "run.resume": lambda p: ds.run(resume=p),
    "sweep.protocol": lambda p: ds.sweep(_file(p), {}, backend="numpy"),
    "sweep.scheduler": lambda p: ds.sweep("fi_curve", {}, backend="numpy", scheduler=p),
    "tasks.read_idx": lambda p: ds.tasks.read_idx(p),
    "tasks.load_idx_folder": lambda p: ds.tasks.load_idx_folder(p),
    "tasks.load_cifar_folder": lambda p: ds.tasks.load_cifar_folder(p),
    "tasks.load_image_folder": lambda p: ds.tasks.load_image_folder(p),
}
WRITING = {
    "run.out": lambda p: ds.run(leaky_protocol(), "numpy", out=p),
    "sweep.out": lambda p: ds.sweep("fi_curve", {}, backend="numpy", out=p),
    "Result.save": lambda p: result_examples.result().save(p),
    "plot.save": lambda p: ds.plot.save(figure(), p, "png,svg,pdf"),
    "write_report": lambda p: ds.write_report(result_examples.result(), p, ds.Measurement({})),
}
FUNCTIONS = READING | WRITING
FOLDERS = {n for n in READING if n.endswith("_folder")}
NO_DEFAULT = FUNCTIONS.keys() - {
    "measure", "run.resume", "run.out", "sweep.scheduler", "sweep.out",
}  # fmt: skip
"""Functions for which None is no path either."""


def _file(path):
    """Return a path of `NO_FILES` as that of a Python file, which is found by its path and not by its name."""
    known = isinstance(path, str) and path in NO_FILES and path != "below a file"
    return f"./{path}.py" if known else path


def _placed(name):
    return "file/below.py" if name == "below a file" else name


def refused(name, action):
    """Require an error of dendrosim, which an ordinary user can print, within a few seconds."""
    with time_limit(20), pytest.raises(DendrosimError) as caught:
        action()
    assert str(caught.value).isprintable(), name
    return caught.value


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_no_path_is_refused_as_wrong_usage(function):
    before = set(os.listdir())
    values = NO_PATHS | ({"None": None} if function in NO_DEFAULT else {})
    for name, value in values.items():
        error = refused(name, lambda value=value: FUNCTIONS[function](value))
        assert isinstance(error, UsageError), (name, error)
        assert error.exit_code == 2
    assert set(os.listdir()) == before


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("function", READING)
def test_what_is_no_file_is_refused_and_never_waited_for(function):
    for name in NO_FILES:
        if name == "folder" and function in FOLDERS:
            continue  # their own tests cover a folder without such files
        if name == "unreadable" and function in ("check_model", "check_protocol"):
            assert READING[function](name)  # what a check finds in a file is no error
            continue
        refused(name, lambda name=name: READING[function](_placed(name)))


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("function", WRITING)
def test_what_cannot_be_written_is_refused_and_remains(function):
    kinds = {name: os.lstat(name).st_mode for name in os.listdir()}
    for name in (
        NO_FOLDERS if function.endswith(".out") else ("pipe", "device", "below a file", "folder")
    ):
        place = _placed(name)
        if function == "plot.save":
            for end in (".png", ".svg", ".pdf"):
                if not os.path.lexists(place + end) and os.path.lexists(place):
                    os.symlink(place, place + end)
                    kinds[place + end] = os.lstat(place + end).st_mode
        error = refused(name, lambda place=place: WRITING[function](place))
        assert isinstance(error, StorageError)
    assert {name: os.lstat(name).st_mode for name in os.listdir()} == kinds


COMMANDS = {
    "run": lambda p: ["run", "--backend", "numpy", p],
    "show": lambda p: ["show", p],
    "check": lambda p: ["check", p],
    "check --thorough": lambda p: ["check", "--thorough", p],
    "stability": lambda p: ["stability", p],
    "run --out": lambda p: ["run", "relax", "--backend", "numpy", "--out", p],
    "run --resume": lambda p: ["run", "--resume", p],
    "sweep": lambda p: ["sweep", "--backend", "numpy", p],
    "sweep --out": lambda p: ["sweep", "relax", "--backend", "numpy", "--out", p],
    "sweep --status": lambda p: ["sweep", "--status", p],
    "sweep --scheduler": lambda p: ["sweep", "relax", "--backend", "numpy", "--scheduler", p],
    "run FILE --resume": lambda p: ["run", "relax", "--resume", p],
    "run --initial": lambda p: ["run", "relax", "--backend", "numpy", "--initial", p],
    "stability --initial": lambda p: ["stability", "leaky", "--initial", p],
    "stability --out": lambda p: ["stability", "leaky", "--out", p],
    "run --again": lambda p: ["run", "--again", p],
    "results": lambda p: ["results", p],
    "report": lambda p: ["report", p],
    "report --out": lambda p: ["report", "result.nc", "--out", p],
    "plot": lambda p: ["plot", p],
    "plot --out": lambda p: ["plot", "result.nc", "--out", p],
    "plot --protocol": lambda p: ["plot", "result.nc", "--protocol", p],
}


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_refuses_what_is_no_path(command, capsys):
    result_examples.result().save("result.nc")
    before = set(os.listdir())
    names = [p for p in map(_text, NO_PATHS.values()) if p is not None]
    assert len(names) > 5
    for name in names:
        with time_limit(20):
            assert cli.main(COMMANDS[command](name)) == 2, name
        assert "bug" not in capsys.readouterr().err
    assert set(os.listdir()) == before


def _text(value):
    text = value.returned if isinstance(value, Faulty) else value
    return str(text) if isinstance(text, str | Path) else None


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_refuses_what_is_no_file(command, capsys):
    result_examples.result().save("result.nc")
    by_name = command in (
        "run",
        "sweep",
        "show",
        "check",
        "check --thorough",
        "stability",
        "plot --protocol",
    )
    for name in NO_FOLDERS if command.endswith("--out") else NO_FILES:
        place = _placed(name)
        if (command, name) == ("results", "folder"):
            continue  # which is what it takes
        with time_limit(20):
            code = cli.main(COMMANDS[command](f"./{name}.py" if by_name else place))
        out, said = capsys.readouterr()
        assert code in (1, 2, 3), (name, said)
        assert said or out, name
        assert "bug" not in said, (name, said)


def test_every_public_function_that_takes_a_path_is_tested():
    found = set()
    for module, prefix in (
        (ds, ""),
        (ds.tasks, "tasks."),
        (ds.plot, "plot."),
        (ds.analysis, "analysis."),
    ):
        for name in dir(module):
            member = getattr(module, name)
            methods = vars(member).items() if inspect.isclass(member) else [("", member)]
            for method, function in methods:
                if inspect.isfunction(function) and not method.startswith("_"):
                    paths = [
                        p for p in inspect.signature(function).parameters.values() if _is_path(p)
                    ]
                    found |= {f"{prefix}{name}{'.' * bool(method)}{method}.{p.name}" for p in paths}
    tested = {
        "open_result.path", "load_circuit.name", "load_protocol.name", "check_model.path", "check_protocol.path",
        "measure.protocol", "write_report.path", "run.out", "run.resume", "Result.save.path", "plot.save.path",
        "sweep.out", "sweep.protocol", "sweep.scheduler",
        "tasks.read_idx.path", "tasks.load_idx_folder.folder", "tasks.load_cifar_folder.folder",
        "tasks.load_image_folder.folder",
    }  # fmt: skip
    assert found == tested


def _is_path(parameter):
    return "Path" in str(parameter.annotation)


@pytest.mark.usefixtures("home")
def test_a_name_of_any_characters_is_a_name_of_a_file():
    longest = "ä" * 126 + ".nc"
    for name in (
        "Ergebnis ä.nc",
        "結果.nc",
        " .nc",
        "~.nc",
        "-.nc",
        "a\nb.nc",
        "\udce9.nc",
        longest,
    ):
        path = result_examples.result().save(name)
        assert path == Path(name)
        assert ds.open_result(path).names == result_examples.result().names
        assert ds.open_result(os.path.abspath(name)).names


def test_texts_and_paths_are_taken_as_they_are():
    class Text(str):
        pass

    assert as_path_text("x", Path("a") / "b") == os.path.join("a", "b")
    assert type(as_path_text("x", Text("a"))) is str
    assert as_path("x", "a/../b/") == Path("a/../b")
    for folder in ("a/", ".", "..", "/", "a/.."):
        with pytest.raises(UsageError, match=r"x is .*give the path of a file"):
            as_file_path("x", folder)


def test_bytes_that_are_no_text_are_written_out():
    assert whole_text("a/b.py") == "a/b.py"
    assert whole_text(os.fsdecode(b"caf\xe9.py")) == r"caf\xe9.py"


def test_a_file_whose_name_is_no_text_is_loaded_run_and_saved(home):
    library = write_library(home / os.fsdecode(b"caf\xe9"))
    protocol = ds.load_protocol(library / "protocols" / "relax.py")
    assert protocol.name.endswith(r"caf\xe9/protocols/relax.py")
    result = ds.run(protocol, "numpy", out=home / os.fsdecode(b"\xe9"))
    assert result.metrics["good"] is True
    stored = ds.open_result(home / os.fsdecode(b"\xe9") / "result.nc")
    assert ds.measure(stored).metrics["good"] is True


@pytest.mark.parametrize("backend", [pytest.param("numpy", marks=pytest.mark.slow), "cpp"])
def test_folders_with_other_letters_work_without_the_utf_8_mode_of_python(tmp_path, backend):
    library = write_library(tmp_path / "modèles")
    (library / "protocols" / "relax.py").rename(library / "protocols" / "détente.py")
    model = library / "models" / "leaky.py"
    model.write_text(model.read_text("utf-8").replace("# eq. 1", "# équation 1, τ"), "utf-8")
    other = os.environ | {
        "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "DENDROSIM_PATH": str(library),
        "DENDROSIM_CACHE": str(tmp_path / "antémémoire"),
    }  # fmt: skip

    def run(*arguments):
        command = [sys.executable, "-m", "dendrosim.cli", *arguments]
        return subprocess.run(command, env=other, cwd=tmp_path, capture_output=True, check=False)

    run_it = ("run", "détente", "--backend", backend, "--out", "été")
    for arguments in (run_it, ("plot", "été/result.nc"), ("show", "leaky"), ("list",)):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr.decode()
    again = run(*run_it)
    assert (again.returncode, b"is the result of another run" in again.stderr) == (2, True)
    result = ds.open_result(tmp_path / "été" / "result.nc")
    assert result.protocol.name == "détente"


@pytest.mark.usefixtures("home")
def test_a_folder_of_files_that_cannot_be_read_is_named(monkeypatch):
    for value, words in (
        ("pipe", "not a folder"),
        ("~no-such-user/x", "home folder"),
        ("loop", "not a folder"),
        ("x" * 300, "at most 255"),
        ("file/below", "not a folder"),
    ):
        monkeypatch.setenv("DENDROSIM_PATH", value)
        with pytest.raises(UsageError, match=f"DENDROSIM_PATH.*{words}"):
            ds.load_protocol("fi_curve")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("place", ["secret", "secret/mine.py", "secret/deeper/mine.py"])
def test_what_belongs_to_another_user_is_refused(home, function, place, monkeypatch):
    home.chmod(0o755)
    (home / "secret").mkdir(mode=0o700)
    (home / "secret" / "mine.py").touch()
    with pytest.raises(DendrosimError):
        FUNCTIONS[function]("file/below.py")  # loads what the other user may not read
    monkeypatch.setenv("DENDROSIM_PATH", "")
    os.seteuid(54321)
    try:
        error = refused(place, lambda: FUNCTIONS[function](place))
        monkeypatch.setenv("DENDROSIM_PATH", place)
        with pytest.raises(UsageError, match=r"DENDROSIM_PATH names 'secret.*: Permission denied"):
            ds.load_circuit("leaky")
    finally:
        os.seteuid(0)
    assert place in str(error) or function == "check_model"


def test_a_user_without_home_is_told_to_name_a_cache(monkeypatch):
    def unknown(number):
        raise KeyError(number)

    for name in ("HOME", "DENDROSIM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(UsageError, match=r"DENDROSIM_CACHE.* home folder .* is unknown"):
        cache_folder()


def test_a_current_folder_that_was_deleted_is_named(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    tally = Tally("paths in a deleted folder")
    for name, function in FUNCTIONS.items():
        assert tally.judge(name, lambda function=function: function("./a.py")) == "typed", (
            tally.failures
        )
    with pytest.raises(DataError, match="no result file"):
        ds.open_result(tmp_path / "missing")
    ds.run(leaky_protocol(), "numpy", out=tmp_path / "out")
