// The calculator of the page: looks up what the projector said, and picks servers. Nothing here computes
// memory or time. Text from data is only ever set as textContent. Python puts calculator_*.js before this file.
const REPLICAS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
const BYTES = ["peak", "low", "high", "base", "mapped", "disk"];
const GUIDED = ["low", "high", "mapped"];
const LEGEND = {
  m: "measured", p: "projected", x: "beyond 10 x", f: "predicted", r: "refused", i: "not possible",
};
const WORDS = {
  m: "measured at this size", p: "projected from measured sizes",
  x: "a rough projection, more than 10 x beyond what was measured",
  f: "predicted: this variant was not measured in these runs",
  r: "refused: more than 100 x beyond what was measured", i: "not possible",
};
const byId = (name) => document.getElementById("calculator-" + name);
const holder = byId("data");
if (!holder) return;
const data = JSON.parse(holder.textContent);
if (!data.variants.length) return;
for (const variant of data.variants) {
  const unroll = (runs) => runs.replace(/(.)([0-9]+)/g, (_, letter, times) => letter.repeat(times));
  variant.states = variant.states.map(unroll);
  // What is as in the phase before was left out.
  variant.phases.forEach((phase, at) => {
    for (const name of BYTES) phase[name] ??= variant.phases[at - 1][name];
  });
}
const state = { classes: 0, dim: 0, variant: 0, replicas: 0, isShared: true };

// A row of the table at the dimensions chosen: a number for each stop of the classes, or null.
function rowOf(rows, variant, guideRows) {
  const states = variant.states[state.dim], row = new Array(states.length).fill(null);
  const has = data.classes.map((_, at) => at).filter((at) => !"ri".includes(states[at]));
  const stops = has.map((at) => BigInt(data.classes[at]));
  const guide = guideRows && readRow(guideRows[state.dim], stops);
  readRow(rows[state.dim], stops, guide).forEach((value, number) => { row[has[number]] = Number(value); });
  return row;
}
function bytesOf(phase, name, variant) {
  return rowOf(phase[name], variant, GUIDED.includes(name) ? phase.peak : undefined);
}
// A text: its pattern, and the numbers to put where the pattern has none.
function noteOf(number) {
  const [pattern, ...numbers] = data.notes[number].split(" ");
  return data.patterns[pattern].replace(/\0/g, () => numbers.shift());
}
function letterOf(variant) { return variant.states[state.dim][state.classes]; }
function hasFigures(variant) { return !"ri".includes(letterOf(variant)); }
function drawBand(variant) {
  const states = variant.states[state.dim], last = states.length - 1, band = byId("band");
  const percent = (at) => 100 * Math.min(1, Math.max(0, at / last));
  band.replaceChildren();
  for (let at = 0, end = 0; at <= last; at = end) {
    while (end <= last && states[end] === states[at]) end += 1;
    const part = element("span", "state-" + states[at]);
    part.style.left = percent(at - 0.5) + "%";
    part.style.width = percent(end - 0.5) - percent(at - 0.5) + "%";
    band.append(part);
  }
  const here = element("span", "here");
  here.style.left = percent(state.classes) + "%";
  band.append(here);
}
function setSlider(name, at, words) {
  byId(name).value = at;
  byId(name).setAttribute("aria-valuetext", words);
  byId(name + "-words").textContent = words;
}
function showState(variant) {
  const letter = letterOf(variant), far = rowOf(variant.farHundredths, variant)[state.classes];
  const beyond = far > 100 ? `: ${Number((far / 100).toPrecision(3))} x the largest measured size` : "";
  byId("state").replaceChildren(element("span", "calculator-swatch state-" + letter), WORDS[letter] + beyond);
  byId("state").dataset.state = letter;
  const others = [...new Set(variant.states[state.dim])].filter((other) => other !== letter);
  byId("legend").replaceChildren(...others.flatMap((other) => [
    element("span", "calculator-swatch state-" + other), element("span", "", LEGEND[other])]));
}
function render() {
  const variant = data.variants[state.variant], numReplicas = REPLICAS[state.replicas];
  setSlider("classes", state.classes, inWords(data.classes[state.classes]) + " classes");
  setSlider("dim", state.dim, String(data.dims[state.dim]));
  setSlider("replicas", state.replicas, String(numReplicas));
  byId(state.isShared ? "one" : "each").checked = true;
  showChoices(variant);
  drawBand(variant);
  showState(variant);
  showResults(variant, numReplicas);
  drawPlot(variant);
}
function showChoices(variant) {
  const methods = [...new Set(data.variants.map((other) => other.method))];
  fill(byId("method"), methods.map((name) => [name, name]), variant.method);
  const numbered = data.variants.map((other, at) => [other, String(at)]);
  const kinds = numbered.filter(([other]) => other.method === variant.method);
  const name = (other) => other.kind + (other.isMeasured ? " (measured)" : "");
  fill(byId("kind"), kinds.map(([other, at]) => [at, name(other)]), String(state.variant));
}
function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
}
function readTyped() {
  const match = /^([0-9]+(?:\.[0-9]+)?(?:e\+?[0-9]+)?) *(k|thousand|m|million|b|billion)?$/i.exec(
    byId("typed").value.trim().replace(/[,_](?=[0-9])/g, ""));
  const scale = match && { k: 1e3, t: 1e3, m: 1e6, b: 1e9 }[(match[2] || "").toLowerCase()[0]] || 1;
  const wanted = match ? Number(match[1]) * scale : NaN;
  if (!(wanted >= 1 && wanted <= 1e15)) {
    const isEmpty = !byId("typed").value.trim();
    byId("snap").textContent = isEmpty ? "" : "not a number of classes: 5e6, 5M and 5,000,000 are";
    return;
  }
  state.classes = nearest(data.classes, wanted);
  const stop = data.classes[state.classes];
  byId("snap").textContent = stop === wanted ? "" : `${grouped(wanted)} is no stop of the slider: ` +
    `${inWords(stop)} is shown; python -m xclass.project tells it for +classes=${wanted}`;
  changed();
}
function changed() {
  render();
  const words = new URLSearchParams({ classes: data.classes[state.classes], dim: data.dims[state.dim],
    variant: data.variants[state.variant].key, replicas: REPLICAS[state.replicas],
    machines: state.isShared ? "one" : "each" });
  try {
    history.replaceState(null, "", "#calculator?" + words);
  } catch (error) { /* A page inside of another, as mail readers show it, may not; then a reload forgets. */ }
}
function readHash() {
  const [name, text] = location.hash.slice(1).split("?");
  if (name !== "calculator" || !text) return;
  const words = new URLSearchParams(text);
  const at = (stops, word, fallback) => (Number(words.get(word)) >= 1
    ? nearest(stops, Number(words.get(word))) : fallback);
  state.classes = at(data.classes, "classes", state.classes);
  state.dim = at(data.dims, "dim", state.dim);
  state.replicas = at(REPLICAS, "replicas", 0);
  state.variant = Math.max(0, data.variants.findIndex((variant) => variant.key === words.get("variant")));
  state.isShared = words.get("machines") !== "each";
}
for (const name of ["classes", "dim", "replicas"]) {
  byId(name).addEventListener("input", () => {
    state[name] = Number(byId(name).value);
    if (name === "classes") byId("snap").textContent = byId("typed").value = "";
    changed();
  });
}
byId("method").addEventListener("change", () => {
  state.variant = data.variants.findIndex((variant) => variant.method === byId("method").value);
  changed();
});
byId("kind").addEventListener("change", () => { state.variant = Number(byId("kind").value); changed(); });
byId("typed").addEventListener("change", readTyped);
byId("form").addEventListener("submit", (event) => event.preventDefault());
for (const name of ["one", "each"]) {
  byId(name).addEventListener("change", () => { state.isShared = byId("one").checked; changed(); });
}
window.addEventListener("hashchange", () => { readHash(); render(); });
const hardware = data.hardware;
const priced = hardware.servers.filter((server) => server.usdPerMonth !== null && server.date);
const dates = priced.map((server) => server.date).sort();
const ends = [...new Set([dates[0], dates[dates.length - 1]])].join(" to ");
const dated = dates.length ? `prices of ${ends}` : "no dated prices";
const percent = (share) => Number((100 * share).toPrecision(3)) + " %";
byId("catalogue").textContent = `Servers: ${hardware.servers.length} of the catalogue ${hardware.name}, ` +
  `${dated}, on demand, without tax; a month is 730 hours. Of its memory ` +
  `${percent(hardware.reserveShare)} and ${formatBytes(hardware.reserveBytes)} are left to the system and ` +
  `${percent(hardware.headroomShare)} of the rest stay free. What must fit is the upper end of the interval.`;
state.classes = nearest(data.classes, data.start[0]);
state.dim = nearest(data.dims, data.start[1]);
readHash();
render();
byId("static").hidden = true;
byId("app").hidden = false;
