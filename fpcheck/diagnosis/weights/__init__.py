"""Rules for changed weights, the certain ones first. Later rules see only what is unexplained."""

RULES = (
    "non_finite",
    "other_checkpoint.diagnose_known",
    "known_mistakes.diagnose_rounded",
    "roles_mixed",
    "layers_swapped",
    "weights_elsewhere",
    "known_mistakes.diagnose_moved",
    "axis_permuted",
    "batchnorm_statistics_reset",
    "not_loaded",
    "rescaled",
    "quantized",
    "zeroed",
    "point_change",
    "axis_permuted.diagnose_unproved",
    "head_replaced",
    "fine_tuned",
    "other_checkpoint",
    "tensors_missing",
)
