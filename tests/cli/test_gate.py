"""The gate, as the real pre-commit runs it in a real git repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fpcheck.demo import MODEL

HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
BIN = Path(sys.executable).parent


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(cwd.parent / "pre-commit-home"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def git(*args: str, cwd: Path) -> str:
    done = run("git", *args, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's repository whose first, good commit has passed the gate."""
    base = tmp_path_factory.mktemp("gate")
    hooks, repo = base / "hooks", base / "repo"
    hooks.mkdir()
    shutil.copy(HOOKS, hooks)
    git("init", "-q", cwd=hooks)
    git("add", ".", cwd=hooks)
    git("commit", "-qm", "hooks", cwd=hooks)
    revision = git("rev-parse", "HEAD", cwd=hooks)
    (repo / "models").mkdir(parents=True)
    git("init", "-q", cwd=repo)
    (repo / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks}\n  rev: {revision}\n  hooks:\n  - id: fpcheck\n"
    )
    (repo / "fpcheck.yaml").write_text(
        "models:\n  models/reader*.keras:\n    golden: digits\nignore:\n- models/scratch/*\n"
    )
    shutil.copy(MODEL, repo / "models" / "reader.keras")
    recorded = run("fpcheck", "record", "models/reader.keras", "digits", cwd=repo)
    assert recorded.returncode == 0, recorded.stderr
    installed = run("pre-commit", "install", cwd=repo)
    assert installed.returncode == 0, installed.stderr
    git("add", ".", cwd=repo)
    done = run("git", "commit", "-m", "good", cwd=repo)
    assert done.returncode == 0, done.stdout + done.stderr
    return repo


def commit(repo: Path) -> tuple[int, str]:
    """Try to commit everything; whatever was not committed is put back."""
    git("add", ".", cwd=repo)
    done = run("git", "commit", "-m", "try", cwd=repo)
    git("reset", "-q", "--hard", cwd=repo)
    return done.returncode, done.stdout + done.stderr


def test_a_bad_model_is_stopped_and_the_reason_shown(repository: Path) -> None:
    script = "from fpcheck.demo import faults; faults.layers_swapped().save('models/reader.keras')"
    assert run(sys.executable, "-c", script, cwd=repository).returncode == 0
    code, said = commit(repository)
    assert code == 1
    assert "✗ mismatch  models/reader.keras (keras)" in said
    assert "golden     digits@1, fpcheck.yaml maps the file to it" in said
    assert "block1_conv2 and block2_conv1 have each other's weights." in said


def test_a_resaved_good_model_passes(repository: Path) -> None:
    script = (
        "import keras; m = keras.saving.load_model('models/reader.keras');"
        "m.save('models/reader2.keras')"
    )
    assert run(sys.executable, "-c", script, cwd=repository).returncode == 0
    code, said = commit(repository)
    assert code == 0, said


def test_a_model_without_a_golden_is_stopped_unless_it_is_ignored(repository: Path) -> None:
    script = (
        "import keras; m = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]);"
        "m.save('models/unknown.keras')"
    )
    assert run(sys.executable, "-c", script, cwd=repository).returncode == 0
    code, said = commit(repository)
    assert code == 1  # git's own: the hook ended with 2
    assert "- exit code: 2" in said
    assert "models/unknown.keras: no golden of that name, and none has its structure" in said
    assert "Record it, if it is good: fpcheck record models/unknown.keras" in said
    (repository / "models" / "scratch").mkdir()
    (repository / "models" / "scratch" / "junk.keras").write_bytes(b"not looked at")
    code, said = commit(repository)
    assert code == 0, said


def test_a_damaged_or_rewritten_golden_is_stopped(repository: Path) -> None:
    arrays = repository / "fingerprints" / "digits" / "1.h5"
    arrays.write_bytes(arrays.read_bytes() + b"\0")
    code, said = commit(repository)
    assert code == 1
    assert "1.h5: damaged golden: it is not the file that 1.yaml describes" in said
    shutil.rmtree(repository / "fingerprints" / "digits")
    script = ("record", "fpcheck.demo.faults:epsilon_changed", "digits")
    assert run("fpcheck", *script, cwd=repository).returncode == 0
    code, said = commit(repository)
    assert code == 1
    assert "1.yaml: a stored version was rewritten" in said


def test_a_note_may_be_edited(repository: Path) -> None:
    path = repository / "fingerprints" / "digits" / "1.yaml"
    path.write_text(path.read_text().replace("note: ''", "note: reads digits"))
    code, said = commit(repository)
    assert code == 0, said
