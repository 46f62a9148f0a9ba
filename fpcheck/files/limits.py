"""What a model file may ask for. Each limit has a reason; what is beyond it is refused by name."""

from fpcheck.processes.process_limits import Bounds

MIB = 2**20

# The largest real configurations are some MB; text is parsed at once, so it must fit well.
CONFIG_BYTES = 64 * MIB
# Deepest real nesting seen: below 40. Parsers written in C end in a crash, not in an error.
CONFIG_DEPTH = 200
# A .keras file has three members, and one more for each vocabulary.
ZIP_MEMBERS = 10_000
# Deflate gains at most 1,030 : 1, on zeros; trained weights gain little.
EXPANSION = 100
# Below this, an expansion cannot hurt: fresh models hold tensors of zeros.
EXPANSION_FLOOR = 64 * MIB
# A model of 10,000 layers has some 60,000 groups and tensors.
HDF5_OBJECTS = 1_000_000
# Keras nests groups some ten deep.
HDF5_DEPTH = 64
# numpy's own limit is 64, HDF5's is 32.
RANK = 32
# The names of one layer's tensors; HDF5 itself keeps attributes below 64 kB, unless they are dense.
ATTRIBUTE_BYTES = 64 * MIB
# The largest models of Keras have some 2,000; layers inside layers can double at each level.
LAYERS = 20_000
# A vocabulary is a list of words, one a line.
VOCABULARY_BYTES = 256 * MIB
# A kernel to which low-rank adapters are added is held whole, with all sums; embeddings of large
# language models have up to 1 GB.
ADAPTED_BYTES = 1024 * MIB
# Weights may be cut into this many files.
SHARDS = 10_000

# What is read through the library at a time.
SLAB_BYTES = 8 * MIB

# Processor time of the child, without what the next limit adds. Measured: 1 s for each thousand
# layers; the largest models of Keras have some 2,000.
SECONDS = 60.0
# Processor time that is added for each gigabyte of values, before they are read. Measured: 4 to 10
# to measure them, 20 if gzip compressed them, 10 to look closer at what changed. The rest is for
# slow machines, and for cores that wait for the same memory: many do the same work, but sooner.
SECONDS_PER_GB = 100.0
# How long the child may do nothing while its answer is awaited. Longer than two silences of a
# server (`remote_files.SILENCE_SECONDS`), which have a message of their own.
STALLED_SECONDS = 90.0
# Address space beyond what the process has when it starts, and beyond the file, which is mapped.
ADDRESS_SPACE = 2048 * MIB
# What is expected of a remote file, whose size is not known beforehand: for its address space.
REMOTE_BYTES = 10 * 10**9
# What a child may answer.
ANSWER_BYTES = 512 * MIB


def expanded(held: int) -> int:
    """What so many bytes of a file may become at most."""
    return max(EXPANSION_FLOOR, EXPANSION * held)


def of_reading(size: int) -> Bounds:
    """What a child may take that reads a file of so many bytes; tensors of the file are mapped."""
    more = SECONDS_PER_GB / 1e9
    return Bounds(
        seconds=SECONDS,
        more_seconds=more,
        most_seconds=SECONDS + more * expanded(size),
        space=ADDRESS_SPACE + size,
        stalled_seconds=STALLED_SECONDS,
        reply=ANSWER_BYTES,
    )
