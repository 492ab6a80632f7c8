"""Findings as something to read: by people, by GitHub, by what takes SARIF."""
