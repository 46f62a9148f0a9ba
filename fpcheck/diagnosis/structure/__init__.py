"""Rules for changed structure. Later rules ignore what an earlier one explains."""

from fpcheck.diagnosis.structure import (
    config_changed,
    dtype_changed,
    graph_rewired,
    input_changed,
    layers_added,
    layers_removed,
    layers_renamed,
    output_changed,
    sharing_lost,
)

RULES = (
    sharing_lost.diagnose,
    input_changed.diagnose,
    dtype_changed.diagnose,
    config_changed.diagnose,
    config_changed.diagnose_attributes,
    layers_removed.diagnose,
    layers_added.diagnose,
    graph_rewired.diagnose,
    output_changed.diagnose,
    layers_renamed.diagnose,
)
