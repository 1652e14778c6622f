"""The conformance app under the name that templates already deployed give: `roost.testing.app:app`."""

from roost_conformance.app import app

__all__ = ["app"]
