// Asks the server while somebody types, and says so when it does not answer. shown.js stands before this file.
const TYPING_MS = 250, LOOK_MS = 2000, FACTS_EVERY = 5, NUM_ANSWERS = 5, NUM_KNOWN = 3, NUM_PICKS = 3, MOST_RETRIES = 5;
const state = { facts: null, seen: "", asking: null, knowing: null, timer: 0, truth: null, starts: { right: 0, wrong: 0 } };

class Unanswered extends Error {}
class Refused extends Error {
  constructor(status, document_, retrySeconds) {
    super([document_.error, document_.allowed && `allowed: ${document_.allowed}`, document_.remedy]
      .filter(Boolean).join("; ") || `the server answered ${status}`);
    Object.assign(this, { status, retrySeconds });
  }
}
async function call(path, body, signal) {
  const options = { signal, cache: "no-store" };
  if (body !== undefined) {
    Object.assign(options, { method: "POST", headers: { "content-type": "application/json" } });
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unanswered();
  }
  const document_ = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    if (response.ok) throw new Unanswered();  // it died while it answered
    return {};
  });
  isDead(false);
  if (!response.ok) throw new Refused(response.status, document_, Number(response.headers.get("retry-after")) || 1);
  return document_;
}
// The banner is for a server that is gone; whatever was asked stays, and is asked again when it is back.
function isDead(yes) {
  if (byId("dead").hidden === !yes) return;
  byId("dead").hidden = !yes;
  if (yes) say("");
  else if (state.facts) ask();
}

function bodyOfQuery() {
  const text = byId("query").value;
  if (state.facts.model.inputs === "texts") {
    if (!text) return null;
    const length = Array.from(text).length, most = state.facts.max_chars;
    const number = (value) => value.toLocaleString("en");
    if (length > most) throw new Refused(413, { error: `${number(length)} characters: allowed are ${number(most)}` });
    return byId("context-field").hidden ? { text } : { text, context: byId("context").value };
  }
  if (!text.trim()) return null;
  try {
    const value = JSON.parse(text);
    return state.facts.model.inputs === "rows" ? { row: value } : { vector: value };
  } catch {
    throw new Refused(400, { error: "this is not JSON", remedy: state.facts.model.inputs === "rows"
      ? 'write {"columns": [0, 7], "values": [0.5, 1]}' : "write numbers between commas in [ ]" });
  }
}
function clear() {
  byId("answers").replaceChildren();
  byId("known").replaceChildren();
  showTruth(null);
  byId("sure").hidden = true;
  byId("chance").textContent = "Nothing was asked.";
  byId("known-note").textContent = "";
}
async function ask(retries = 0) {
  clearTimeout(state.timer);
  state.asking?.abort();
  state.knowing?.abort();
  if (!state.facts) return;
  const asking = state.asking = new AbortController();
  try {
    const body = bodyOfQuery();
    if (!body) {
      clear();
      say(byId("query").value ? "" : "Type something, or choose a question below.");
      return;
    }
    byId("answers").classList.add("is-old");
    const begun = performance.now(), k = Math.min(NUM_ANSWERS, state.facts.model.classes);
    const found = await call("/predict", { ...body, k, probability: true }, asking.signal);
    showAnswered(body, found, (performance.now() - begun) / 1000);
  } catch (error) {
    failed(error, retries, asking);
  }
}
function showAnswered(body, found, seconds) {
  const answers = found.answers[0], truth = state.truth;
  const choose = (one, button) => {
    for (const other of byId("answers").querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
    askKnown(body, one);
  };
  showAnswers(answers, { truth: truth?.map((one) => one.class), onChoose: choose });
  showChance(answers, found);
  showTruth(truth, answers[0]);
  byId("server-time").textContent = inSeconds(found.seconds);
  byId("round-trip").textContent = inSeconds(seconds);
  byId("known").replaceChildren();
  byId("known-note").textContent = "";
  if (answers.length) {
    say(element("span", "", `Best of ${answers.length}: `, named(answers[0])));
    choose(answers[0], byId("answers").querySelector("button"));
  } else say("No class was found.");
  lookAtMemory();
}
function failed(error, retries, asking) {
  if (error.name === "AbortError") return;
  byId("answers").classList.remove("is-old");
  if (error instanceof Unanswered) return isDead(true);
  if (!(error instanceof Refused)) throw error;
  if (error.status === 503 && retries < MOST_RETRIES) {
    say(`The server is busy; asking again in ${error.retrySeconds} s.`, true);
    state.timer = setTimeout(() => asking === state.asking && ask(retries + 1), 1000 * error.retrySeconds);
    return;
  }
  clear();
  say(error.message, true);
}
async function askKnown(query, one) {
  state.knowing?.abort();
  const knowing = state.knowing = new AbortController();
  if (state.facts.known_reason) {
    byId("known-note").textContent = `Cannot be shown: ${state.facts.known_reason}.`;
    return;
  }
  try {
    const found = await call(`/demo/known?class=${one.class}&num=${NUM_KNOWN}`, query, knowing.signal);
    showKnown(one, found);
  } catch (error) {
    if (error instanceof Unanswered) isDead(true);
    else if (error instanceof Refused) byId("known-note").textContent = `Cannot be shown: ${error.message}.`;
    else if (error.name !== "AbortError") throw error;
  }
}

async function lookAtMemory() {
  try {
    const { ram: memory } = await call("/health");
    byId("ram-now").textContent = inBytes(memory.now_bytes);
    byId("ram-promised").textContent = memory.promised_bytes ? inBytes(memory.promised_bytes) : "nothing";
    byId("ram-bar").hidden = !memory.promised_bytes;
    const share = memory.promised_bytes ? memory.now_bytes / memory.promised_bytes : 0;
    byId("ram-bar").classList.toggle("is-over", share > 1);
    byId("ram-bar").firstElementChild.style.width = Math.min(100, 100 * share) + "%";
    byId("ram-note").textContent = memory.promised_bytes
      ? `${share > 1 ? "OVER the promise" : `${Math.round(100 * share)} % of the promise`}, which is the peak that `
        + "was measured while it served, and what the service itself takes. This page's own examples are part of it."
      : `No promise: ${memory.promise.reason}.`;
  } catch (error) {
    if (error instanceof Unanswered) isDead(true);
    else if (!(error instanceof Refused)) throw error;
  }
}
function pick(one) {
  const { context, text, vector, row } = one.body;
  byId("query").value = text ?? JSON.stringify(vector ?? row);
  if (context !== undefined) byId("context").value = context;
  state.truth = one.right;
  byId("query").scrollIntoView({ block: "center" });
  byId("query").focus({ preventScroll: true });
  ask();
}
async function showPicks(which) {
  try {
    const found = await call(`/demo/held_out?which=${which}&start=${state.starts[which]}&num=${NUM_PICKS}`);
    state.starts[which] += NUM_PICKS;
    byId(`is-${which}`).replaceChildren(...found.queries.map((one) => {
      const told = element("span", "told", "answered ", one.answered ? named(one.answered) : "nothing");
      if (which === "wrong") {
        told.append(", right is ", ...one.right.flatMap((other, at) => [at ? " or " : "", named(other)]));
      }
      const asked = element("span", "asked", plainly(one.words));
      if (one.body.context !== undefined) asked.append(" (", plainly(one.body.context), ")");
      const button = element("button", "", asked, told);
      button.type = "button";
      button.addEventListener("click", () => pick(one));
      return element("li", "", button);
    }));
  } catch (error) {
    if (error instanceof Unanswered) isDead(true);
    else if (!(error instanceof Refused)) throw error;
  }
}

function showFacts(facts) {
  const { model, accuracy } = facts, number = (value) => value.toLocaleString("en");
  byId("subtitle").textContent = [facts.task, `${number(model.classes)} classes`, model.method ?? model.kind,
    facts.data && `data: ${facts.data}`].filter(Boolean).join(" · ");
  const words = { texts: "Text", vectors: `Vector: ${facts.dim} numbers, as JSON`, rows: "Sparse row, as JSON" };
  byId("query-label").textContent = words[model.inputs];
  const chosen = byId("context").value;
  byId("context").replaceChildren(...model.contexts.map((name) => new Option(name, name)));
  byId("context-field").hidden = !model.contexts.length;
  byId("context-label").textContent = facts.context_noun[0].toUpperCase() + facts.context_noun.slice(1);
  const wanted = [chosen, ...navigator.languages.map((name) => name.split("-")[0])];
  byId("context").value = wanted.find((name) => model.contexts.includes(name)) ?? model.contexts[0] ?? "";
  if (accuracy) {
    const { share, low, high } = accuracy;
    byId("accuracy").textContent = `Right in ${share}\u00a0% of ${number(accuracy.num_queries)} questions that were `
      + `held out (95\u00a0% interval ${low} to ${high}\u00a0%).`;
    byId("accuracy-note").textContent = "Accuracy on this data, these classes, this split; it can be better or "
      + "worse on yours.";
  } else byId("accuracy").textContent = `Nobody can say here: ${facts.run_reason}.`;
  byId("held-out").hidden = !facts.held_out;
  if (!facts.held_out) {
    if (accuracy) byId("accuracy-note").textContent += ` Single questions cannot be shown: ${facts.held_out_reason}.`;
    return;
  }
  const total = facts.held_out.right + facts.held_out.wrong;
  for (const which of ["right", "wrong"]) {
    byId(`is-${which}-count`).textContent = `${number(facts.held_out[which])} of ${number(total)}`;
    byId(`more-${which}`).hidden = facts.held_out[which] <= NUM_PICKS;
    state.starts[which] = 0;
    showPicks(which);
  }
}
// What is shown of the model; another one may have taken the place of the first since the page was opened.
async function begin() {
  try {
    const facts = await call("/demo/facts");
    // Each worker of a service has opened the model at a time of its own.
    const seen = JSON.stringify({ ...facts, model: { ...facts.model, opened_at: null } });
    if (seen !== state.seen) {
      Object.assign(state, { facts, seen });
      showFacts(facts);
    }
  } catch (error) {
    if (error instanceof Unanswered) isDead(true);
    else if (error instanceof Refused) say(error.message, true);
    else throw error;
  }
}
async function look(times) {
  try {
    if (document.visibilityState === "visible") {
      if (!state.facts || times % FACTS_EVERY === 0) await begin();
      await lookAtMemory();
    }
  } finally {
    setTimeout(look, LOOK_MS, times + 1);
  }
}
byId("form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
byId("query").addEventListener("input", (event) => {
  state.truth = null;
  clearTimeout(state.timer);
  if (!event.isComposing) state.timer = setTimeout(ask, TYPING_MS);
});
byId("query").addEventListener("compositionend", () => { state.timer = setTimeout(ask, TYPING_MS); });
byId("query").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ask();
});
byId("context").addEventListener("change", () => { state.truth = null; ask(); });
byId("retry").addEventListener("click", begin);
for (const which of ["right", "wrong"]) byId(`more-${which}`).addEventListener("click", () => showPicks(which));
look(0);
