"""The stored form of fingerprints: schema, versions, integrity."""
