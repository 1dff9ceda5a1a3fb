"""The result of a run: recordings, spikes and final state as labelled arrays in memory.

`netcdf` writes a result to a file and reads it back.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.event import SPIKE
from dendrosim.circuit.paths import path_of
from dendrosim.display.html import as_html
from dendrosim.errors import UnknownEntryError, printable
from dendrosim.machine.file_paths import AnyPath
from dendrosim.results.export.neo_block import make_block
from dendrosim.results.export.nwb_file import make_nwb
from dendrosim.results.export.tables import make_table
from dendrosim.results.labels import label
from dendrosim.results.netcdf import write_result
from dendrosim.results.reading import read_fields
from dendrosim.results.result_data import Final, PhaseSpan, ResultData, list_some, shapes
from dendrosim.results.summary import result_tables

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import DataArray


class Result(ResultData):
    """Result of a run of a protocol: recordings, spikes, the final state, and how the run was made.

    `ds.run` returns a result and `ds.open_result` reads one from a file. `result[name]` is a recording as a
    labelled array, `name in result` says whether there is a recording of that name, and iterating over a result
    yields the names of its recordings.

    Parameters
    ----------
    protocol : Protocol
        The protocol as it was run, with the batch that was used.
    traces : mapping of str to Trace
        Recordings by `population.variable`, `pathway.variable` or name of a matrix: `time` of shape (n,) in
        seconds, and `values` of shape (n, units, samples), (n, synapses, samples) or (n, post, pre) in SI units.
    final : mapping of str to array
        The complete state at the end in SI units: `population.variable` of shape (units, samples), variables of
        synapses `pathway.variable` of shape (synapses, samples), matrices of shape (post, pre). The attribute
        `state` keeps these arrays, and another run can start from them; the property `final` returns them with
        labels.
    spikes : mapping of str to Spikes, optional
        Recorded spikes by population, other recorded events by `population.event`: arrays `unit`, `time` in
        seconds and, in a batch, `sample`, all of shape (n,).
    provenance : mapping, optional
        Origin of the result: seed, versions, platform and so on; values that JSON can hold.
    metrics : mapping of str to number, array or str, optional
        Numbers that the protocol's `measure` has returned.
    status : {"done", "diverged", "interrupted"}, optional
        How the run ended (default "done").
    message : str, optional
        A sentence on how the run ended.
    synapses : mapping of str to Synapses, optional
        Synapses by pathway: arrays `pre` and `post` of units and `delay` in seconds, all of shape (synapses,),
        ordered by presynaptic, then by postsynaptic unit; also `post_delay`, None for pathways without it.
        Left out for a pathway with `final=False` of which nothing is recorded.
    connections : mapping of str to MatrixConnections, optional
        The connections of each sparse matrix: arrays `post` and `pre` of shape (connections,). The arrays of a
        sparse matrix have one number per connection.
    begin : Beginning, optional
        The moment at which the run began: time 0 (default), or the end of the run whose clock it continued.
    carried : mapping of str to array, optional
        What a run that continues the clock of this one takes over in addition to the final state, such as spikes
        on their way; None if the run cannot be continued.
    references : mapping of str to Reference, optional
        The values that metrics should have, by the names under which `measure` has returned them.

    Examples
    --------
    >>> result["layer1.h"]           # DataArray (time, unit[, sample]), SI units   # doctest: +SKIP
    >>> result.final["w1"]           # DataArray (post, pre)                        # doctest: +SKIP
    >>> result.spikes["cell"].time   # array (n,), seconds                          # doctest: +SKIP
    >>> result.spikes["cell.burst"]  # Spikes of the event `burst`                  # doctest: +SKIP
    >>> result["feed.weight"]        # DataArray (time, synapse[, sample])          # doctest: +SKIP
    >>> result.synapses["feed"].pre  # array (synapses,), presynaptic units         # doctest: +SKIP
    """

    @property
    def circuit(self) -> Circuit:
        """The circuit that was run."""
        return self.protocol.circuit

    @property
    def start(self) -> float:
        """Time at which the run begins, in seconds: 0, or the end of the run whose clock it continues."""
        return self.begin.step * self.protocol.time_step

    @property
    def stop(self) -> float:
        """Time at which the run ends as planned, in seconds."""
        return (self.begin.step + self.protocol.total_steps) * self.protocol.time_step

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the recorded variables (`population.variable`) and matrices."""
        return tuple(self.traces)

    @property
    def final(self) -> Final:
        """The final state by name, as DataArrays.

        Variables of populations are (unit[, sample]), those of synapses (synapse[, sample]), matrices (post, pre),
        or (connection) if they are sparse.
        """
        return Final(self.protocol, self.state, self.synapses, self.connections)

    def __getitem__(self, name: str) -> "DataArray":
        """Return a recording.

        Parameters
        ----------
        name : str
            `population.variable`, `pathway.variable` or the name of a matrix; if the recording has a name, `name/`
            stands before it.

        Returns
        -------
        xarray.DataArray
            Array with the dimensions (time, unit, sample), (time, synapse, sample) for a variable of synapses, or
            (time, post, pre) for a matrix, in SI units; without `sample` if the protocol has no batch. Times are
            in seconds and mark the beginning of time steps. The dimension `synapse` has the coordinates `pre`,
            `post` and `delay` (in seconds). For a sparse matrix the dimensions are (time, connection), with
            coordinates `post` and `pre`.

        Raises
        ------
        UnknownEntryError
            If nothing of that name was recorded.
        """
        if name in self.traces:
            recording = self.protocol.recordings_by_name().get(name)
            time, values = self.traces[name]
            positions = self.synapses, self.connections
            return label(self.protocol, name, recording, *positions).array(values, time)
        error = UnknownEntryError("recording", str(name), self.names)
        named = [n for n in self.names if path_of(n) == name]
        if named:
            error.args = (f"{name!r} was recorded as {', '.join(map(repr, named))}",)
        event = str(name).removesuffix(f".{SPIKE}")
        if event in self.spikes:
            error.args = (f"events are not a trace; they are in result.spikes[{event!r}]",)
        elif name in self.state and not named:
            error.args = (
                f"{name!r} was not recorded: its value at the end is result.final[{name!r}]; "
                "to keep its values over time, name it in a Recording of the protocol",
            )
        raise error

    def sparse(self, name: str, record: int | None = None) -> Any:
        """Return the weights of a sparse matrix as a SciPy sparse array.

        Parameters
        ----------
        name : str
            Name of a matrix with `connect`.
        record : int, optional
            Number of a record of its recording, -1 for the last (default: the weights at the end of the run).

        Returns
        -------
        scipy.sparse.csr_array, shape (post, pre)
            The weights in SI units. Connections with a weight of 0 are stored too.

        Raises
        ------
        UnknownEntryError
            If there is no sparse matrix of that name, or `record` is given and it was not recorded.

        Examples
        --------
        >>> result.sparse("w").toarray()     # dense array (post, pre)     # doctest: +SKIP
        """
        if name not in self.connections:
            raise UnknownEntryError("sparse matrix", str(name), self.connections)
        values = self.final[name] if record is None else self[name][record]
        return self.connections[name].sparse(values.values)

    def __contains__(self, name: object) -> bool:
        return name in self.traces

    def __iter__(self) -> Iterator[str]:
        return iter(self.traces)

    def phases(self) -> Iterator[PhaseSpan]:
        """Yield one entry for each phase of each trial, in order of time, as the protocol plans them.

        Yields
        ------
        PhaseSpan
            Beginning and end in seconds, names of block and phase, and number of the trial. If the clock of
            another run was continued, the first phase begins at the end of that run.
        """
        protocol, step = self.protocol, self.begin.step
        for block in protocol.blocks:
            lengths = [(p.name, protocol.steps(p.duration)) for p in block.phases]
            for trial in range(self.protocol.trials(block)):
                for name, length in lengths:
                    start, step = step, step + length
                    dt = protocol.time_step
                    yield PhaseSpan(start * dt, step * dt, block.name, name, trial)

    def to_dataframe(self, *names: str) -> "DataFrame":
        """Return recordings or spikes as a table of pandas.

        Parameters
        ----------
        *names : str
            Names of recordings with the same times and units, or the name of one population with recorded spikes,
            such as `"cell.spike"`. Without names the table has all recordings in long form.

        Returns
        -------
        pandas.DataFrame
            With names, one column for each recording, and an index of time in seconds, unit and, in a batch,
            sample; for spikes the columns `time`, `unit` and, in a batch, `sample`. Without names, one row for
            each number, with the columns `recording`, `time`, `unit` or other dimensions, and `value`. All
            numbers are in SI units.

        Raises
        ------
        UnknownEntryError
            If nothing of that name was recorded.
        ShapeError
            If the recordings do not have the same times and units.

        Examples
        --------
        >>> result.to_dataframe("soma.v").groupby("unit").mean()   # doctest: +SKIP
        """
        return make_table(self, names)

    def to_neo(self) -> Any:
        """Return the result as a block of Neo, which Elephant and many file formats read.

        Returns
        -------
        neo.Block
            One segment for each sample of the batch, in the order of samples, with a signal for each recording
            (a channel for each unit, synapse or weight, named by array annotations), a spike train for each unit
            of which spikes were recorded, and the phases as epochs. Parameters, metrics and provenance are
            annotations, as JSON. The final state is not in it.

        Raises
        ------
        ExtraMissingError
            If Neo is not installed (extra `neo`).

        Examples
        --------
        >>> neo.io.NixIO("run.nix").write_block(result.to_neo())   # doctest: +SKIP
        """
        return make_block(self)

    def to_nwb(self) -> Any:
        """Return the result as a file of Neurodata Without Borders, in memory.

        Returns
        -------
        pynwb.NWBFile
            Recordings are `acquisition`, in SI units; those with fewer times than units are tables in the
            processing module `snapshots`. Spikes are `units`, with their population, number and sample; phases are
            `epochs`. Parameters, metrics and provenance are in `notes`, as JSON. The final
            state is not in it.

        Raises
        ------
        ExtraMissingError
            If PyNWB is not installed (extra `nwb`).

        Examples
        --------
        >>> with pynwb.NWBHDF5IO("run.nwb", "w") as file:   # doctest: +SKIP
        ...     file.write(result.to_nwb())
        """
        return make_nwb(self)

    def __repr__(self) -> str:
        lines = [f"<Result of protocol {self.protocol.name or '(unnamed)'}: {self.status}"]
        lines += [f"  {self.message}"] if self.message else []
        if self.begin.step:
            lines.append(
                f"  begins:   t = {self.start:.6g} s, the end of the run whose clock it continues"
            )
        lines.append(f"  recorded: {shapes({k: t.values for k, t in self.traces.items()})}")
        lines.append(f"  final:    {shapes(self.state)}")
        if self.spikes:
            counts = [f"{k} {len(s.unit)}" for k, s in self.spikes.items()]
            lines.append(f"  spikes:   {list_some(counts)}")
        if self.metrics:
            lines.append(
                f"  metrics:  {list_some([f'{k} {_short(v)}' for k, v in self.metrics.items()])}"
            )
        return printable("\n".join(lines)) + ">"

    def _repr_html_(self) -> str:
        line = (
            f"of protocol {self.protocol.name or '(unnamed)'}: {self.status} {self.message}".strip()
        )
        return as_html("Result", line, result_tables(self))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names)

    def save(self, path: AnyPath) -> Path:
        """Write the result to a NetCDF-4 file; an existing file is replaced only when the new file is complete.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        UsageError
            If `path` cannot be the path of a file.
        StorageError
            If the file cannot be written: the folder is missing or read-only, or the disk is full.
        SpecError
            If a metric or an entry of the provenance is not a value that can be stored.
        """
        return write_result(self, path)


def open_result(path: AnyPath) -> Result:
    """Read a result from a file that `Result.save` wrote; all numbers are exactly those that were saved.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Result
        The result.

    Raises
    ------
    UsageError
        If `path` cannot be a path.
    DataError
        If the file is missing, truncated, damaged, changed by another program, or not a result of dendrosim; if it
        does not fit into the memory.

    Notes
    -----
    Anybody may have written the file, so nothing in it is executed, and nothing outside it is read. The file ends
    with a checksum, which is verified before the content is read.

    Examples
    --------
    >>> import dendrosim as ds
    >>> result = ds.open_result("runs/tp_depth/result.nc")   # doctest: +SKIP
    """
    return Result(**read_fields(path))


def _short(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return f"({', '.join(map(str, value))})"
    if isinstance(value, (list, tuple)):
        return f"list of {len(value)}"
    return str(value) if np.ndim(value) == 0 else f"{np.shape(value)} array"
