"""Agents of the conformance app, one file a section of the contract; each file lists its `AGENTS`."""
