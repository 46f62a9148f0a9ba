"""Rules for outputs that differ although structure and weights, or all other layers, are equal."""

RULES = (
    "vocabulary_changed",
    "derived_state_stale",
    "training_mode_on",
    "head_activation_changed",
    "outputs_reordered",
    "preprocessing_changed",
    "builtin_redefined",
    "custom_code_changed",
    "nondeterministic",
)
