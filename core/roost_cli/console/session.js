// Who may use this page: whoever opened it by the link that `roost dev` printed. The key in it becomes the operator's
// token, which stays in this tab; another tab of this origin gets it from one that is open.

import { request } from "./http.js";

const KEPT = "roost-token";
const tabs = new BroadcastChannel("roost-session");
tabs.addEventListener("message", ({ data }) => {
  const token = sessionStorage.getItem(KEPT);
  if (data.wanted && token) tabs.postMessage({ token });
});

/** The token; "" when nobody has one. */
export async function session() {
  const [, key] = /^#start=([\w-]+)$/.exec(location.hash) ?? [];
  if (key) {
    const answer = await request("POST", "/_roost/session", { raw: key });
    sessionStorage.setItem(KEPT, (await answer.json()).token);
    history.replaceState(null, "", location.pathname);
  }
  const kept = sessionStorage.getItem(KEPT) ?? (await ask());
  if (kept) sessionStorage.setItem(KEPT, kept);
  return kept;
}

function ask() {
  return new Promise((resolve) => {
    tabs.addEventListener("message", ({ data }) => data.token && resolve(data.token));
    tabs.postMessage({ wanted: true });
    setTimeout(() => resolve(""), 300);
  });
}
