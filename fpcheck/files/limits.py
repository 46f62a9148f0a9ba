"""Limits on model files, each with its reason. A file beyond a limit is refused."""

from fpcheck.processes.process_limits import Bounds

MIB = 2**20

# The largest known configurations have a few MB. Text is parsed as a whole.
CONFIG_BYTES = 64 * MIB
# Known configurations nest less than 40 deep. Parsers written in C crash on deep nesting.
CONFIG_DEPTH = 200
# A .keras file has three members, and one more for each vocabulary.
ZIP_MEMBERS = 10_000
# Deflate compresses zeros by at most 1,030 : 1, and trained weights little.
EXPANSION = 100
# Smaller expansions do no harm, and new models contain tensors of zeros.
EXPANSION_FLOOR = 64 * MIB
# A model of 10,000 layers has about 60,000 groups and tensors.
HDF5_OBJECTS = 1_000_000
# Keras nests groups about ten deep.
HDF5_DEPTH = 64
# The limit of numpy is 64, that of HDF5 is 32.
RANK = 32
# The names of one layer's tensors; HDF5 limits attributes to 64 kB, unless they are dense.
ATTRIBUTE_BYTES = 64 * MIB
# The largest models of Keras have about 2,000; inner layers can double at each level.
LAYERS = 20_000
# A vocabulary is a list of words, one per line.
VOCABULARY_BYTES = 256 * MIB
# A kernel and its low-rank adapters are read into memory; embeddings of large language models have
# up to 1 GB.
ADAPTED_BYTES = 1024 * MIB
# The number of files for the weights of one model.
SHARDS = 10_000

# How many bytes are read through h5py at a time.
SLAB_BYTES = 8 * MIB

# Processor time of the child process, without the time that the next limit adds. Measured: 1 s per
# thousand layers; the largest models of Keras have about 2,000.
SECONDS = 60.0
# Processor time per gigabyte of values, added before they are read. Measured: 4 to 10 to measure
# them, 20 if they are compressed by gzip, 10 to find out how they were changed. The rest is for
# slow machines, and for many cores that wait for memory, so that the sum of their times grows.
SECONDS_PER_GB = 100.0
# How long the child process may do nothing while the parent waits for it. It is longer than two
# timeouts of a server (`remote_files.SILENCE_SECONDS`), which have their own message.
STALLED_SECONDS = 90.0
# Address space beyond that of the process at its start and that of the mapped file.
ADDRESS_SPACE = 2048 * MIB
# The assumed size of a remote file, which is not known in advance, for its address space.
REMOTE_BYTES = 10 * 10**9
# The size of a child process's reply.
REPLY_BYTES = 512 * MIB


def expanded(stored: int) -> int:
    """How many bytes of values `stored` bytes of a file may contain."""
    return max(EXPANSION_FLOOR, EXPANSION * stored)


def of_reading(size: int) -> Bounds:
    """What a child process may use to read a file of `size` bytes; its tensors are mapped."""
    more = SECONDS_PER_GB / 1e9
    return Bounds(
        seconds=SECONDS,
        more_seconds=more,
        most_seconds=SECONDS + more * expanded(size),
        space=ADDRESS_SPACE + size,
        stalled_seconds=STALLED_SECONDS,
        reply=REPLY_BYTES,
    )
