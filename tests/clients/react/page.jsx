// A page as a user of the Agents SDK would write it; `agents` is the pinned, unmodified package.
import { useAgent } from "agents/react";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const name = new URLSearchParams(location.search).get("name");

function Page() {
  const [tally, setTally] = useState(null);
  const [board, setBoard] = useState(null);
  const counter = useAgent({ agent: "counter", name, onStateUpdate: setTally });
  const writer = useAgent({ agent: "board", name, onStateUpdate: setBoard });
  return (
    <main>
      <output id="count">{tally?.count}</output>
      <button id="increment" onClick={() => counter.stub.increment(1)}>+</button>
      <input id="text" value={board?.text ?? ""} onChange={(e) => writer.setState({ text: e.target.value })} />
      <output id="board">{board && `board: ${board.text}`}</output>
    </main>
  );
}

createRoot(document.getElementById("root")).render(<Page />);
