"""Chat agents: models, tools, approvals and sessions, each turn a job."""
