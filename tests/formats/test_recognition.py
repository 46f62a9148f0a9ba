"""Whole files that hold no model: told by what they hold, and never a damaged model among them."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from fpcheck.errors import FpcheckError, NotAModelError
from fpcheck.formats.model_file import ModelFile
from fpcheck.model.source import parse

GIVE = "Give a .keras, .h5, .weights.h5 or .weights.json file."
INDEX = "Give the .weights.json file that Keras wrote beside its shards."


def read(path: Path) -> None:
    """Read a file as a command does."""
    parse(path.name)
    file = ModelFile(str(path.resolve()), path.name)
    try:
        file.reading(None)
    finally:
        file.close()


def refused(path: Path) -> FpcheckError:
    with pytest.raises(FpcheckError) as raised:
        read(path)
    return raised.value


def data_set(file: h5py.File) -> None:
    file["x"], file["y"] = np.ones((4, 3), "f4"), np.arange(4)


def strings(file: h5py.File) -> None:
    file["names"] = ["a", "b"]
    file["rows"] = np.zeros(3, [("a", "i4"), ("b", "f8")])


def pandas(file: h5py.File) -> None:
    file.attrs["PYTABLES_FORMAT_VERSION"] = "2.1"
    file["frame/table"] = np.zeros(3, [("index", "i8"), ("a", "f8")])
    file["frame"].attrs["pandas_type"] = "frame_table"


def anndata(file: h5py.File) -> None:
    file.attrs["encoding-type"] = "anndata"
    file["X"], file["layers/counts"] = np.ones((2, 3)), np.ones((2, 3))
    file["obs/index"], file["var/index"] = ["a", "b"], ["x", "y", "z"]


def anndata_with_tensors(file: h5py.File) -> None:
    anndata(file)
    file.create_dataset("layers/dense/vars/0", data=np.ones(3))


def empty_anndata(file: h5py.File) -> None:
    file.attrs["encoding-type"] = "anndata"
    for name in ("obs", "var", "layers"):
        file.create_group(name)


def netcdf(file: h5py.File) -> None:
    file.attrs["_NCProperties"] = "version=2"
    file["time"], file["heat"] = np.arange(3.0), np.ones(3)
    file["time"].make_scale("time")
    file["heat"].dims[0].attach_scale(file["time"])


def linked(file: h5py.File) -> None:
    file["a/one"] = np.ones(2)
    file["a/again"], file["away"] = h5py.SoftLink("/a/one"), h5py.ExternalLink("no.h5", "/x")
    file["a/back"] = file["a"]


HDF5: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "data_set": (data_set, "an HDF5 file, not a Keras model: it contains the data sets x, y and"),
    "strings": (
        strings,
        "an HDF5 file, not a Keras model: it contains the data sets names, rows and",
    ),
    "pandas": (
        pandas,
        "a PyTables (pandas) file, not a Keras model: it contains the group frame and",
    ),
    "anndata": (anndata, "an AnnData file, not a Keras model: it contains the data set X and"),
    "empty_anndata": (
        empty_anndata,
        "an AnnData file, not a Keras model: it contains the groups layers, obs, var and",
    ),
    "netcdf": (
        netcdf,
        "a NetCDF4 file, not a Keras model: it contains the data sets heat, time and",
    ),
    "linked": (linked, "an HDF5 file, not a Keras model: it contains the groups a, away and"),
}


@pytest.mark.parametrize("name", HDF5)
@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".keras", ".weights.h5"])
def test_other_hdf5_files_are_recognised_by_their_content(
    name: str, suffix: str, here: Path
) -> None:
    write, said = HDF5[name]
    path = here / f"{name}{suffix}"
    with h5py.File(path, "w") as file:
        write(file)
    error = refused(path)
    assert isinstance(error, NotAModelError)
    assert str(error) == f"{path.name}: {said} no layers\n{GIVE}"


def test_a_matlab_file_is_recognised_by_its_user_block(here: Path) -> None:
    with h5py.File("m.h5", "w", userblock_size=512) as file:
        file["#refs#/a"], file["A"] = np.ones(2), np.ones((2, 2))
        file["A"].attrs["MATLAB_class"] = np.bytes_("double")
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64"
    Path("m.h5").write_bytes(head.ljust(512) + Path("m.h5").read_bytes()[512:])
    error = refused(here / "m.h5")
    assert isinstance(error, NotAModelError)
    assert error.fact == (
        "m.h5: a MATLAB file, not a Keras model: it contains the data set A and no layers"
    )


# What is added to a data set, so that Keras may load something of the file.
KERASS: dict[str, Callable[[h5py.File], object]] = {
    "tensors": lambda file: file.create_dataset("deep/in/vars/0", data=np.ones(3)),
    "a group for tensors": lambda file: file.create_group("d/vars"),
    "adapters": lambda file: file.create_dataset("lora/0/vars/lora_kernel_a", data=np.ones(3)),
    "layers": lambda file: file.create_group("layers"),
    "model_config": lambda file: file.attrs.create("model_config", "{}"),
    "names of layers": lambda file: file.attrs.create("layer_names", [b"a"]),
    "names in parts": lambda file: file.attrs.create("layer_names0", [b"a"]),
    "names of weights": lambda file: file.create_group("dense").attrs.create("weight_names", []),
    "a link to tensors": lambda file: file.__setitem__("d/vars", h5py.SoftLink("/x")),
    "a link away": lambda file: file.__setitem__("model_weights", h5py.ExternalLink("a.h5", "/")),
    "an AnnData file with tensors": anndata_with_tensors,
}


@pytest.mark.parametrize("name", KERASS)
def test_what_keras_may_load_a_part_of_is_no_data_set(name: str, here: Path) -> None:
    with h5py.File("mixed.h5", "w") as file:
        data_set(file)
        KERASS[name](file)
    assert type(refused(here / "mixed.h5")) is FpcheckError


def test_a_data_set_that_cannot_be_walked_is_no_data_set(here: Path) -> None:
    with h5py.File("data.h5", "w", libver="earliest") as file:
        data_set(file)
        file["deep/inside"] = np.ones(3)
    image = Path("data.h5").read_bytes()
    Path("data.h5").write_bytes(image.replace(b"SNOD", b"SN0D"))
    assert type(refused(here / "data.h5")) is FpcheckError


@pytest.mark.parametrize(
    ("members", "data"),
    [
        (["word/document.xml"], True),
        (["a.csv", "b.csv"], True),
        (["config.json"], False),
        (["metadata.json", "a.csv"], False),
        (["model/config.json", "model/model.weights.h5"], False),
        (["model.h5"], False),
        (["archive/data.pkl"], False),
        (["saved_model.pb", "variables/variables.index"], False),
    ],
)
def test_a_zip_archive_is_data_where_no_member_is_of_a_model(
    members: list[str], data: bool, here: Path
) -> None:
    with zipfile.ZipFile("some.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in members:
            archive.writestr(name, "text")
    error = refused(here / "some.keras")
    assert isinstance(error, NotAModelError) == data
    if data:
        assert str(error) == (
            f"some.keras: a zip archive without config.json, so no .keras model\n{GIVE}"
        )


@pytest.mark.parametrize(
    ("document", "data"),
    [
        ({"cat": 0.5, "dog": 1.5}, True),
        ([0.5, 1.5], True),
        ({"rows": [{"class_name": "cat"}]}, True),
        ({}, False),
        ([], False),
        ({"metadata": {"total_size": 12}}, False),
        ([{"weight_map": {}}], False),
        ({"modelTopology": {}, "weightsManifest": []}, False),
    ],
)
def test_json_is_data_where_nothing_in_it_is_of_a_model(
    document: object, data: bool, here: Path
) -> None:
    Path("class.weights.json").write_text(json.dumps(document))
    error = refused(here / "class.weights.json")
    assert isinstance(error, NotAModelError) == data
    listed = isinstance(document, list)
    what = "a JSON list" if listed else "JSON without a weight_map"
    assert str(error) == f"class.weights.json: {what}, so no index of weights\n{INDEX}"


@pytest.mark.parametrize("broken", ['{"a": 1', "[1, 2", '{"a": 1}{', '[1], "b": [2]'])
def test_json_that_is_cut_off_is_no_data(broken: str, here: Path) -> None:
    Path("class.weights.json").write_text(broken)
    assert type(refused(here / "class.weights.json")) is FpcheckError


@pytest.mark.parametrize(
    "head",
    [
        b"version https://git-lfs.github.com/spec/v1\n",
        b"outs:\n",
        b"<html>",
        b"",
        b"\0" * 9,
        b"\x80\x04K\x01.",
        b"\x1c\0\0\0TFL3",
    ],
)
def test_what_stands_for_a_model_is_no_data(head: bytes, here: Path) -> None:
    Path("model.h5").write_bytes(head)
    assert type(refused(here / "model.h5")) is FpcheckError
