"""What dendrosim has not written is never deleted or overwritten, whatever folder is given as output."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import h5py
import pytest
from interrupted_runs import interrupt
from long_runs import spiking
from matplotlib.figure import Figure
from reference_problems import leaky_protocol

import dendrosim as ds
from dendrosim import plot
from dendrosim.cli import main as cli
from dendrosim.engine import run_folder
from dendrosim.errors import ResumeError, StorageError
from dendrosim.experiments.authorship import is_ours
from dendrosim.experiments.output_folder import Output
from dendrosim.machine.working_folder import working_folder


def files(folder):
    """Return the content of every file below a folder by relative path."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.is_symlink()
    }


def refused(out, words, top):
    """Require a run to be refused and no file below `top` to be touched."""
    before = files(top)
    with pytest.raises(StorageError, match=words):
        ds.run(leaky_protocol(), "numpy", out=out)
    assert files(top) == before


@pytest.mark.parametrize("name", ["thesis.tex", "task.bin", "run.json", "lock", "notes/today"])
def test_a_folder_unfinished_of_the_user_is_left_alone(tmp_path, name):
    path = tmp_path / "out" / "unfinished" / name
    path.parent.mkdir(parents=True)
    path.write_text("years of work")
    refused(tmp_path / "out", "no run of dendrosim has written", tmp_path)


def test_a_link_to_another_folder_is_refused(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data.bin").write_text("years of work")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "unfinished").symlink_to(tmp_path / "precious")
    refused(tmp_path / "out", "is not a folder of its own", tmp_path)


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
@pytest.mark.parametrize("name", ["lock", "trace0.bin", "protocol.json"])
def test_a_link_among_the_files_of_a_run_is_refused(tmp_path, name, link):
    (tmp_path / "precious").write_text("years of work")
    out = interrupt(spiking(), tmp_path / "out", seed=3)
    (out / "unfinished" / name).unlink()
    getattr(out / "unfinished" / name, link)(tmp_path / "precious")
    with pytest.raises(ResumeError, match="which is a link or not a file"):
        ds.run(resume=out)
    assert (tmp_path / "precious").read_text() == "years of work"


def test_a_file_among_those_of_a_run_survives_its_end(tmp_path):
    out = tmp_path / "out"

    def measure_and_write(result):
        (out / "unfinished" / "notes.txt").write_text("years of work")
        return ds.Measurement({})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dendrosim.experiments.run.find_measure", lambda protocol: measure_and_write)
        ds.run(leaky_protocol(), "cpp", out=out)
    assert sorted(files(out)) == ["result.nc", "unfinished/notes.txt"]


@pytest.mark.parametrize("name", ["result.nc", "partial.nc"])
def test_a_result_of_another_program_is_not_replaced(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n of another program")
    refused(tmp_path, rf"{name} exists and was not written by dendrosim", tmp_path)


def test_a_result_of_ours_is_replaced_only_on_request(tmp_path):
    ds.run(leaky_protocol(), "numpy", seed=1, out=tmp_path)
    with pytest.raises(ds.errors.UsageError, match="is the result of another run") as caught:
        ds.run(leaky_protocol(), "numpy", seed=2, out=tmp_path)
    assert caught.value.exit_code == 2
    assert ds.open_result(tmp_path / "result.nc").provenance["seed"] == 1
    ds.run(leaky_protocol(), "numpy", seed=2, out=tmp_path, overwrite=True)
    assert ds.open_result(tmp_path / "result.nc").provenance["seed"] == 2


def refused_after_waiting(out, end):
    """Start a run in the folder of another, which ends by `end` while the run waits; return the error."""
    waits = threading.Event()

    def sleep(seconds):
        waits.set()
        time.sleep(seconds)

    def second():
        with pytest.raises(ds.errors.DendrosimError) as caught:
            ds.run(leaky_protocol(), "numpy", seed=2, out=out)
        return caught.value

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor() as pool:
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=sleep)
        patch.setattr(run_folder, "time", clock)
        with run_folder.lock_folder(out / "unfinished", new=True):
            error = pool.submit(second)
            assert waits.wait(30), "it did not wait"
            end()
        return error.result(30)


def test_a_run_that_waited_for_another_does_not_replace_its_result(tmp_path):
    first = ds.run(leaky_protocol(), "numpy", seed=1)
    out = tmp_path / "out"

    def end():
        first.save(out / "result.nc")
        run_folder.delete_folder(out / "unfinished")

    error = refused_after_waiting(out, end)
    assert isinstance(error, ds.errors.UsageError)
    assert "is the result of another run: name another folder" in str(error)
    assert sorted(files(tmp_path)) == ["out/result.nc"]
    assert not (out / "unfinished").exists()
    assert ds.open_result(out / "result.nc").provenance["seed"] == 1


def test_a_run_that_waited_for_another_does_not_delete_its_checkpoint(tmp_path):
    checkpoint = tmp_path / "unfinished" / "checkpoint.bin"
    error = refused_after_waiting(tmp_path, lambda: checkpoint.write_bytes(b"state"))
    assert isinstance(error, ResumeError)
    assert "holds an interrupted run: resume it with" in str(error)
    assert checkpoint.read_bytes() == b"state"
    assert sorted(files(tmp_path)) == ["unfinished/checkpoint.bin", "unfinished/lock"]


def test_a_figure_of_the_user_is_not_replaced_and_one_of_ours_is(tmp_path, capsys):
    command = [
        "run",
        "fi_curve",
        "--set",
        "duration=50 ms",
        "--backend",
        "numpy",
        "--out",
        str(tmp_path),
        "--overwrite",
    ]
    assert cli.main(command) == 0
    figures = {
        p.name: p.read_bytes() for p in tmp_path.iterdir() if p.suffix in (".png", ".svg", ".pdf")
    }
    assert figures
    assert cli.main(command) == 0
    for name, content in figures.items():
        assert (tmp_path / name).read_bytes() == content, name
    name = min(figures)
    (tmp_path / name).write_bytes(b"drawn by hand")
    capsys.readouterr()
    assert cli.main(command) == 1
    assert f"{name} exists and was not written by dendrosim" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == b"drawn by hand"


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:cc="http://creativecommons.org/ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><rdf:RDF>'
    "<cc:Work><dc:{0}><cc:Agent><dc:title>{1}</dc:title></cc:Agent></dc:{0}></cc:Work></rdf:RDF></metadata><text>{2}</text></svg>"
)


def png(**texts):
    content = BytesIO()
    Figure().savefig(content, format="png", metadata={"Software": None, **texts})
    return content.getvalue()


def hdf5(**attributes):
    content = BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs.update(attributes)
    return content.getvalue()


FOREIGN = {
    "of_another_creator.svg": SVG.format("creator", "Inkscape", "made with dendrosim").encode(),
    "with_a_contributor.svg": SVG.format("contributor", "dendrosim", "").encode(),
    "with_a_longer_name.svg": SVG.format("creator", "drawn after dendrosim", "").encode(),
    "mention.svg": b"<svg><!-- <dc:title>dendrosim</dc:title> dendrosim --></svg>",
    "broken.svg": b"<svg dendrosim",
    "entity.svg": b'<!DOCTYPE svg [<!ENTITY e "dendrosim">]>'
    + SVG.format("creator", "&e;", "").encode(),
    "mention.pdf": b"%PDF-1.4\n% /Creator (dendrosim)\n",
    "of_another_creator.pdf": b"%PDF-1.4\n1 0 obj\n<< /Creator (Inkscape) /Title (dendrosim) >>\nendobj\n",
    "comment.png": png(Comment="dendrosim", Software="GIMP"),
    "none.png": png() + b"Software\0dendrosim",
    "short.png": png(Software="dendrosim")[:20],
    "text.png": b"dendrosim",
    "result.nc": hdf5(comment="dendrosim"),
    "text.nc": b"dendrosim_format",
    "list.json": b'["dendrosim"]',
    "nested.json": b'{"program": {"dendrosim": "1"}}',
    "broken.json": b'{"dendrosim": "1"',
    "notes.txt": b"dendrosim",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_mentions_dendrosim_is_not_taken_for_one_of_ours(tmp_path, name):
    (tmp_path / name).write_bytes(FOREIGN[name])
    assert not is_ours(tmp_path / name)


def test_files_of_ours_are_recognized(tmp_path):
    ours = plot.save(Figure(), tmp_path / "figure", ("png", "svg", "pdf"))
    ds.run(leaky_protocol(), "numpy").save(tmp_path / "result.nc")
    (tmp_path / "by_hand.svg").write_bytes(SVG.format("creator", "dendrosim", "").encode())
    assert all(is_ours(path) for path in [*ours, tmp_path / "result.nc", tmp_path / "by_hand.svg"])
    (tmp_path / "link.svg").symlink_to(tmp_path / "figure.svg")
    assert not is_ours(tmp_path / "link.svg")


def test_a_run_that_replaces_another_keeps_drawings_and_folders_of_the_user(tmp_path):
    ds.run(leaky_protocol(), "numpy", out=tmp_path)
    plot.save(Figure(), tmp_path / "old", "png,svg,pdf")
    (tmp_path / "mine.svg").write_bytes(FOREIGN["of_another_creator.svg"])
    notes = tmp_path / ".dendrosim-writing-abcdefgh" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("years of work")
    before = files(tmp_path)
    ds.run(leaky_protocol(), "numpy", out=tmp_path, overwrite=True)
    after = files(tmp_path)
    assert before.keys() - after.keys() == {"old.png", "old.svg", "old.pdf"}
    assert after["mine.svg"] == before["mine.svg"]
    assert notes.read_text() == "years of work"


def test_a_folder_of_a_killed_process_is_deleted(tmp_path):
    left = tmp_path / ".dendrosim-writing-abcdefgh"
    with working_folder(tmp_path, ".dendrosim-writing-", marked=True) as (folder, _):
        shutil.copytree(folder, left)
    (left / "result.nc").write_bytes(b"half")
    with Output(tmp_path, "").write_files() as folder:
        (folder / "figure.png").write_bytes(b"whole")
        assert not left.exists()
    assert files(tmp_path) == {"figure.png": b"whole"}


def test_an_error_leaves_what_others_have_put_into_a_new_folder(tmp_path):
    def write(folder):
        (folder / "figure.png").write_text("half")
        (tmp_path / "new" / "out" / "notes.txt").write_text("years of work")
        raise ZeroDivisionError

    with (
        pytest.raises(ZeroDivisionError),
        Output(tmp_path / "new" / "out", "").write_files() as new,
    ):
        write(new)
    assert files(tmp_path) == {"new/out/notes.txt": b"years of work"}


def test_a_stability_report_and_its_figures_are_replaced_only_on_request(tmp_path, capsys):
    command = ["stability", "dynamical_tp", "--out", str(tmp_path)]
    report = {"stability.json", "spectrum.png"}
    assert cli.main([*command, "--transient"]) == 0
    assert json.loads((tmp_path / "stability.json").read_text())["transient_growth"]
    (tmp_path / "by_hand.png").write_bytes(b"drawn by hand")
    before = files(tmp_path)
    assert before.keys() == report | {"transient.png", "by_hand.png"}
    assert cli.main(command) == 2
    assert "stability.json is another stability report: name another" in capsys.readouterr().err
    assert files(tmp_path) == before
    assert cli.main([*command, "--overwrite"]) == 0
    assert files(tmp_path).keys() == report | {"by_hand.png"}


def test_a_run_and_a_stability_report_never_replace_each_other(tmp_path, capsys):
    run, report = tmp_path / "run", tmp_path / "report"
    ds.run(leaky_protocol(), "numpy", out=run)
    assert cli.main(["stability", "dynamical_tp", "--out", str(report)]) == 0
    before = files(tmp_path)
    assert cli.main(["stability", "dynamical_tp", "--out", str(run), "--overwrite"]) == 2
    assert "is the result of another run, which a report never replaces" in capsys.readouterr().err
    with pytest.raises(ds.errors.UsageError, match="report, which a run never replaces"):
        ds.run(leaky_protocol(), "numpy", out=report, overwrite=True)
    assert files(tmp_path) == before


def test_a_stability_report_of_another_program_is_not_replaced(tmp_path, capsys):
    (tmp_path / "stability.json").write_text("{}")
    for more in ([], ["--overwrite"]):
        assert cli.main(["stability", "dynamical_tp", "--out", str(tmp_path), *more]) == 1
        assert "was not written by dendrosim" in capsys.readouterr().err
    assert files(tmp_path) == {"stability.json": b"{}"}
    capsys.readouterr()


def test_a_run_ends_in_its_folder_even_if_the_current_folder_is_another_by_then(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()

    def measure_elsewhere(result):
        monkeypatch.chdir(tmp_path / "elsewhere")
        return ds.Measurement({})

    monkeypatch.setattr(
        "dendrosim.experiments.run.find_measure", lambda protocol: measure_elsewhere
    )
    ds.run(leaky_protocol(), "cpp", out="out")
    assert sorted(files(tmp_path)) == ["out/result.nc"]
    monkeypatch.chdir(tmp_path)
    interrupt(spiking(), Path("again"), seed=3)
    ds.run(resume="again")
    assert sorted(files(tmp_path)) == ["again/result.nc", "out/result.nc"]
