"""Rules for changed structure. Later rules ignore what an earlier one explains."""

RULES = (
    "sharing_lost",
    "input_changed",
    "dtype_changed",
    "config_changed",
    "config_changed.diagnose_attributes",
    "layers_removed",
    "layers_added",
    "graph_rewired",
    "output_changed",
    "layers_renamed",
)
