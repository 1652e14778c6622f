"""Roost on Cloudflare Durable Objects. `worker` runs there; `host` and `harness` run workerd on this machine."""
