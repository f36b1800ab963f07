// What is shown, and how. Text from data and server is only ever set as textContent, inside a bdi, so that it
// can neither become markup nor turn the text around it; what cannot be seen is written out.
const byId = (name) => document.getElementById(name);
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u;
function element(tag, className, ...inside) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...inside);
  return made;
}
const MOST_SHOWN = 300;
function plainly(text) {
  const holder = element("bdi"), points = Array.from(text);
  for (const point of points.slice(0, MOST_SHOWN)) {
    if (HIDDEN.test(point)) {
      const code = point.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      holder.append(element("span", "code", "U+" + code));
    } else holder.append(point);
  }
  holder.normalize();
  if (points.length > MOST_SHOWN) holder.append(` ... (${points.length.toLocaleString("en")} characters)`);
  if (!points.length) holder.append(element("span", "code", "empty"));
  return holder;
}
const named = (one) => plainly(one.name ?? "class " + one.class);
function percent(share) {
  const value = 100 * share;
  if (value > 99.9) return "over 99.9\u00a0%";
  return value < 0.1 ? "under 0.1\u00a0%" : `${value.toFixed(1)}\u00a0%`;
}
function inSeconds(seconds) {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  return seconds < 1 ? `${(1000 * seconds).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`;
}
function inBytes(bytes) {
  for (const [unit, scale] of [["GB", 1e9], ["MB", 1e6]]) {
    if (bytes >= scale) return `${Number((bytes / scale).toPrecision(3))} ${unit}`;
  }
  return `${Math.round(bytes / 1000)} kB`;
}
function bar(share) {
  const inner = element("span"), outer = element("span", "bar", inner);
  inner.style.width = 100 * Math.max(0, Math.min(1, share)) + "%";
  outer.setAttribute("aria-hidden", "true");
  return outer;
}
function mark(isRight, words) { return element("span", "mark " + (isRight ? "right" : "wrong"), words); }
function say(words, isWrong = false) {
  byId("status").replaceChildren(words);
  byId("status").classList.toggle("is-wrong", isWrong);
}

// The answers to one question. truth: classes that are right, where somebody knows.
function showAnswers(answers, { truth, onChoose }) {
  const first = answers[0]?.score, isScale = first > 0 && answers.every((one) => one.score >= 0);
  byId("answers").replaceChildren(...answers.map((one) => {
    const button = element("button", "", element("span", "name", named(one)));
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    if (truth?.includes(one.class)) button.firstChild.append(" ", mark(true, "right"));
    const has = isNumber(one.probability);
    button.append(element("span", "value", has ? percent(one.probability) : `score ${shortly(one.score)}`));
    if (has || isScale) button.append(bar(has ? one.probability : one.score / first));
    button.addEventListener("click", () => onChoose(one, button));
    return element("li", "", button);
  }));
  byId("answers").classList.remove("is-old");
}
const isNumber = (value) => typeof value === "number";
const shortly = (value) => Number(value.toPrecision(4)).toLocaleString("en");
// A probability is the model's own, of every class; a chance is what the run's held-out questions say of the
// first answer. Where there is neither, it says why.
function showChance(answers, found) {
  const chance = found.confidence[0], has = answers.some((one) => isNumber(one.probability));
  byId("sure").hidden = !isNumber(chance);
  if (isNumber(chance)) byId("sure").replaceChildren("Going by the questions that were held out, the first answer "
    + "is right with a chance of ", element("strong", "", percent(chance)), ".");
  const words = !answers.length ? "No class was found for this."
    : has ? `Percent in the list: what the model itself believes (${found.probability}), which may be too sure.`
      : "The bars are scores relative to the first and no probability: scores of this method are none.";
  const kind = found.confidence_kind.replace(/^none: /, "why no chance is stated: ");
  byId("chance").textContent = `${words} ${kind[0].toUpperCase()}${kind.slice(1)}.`;
}
function showTruth(truth, first) {
  byId("truth").hidden = !truth;
  if (!truth) return;
  const isRight = truth.some((one) => one.class === first?.class);
  byId("truth").replaceChildren(
    "Held out: the model has never seen this question. Right is ",
    ...truth.flatMap((one, at) => [at ? " or " : "", element("strong", "", named(one))]),
    "; the first answer is ", mark(isRight, isRight ? "right" : "wrong"),
  );
}
function showKnown(one, found) {
  byId("known").replaceChildren(...found.examples.map((example) => {
    const item = element("li", "", plainly(example.words));
    if (example.cosine !== null) item.append(" ", element("span", "value", `cosine ${example.cosine.toFixed(2)}`));
    return item;
  }));
  let words = "Training examples of ";
  const many = found.num_compared.toLocaleString("en");
  const of = found.is_all ? `of the ${many} that were found` : `of the first ${many} of it`;
  if (!found.num_compared) words = "No training example was found of ";
  const how = found.examples.some((example) => example.cosine !== null)
    ? `, those nearest to the question by what the model sees of both, ${of}.`
    : `, ${of}; the method does not look at the question, so that none is nearer.`;
  byId("known-note").replaceChildren(words, element("strong", "", named(one)), found.num_compared ? how : ".");
}
