// The plot of peak against classes, made of elements, so that no text is ever read as markup.
const WIDTH = 780, HEIGHT = 380, LEFT = 74, RIGHT = 178, TOP = 14, BOTTOM = 40;
function shape(parent, tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}
function drawPlot(variant) {
  const states = variant.states[state.dim];
  const lines = [["fit", variant.phases[0]], ["serve", variant.phases[variant.phases.length - 1]]].map(
    ([name, phase]) => ({ name, word: phase.phase, peak: bytesOf(phase, "peak", variant),
      low: bytesOf(phase, "low", variant), high: bytesOf(phase, "high", variant) }));
  const seen = lines.flatMap((line) => [...line.low, ...line.high]).filter((bytes) => bytes);
  const viewBox = `0 0 ${WIDTH} ${HEIGHT}`;
  const svg = shape(document.createDocumentFragment(), "svg", { viewBox, role: "img" });
  byId("plot").replaceChildren(svg);
  shape(svg, "title", {}, `Peak memory of ${variant.key} against the number of classes`);
  if (!seen.length) return;
  const low = Math.log2(Math.min(...seen)) - 0.3, high = Math.log2(Math.max(...seen)) + 0.5;
  const first = Math.log10(data.classes[0]), last = Math.log10(data.classes[data.classes.length - 1]);
  const x = (count) => LEFT + (Math.log10(count) - first) / (last - first) * (WIDTH - LEFT - RIGHT);
  const y = (bytes) => TOP + (high - Math.log2(bytes)) / (high - low) * (HEIGHT - TOP - BOTTOM);
  const edge = (at) => x(Math.sqrt(data.classes[Math.max(0, at)] *
    data.classes[Math.min(data.classes.length - 1, at + 1)]));
  states.split("").forEach((letter, at) => shape(svg, "rect", { x: edge(at - 1), y: HEIGHT - BOTTOM,
    width: edge(at) - edge(at - 1), height: 6, class: "state-" + letter }));
  for (let power = Math.ceil(first); power <= last; power += 1) {
    const across = x(10 ** power);
    shape(svg, "line", { x1: across, x2: across, y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" });
    shape(svg, "text", { x: across, y: HEIGHT - 18, "text-anchor": "middle" }, inWords(10 ** power));
  }
  for (let power = Math.ceil(low / 2) * 2; power <= high; power += high - low > 16 ? 4 : 2) {
    shape(svg, "line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(2 ** power), y2: y(2 ** power), class: "grid" });
    shape(svg, "text", { x: LEFT - 6, y: y(2 ** power) + 4, "text-anchor": "end" }, formatBytes(2 ** power));
  }
  drawOffers(svg, y, high, low);
  for (const line of lines) drawLine(svg, line, states, x, y);
  const here = x(data.classes[state.classes]);
  shape(svg, "line", { x1: here, x2: here, y1: TOP, y2: HEIGHT - BOTTOM, class: "here" });
  for (const line of lines) {
    const bytes = line.peak[state.classes];
    if (bytes) shape(svg, "circle", { cx: here, cy: y(bytes), r: 5, class: line.name });
  }
}
function drawOffers(svg, y, high, low) {
  let above = Infinity;
  const offers = [...data.hardware.servers].sort((one, other) => one.offeredBytes - other.offeredBytes);
  for (const server of offers) {
    const at = Math.log2(server.offeredBytes);
    // One line for every 15 px; of several as large the cheapest, which is what would be chosen.
    const isCheapest = rent(server.offeredBytes, 1).server === server;
    if (at < low || at > high || above - y(server.offeredBytes) < 15 || !isCheapest) continue;
    above = y(server.offeredBytes);
    shape(svg, "line", { x1: LEFT, x2: WIDTH - RIGHT, y1: above, y2: above, class: "offer" });
    const words = `${formatBytes(server.ramBytes)} ${server.instance}`;
    shape(svg, "text", { x: WIDTH - RIGHT + 5, y: above + 4 }, words.slice(0, 25));
  }
}
function drawLine(svg, line, states, x, y) {
  const at = data.classes.map((_, number) => number).filter((number) => line.peak[number]);
  const point = (number, bytes) => `${x(data.classes[number]).toFixed(1)},${y(bytes).toFixed(1)}`;
  const path = (numbers, row) => numbers.map((number) => point(number, row[number]));
  shape(svg, "polygon", { class: line.name + "-band",
    points: [...path(at, line.high), ...path([...at].reverse(), line.low)].join(" ") });
  const solid = at.filter((number) => "mp".includes(states[number]));
  const dashed = at.filter((number) => !solid.includes(number) || number === solid[solid.length - 1]);
  shape(svg, "polyline", { class: line.name, points: path(solid, line.peak).join(" ") });
  shape(svg, "polyline", { class: line.name + " dashed", points: path(dashed, line.peak).join(" ") });
  shape(svg, "text", { class: line.name, x: LEFT + 10, y: TOP + (line.name === "fit" ? 18 : 36) }, line.word);
}
