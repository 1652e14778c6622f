// One WebSocket to one agent: the protocol of the Agents SDK's client. It reconnects until it is closed for good.

import { acting } from "./http.js";

const FIRST = 100, MOST = 2000; // milliseconds between two attempts

export class Link {
  /** `on`: {open, state, frame, error, closed, refused}; `stage`: the platform has one URL for all agents. */
  constructor(kind, key, stage, on) {
    const base = location.origin.replace(/^http/, "ws");
    const as = acting();
    const query = `${as ? `token=${encodeURIComponent(as)}&` : ""}_pk=console-${Math.random().toString(36).slice(2, 8)}`;
    this.url = stage
      ? `${base}/prod?agent=${encodeURIComponent(kind)}&name=${encodeURIComponent(key)}&${query}`
      : `${base}/agents/${encodeURIComponent(kind)}/${encodeURIComponent(key)}?${query}`;
    this.on = on;
    this.pause = FIRST;
    this.live = true;
    this.refusal = null;
    this.dial();
  }

  dial() {
    if (!this.live) return;
    const socket = (this.socket = new WebSocket(this.url));
    socket.onmessage = ({ data }) => this.read(data);
    socket.onopen = () => { this.pause = FIRST; };
    socket.onclose = ({ code, reason }) => {
      if (!this.live) return;
      const final = this.refusal || code === 1008 || (code >= 4000 && code < 5000);
      this.on.closed(code, reason, Boolean(final));
      if (final) return this.close();
      setTimeout(() => this.dial(), this.pause);
      this.pause = Math.min(MOST, this.pause * 1.6);
    };
  }

  read(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      frame = data;
    }
    switch (frame?.type) {
      case "cf_agent_identity": return this.on.open(frame);
      case "cf_agent_state": return this.on.state(frame.state);
      case "cf_agent_mcp_servers": return undefined;
      case "cf_agent_state_error":
      case "roost_error": return this.on.error(frame);
      case "roost_close":
        this.refusal = frame;
        return this.on.refused(frame.problem ?? { title: "Refused", detail: frame.error });
      default: return this.on.frame(typeof data === "string" ? frame : "(binary)");
    }
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  send(text) {
    if (this.open) this.socket.send(text);
    return this.open;
  }

  setState(state) {
    return this.send(JSON.stringify({ type: "cf_agent_state", state }));
  }

  close() {
    this.live = false;
    this.socket?.close();
  }
}
