"""The child that reads a file: its own work is limited, never the time of others.

Most is tried in processes without threads, where the child is a fork with what is set there. Limits
are made small; no outcome depends on how fast the machine is.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fpcheck import demo
from fpcheck.processes import limited_process
from fpcheck.processes.limited_process import Watch

TINY = "limits.SECONDS, limits.STALLED_SECONDS = 1.0, 0.5"
LONGER = 1.1  # than both
PRELUDE = f"""
import os, signal, time
from fpcheck.errors import FpcheckError
from fpcheck.files import limits
from fpcheck.formats.model_file import result_of_reading
from fpcheck.processes import limited_process

{TINY}

def begin(read):
    globals()["read"] = read
    return limited_process.start("__main__:job", (1,), limits.of_reading(0))

def job(number: int) -> bytes:
    return read(number)

def tell(pending, label="m.keras"):
    try:
        print(len(result_of_reading(pending, bytes, label)), "bytes")
    except FpcheckError as error:
        print(error)
"""


def _script(code: str) -> list[str]:
    return [sys.executable, "-c", PRELUDE + textwrap.dedent(code)]


def _told(code: str) -> str:
    done = subprocess.run(_script(code), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_an_endless_loop_is_ended_by_its_own_processor_time() -> None:
    assert _told("""
        def endless(job):
            while True:
                pass

        signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # as some batch systems do
        tell(begin(endless))
    """) == (
        "m.keras: reading it took more than 1 s of processor time, so it was ended\n"
        "It is damaged, or built to run forever. Save or download it again.\n"
    )


def test_a_child_that_does_nothing_is_ended() -> None:
    assert _told("tell(begin(lambda job: signal.pause()))") == (
        "m.keras: reading it has stalled: the process that reads it did nothing for 0.5 s, so it "
        "was ended\n"
        "Check the disk or the network that the file is on, then run this again.\n"
    )


def test_what_stalls_at_an_address_is_told_of_the_network() -> None:
    assert _told("""
        tell(begin(lambda job: signal.pause()), "https://host/m.keras")
    """) == (
        "https://host/m.keras: reading it has stalled: the process that reads it did nothing for "
        "0.5 s, so it was ended\n"
        "Download it, and give the path of the copy: the network may be slow.\n"
    )


def test_a_child_that_the_system_killed_says_nothing_against_the_file() -> None:
    assert _told("tell(begin(lambda job: os.kill(os.getpid(), signal.SIGKILL)))") == (
        "m.keras: the process that reads it was killed by signal 9\n"
        "The machine may be short of memory: close other programs, then run this again.\n"
    )


def test_what_the_function_raises_is_raised_in_the_parent() -> None:
    assert _told("""
        from fpcheck.errors import NotAModelError

        def refuse(job):
            raise NotAModelError("m.keras: a data set", "Give a model.")

        try:
            begin(refuse).result(bytes)
        except NotAModelError as error:
            print(error)
        tell(begin(lambda job: 1 / 0))
        tell(begin(lambda job: bytes(2**60)))
        tell(begin(lambda job: "no bytes"))
    """) == (
        "m.keras: a data set\nGive a model.\n"
        "m.keras: reading failed: ZeroDivisionError: division by zero\n--debug shows where.\n"
        "m.keras: refused: it asks for more memory than reading may take\n"
        "Save or download it again.\n"
        "m.keras: damaged: the process that reads it ended with status 0\n"
        "Save or download it again.\n"
    )


def test_an_answer_waits_for_a_parent_that_is_busy() -> None:
    # Longer than a pipe takes: the child is then held up by the parent.
    for size in (10, 2**23):
        told = _told(f"""
            pending = begin(lambda job: bytes({size}))
            time.sleep({LONGER})
            tell(pending)
        """)
        assert told == f"{size} bytes\n"


def test_an_answer_is_taken_by_a_parent_that_was_stopped() -> None:
    # The child stops its parent, which may be waiting then, or not yet.
    with subprocess.Popen(
        _script("""
            def stop_parent(job):
                os.kill(os.getppid(), signal.SIGSTOP)
                return b"answer"

            tell(begin(stop_parent))
        """),
        stdout=subprocess.PIPE,
    ) as parent:
        assert os.WIFSTOPPED(os.waitpid(parent.pid, os.WUNTRACED)[1])
        time.sleep(LONGER)
        parent.send_signal(signal.SIGCONT)
        out, _ = parent.communicate()
    assert out == b"6 bytes\n"


def test_an_answer_is_taken_where_children_end_without_a_status() -> None:
    assert (
        _told("""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        pending = begin(lambda job: b"answer")
        limited_process.select.select([pending._pipe], [], [])
        tell(pending)
    """)
        == "6 bytes\n"
    )


@contextmanager
def _process(code: str) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [sys.executable, "-c", f"print(flush=True); {code}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_only_a_process_that_waits_is_idle() -> None:
    with _process("input()") as waits:
        watch = Watch(waits.pid)
        assert not watch.idle()  # nothing to compare with
        while not watch.idle():
            time.sleep(0.01)
        os.kill(waits.pid, signal.SIGSTOP)
        os.waitpid(waits.pid, os.WUNTRACED)
        assert [watch.idle() for _ in range(3)] == [False] * 3
    with _process("exec('while True: pass')") as works:
        watch = Watch(works.pid)
        assert [watch.idle() for _ in range(3)] == [False] * 3


@pytest.mark.parametrize(
    ("told", "idle"),
    [("Ss+    0:00.07", True), ("R+     0:00.07", False), ("T      0:00.07", False)],
)
def test_where_there_is_no_proc_ps_tells(
    told: str, idle: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ps"
    program.write_text(
        f'#!/bin/sh\n[ "$*" = "-o stat= -o time= -p 7" ] && echo "{told}"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(limited_process, "_STAT", str(tmp_path / "no-{}"))
    watch = Watch(7)
    assert [watch.idle() for _ in range(3)] == [False, idle, idle]


def test_a_process_that_the_system_does_not_show_is_never_called_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    watch = Watch(2**30)
    assert [watch.idle() for _ in range(3)] == [False] * 3


def test_time_grows_with_values_and_ends_somewhere() -> None:
    code = """
        import resource
        from fpcheck.processes import process_limits

        limits.SECONDS, limits.SECONDS_PER_GB = 60.0, 100.0
        for size, values in ((10**9, []), (3 * 10**10, [3 * 10**10] * 2),
                             (10**9, [10**6] * 6), (1000, [10**12])):
            process_limits.bound(limits.of_reading(size))
            for nbytes in values:
                process_limits.allow_time(nbytes)
            print(resource.getrlimit(resource.RLIMIT_CPU)[0])
    """
    # 100 s for each GB of values, however large the file; of a small file for 64 MiB at most.
    assert _told(code).split() == ["60", "6060", "61", "67"]


def _record(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """A recording in a process of its own, on two cores, where limits are small."""
    code = f"""
import os, sys
from fpcheck.files import limits
limits.SECONDS, limits.STALLED_SECONDS = 2.0, 2.0
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
from fpcheck.cli import run
sys.argv[1:] = {["record", str(demo.MODEL), "digits", "--goldens", str(folder), *options]}
sys.exit(run())
"""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_eight_recordings_at_once_are_no_attack(tmp_path: Path) -> None:
    running = [_record(tmp_path / str(number), "--static") for number in range(8)]
    ended = [(process.communicate(), process.returncode) for process in running]
    assert [(code, err) for (_, err), code in ended] == [(0, "")] * 8


def test_a_recording_may_take_longer_than_reading_its_file(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\ndef slowly(images):\n    time.sleep(0.5)\n    return images / 16.0\n"
    )
    begun = time.monotonic()
    recording = _record(tmp_path, "--preprocess", "slow:slowly")
    _, err = recording.communicate()
    assert (recording.returncode, err) == (0, "")
    assert time.monotonic() - begun > 2.0  # the limits


@pytest.mark.parametrize(
    ("loaded", "safe"), [("json", True), ("tensorflow", False), ("jax", False), ("torch", False)]
)
def test_forking_is_not_safe_beside_a_framework(loaded: str, safe: bool) -> None:
    code = (
        f"import sys; sys.modules[{loaded!r}] = sys; "
        "from fpcheck.processes.limited_process import may_fork; "
        "print(may_fork())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{safe}\n"
