"""The stored form of a fingerprint: schema, versions, integrity."""
