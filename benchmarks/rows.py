"""What is measured: one row a promise, with what it is held against and what limits it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks import measuring
from benchmarks.measuring import Measured
from benchmarks.workbench import Workbench

Unit = Literal["", "MB", "ms"]


@dataclass(frozen=True)
class Row:
    """One promise.

    Attributes:
        number: by which it is named.
        ours: what fpcheck does.
        theirs: what it is held against.
        limit: what the value may be at most.
        limited_by: why it is not smaller.
        measure: gives the value; may raise NotMeasuredError.
        unit: of value and limit; empty for a ratio.
        memory: the medians behind it are of memory, not of time.
    """

    number: str
    ours: str
    theirs: str
    limit: float
    limited_by: str
    measure: Callable[[Workbench], Measured]
    unit: Unit = ""
    memory: bool = False


ROWS = (
    Row(
        "1",
        "`compare --static` of an equal VGG16 `.h5` (553 MB)",
        "`sha256sum` of the file",
        0.30,
        "BLAKE3 of every tensor, which takes all cores, where SHA-256 takes one and cannot be "
        "split. On few cores the start of Python and its imports are the larger share.",
        measuring.compare_against_sha256,
    ),
    Row(
        "2",
        "the same",
        "`h5diff` of two copies of it",
        0.5,
        "As row 1. h5diff reads two files and compares value by value; fpcheck reads one, since "
        "the golden holds the digests of the other.",
        measuring.compare_against_h5diff,
    ),
    Row(
        "3",
        "the same",
        "Keras `load_model`, then min, max, mean, std, count of each weight",
        0.10,
        "As row 1. The script imports TensorFlow, fills the weights of a new model before it "
        "loads them, and goes over each several times.",
        measuring.compare_against_statistics,
    ),
    Row(
        "4",
        "the same",
        "Python that takes the BLAKE3 of the file with all cores",
        4.0,
        "This is the limit of any check that reads each byte. The rest is the start of Python and "
        "the imports of numpy and h5py, which take longer than the other program does in all. A "
        "larger file or a slower disk brings the ratio nearer to 1.",
        measuring.compare_against_blake3,
    ),
    Row(
        "5",
        "`record --static` of VGG16 (all but outputs)",
        "`sha256sum` of the file",
        0.8,
        "Besides the digest every tensor gets a sketch, axis profiles, statistics, and a digest "
        "for each usual mistake, on all cores: with more than two of them the ratio falls. "
        "Sketches (exact arithmetic in float64) and the digests of mistakes bind it, a third each.",
        measuring.record_against_sha256,
    ),
    Row(
        "6",
        "`compare --static` of a 1 MB `.keras`",
        "`python -c 'import numpy, h5py, yaml, typer'`",
        1.6,
        "The start of Python and these imports, which fpcheck needs too. The rest is reading the "
        "golden and starting the process that parses the file.",
        measuring.start,
    ),
    Row(
        "7",
        "`compare --full` of a ResNet50 `.keras`, outputs run",
        "Keras `load_model`, then `predict` on the same probes",
        1.0,
        "The import of TensorFlow and the loading of the file, the same for both. fpcheck runs "
        "eagerly where `predict` first compiles a graph.",
        measuring.outputs,
    ),
    Row(
        "8a",
        "peak memory of `compare --static` of a 10 GB `.h5`",
        "of VGG16 (553 MB)",
        200,
        "Python and its libraries, and one block of a tensor at a time. The value is the larger "
        "of both; of the parent and its children the largest process counts.",
        measuring.most_memory,
        "MB",
        memory=True,
    ),
    Row(
        "8b",
        "the larger of these two",
        "the smaller",
        1.10,
        "Blocks have a fixed size, so neither the largest tensor (1.07 GB and 0.41 GB) nor the "
        "number of tensors matters.",
        measuring.memory_growth,
        memory=True,
    ),
    Row(
        "9",
        "parsing a 1 MB `.keras` in a child process with limits",
        "parsing it in the process",
        40,
        "The start of a process, and its imports as far as the parent has not made them. The "
        "value is the difference.",
        measuring.child_process,
        "ms",
    ),
)
