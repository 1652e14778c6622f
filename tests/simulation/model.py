"""Rules about what a store took: one commit is whole, follows the last, and takes effect once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from roost.contract.address import Address
from roost.contract.commit import Commit, Envelope, Letter, Schedule
from roost.hosting.memory import rows
from roost.tick.image import REDELIVER

from .history import History
from .job_model import JobModel
from .life import Life, Parked, Sight, op_of, parked
from .ops import SCHEDULED, Op, is_a, repeats

EPS = 0.0015
DID = "did"
"""Kind of the entries that runs of the author's write."""


class Model:
    """Told of every write that the store really made, in order."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.lives: dict[Address, Life] = {}
        self.tokens: dict[str, int] = {"": 0}
        """Of runs that are durable: the generation of their agent."""
        self.effects: defaultdict[str, list[tuple[Address, int, str]]] = defaultdict(list)
        """op -> where it took effect: (agent, generation, token)."""
        self.buried: set[str] = set()
        """Ops of letters that were destroyed with their agent."""
        self.sent: dict[str, Envelope] = {}
        """Envelopes that were committed, by id."""
        self.arrived: set[tuple[Address, str]] = set()
        """Envelopes that were parked, by receiver and id."""
        self.last_told: dict[tuple[Address, str], tuple[int, int]] = {}
        """(receiver, sender and its generation) -> version and place of the last tell between them."""
        self.trouble = 0
        """Faults so far."""
        self.acknowledgements = 0
        self.backwards = False
        """A clock of this run may jump back."""
        self.departed: set[tuple[str, str]] = set()
        """(key, connection) whose on_disconnect has run since the last fault."""
        self.torn: dict[str, str] = {}
        """Runs that saw two versions, by token: none may commit."""
        self.refused: frozenset[str] = frozenset()
        """Tokens of the states that the model of the deployed code does not take."""
        self.jobs: JobModel | None = None
        """None: no agent has any."""
        self.shared = False
        """Hosts share the store: letters come in beside who holds the agent, and a lost wake is found by a sweep."""

    def life(self, address: Address) -> Life:
        found = self.lives.get(address)
        if found is None:
            found = self.lives[address] = Life(address)
        return found

    def broken(self, rule: str, how: str) -> None:
        self.history.broken(rule, how)

    # A commit ----------------------------------------------------------------------------------------

    def committed(self, commit: Commit, sight: Sight, now: float) -> None:
        """The store has taken a commit."""
        life, after = self.life(commit.address), sight.snapshot
        me = f"{commit.address} v{commit.version}"
        if commit.base != life.version or after.version != life.version + 1:
            self.broken("chain", f"{me}: from {commit.base}, stored {after.version}, the last was {life.version}")
        if commit.generation != life.generation or after.generation != life.generation + commit.destroy:
            self.broken("generation", f"{me}: {commit.generation} -> {after.generation}, this is {life.generation}")
        if after.at < life.at:
            self.broken("time", f"{me}: at {after.at} after {life.at}")
        if life.token in self.refused and not (commit.destroy or commit.restored):
            self.broken("quarantine", f"{me}: a commit on a state that the code refuses")
        life.version, life.at = after.version, after.at
        for envelope in commit.outbox:
            self.sent[envelope.id] = envelope
        if commit.destroy:
            self._destroyed(life, sight, me)
        else:
            self._ticked(life, commit, sight, me, now)
        if self.jobs is not None:
            self.jobs.committed(commit, after)
        self._armed(life, sight, now, me)

    def _destroyed(self, life: Life, sight: Sight, me: str) -> None:
        after = sight.snapshot
        if after.exists or sight.n or sight.log or after.schedules or after.connections or after.letters:
            self.broken("tombstone", f"{me}: something is left of a destroyed agent")
        self.buried.update(x.op for x in life.letters.values())
        self.buried.update(life.dead)
        self.lives[life.address] = Life(
            life.address, life.generation + 1, life.version, life.at, ticket=life.ticket, parking=life.parking,
            tickets=life.tickets,
        )  # fmt: skip

    def _ticked(self, life: Life, commit: Commit, sight: Sight, me: str, now: float) -> None:
        after = sight.snapshot
        if not after.exists:
            if life.exists or commit.consumed is None or commit.log or commit.outbox or commit.handled or commit.dead:
                self.broken("atomic", f"{me}: there is no state after a commit")
            else:  # the end of a job whose agent was destroyed before the end was told
                self._mail(life, commit, sight, "", me)
            return
        state: dict[str, Any] = from_json(after.state or b"")
        n, op, token = int(state["n"]), str(state["op"]), str(state["token"])
        if after.state_version < life.state_version and not commit.restored:
            self.broken("deploy", f"{me}: version {after.state_version} of the state, after {life.state_version}")
        life.state_version = after.state_version
        if commit.restored:
            life.n, life.token, life.log_token = n, token, ""
            life.dead = self._graves(commit)
        ran = token != life.token
        if ran:
            if n != life.n + 1:
                self.broken("lost-update", f"{me}: n={n} after {life.n}")
            self._effect(life, op, token, me)
            if op in life.said or is_a(op, Op.MESSAGE):
                self._message(life, state, op, me)
        elif n != life.n:
            self.broken("atomic", f"{me}: n={n} after {life.n} in a commit of no run")
        if sight.n != n:
            self.broken("atomic", f"{me}: n={n} in the state, {sight.n} in the KV")
        life.others += sum(e.kind != DID for e in commit.log)
        if commit.restored:
            life.others = after.seq - n
        self._logged(life, sight, n, token, commit.restored, me)
        self._marked(state, sight, me)
        for envelope in commit.outbox:
            by = from_json(envelope.args)["kwargs"].get("by")
            if by is not None and by != token:
                self.broken("atomic", f"{me}: a tell of another run ({by}) left with {token}")
        if not ran and commit.outbox:
            self.broken("atomic", f"{me}: tells without their state")
        if ran and is_a(op, *SCHEDULED):
            self._rang(life, commit, op, now, me)
        elif ran and is_a(op, Op.DISCONNECT) and op[1:] in {r.cid for r in after.connections}:
            self.broken("atomic", f"{me}: {op} took effect, its connection is still there")
        elif ran and is_a(op, Op.CONNECT) and op[1:] not in {r.cid for r in after.connections}:
            self.broken("atomic", f"{me}: {op} took effect, its connection is not there")
        self._mail(life, commit, sight, op if ran else "", me)
        life.exists, life.n, life.token = True, n, token
        life.schedules = {s.key: s for s in after.schedules}

    @staticmethod
    def _graves(commit: Commit) -> Counter[str]:
        return Counter(op_of(d.letter.args) for d in commit.dead)

    def _effect(self, life: Life, op: str, token: str, me: str) -> None:
        self.history.note("effect", f"{me} {op}")
        self.tokens[token] = life.generation
        if token in self.torn:
            self.broken("snapshot", f"{self.torn[token]}, and was committed as {me}")
        if is_a(op, Op.FAILING):
            self.broken("failed", f"{me}: {op} failed, and has effects")
        if op in life.applied and not repeats(op) and not self._moved(op):
            self.broken("once", f"{me}: {op} took effect twice")
        if is_a(op, Op.TOILED) and not self._moved(op):
            for address, generation, _ in self.effects[op]:
                if address == life.address and generation != life.generation:
                    self.broken("once", f"{me}: {op} took effect before its job moved, and after it")
        life.applied[op] = token
        self.effects[op].append((life.address, life.generation, token))

    def _moved(self, op: str) -> bool:
        """Other code may have a job's call, whose outcome was not kept yet, at another place: there it is another."""
        return self.jobs is not None and self.jobs.changed and is_a(op, Op.TOILED, Op.ASKED)

    def _message(self, life: Life, state: dict[str, Any], op: str, me: str) -> None:
        cid, number = op[1:].split(":")
        if f"{Op.CONNECT}{cid}" not in life.applied:
            self.broken("frame-order", f"{me}: {op} before the connect of its connection")
        if int(number) <= life.said.get(cid, 0):
            self.broken("frame-order", f"{me}: {op} after message {life.said[cid]} of the same connection")
        life.said[cid] = int(number)

    def _logged(self, life: Life, sight: Sight, n: int, token: str, restored: bool, me: str) -> None:
        seqs = [e.seq for e in sight.log]
        if seqs != list(range(sight.snapshot.seq - len(seqs) + 1, sight.snapshot.seq + 1)):
            self.broken("log", f"{me}: the numbers {seqs} end at {sight.snapshot.seq}")
        if sight.snapshot.seq != n + life.others:
            self.broken("log", f"{me}: {n} runs, {sight.snapshot.seq} entries")
        marks: list[dict[str, Any]] = [from_json(e.data) for e in sight.log if e.kind == DID]
        if marks and (marks[-1]["n"] != n or marks[-1]["token"] != token):
            self.broken("atomic", f"{me}: n={n} {token} in the state, {marks[-1]} in the log")
        if [m["n"] for m in marks] != list(range(n - len(marks) + 1, n + 1)):
            self.broken("log", f"{me}: entries of the runs {[m['n'] for m in marks]}")
        before = marks[-2]["token"] if len(marks) > 1 else ""
        shown = len(marks) > 1 or len(marks) == len(sight.log)
        if token != life.token and life.log_token and not restored and shown and before != life.log_token:
            self.broken("log", f"{me}: the entry of run {life.log_token} is gone")
        life.log_token = token

    def _marked(self, state: dict[str, Any], sight: Sight, me: str) -> None:
        marks = [s for s in sight.snapshot.schedules if s.key == "mark"]
        found = from_json(marks[0].args)["args"][0] if marks else 0
        if found != state["mark"]:
            self.broken("atomic", f"{me}: mark {state['mark']} in the state, {found} among the schedules")
        if state["seat"]:
            cid, given = state["seat"]
            for row in sight.snapshot.connections:
                if row.cid == cid and from_json(row.attachment or b"null") != given:
                    self.broken("atomic", f"{me}: seat {given} in the state, attachment {row.attachment!r}")

    def _rang(self, life: Life, commit: Commit, op: str, now: float, me: str) -> None:
        rows = [s for s in life.schedules.values() if s.target == "ring" and op_of(s.args) == op]
        if not rows:
            self.broken("stale", f"{me}: {op} rang and was not on the list")
            return
        late = commit.at if self.backwards else now
        if all(row.at > late + EPS for row in rows):
            self.broken("early", f"{me}: {op} rang at {late:.4f}, was due at {rows[0].at:.4f}")
        left = {s.key: s for s in commit.schedules if isinstance(s, Schedule)}
        gone = {s.key for s in commit.schedules}
        if all(r.key not in gone or (r.key in left and left[r.key].gen <= r.gen) for r in rows):
            self.broken("once", f"{me}: {op} rang and is still due")

    def _mail(self, life: Life, commit: Commit, sight: Sight, op: str, me: str) -> None:
        for one in sight.letters if commit.restored else ():
            if one.n not in life.letters:
                self.was_parked(life.address, one)
        for dead in commit.dead:
            life.dead[op_of(dead.letter.args)] += 0 if commit.restored else 1
        if commit.deferred is not None and (waits := life.letters.get(commit.deferred.n)) is not None:
            waits.later = True
        letter = None if commit.consumed is None else life.letters.pop(commit.consumed, None)
        if commit.consumed is not None and letter is None:
            self.broken("mail", f"{me}: letter {commit.consumed} was consumed and did not wait")
        if letter is not None and not (letter.guest or letter.wish):
            done = commit.dead or letter.op in life.applied or letter.op in life.dead
            if not (op == letter.op or done or (self.jobs is not None and self.jobs.was(life.address, letter.op))):
                self.broken("mail", f"{me}: the letter of {letter.op} was consumed without its effect")
            self._in_order(life, letter, commit.consumed or 0, me)
        if op[:1] in {"t", "a"} and not (letter is not None and letter.op == op):
            self.broken("mail", f"{me}: {op} took effect and its letter was not consumed")
        if len(life.letters) != sight.snapshot.waiting and not life.parking:
            self.broken("mail", f"{me}: {sight.snapshot.waiting} letters wait, {len(life.letters)} should")

    def _in_order(self, life: Life, letter: Parked, n: int, me: str) -> None:
        if letter.later or letter.trouble != self.trouble:
            return
        for other, waits in life.letters.items():
            same = (waits.lane, waits.later, waits.trouble) == (letter.lane, False, self.trouble)
            if other < n and same and 0 < waits.known < letter.known:
                self.broken("lane-order", f"{me}: {letter.op} before {waits.op}, which came first")

    def _armed(self, life: Life, sight: Sight, now: float, me: str) -> None:
        after = sight.snapshot
        waits = self.life(life.address).letters  # none of an agent that is no more
        known = {n for n, x in waits.items() if x.known}
        times = [s.at for s in after.schedules]
        # As `crowded` sets it; before this commit one more may have waited.
        life.crowded = life.crowded or after.waiting >= rows.LETTERS  # type: ignore[attr-defined]
        soon = after.at + REDELIVER if life.crowded else 0.0
        times += [max(x.next, soon) for x in after.letters if x.next > after.at and x.n in known]
        due = min(times, default=None)
        loaded = {x.n for x in after.letters}
        behind = any(not waits[n].later for n in known - loaded)  # nobody looks for these but by the alarm
        under_way = bool(after.outbox or behind or any(x.next <= after.at and x.n in known for x in after.letters))
        if self.shared:  # the holder need not know of a letter yet: its bell, or its own doorbell, sees to it
            due, under_way = min((s.at for s in after.schedules), default=None), bool(after.outbox)
        if due is not None and (after.armed is None or after.armed > due + EPS):
            self.broken("armed", f"{me}: armed {after.armed}, due {due}")
        if under_way and (after.armed is None or after.armed > max(now, after.at) + REDELIVER + 1):
            self.broken("armed", f"{me}: armed {after.armed} at {now} while letters or envelopes are under way")
        if self.shared:
            return
        calm, life.trouble = life.trouble == self.trouble, self.trouble  # a wake too many does no harm
        near = after.armed is not None and after.armed <= max(now, after.at) + REDELIVER
        if calm and not (under_way or after.letters or life.parking or near) and after.armed != due:
            self.broken("armed", f"{me}: armed {after.armed}, due {due}, nothing under way")

    # Other writes ------------------------------------------------------------------------------------

    def was_parked(self, address: Address, letter: Letter) -> None:
        """The store has a letter, perhaps since before."""
        life = self.life(address)
        op = op_of(letter.args)
        if letter.n in life.letters:
            if life.letters[letter.n].op != op:
                self.broken("mail", f"{address}: letter {letter.n} is {life.letters[letter.n].op}, and now {op}")
            return
        again = letter.n in life.tickets and not letter.keyed  # the run of a key finds what was done
        if again if self.shared else letter.n <= life.ticket:
            self.broken("mail", f"{address}: the number {letter.n} was given again")
        if letter.source == "agent" and letter.forwarded is None:
            self._told(address, letter)
        life.ticket = letter.n
        life.tickets.add(letter.n)
        life.letters[letter.n] = parked(letter, self.trouble)

    def _told(self, address: Address, letter: Letter) -> None:
        """Tells of one agent to another are parked in the order in which it sent them, whatever failed on the way."""
        if (address, letter.id) in self.arrived:
            return
        self.arrived.add((address, letter.id))
        sender, _, place = letter.id.rpartition("/")
        version, _, i = place.partition(".")
        now, last = (int(version), int(i)), self.last_told.get((address, sender), (0, 0))
        if now < last:
            self.broken("tell-order", f"{address}: {letter.id} came after {last[0]}.{last[1]} of the same sender")
        self.last_told[address, sender] = max(now, last)

    def acknowledged(self, address: Address, letter: Letter, sight: Sight, now: float) -> None:
        """A host knows that a letter is durable, and may tell its sender so."""
        life = self.life(address)
        waits = life.letters.get(letter.n)
        if waits is not None:
            self.acknowledgements += 1
            waits.known = waits.known or self.acknowledgements
            if sight.snapshot.armed is None and not self.shared and life.token not in self.refused:
                self.broken("armed", f"{address}: letter {letter.n} waits and nothing is armed")

    def settled(self, address: Address, ids: Sequence[str], sight: Sight, now: float, delivered: set[str]) -> None:
        """The store has forgotten envelopes."""
        for id in ids:
            if id not in delivered:
                self.broken("outbox", f"{address}: the envelope {id} was forgotten before it was delivered")
        after = sight.snapshot
        due = min([s.at for s in after.schedules], default=None)
        if due is not None and (after.armed is None or after.armed > due + EPS):
            self.broken("armed", f"{address}: armed {after.armed} after settling, due {due}")

    def redriven(self, address: Address, ops: Sequence[str], letters: Sequence[Letter]) -> None:
        """Dead letters went back into the mailbox."""
        life = self.life(address)
        for op in ops:
            life.dead[op] -= 1
            life.dead += type(life.dead)()  # drops what is 0
        for letter in letters:
            if letter.n not in life.letters:
                life.ticket = max(life.ticket, letter.n)
                life.letters[letter.n] = parked(letter, -1)
