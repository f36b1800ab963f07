// What stands below the sliders: the verdict, a card for each of training and serving, and their servers.
// The rules are those of xclass/sizing/choice.py: servers come ranked, the first that offers enough is taken.
const SHORT = { m: "measured", p: "projected", x: "projected, beyond 10 x", f: "predicted" };
const TITLES = { train: "Train", build: "Build the index", serve: "Serve" };

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
const interval = ({ low, high }, format) => `${format(low)} to ${format(high)}`;
function phasesAt(variant) {
  if (!hasFigures(variant)) return [];
  return variant.phases.map((phase) => {
    const at = (rows) => rowOf(rows, variant)[state.classes];
    const found = { phase: phase.phase, note: noteOf(at(phase.note)), times: [] };
    for (const name of BYTES) found[name] = bytesOf(phase, name, variant)[state.classes];
    for (const time of phase.times) {
      if (at(time.value) < 0) continue;
      const value = at(time.value) * 10 ** time.exponent;
      found.times.push({ meaning: noteOf(at(time.meaning)), note: noteOf(at(time.note)), value,
        low: value * 1000 / at(time.down ?? time.up), high: value * at(time.up) / 1000 });
    }
    return found;
  });
}
// The upper end of the interval; further processes on one machine add what is not pages of files.
function needOf(phases, numProcesses) {
  return Math.max(...phases.map(({ high, mapped }) => high + (numProcesses - 1) * (high - mapped)));
}
function rent(need, numMachines) {
  const server = data.hardware.servers.find((other) => other.offeredBytes >= need) || null;
  const month = server === null || server.usdPerMonth === null ? null : server.usdPerMonth * numMachines;
  const count = numMachines > 1 ? numMachines + " x " : "";
  const name = server && `${count}${server.vendor} ${server.instance}`;
  const price = month === null ? "no price known" : formatUsd(month) + " a month";
  return { need, numMachines, server, month, name, price };
}
function showRent(made, rented) {
  const { server, need } = rented, line = element("p", "calculator-server");
  Object.assign(made.dataset, { neededBytes: need, instance: server ? server.instance : "" });
  if (!server) {
    const largest = Math.max(0, ...data.hardware.servers.map((other) => other.offeredBytes));
    line.append(element("strong", "", "No server of the catalogue offers " + formatBytes(need)),
      `; the largest offers ${formatBytes(largest)}.`);
    made.append(line);
    return;
  }
  if (rented.month !== null) made.dataset.usdPerMonth = rented.month;
  const vcpus = server.vcpus ? `, ${server.vcpus} vCPU` : "";
  line.append(element("strong", "", rented.name), ` (${formatBytes(server.ramBytes)}${vcpus}): `,
    element("strong", "", rented.price));
  if (rented.month !== null) line.append(`, ${formatUsd(server.usdPerHour * rented.numMachines)} an hour`);
  if (rented.month !== null && server.date) line.append(` (price of ${server.date})`);
  made.append(line, bar(server, need));
}
function bar(server, need) {
  const parts = element("div", "calculator-bar"), ram = server.ramBytes;
  for (const [name, bytes, words] of [["need", need, "needed"], ["free", server.offeredBytes - need, "free"],
    ["kept", ram - server.offeredBytes, "kept for the system and as headroom"]]) {
    const part = element("span", name);
    part.style.width = 100 * bytes / ram + "%";
    part.title = formatBytes(bytes) + " " + words;
    parts.append(part);
  }
  const words = `${formatBytes(need)} of ${formatBytes(ram)}: ${Math.round(100 * need / ram)} % needed; ` +
    "hatched: kept for the system and as headroom";
  return element("div", "", parts, element("p", "calculator-small", words));
}
function card(phases, letter, rented) {
  const shown = phases[phases.length - 1], list = element("dl", "");
  const made = element("article", "calculator-card" + ("xf".includes(letter) ? " is-marked" : ""));
  Object.assign(made.dataset, { phase: shown.phase, state: letter });
  for (const name of BYTES) made.dataset[name + "Bytes"] = shown[name];
  const basis = { m: "measured", f: "predicted" }[letter] || "projected";
  const mark = element("span", "mark " + basis, SHORT[letter]);
  made.append(element("h3", "", TITLES[shown.phase], " ", mark),
    element("p", "calculator-peak", formatBytes(shown.peak)),
    element("p", "calculator-small", `${interval(shown, formatBytes)}: ${shown.note}`));
  showRent(made, rented);
  const pair = (term, text, ends) => {
    list.append(element("dt", "", term), element("dd", "", text));
    if (ends) list.lastChild.append(element("span", "calculator-small", ends));
  };
  pair("of the peak: pages of files, which can be dropped and shared", formatBytes(shown.mapped));
  pair("of the peak: programs and libraries (base)", formatBytes(shown.base));
  const disk = Math.max(...phases.map((phase) => phase.disk));
  if (disk) pair("on disk", formatBytes(disk));
  for (const phase of phases) {
    if (phase !== shown) pair("peak when the model has just been opened", formatBytes(phase.peak));
  }
  const times = phases.flatMap((phase) => phase.times);
  for (const time of times) {
    pair(time.meaning, formatSeconds(time.value), interval(time, formatSeconds));
  }
  made.append(list);
  const origins = times.map((time) => `${time.meaning}: ${time.note}`);
  if (origins.length) {
    const summary = element("summary", "", "Where the intervals of the times come from");
    const list = element("ul", "", ...origins.map((origin) => element("li", "", origin)));
    made.append(element("details", "calculator-small", summary, list));
  }
  return made;
}
function showResults(variant, numReplicas) {
  const phases = phasesAt(variant), letter = letterOf(variant);
  const cards = byId("cards"), verdict = byId("verdict");
  const size = `${inWords(data.classes[state.classes])} classes of ${data.dims[state.dim]} dimensions ` +
    `with ${variant.key}`;
  cards.replaceChildren();
  if (!phases.length) {
    verdict.textContent = `No figures for ${size}: ` + (letter === "r"
      ? "more than 100 x beyond what was measured. Measure a larger size, or choose less."
      : noteOf(variant.reasons[state.dim]));
    return;
  }
  const fit = rent(needOf([phases[0]], 1), 1), served = phases.slice(1);
  const serve = state.isShared ? rent(needOf(served, numReplicas), 1) : rent(needOf(served, 1), numReplicas);
  const words = ({ server, name, price, need }) => `up to ${formatBytes(need)}, ` +
    (server ? `${name} for ${price}` : "which no server of the catalogue offers");
  const replicas = numReplicas === 1 ? "" : ` ${numReplicas} replicas ` +
    (state.isShared ? "on one server" : "on a server each");
  const fitting = phases[0].phase === "train" ? "train" : "build the index";
  const certainty = { m: "Measured", p: "Projected", x: "A rough projection", f: "Predicted" }[letter];
  verdict.textContent =
    `${certainty}. ${size}. To ${fitting}: ${words(fit)}. To serve${replicas}: ${words(serve)}.`;
  cards.append(card([phases[0]], letter, fit), card(served, letter, serve));
}
