"""Every command that fpcheck prints runs as printed: each is copied into a shell and run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers as kl

STATIC = ("--static", "--goldens", "my goldens")
FPCHECK = f"{shlex.quote(sys.executable)} -m fpcheck "


def net(width: int = 4, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    hidden = [kl.Dense(width, name=f"hidden{place}") for place in range(3)]
    return keras.Sequential([keras.Input((6,)), *hidden, kl.Dense(2, name="head")], name="net")


def fpcheck(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fpcheck", *args], capture_output=True, text=True, check=False
    )


def said(*args: str) -> str:
    """All that a command prints."""
    done = fpcheck(*args)
    return done.stdout + done.stderr


def printed(text: str) -> str:
    """The one command in a text, which stands last on its line."""
    (found,) = re.findall(
        r"fpcheck (?:record|compare|diff|list|show|verify|validate) .*$|"
        r"fpcheck list$",
        text,
        re.MULTILINE,
    )
    return str(found).strip()


def in_shell(line: str) -> int:
    """The exit code of a command line as a user would paste it."""
    pasted = FPCHECK + line.removeprefix("fpcheck ")
    done = subprocess.run(pasted, shell=True, capture_output=True, text=True, check=False)
    assert "Usage:" not in done.stderr, done.stderr
    return done.returncode


@pytest.fixture
def project(here: Path) -> Path:
    """A golden `net` in a folder of its own; all names have spaces."""
    net().save(here / "good net.keras")
    assert fpcheck("record", "good net.keras", "net", *STATIC).returncode == 0
    return here


def test_a_changed_model_is_accepted_by_the_command_that_is_printed(project: Path) -> None:
    net(seed=1).save("new net.keras")
    compare = ("compare", "new net.keras", "--golden", "net", *STATIC)
    line = printed(said(*compare))
    assert line == "fpcheck record 'new net.keras' net --goldens 'my goldens' --static"
    assert in_shell(line) == 0
    assert fpcheck(*compare).returncode == 0
    assert (project / "my goldens" / "net" / "2.yaml").is_file()


def test_a_file_of_weights_is_accepted_with_the_architecture_of_the_golden(project: Path) -> None:
    net(seed=1).save_weights("new.weights.h5")
    line = printed(said("compare", "new.weights.h5", "--golden", "net", *STATIC))
    assert line == (
        "fpcheck record new.weights.h5 net --goldens 'my goldens' --static --model 'good net.keras'"
    )
    assert in_shell(line) == 0
    (project / "good net.keras").unlink()
    net(seed=2).save_weights("new.weights.h5")
    assert said("compare", "new.weights.h5", "--golden", "net", *STATIC).splitlines()[-1] == (
        "  next: to accept the change, record it as net. Name the architecture: --model resnet50, "
        "--model FILE.keras or --model package.module:function."
    )


def test_what_is_configured_need_not_be_given_to_accept_a_change(project: Path) -> None:
    (project / "good net.keras").rename("arch.keras")
    Path("fpcheck.yaml").write_text("models:\n  new.weights.h5: {golden: net, model: arch.keras}\n")
    net(seed=1).save_weights("new.weights.h5")
    line = printed(said("compare", "new.weights.h5", *STATIC))
    assert line == "fpcheck record new.weights.h5 net --goldens 'my goldens' --static"
    assert in_shell(line) == 0
    assert fpcheck("compare", "new.weights.h5", *STATIC).returncode == 0


def test_levels_that_the_golden_has_are_kept_when_a_change_is_accepted(project: Path) -> None:
    bare = fpcheck("record", "good net.keras", "bare", *STATIC, "--levels", "structure")
    assert bare.returncode == 0
    net(width=5).save("new net.keras")
    line = printed(said("compare", "new net.keras", "--golden", "bare", *STATIC))
    assert line.endswith(" bare --goldens 'my goldens' --levels structure --static")
    assert in_shell(line) == 0


def test_a_new_model_is_recorded_by_the_command_that_is_printed(here: Path) -> None:
    net().save("a new net.keras")
    done = fpcheck("compare", "a new net.keras", *STATIC, "--custom-objects", "json")
    assert (done.returncode, done.stderr) == (
        2,
        "error: a new net.keras: no golden of that name, and none has its structure\n"
        "Record it, if it is good: fpcheck record 'a new net.keras' --goldens 'my goldens' "
        "--custom-objects json --static\n",
    )
    assert in_shell(printed(done.stderr)) == 0


def test_a_new_file_of_weights_is_told_what_it_lacks_and_no_command_that_fails(here: Path) -> None:
    net().save_weights("new.weights.h5")
    assert fpcheck("compare", "new.weights.h5", *STATIC).stderr == (
        "error: new.weights.h5: no golden of that name, and none has its structure\n"
        "If it is good, record it. Name the architecture: --model resnet50, --model FILE.keras or "
        "--model package.module:function.\n"
    )
    net().save("arch.keras")
    line = printed(said("compare", "new.weights.h5", *STATIC, "--model", "arch.keras"))
    assert line == (
        "fpcheck record new.weights.h5 --goldens 'my goldens' --model arch.keras --static"
    )
    assert in_shell(line) == 0


def test_a_golden_that_is_nearly_built_so_is_proposed_and_an_unrelated_one_is_not(
    project: Path,
) -> None:
    other = keras.Sequential([*net().layers[:3], kl.Dense(9, name="head")])
    other.build((None, 6))
    other.save("other head.keras")
    done = fpcheck("compare", "other head.keras", *STATIC)
    fact, advice = done.stderr.splitlines()
    assert fact == (
        "error: other head.keras: no golden of that name, and none has its structure; nearest is "
        "net@1: 75% of the layers with weights have the same shapes"
    )
    assert advice == (
        "Compare with it: fpcheck compare 'other head.keras' --goldens 'my goldens' --golden net@1 "
        "--static"
    )
    assert in_shell(printed(advice)) == 1
    net(width=7).save("unrelated.keras")
    assert fpcheck("compare", "unrelated.keras", *STATIC).stderr.splitlines()[1] == (
        "Record it, if it is good: fpcheck record unrelated.keras --goldens 'my goldens' --static"
    )


def test_one_of_several_goldens_is_chosen_by_the_command_that_is_printed(project: Path) -> None:
    net(seed=1).save("b.keras")
    assert fpcheck("record", "b.keras", "also", *STATIC).returncode == 0
    net(seed=1).save("c.keras")
    line = printed(said("compare", "c.keras", *STATIC, "--levels", "weights"))
    assert line == (
        "fpcheck compare c.keras --goldens 'my goldens' --levels weights --golden also@1 --static"
    )
    assert in_shell(line) == 0


def test_an_older_version_that_the_model_equals_is_named(project: Path) -> None:
    changed = net()
    head = changed.get_layer("head")
    head.set_weights([w * 2 for w in head.get_weights()])
    changed.save("v2.keras")
    assert fpcheck("record", "v2.keras", "net", *STATIC).returncode == 0
    text = said("compare", "good net.keras", "--golden", "net", *STATIC)
    assert "  The model equals net@1, an older version; the newest is net@2.\n" in text
    assert "rescaled" not in text
    again = ("compare", "good net.keras", "--golden", "net@1", *STATIC)
    assert fpcheck(*again).returncode == 0
    text = said("compare", "v2.keras", "--golden", "net@1", *STATIC)
    assert "  The model equals net@2, the newest version.\n" in text


def test_where_there_is_no_golden_the_command_that_helps_is_printed(here: Path) -> None:
    net().save("net.keras")
    for args in (["show", "nosuch"], ["verify"], ["compare", "net.keras", "--golden", "nosuch"]):
        line = printed(said(*args))
        assert line == "fpcheck record --help"
    assert in_shell(line) == 0
    assert fpcheck("record", "net.keras", *STATIC).returncode == 0
    line = printed(said("show", "nosuch", "--goldens", "my goldens"))
    assert line == "fpcheck list --goldens 'my goldens'"
    assert in_shell(line) == 0


def test_what_was_skipped_need_not_be_asked_for(project: Path) -> None:
    net().save_weights("w.weights.h5")
    line = printed(said("compare", "w.weights.h5", "--golden", "net", *STATIC))
    assert line.endswith(" --static --goldens 'my goldens' --levels weights")
    assert in_shell(line) == 0


def test_a_diff_names_its_own_command(project: Path) -> None:
    net(seed=1).save("new net.keras")
    line = printed(said("diff", "good net.keras", "new net.keras", "--static"))
    assert line == "fpcheck diff 'good net.keras' 'new net.keras' --static --verbose"
    assert in_shell(line) == 1


def test_many_warnings_name_the_command_that_shows_all(here: Path) -> None:
    keras.Sequential([kl.Dense(3, name=f"late{place}") for place in range(7)]).save("late.keras")
    done = fpcheck("record", "late.keras", *STATIC)
    line = printed(done.stdout)
    assert line == "fpcheck show late@1 --goldens 'my goldens'"
    assert in_shell(line) == 0


def test_a_golden_without_accuracy_is_recorded_with_data(project: Path) -> None:
    np.savez("my data.npz", x=np.zeros((4, 6), np.float32), y=[0, 1, 0, 1])
    line = printed(
        said(
            "validate",
            "good net.keras",
            "--golden",
            "net",
            "--data",
            "my data.npz",
            "--goldens",
            "my goldens",
        )
    )
    assert line == (
        "fpcheck record 'good net.keras' net --goldens 'my goldens' --data 'my data.npz' "
        "--levels structure,weights"
    )
    assert in_shell(line) == 0


def test_a_note_and_a_tolerance_of_an_unchanged_model_are_kept(project: Path) -> None:
    record = ("record", "good net.keras", "net", *STATIC)
    path = project / "my goldens" / "net" / "1.yaml"
    sealed = path.read_bytes().partition(b"# Recorded by fpcheck")[2]
    done = fpcheck(*record, "--note", "seen: by me", "--tolerance", "float16")
    assert done.stdout == (
        "net@1 already says the same: no version added, but its note and tolerances are changed "
        f"({path.relative_to(project)})\n"
    )
    assert path.read_bytes().partition(b"# Recorded by fpcheck")[2] == sealed
    assert path.read_text().startswith(
        "note: 'seen: by me'\ntolerances:\n  weights: exact\n  outputs: float16\n"
    )
    again = fpcheck(*record, "--note", "seen: by me")
    assert again.stdout == "net@1 already says the same: nothing stored (my goldens/net/1.yaml)\n"
