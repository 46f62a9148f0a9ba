"""What users ask for, from start to end: record, compare, diff, validate, gate."""
