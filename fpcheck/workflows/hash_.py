"""Hash: the content id of a source."""

from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import content_id
from fpcheck.model.source import Options
from fpcheck.progress import Progress, silent
from fpcheck.workflows.model_access import opened
from fpcheck.workflows.plan import Plan, file_of, resolve


def hash_weights(source: object, options: Options, progress: Progress = silent) -> str:
    """The content id as text, `b3:` and 64 hexadecimal digits."""
    parsed = resolve(source)
    progress(f"loading {parsed.text}")
    with file_of(parsed) as file:
        plan = Plan(given=source, source=parsed, options=options, file=file)
        with opened(plan) as model:
            return digest.text(content_id(model.contents.structure(), model.contents.digests()))
