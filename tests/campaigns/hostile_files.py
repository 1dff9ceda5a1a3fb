"""Result files that a stranger has built: each function changes a valid file and gives it a right checksum."""

import json
import os
import zlib
from base64 import b64encode

import h5py
import numpy as np
from result_files import replace_text, resealed

HOSTILE = {}


def hostile(change):
    """Register a change of the HDF5 file."""

    def build(path):
        with resealed(path) as file:
            change(file, path)

    HOSTILE[change.__name__] = build
    return build


def trap(path):
    """Return the path of a pipe that nobody writes to: whoever opens it waits for ever."""
    pipe = path.with_name("outside")
    if not pipe.exists():
        os.mkfifo(pipe)
    return pipe


# -- something outside the file -------------------------------------------------------------------


@hostile
def an_external_link_to_an_array(file, path):
    del file["final/w/w"]
    file["final/w/w"] = h5py.ExternalLink(trap(path), "/w")


@hostile
def an_external_link_to_a_group(file, path):
    del file["recordings"]
    file["recordings"] = h5py.ExternalLink(trap(path), "/")


@hostile
def an_external_link_to_a_text(file, path):
    del file["protocol"]
    file["protocol"] = h5py.ExternalLink("/etc/passwd", "/")


@hostile
def a_soft_link(file, path):
    del file["final/w/w"]
    file["final/w/w"] = h5py.SoftLink("/final/w/../../final/soma.v/soma.v")


@hostile
def a_link_to_itself(file, path):
    del file["final/w/w"]
    file["final/w/w"] = h5py.SoftLink("/final/w/w")


@hostile
def external_storage(file, path):
    shape = file["final/w/w"].shape
    del file["final/w/w"]
    file.create_dataset("final/w/w", shape, float, external=[(os.fsencode(trap(path)), 0, 800)])


@hostile
def a_virtual_data_set(file, path):
    shape = file["final/w/w"].shape
    del file["final/w/w"]
    layout = h5py.VirtualLayout(shape, float)
    layout[:] = h5py.VirtualSource(trap(path), "w", shape)
    file.create_virtual_dataset("final/w/w", layout)


# -- filters and chunks ---------------------------------------------------------------------------


def packed(file, content, *, shape=None, chunk=None, prepare=None):
    """Replace the final weights by one chunk with a given content."""
    shape = shape or file["final/w/w"].shape
    del file["final/w/w"]
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_chunk(chunk or shape)
    (prepare or (lambda layout: layout.set_deflate(4)))(layout)
    space = h5py.h5s.create_simple(shape)
    made = h5py.h5d.create(file["final/w"].id, b"w", h5py.h5t.NATIVE_DOUBLE, space, dcpl=layout)
    if content is not None:
        made.write_direct_chunk((0,) * len(shape), content)


@hostile
def a_chunk_that_grows_without_end(file, path):
    packing = zlib.compressobj(9)
    packed(file, b"".join([packing.compress(bytes(2**20)) for _ in range(512)] + [packing.flush()]))


@hostile
def a_filter_of_a_user(file, path):
    packed(file, b"x" * 96, prepare=lambda layout: layout.set_filter(32015, h5py.h5z.FLAG_OPTIONAL))


@hostile
def a_filter_of_another_program(file, path):
    packed(file, None, prepare=lambda layout: layout.set_filter(h5py.h5z.FILTER_LZF))
    file["final/w/w"][...] = 1.0


@hostile
def a_content_that_is_packed_twice(file, path):
    def twice(layout):
        layout.set_deflate(4)
        layout.set_deflate(4)

    packed(file, zlib.compress(zlib.compress(bytes(96))), prepare=twice)


@hostile
def a_chunk_that_is_missing(file, path):
    packed(file, None)


@hostile
def chunks_of_one_number(file, path):
    packed(file, zlib.compress(bytes(8)), chunk=(1, 1))


@hostile
def a_chunk_that_is_cut_off(file, path):
    packed(file, zlib.compress(bytes(96))[:-3])


# -- shapes and types -----------------------------------------------------------------------------


def replaced(name, make):
    def change(file, path):
        values = make(file[name][...])
        del file[name]
        file[name] = values

    return change


for _label, _name, _make in (
    ("a_final_state_with_a_unit_too_many", "final/soma.v/soma.v", lambda v: np.append(v, v[:1], 0)),
    ("a_final_state_without_an_axis", "final/w/w", lambda w: w.ravel()),
    ("a_transposed_matrix", "final/w/w", lambda w: w.T),
    ("complex_numbers", "final/w/w", lambda w: w + 1j),
    ("texts_in_place_of_numbers", "final/w/w", lambda w: w.astype("S8")),
    ("times_of_another_length", "recordings/w/time", lambda t: t[:-1]),
    ("whole_numbers_as_times", "recordings/w/time", lambda t: t.astype(int)),
    ("a_recording_without_an_axis", "recordings/w/w", lambda w: w[:, 0]),
    ("spikes_of_a_unit_that_does_not_exist", "spikes/soma/unit", lambda u: u + 3),
    ("spikes_of_a_negative_unit", "spikes/soma/unit", lambda u: u - 5),
    ("spikes_of_a_unit_and_a_half", "spikes/soma/unit", lambda u: u + 0.5),
    ("spikes_of_a_sample_that_does_not_exist", "spikes/soma/sample", lambda s: s + 2),
    ("fewer_times_than_spikes", "spikes/soma/time", lambda t: t[:-1]),
):  # fmt: skip
    _change = replaced(_name, _make)
    _change.__name__ = _label
    hostile(_change)


@hostile
def a_recording_of_something_unknown(file, path):
    file.move("recordings/w", "recordings/v")


@hostile
def a_state_of_something_unknown(file, path):
    file.move("final/soma.u", "final/soma.\x1b[2J")


@hostile
def spikes_of_something_unknown(file, path):
    file.move("spikes/soma", "spikes/../soma")


@hostile
def a_group_in_place_of_an_array(file, path):
    del file["final/w/w"]
    file.create_group("final/w/w")


@hostile
def an_array_in_place_of_a_group(file, path):
    del file["spikes"]
    file["spikes"] = np.zeros(3)


@hostile
def numbers_in_place_of_a_text(file, path):
    del file["metrics"]
    file["metrics"] = np.zeros(3)


for _number, _value in enumerate(
    [np.inf, np.nan, 1.0, 0, -1, "2", 2**40, [2, 2], np.zeros(9000), h5py.Empty("i8"), True]
):

    def _change(file, path, value=_value):
        file.attrs["dendrosim_format"] = value

    _change.__name__ = f"format_{_number}"
    hostile(_change)

for _number, _value in enumerate(["", "Done", "\x1b[2J", 3, np.zeros(2), b"\xff"]):

    def _change(file, path, value=_value):
        file.attrs["status"] = value

    _change.__name__ = f"status_{_number}"
    hostile(_change)


# -- JSON -----------------------------------------------------------------------------------------


def text(name, label, make):
    """Register a change of one of the texts."""

    def change(file, path):
        replace_text(file, name, make(file[name][()].decode()))

    change.__name__ = f"{name}_{label}"
    hostile(change)


for _name in ("protocol", "metrics", "provenance"):
    text(_name, "empty", lambda old: "")
    text(_name, "deep_lists", lambda old: "[" * 10**6 + "]" * 10**6)
    text(_name, "deep_mappings", lambda old: '{"a":' * 200 + "1" + "}" * 200)
    text(_name, "long_number", lambda old: "1" * 10**6)
    text(_name, "list", lambda old: "[1, 2]")
    text(_name, "text", lambda old: '"text"')
    text(_name, "null", lambda old: "null")
    text(_name, "cut_off", lambda old: old[:-1])


text("provenance", "seed_that_is_text", lambda old: '{"seed": "3"}')
text("provenance", "seed_that_is_infinite", lambda old: '{"seed": Infinity}')


def array(dtype="<f8", shape=(2, 2), content=bytes(32)):
    """Return the JSON of an array."""
    raw = b64encode(zlib.compress(content, 6)).decode()
    return {"kind": "array", "dtype": dtype, "shape": shape, "zlib": raw}


def with_data(value):
    """Return a function that gives a protocol a data set."""

    def change(old):
        protocol = json.loads(old)
        protocol["data"]["items"]["rows"] = value
        return json.dumps(protocol)

    return change


for _label, _value in {
    "bomb": array(content=bytes(2**29)),
    "bomb_of_the_right_size": array(shape=(2**40, 2**5), content=bytes(2**24)),
    "huge_shape": array(shape=(2**31, 2**31)),
    "overflowing_shape": array(shape=(2**62, 4)),
    "negative_shape": array(shape=(-2, -2)),
    "fractional_shape": array(shape=(2.0, 2)),
    "shape_that_is_text": array(shape="22"),
    "objects": array(dtype="|O"),
    "voids": array(dtype="|V1000000000"),
    "records": array(dtype="f8,f8"),
    "texts": array(dtype="<U2"),
    "dates": array(dtype="<M8[s]"),
    "type_that_is_no_text": array(dtype=8),
    "too_short": array(content=bytes(31)),
    "too_long": array(content=bytes(33)),
    "no_base64": {**array(), "zlib": "?"},
    "no_zlib": {**array(), "zlib": "AAAA"},
    "unknown_kind": {"kind": "os.system", "command": "touch executed"},
    "kind_that_is_a_list": {"kind": ["Protocol"]},
    "base_class": {"kind": "Spec"},
    "nothing": None,
}.items():  # fmt: skip
    text("protocol", f"data_{_label}", with_data(_value))
