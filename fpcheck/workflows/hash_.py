"""Hash: the content id of a source."""

from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import content_id
from fpcheck.formats.model_file import ModelFile
from fpcheck.model.source import Options
from fpcheck.progress import Progress, silent
from fpcheck.workflows.model_access import opened, resolve


def hash_weights(
    source: object, options: Options, progress: Progress = silent, begun: ModelFile | None = None
) -> str:
    """The content id as text, `b3:` and 64 hexadecimal digits."""
    parsed = resolve(source)
    progress(f"loading {parsed.text}")
    with opened(source, parsed, options, begun=begun) as session:
        return digest.text(content_id(session.structure(), session.digests()))
