"""AWS on this machine: ministack in an environment of its own, and what it needs to be as strict as AWS.

`process.py` starts it, `stack.py` deploys a template into it. `serve.py`, `edge.py`, `function_url.py`,
`websocket.py` and `shims.py` run inside it, without Roost.
"""
