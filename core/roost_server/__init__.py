"""The socket server of hosts that are a process of their own: uvicorn, and WebSockets over the sans-I/O protocol."""
