"""Hash: the content id of a source."""

from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import content_id
from fpcheck.model.source import Options
from fpcheck.progress import Progress, silent
from fpcheck.workflows.open_model import check_whole, open_model
from fpcheck.workflows.plan import opening_plan


def hash_weights(source: object, options: Options, progress: Progress = silent) -> str:
    """The content id as text, `b3:` and 64 hexadecimal digits."""
    with opening_plan(source, options) as plan, open_model(plan, None, progress) as model:
        check_whole(model, plan)
        return digest.text(content_id(model.contents.structure(), model.contents.digests()))
