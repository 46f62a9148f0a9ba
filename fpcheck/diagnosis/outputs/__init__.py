"""Rules for outputs that differ although structure and weights, or all other layers, are equal."""

from fpcheck.diagnosis.outputs import (
    builtin_redefined,
    custom_code_changed,
    derived_state_stale,
    head_activation_changed,
    nondeterministic,
    outputs_reordered,
    preprocessing_changed,
    training_mode_on,
    vocabulary_changed,
)

RULES = (
    vocabulary_changed.diagnose,
    derived_state_stale.diagnose,
    training_mode_on.diagnose,
    head_activation_changed.diagnose,
    outputs_reordered.diagnose,
    preprocessing_changed.diagnose,
    builtin_redefined.diagnose,
    custom_code_changed.diagnose,
    nondeterministic.diagnose,
)
